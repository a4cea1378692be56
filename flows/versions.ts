/** Every flow that was deployed, kept as it was, so that one can see what changed and go back. */
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { writeDurable } from '../core/store/durable.ts'
import type { FlowEntry } from './red.ts'

export interface Version {
  readonly id: string // names its file
  readonly at_ms: number // UTC epoch; when it was deployed
  readonly by: string // empty: nobody, it was there at the start
  readonly flow: readonly FlowEntry[]
}

export interface Versions {
  /** Kept unless it says the same as the newest. */
  keep(flow: readonly FlowEntry[], by: string, at_ms: number): Promise<void>
  /** Newest first. */
  list(): Promise<readonly Version[]>
  get(id: string): Promise<Version | null>
}

/** So many are kept; the oldest go. */
const MOST = 50

/** One folder, a file for each; whatever else lies there is left alone. */
export function openVersions(folder: string): Versions {
  const names = async () => (await readdir(folder).catch(none)).filter((name) => /^\d{13}\.json$/.test(name)).sort()
  const read = async (name: string): Promise<Version> => ({ ...(JSON.parse(await readFile(join(folder, name), 'utf8')) as Omit<Version, 'id'>), id: name.slice(0, -'.json'.length) })
  let keeping = Promise.resolve() // whoever looks sees what was deployed before they did
  async function keep(flow: readonly FlowEntry[], by: string, at_ms: number): Promise<void> {
    const there = await names()
    const newest = there.at(-1)
    if (newest !== undefined && JSON.stringify((await read(newest)).flow) === JSON.stringify(flow)) return
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const id = Math.max(at_ms, newest === undefined ? 0 : Number(newest.slice(0, 13)) + 1) // whatever the clock says, the newest is last
    await writeDurable(join(folder, `${String(id).padStart(13, '0')}.json`), JSON.stringify({ at_ms, by, flow }), 0o600)
    for (const old of there.slice(0, Math.max(0, there.length + 1 - MOST))) await rm(join(folder, old))
  }
  return {
    keep(flow, by, at_ms) {
      const kept = keeping.then(() => keep(flow, by, at_ms))
      keeping = kept.catch(() => undefined) // its caller hears of it
      return kept
    },
    list: () => keeping.then(async () => Promise.all((await names()).reverse().map(read))),
    get: async (id) => ((await names()).includes(`${id}.json`) ? read(`${id}.json`) : null),
  }
}

function none(error: NodeJS.ErrnoException): string[] {
  if (error.code === 'ENOENT') return []
  throw error
}

export interface Change {
  readonly id: string
  readonly type: string
  readonly name: string
  readonly what: 'added' | 'removed' | 'changed' | 'moved'
  readonly fields: readonly { readonly name: string; readonly before: unknown; readonly after: unknown }[] // of one that changed
}

const PLACE = new Set(['x', 'y', 'w', 'h'])

/** What was done to the one flow to make the other of it. */
export function changesOf(before: readonly FlowEntry[], after: readonly FlowEntry[]): Change[] {
  const [was, is] = [before, after].map((flow) => new Map(flow.map((entry) => [entry.id, entry]))) as [Map<string, FlowEntry>, Map<string, FlowEntry>]
  const named = ({ id, type, name, label }: FlowEntry) => ({ id, type, name: String(name || label || type) })
  return [...new Set([...was.keys(), ...is.keys()])].flatMap((id): Change[] => {
    const [old, now] = [was.get(id), is.get(id)]
    if (!old) return [{ ...named(now!), what: 'added', fields: [] }]
    if (!now) return [{ ...named(old), what: 'removed', fields: [] }]
    const fields = [...new Set([...Object.keys(old), ...Object.keys(now)])].filter((name) => JSON.stringify(old[name]) !== JSON.stringify(now[name])).map((name) => ({ name, before: old[name] ?? null, after: now[name] ?? null }))
    if (fields.length === 0) return []
    const said = fields.filter(({ name }) => !PLACE.has(name))
    return [{ ...named(now), what: said.length === 0 ? 'moved' : 'changed', fields: said }]
  })
}
