/** `node-red-contrib-viewshed`: the palette for a Node-RED of somebody's own, written out as an npm package. */
import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Rollup } from 'vite'
import { writePalette } from '../editor.ts'
import type { Palette } from '../palette.ts'
import type { Pipeline } from '../shipped.ts'
import { appliancePage } from './appliance-page.ts'
import type { Packed } from './stock.ts'

const HAND = "require('./runtime.cjs').stock(require('./palette.json'))"
const ENTRY = fileURLToPath(new URL('./stock.ts', import.meta.url))
const README = new URL('./README.md', import.meta.url)

/** Of ours, for the package's own. */
export interface Maker { readonly version: string; readonly license: string; readonly licenseText: string }

/** Makes `directory` hold the package; it needs no other one. @param pipelines Found in Node-RED's menu under Import, Examples. */
export async function writePackage(directory: string, palette: Palette, pipelines: readonly Pipeline[], { version, license, licenseText }: Maker): Promise<void> {
  const { code, notices } = await bundle()
  await rm(directory, { recursive: true, force: true })
  await writePalette(directory, palette, {
    hand: `${HAND}.plugin`,
    elsewhere: true,
    manifest: {
      name: 'node-red-contrib-viewshed', version, license,
      description: 'What your Viewshed appliance can do with recordings, as nodes; nothing that runs through them is lost.',
      keywords: ['node-red', 'dashcam', 'video', 'plates', 'gps'],
      engines: { node: '>=22.9' }, // as Node-RED 5
    },
    nodes: { viewshed: 'viewshed.js' },
    files: new Map([
      ['viewshed.js', `module.exports = (RED) => ${HAND}.appliance(RED)\n`],
      ['viewshed.html', appliancePage()],
      ['runtime.cjs', code],
      ['THIRD-PARTY-LICENSES', notices],
      ['palette.json', JSON.stringify({ version, palette } satisfies Packed)],
      ['README.md', await readFile(README, 'utf8')],
      ['LICENSE', licenseText],
      ...pipelines.map(({ label, entries }): [string, string] => [`examples/${label.replaceAll(/[^\w]+/g, '-')}.json`, `${JSON.stringify(entries, null, 2)}\n`]),
    ]),
  })
}

/** All that the palette runs, with what it needs, as one CommonJS file; and what the licences of that ask to be said. */
async function bundle(): Promise<{ code: string; notices: string }> {
  const made = await build({
    configFile: false, logLevel: 'error',
    ssr: { noExternal: true, target: 'node' },
    build: { ssr: ENTRY, write: false, minify: false, target: 'node22', rollupOptions: { output: { format: 'cjs' } } },
  }) as Rollup.RollupOutput
  const chunks = made.output.filter((one) => one.type === 'chunk')
  const [chunk, ...more] = chunks
  if (!chunk || more.length > 0) throw new Error(`the palette’s runtime is to be one file, and is ${chunks.map(({ fileName }) => fileName).join(', ')}`)
  const packages = new Set(chunk.moduleIds.flatMap((id) => /^.*\/node_modules\/(@[^/]+\/)?[^/]+/.exec(id)?.[0] ?? []))
  return { code: chunk.code, notices: (await Promise.all([...packages].sort().map(noticeOf))).join('\n') }
}

/** @param folder Of a package in `node_modules`. */
async function noticeOf(folder: string): Promise<string> {
  const { name, version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as { name: string; version: string }
  const file = (await readdir(folder)).find((one) => /^licen[cs]e/i.test(one))
  if (!file) throw new Error(`${name} is part of the palette and says nowhere under which licence`)
  return `${name} ${version}\n\n${await readFile(join(folder, file), 'utf8')}`
}
