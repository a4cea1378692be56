import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const { packagedNode, npmOf } = await import('./programs.mjs' as string) as {
  packagedNode: (platform: NodeJS.Platform, root: string) => string
  npmOf: (platform: NodeJS.Platform, of: { execPath: string; npm_execpath?: string }) => string[]
}

test('nothing that set-up starts is a script, which Windows cannot start without a shell', () => {
  const execPath = 'C:\\Program Files\\nodejs\\node.exe'
  expect(packagedNode('win32', 'C:\\viewshed')).toBe('C:\\viewshed\\node_modules\\node\\bin\\node.exe')
  expect(npmOf('win32', { execPath })).toEqual([execPath, 'C:\\Program Files\\nodejs\\node_modules\\npm\\bin\\npm-cli.js'])
  expect(npmOf('win32', { execPath, npm_execpath: 'D:\\npm\\bin\\npm-cli.js' })).toEqual([execPath, 'D:\\npm\\bin\\npm-cli.js'])
})

test('elsewhere it is the Node of the packages, and the npm that started us or the one on the PATH', () => {
  expect(existsSync(packagedNode(process.platform, fileURLToPath(new URL('..', import.meta.url))))).toBe(true)
  expect(npmOf('linux', { execPath: '/usr/bin/node' })).toEqual(['npm'])
  expect(npmOf('darwin', { execPath: '/n', npm_execpath: '/lib/npm-cli.js' })).toEqual(['/n', '/lib/npm-cli.js'])
})
