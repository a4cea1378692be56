/** What an appliance holds, in a form in which two of them can be compared: documents, files, answers, tasks. */
import { readdir } from 'node:fs/promises'
import { basename, join, relative } from 'node:path'
import type { Client } from '../../core/http/client.ts'
import { hashFile } from '../../core/store/durable.ts'
import type { TaskView } from '../../core/tasks/port.ts'

export interface Snapshot {
  readonly assets: Record<string, unknown> // by digest: the asset with its track, sightings, pictures, copies
  readonly drives: readonly unknown[]
  readonly plates: readonly unknown[]
  readonly totals: unknown
  readonly hours: readonly unknown[]
  readonly map: unknown
  readonly tasks: readonly string[] // `stage id state`, and by whose outcome it came about
  readonly arrivals: readonly string[]
  readonly files: readonly string[] // of all volumes
  readonly toll: Toll // not compared
  readonly wrong: readonly string[] // what may not be in any state: broken files, leftovers, parked tasks
}

/** What it cost: how often a task was lost at most, and how many were finished by another device than the one that lost them. */
export interface Toll { readonly most_interruptions: number; readonly most_attempts: number; readonly lost: number; readonly taken_over: number; readonly by: Readonly<Record<string, number>> }

const PAGE = 1000
const STAGED = '.viewshed/staging/'
const HOUR_MS = 3_600_000

/** Files that are not at their place. @param roots of volumes */
export const stagedIn = async (...roots: string[]): Promise<string[]> => (await Promise.all(roots.map(walk))).flatMap((paths, i) => paths.filter((path) => relative(roots[i]!, path).startsWith(STAGED)))

/** @param volumes folder of each volume */
export async function snapshot(api: Client, volumes: Record<string, string>): Promise<Snapshot> {
  const wrong: string[] = []
  const files = new Map<string, string>() // volume/path → sha256
  for (const [volume, root] of Object.entries(volumes))
    for (const path of await walk(root)) {
      const name = relative(root, path)
      if (name.startsWith(STAGED)) wrong.push(`left in staging: ${volume}/${name}`)
      else if (!name.startsWith('.viewshed/')) files.set(`${volume}/${name}`, await hashFile(path))
    }

  const assets: Record<string, unknown> = {}
  const known = new Set<string>()
  for (const { sha256 } of (await api.assets({ limit: PAGE })).assets) {
    const view = await api.asset({ id: sha256 })
    for (const ref of mediaRefs(view)) {
      const digest = files.get(`${ref.volume}/${ref.path}`)
      known.add(`${ref.volume}/${ref.path}`)
      if (digest !== ref.sha256) wrong.push(`${ref.volume}/${ref.path} is ${digest ? 'not what the catalogue says' : 'in the catalogue and not on its volume'}`)
    }
    assets[sha256] = settled(view)
  }
  // Of two devices that made the same thing one counts; of the other nothing may stay.
  for (const name of files.keys()) if (!isOriginal(name) && !known.has(name)) wrong.push(`${name} is on its volume and nobody knows of it`)

  const tasks = await allTasks(api)
  for (const task of tasks) if (task.state !== 'complete') wrong.push(`${task.stage} ${task.id} is ${task.state}: ${task.faults.map((f) => `${f.code} ${f.message}`).join('; ')}`)
  const totals = (await api.status({})).totals
  const { hits, cells } = await api.view({ bbox: '-90,-180,90,180', limit: PAGE })
  return {
    assets,
    drives: settled((await api.drives({ limit: PAGE })).drives) as unknown[],
    plates: settled((await api.plates({ limit: PAGE })).hits) as unknown[],
    hours: totals.from_ms === null || totals.to_ms === null ? [] : (await api.histogram({ from: totals.from_ms - HOUR_MS, to: totals.to_ms + HOUR_MS, by: 'hour' })).bins,
    map: settled({ hits, cells }),
    totals: settled(totals),
    tasks: tasks.map((task) => `${task.stage} ${task.id} ${task.state} for ${task.made_by.map(({ id }) => id).sort().join(' ')}`).sort(),
    arrivals: (await allArrivals(api)).map((payload) => JSON.stringify({ ...payload, source: basename(String(payload.source)) })).sort(),
    files: [...files].map(([name, digest]) => (isOriginal(name) || name.startsWith('archive/') ? `${name} ${digest}` : anyDigest(name))).sort(),
    toll: tollOf(tasks),
    wrong,
  }
}

const isOriginal = (name: string) => name.startsWith('media/raw/')
/** The name of a picture or a smaller copy has the digest of its bytes in it, and those are the encoder's. */
const anyDigest = (path: string) => path.replace(/\.([0-9a-f]{8}(?=\.jpg$)|[0-9a-f]{12}(?=\.mp4$))/, '.*')

async function allTasks(api: Client): Promise<TaskView[]> {
  const all: TaskView[] = []
  for (let before: string | undefined; ;) {
    const { tasks } = await api.tasks({ limit: PAGE, ...(before === undefined ? {} : { before }) })
    all.push(...tasks)
    if (tasks.length < PAGE) return all
    before = tasks.at(-1)!.id
  }
}

async function allArrivals(api: Client): Promise<Record<string, unknown>[]> {
  const all: Record<string, unknown>[] = []
  for (let after = ''; ;) {
    const { events } = await api.events({ type: 'folder.arrived', after, limit: PAGE })
    all.push(...events.map(({ payload }) => payload))
    if (events.length < PAGE) return all
    after = events.at(-1)!.seq
  }
}

function tollOf(tasks: readonly TaskView[]): Toll {
  const lost = tasks.flatMap((task) => task.interrupted.map(({ device }) => ({ device, by: task.device })))
  const by: Record<string, number> = {}
  for (const { device } of tasks) if (device !== null) by[device] = (by[device] ?? 0) + 1
  return {
    most_interruptions: Math.max(0, ...tasks.map((task) => task.interruptions)),
    most_attempts: Math.max(0, ...tasks.map((task) => task.attempts)),
    lost: lost.length, taken_over: lost.filter(({ device, by: winner }) => device !== winner).length, by,
  }
}

/** The first differences, in words; empty: the same. */
export function differences(expected: Snapshot, found: Snapshot): string[] {
  const out = [...found.wrong]
  for (const key of ['assets', 'drives', 'plates', 'hours', 'map', 'totals', 'tasks', 'arrivals', 'files'] as const) {
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

/** Without moments of our own clock, without digests and sizes of what an encoder made, and without how a copy was read back: those are not the same twice. */
function settled(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(settled)
  if (typeof value !== 'object' || value === null) return value
  const made = 'volume' in value && 'path' in value && (value as Ref).volume !== 'archive' && !(value as Ref).path.startsWith('raw/')
  return Object.fromEntries(Object.entries(value)
    .filter(([name]) => !['verified_ms', 'created_ms', 'checks', '_rev'].includes(name))
    .filter(([name]) => !(made && ['sha256', 'bytes'].includes(name)))
    .map(([name, inner]) => [name, made && name === 'path' ? anyDigest(String(inner)) : settled(inner)])
    .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)))
}

async function walk(folder: string): Promise<string[]> {
  const all = await readdir(folder, { recursive: true, withFileTypes: true })
  return all.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}
