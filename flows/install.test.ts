import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { credentialKey, installFlow } from './install.ts'

let folder = ''
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'viewshed-install-')) })
afterEach(() => rm(folder, { recursive: true }))

const SHIPPED = [{ id: 'tab', type: 'tab', label: 'Shipped' }]
const read = async (name: string): Promise<unknown> => JSON.parse(await readFile(join(folder, name), 'utf8'))

test('the shipped flow is installed once; a flow that is there stays, even an empty one', async () => {
  expect(await installFlow(folder, SHIPPED, 1)).toBe('installed')
  expect(await read('flows.json')).toEqual(SHIPPED)
  await writeFile(join(folder, 'flows.json'), '[]')
  expect(await installFlow(folder, SHIPPED, 2)).toBe('there')
  expect(await read('flows.json')).toEqual([])
})

test('a broken file is kept aside, and the deploy before it comes back', async () => {
  for (const broken of ['', '{"id": 1}', '[{"id": "a", "type": "t', '[null]']) {
    await writeFile(join(folder, 'flows.json'), broken)
    await writeFile(join(folder, '.flows.json.backup'), '[{"id": "before", "type": "tab"}]')
    expect(await installFlow(folder, SHIPPED, 5)).toBe('restored')
    expect(await readFile(join(folder, 'flows.broken-5.json'), 'utf8')).toBe(broken)
    expect(await read('flows.json')).toEqual([{ id: 'before', type: 'tab' }])
  }
})

test('without a backup nothing is put in its place: what waits for its nodes would be called gone', async () => {
  await writeFile(join(folder, 'flows.json'), '[')
  expect(await installFlow(folder, SHIPPED, 5)).toBe('broken')
  expect((await readdir(folder)).sort()).toEqual(['flows.broken-5.json', 'flows.json'])
})

test('the key is made once and is its owner’s alone', async () => {
  const path = join(folder, 'secrets', 'flows.key')
  const key = await credentialKey(path)
  expect(key).toMatch(/^[0-9a-f]{64}$/)
  expect(await credentialKey(path)).toBe(key)
  expect((await stat(path)).mode & 0o777).toBe(0o600)
})
