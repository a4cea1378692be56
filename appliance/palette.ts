/** `npm run palette`: the palette for a Node-RED of somebody's own, as a file that npm installs. */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Fault } from '../core/contract/fault.ts'
import { writePackage } from '../flows/contrib/package.ts'
import { makePalette } from '../flows/palette.ts'
import { PIPELINES } from '../flows/pipelines.ts'
import type { AnyPlugin } from '../core/contract/plugin.ts'
import manifest from '../package.json' with { type: 'json' }

const LICENSE = fileURLToPath(new URL('../LICENSE', import.meta.url))
const FOLDER = fileURLToPath(new URL('../.viewshed/palette', import.meta.url))

export async function palette([folder = FOLDER, ...more]: readonly string[]): Promise<void> {
  if (more.length > 0) throw new Fault('input/invalid', 'Usage: viewshed palette [FOLDER]')
  const { default: plugins } = await import('../plugins/index.ts')
  process.stdout.write(`${await pack(resolve(folder), plugins)}\n`)
}

/** Builds `node-red-contrib-viewshed` in `folder` and packs it. @returns The path of its `.tgz`. */
export async function pack(folder: string, plugins: readonly AnyPlugin[]): Promise<string> {
  const made = join(folder, 'node-red-contrib-viewshed')
  await writePackage(made, makePalette(plugins), PIPELINES, { version: manifest.version, license: manifest.license, licenseText: await readFile(LICENSE, 'utf8') })
  const { stdout } = await promisify(execFile)('npm', ['pack', '--json', '--pack-destination', folder, '--loglevel=error'], { cwd: made })
  const packed: unknown = JSON.parse(stdout)
  const [one] = Array.isArray(packed) ? packed : Object.values(packed as object) // npm 11 tells them by name
  return join(folder, (one as { filename: string }).filename)
}
