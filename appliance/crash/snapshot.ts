/** What an appliance holds, in a form in which two of them can be compared: documents, files, answers, tasks. */
import { readdir } from 'node:fs/promises'
import { basename, join, relative } from 'node:path'
import type { Client } from '../../core/http/client.ts'
import { hashFile } from '../../core/store/durable.ts'

export interface Snapshot {
  readonly assets: Record<string, unknown> // by digest: the asset with its track, sightings, pictures, copies
  readonly drives: readonly unknown[]
  readonly plates: readonly unknown[]
  readonly totals: unknown
  readonly tasks: readonly string[] // `stage id state`
  readonly arrivals: readonly string[]
  readonly files: readonly string[] // of all volumes
  readonly wrong: readonly string[] // what may not be in any state: broken files, leftovers, parked tasks
}

const PAGE = 1000

/** @param volumes folder of each volume */
export async function snapshot(api: Client, volumes: Record<string, string>): Promise<Snapshot> {
  const wrong: string[] = []
  const files = new Map<string, string>() // volume/path → sha256
  for (const [volume, root] of Object.entries(volumes))
    for (const path of await walk(root)) {
      const name = relative(root, path)
      if (name.startsWith('.viewshed/staging/')) wrong.push(`left in staging: ${volume}/${name}`)
      else if (!name.startsWith('.viewshed/')) files.set(`${volume}/${name}`, await hashFile(path))
    }

  const assets: Record<string, unknown> = {}
  for (const { sha256 } of (await api.assets({ limit: PAGE })).assets) {
    const view = await api.asset({ id: sha256 })
    for (const ref of mediaRefs(view)) {
      const digest = files.get(`${ref.volume}/${ref.path}`)
      if (digest !== ref.sha256) wrong.push(`${ref.volume}/${ref.path} is ${digest ? 'not what the catalogue says' : 'in the catalogue and not on its volume'}`)
    }
    assets[sha256] = settled(view)
  }
  const { tasks } = await api.tasks({ limit: PAGE })
  for (const task of tasks) if (task.state !== 'complete') wrong.push(`${task.stage} ${task.id} is ${task.state}: ${task.faults.map((f) => `${f.code} ${f.message}`).join('; ')}`)
  return {
    assets,
    drives: settled((await api.drives({ limit: PAGE })).drives) as unknown[],
    plates: settled((await api.plates({ limit: PAGE })).hits) as unknown[],
    totals: settled((await api.status({})).totals),
    tasks: tasks.map((task) => `${task.stage} ${task.id} ${task.state}`).sort(),
    arrivals: (await api.events({ type: 'folder.arrived', after: '', limit: PAGE })).events.map(({ payload }) => JSON.stringify({ ...payload, source: basename(String(payload.source)) })).sort(),
    files: [...files.keys()].sort(),
    wrong,
  }
}

/** The first differences, in words; empty: the same. */
export function differences(expected: Snapshot, found: Snapshot): string[] {
  const out = [...found.wrong]
  for (const key of ['assets', 'drives', 'plates', 'totals', 'tasks', 'arrivals', 'files'] as const) {
    const [a, b] = [expected[key], found[key]]
    if (JSON.stringify(a) === JSON.stringify(b)) continue
    if (Array.isArray(a) && Array.isArray(b)) {
      const [as, bs] = [a.map(text), b.map(text)]
      out.push(...as.filter((x) => !bs.includes(x)).map((x) => `${key}: missing ${x}`), ...bs.filter((x) => !as.includes(x)).map((x) => `${key}: too much ${x}`))
      if (as.length !== bs.length) out.push(`${key}: ${bs.length} instead of ${as.length}`)
    } else {
      const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>]
      for (const name of new Set([...Object.keys(left), ...Object.keys(right)]))
        if (JSON.stringify(left[name]) !== JSON.stringify(right[name])) out.push(`${key} ${name}: ${text(right[name])} instead of ${text(left[name])}`)
    }
  }
  return out.map((line) => line.slice(0, 2000))
}

const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value) ?? 'nothing')

interface Ref { readonly volume: string; readonly path: string; readonly sha256: string }

function mediaRefs(value: unknown): Ref[] {
  if (Array.isArray(value)) return value.flatMap(mediaRefs)
  if (typeof value !== 'object' || value === null) return []
  if ('volume' in value && 'path' in value && 'sha256' in value) return [value as Ref]
  return Object.values(value).flatMap(mediaRefs)
}

/** Without moments of our own clock, and without digests and sizes of what an encoder made: those are not the same twice. */
function settled(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(settled)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value)
    .filter(([name]) => !['verified_ms', 'created_ms', 'checks', '_rev'].includes(name))
    .filter(([name]) => !('volume' in value && 'path' in value && !String((value as Ref).path).startsWith('raw/') && ['sha256', 'bytes'].includes(name)))
    .map(([name, inner]) => [name, settled(inner)])
    .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)))
}

async function walk(folder: string): Promise<string[]> {
  const all = await readdir(folder, { recursive: true, withFileTypes: true })
  return all.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}
