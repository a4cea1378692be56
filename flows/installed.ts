/** Palettes of others, that somebody installed in the editor: node-red's own way, npm in its folder. */
import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { Fault } from '../core/contract/fault.ts'
import { readOrNull } from '../core/store/durable.ts'

export interface Installed { readonly name: string; readonly version: string | null } // null: it is named, and not there

const REMOVE_MS = 120_000

/** By name. Other packages that somebody put there by hand are among them: they are programs all the same. */
export async function installedPalettes(userDir: string): Promise<readonly Installed[]> {
  const names = Object.keys(fields(await readOrNull(join(userDir, 'package.json')))['dependencies'] ?? {}).toSorted()
  return Promise.all(names.map(async (name) => {
    const { version } = fields(await readOrNull(join(userDir, 'node_modules', name, 'package.json')))
    return { name, version: typeof version === 'string' ? version : null }
  }))
}

/** While Node-RED is down. Throws Fault `not-found`, or `tool/failed` with what npm said. */
export async function removePalette(userDir: string, name: string): Promise<void> {
  if (!(await installedPalettes(userDir)).some((one) => one.name === name)) throw new Fault('not-found', `No palette ${name} is installed.`)
  const args = ['uninstall', '--ignore-scripts', '--no-audit', '--no-fund', '--no-update-notifier', '--offline', '--', name]
  await promisify(execFile)(process.execPath, [npm(), ...args], { cwd: userDir, timeout: REMOVE_MS, env: npmEnvironment(userDir) }).catch((e: unknown) => {
    const said = e instanceof Error && 'stderr' in e ? String(e.stderr).trim() : ''
    throw new Fault('tool/failed', `npm could not remove ${name}: ${said.split('\n').find((line) => line.includes('npm error')) ?? String(e)}`)
  })
}

/** What npm reads of ours. Its cache is kept with the palettes: the home of a service may be nowhere, or not ours to write in. */
export function npmEnvironment(userDir: string): Record<string, string | undefined> {
  const { PATH, HOME, HTTP_PROXY, HTTPS_PROXY, NO_PROXY, http_proxy, https_proxy, no_proxy, npm_config_registry, NPM_CONFIG_REGISTRY, NODE_EXTRA_CA_CERTS } = process.env
  return { PATH, HOME, HTTP_PROXY, HTTPS_PROXY, NO_PROXY, http_proxy, https_proxy, no_proxy, npm_config_registry, NPM_CONFIG_REGISTRY, NODE_EXTRA_CA_CERTS, npm_config_cache: join(userDir, '.npm') }
}

/** Node-RED's own. */
function npm(): string {
  const below = (path: string, name: string) => createRequire(path).resolve(name)
  const registry = below(below(below(import.meta.url, 'node-red'), '@node-red/runtime'), '@node-red/registry')
  return join(dirname(below(registry, 'npm/package.json')), 'bin', 'npm-cli.js')
}

function fields(text: string | null): { readonly dependencies?: Readonly<Record<string, unknown>>; readonly [name: string]: unknown } {
  try {
    const value: unknown = JSON.parse(text ?? '{}')
    return typeof value === 'object' && value !== null ? (value as Record<string, never>) : {}
  } catch (e) {
    if (e instanceof SyntaxError) return {}
    throw e
  }
}
