/** `npm run bench [name…]`: every `*.bench.ts`, or those whose name is given, one JSON line for each figure. */
import { glob } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Fault } from '../core/contract/fault.ts'
import { rounded, type Bench } from './figure.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

export async function bench(names: readonly string[]): Promise<void> {
  const found: { name: string; path: string }[] = []
  for await (const path of glob('{core,plugins,flows,appliance}/**/*.bench.ts', { cwd: ROOT })) found.push({ name: basename(path, '.bench.ts'), path })
  found.sort((a, b) => (a.name < b.name ? -1 : 1))
  const unknown = names.find((name) => !found.some((f) => f.name === name))
  if (unknown !== undefined) throw new Fault('input/invalid', `there is no bench called ${unknown}; there are ${found.map((f) => f.name).join(', ')}`)
  for (const { name, path } of found) {
    if (names.length > 0 && !names.includes(name)) continue
    const module = (await import(pathToFileURL(join(ROOT, path)).href)) as { readonly bench: Bench }
    for await (const figure of module.bench())
      process.stdout.write(`${JSON.stringify({ ...figure, value: rounded(figure.value), peer_value: figure.peer_value === null ? null : rounded(figure.peer_value), ratio: figure.ratio === null ? null : rounded(figure.ratio) })}\n`)
  }
}
