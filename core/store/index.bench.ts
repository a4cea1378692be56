/** How long the index takes to answer, beside going through every sighting; what adding a clip and making it anew take. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Doc, DriveDoc } from '../contract/records.ts'
import type { Change } from './org-database.ts'
import { openIndexes } from './index/index.ts'
import { naiveIndex } from './index/testing/naive.ts'
import { asset, sighting, sightings, track } from './index/testing/sample.ts'
import type { Index } from './port.ts'

export interface Figure { readonly name: string; readonly value: number; readonly unit: string; readonly peer: string | null; readonly peer_value: number | null; readonly ratio: number | null }

const HOME = { org: 'home', site: 'home', role: 'viewer' } as const
const CLIPS_A_DAY = 120 // ten years are 438,000
const CLIPS_A_DRIVE = 30
const SIGHTINGS = 9
const DAY_MS = 86_400_000
const ASKED = 60
/** The peer keeps every document in memory and takes seconds a question where there are many. */
const MOST_FOR_PEER = 10_000
const PEER_ASKED = 2
const WARM = 10

/** @param clips One minute each, with a fix a second and nine sightings, driven around one town. */
export async function* bench({ clips = 2000 }: { clips?: number } = {}): AsyncGenerator<Figure> {
  const dir = await mkdtemp(join(tmpdir(), 'viewshed-bench-'))
  try {
    yield* figures(dir, clips)
  } finally {
    await rm(dir, { recursive: true })
  }
}

async function* figures(dir: string, clips: number): AsyncGenerator<Figure> {
  let there = clips
  const told = new Set<(org: string) => void>()
  const catalogue = {
    async changes(_org: string, since: number, limit: number) {
      const from = Math.floor(since / SEQS)
      const to = Math.min(there, from + Math.max(1, Math.floor(limit / SEQS)))
      const changes = Array.from({ length: to - from }, (_, i) => changesOf(from + i)).flat()
      return { changes, last: to * SEQS, newest: there * SEQS }
    },
    onChange: (tell: (org: string) => void) => { told.add(tell); return () => told.delete(tell) },
  }
  const indexes = openIndexes({ dir, catalogue })
  const from = performance.now()
  await indexes.caughtUp(HOME)
  yield alone('index.rebuild', clips / ((performance.now() - from) / 1000), 'clips/s')

  const index = indexes.index(HOME)
  const scan = clips <= MOST_FOR_PEER ? naiveIndex(() => memory) : null
  const memory: Doc[] = scan ? Array.from({ length: clips }, (_, i) => changesOf(i)).flat().flatMap((c) => c.doc ?? []) : []
  for (const [name, ask] of Object.entries(questions(clips))) {
    for (let i = 0; i < WARM; i++) await ask(index, ASKED + i)
    const ours = await p95(ASKED, (i) => ask(index, i))
    const peer = scan && (await p95(PEER_ASKED, (i) => ask(scan, i)))
    yield { name: `index.${name}.p95`, value: ours, unit: 'ms', peer: scan && 'every document looked through, in memory', peer_value: peer, ratio: peer && peer / ours }
  }
  const add_ms = await p95(ASKED, async () => {
    there++
    for (const tell of told) tell('home')
    await indexes.caughtUp(HOME)
  })
  yield alone('index.add.p95', add_ms, 'ms a clip')
  await indexes.close()
}

const alone = (name: string, value: number, unit: string): Figure => ({ name, value, unit, peer: null, peer_value: null, ratio: null })

async function p95(times: number, ask: (i: number) => Promise<unknown>): Promise<number> {
  const took_ms: number[] = []
  for (let i = 0; i < times; i++) {
    const from = performance.now()
    await ask(i)
    took_ms.push(performance.now() - from)
  }
  return took_ms.sort((a, b) => a - b)[Math.floor((times - 1) * 0.95)]!
}

/** What is asked, about other things each time. */
function questions(clips: number): Record<string, (index: Index, i: number) => Promise<unknown>> {
  const any = (i: number) => plateOf(dice(i * 7919) * clips, i % SIGHTINGS)
  const around = (i: number, half_deg: number) => {
    const [lat, lon] = placeOf(Math.floor(dice(i * 31) * clips))
    return { south: lat - half_deg, north: lat + half_deg, west: lon - half_deg, east: lon + half_deg }
  }
  const days = clips / CLIPS_A_DAY
  const month = (i: number) => { const from_ms = dice(i * 17) * Math.max(0, days - 30) * DAY_MS; return { from_ms, to_ms: from_ms + 30 * DAY_MS } }
  const view = (half_deg: number, period: boolean) => (index: Index, i: number) =>
    index.view({ bounds: around(i, half_deg), period: period ? month(i) : null, min_confidence: i % 2 ? 0 : 0.8, limit: 1000 })
  const plates = (mode: 'exact' | 'part' | 'fuzzy', of: (plate: string) => string) => (index: Index, i: number) => index.plates({ text: of(any(i)), mode, limit: 50 })
  return {
    exact: plates('exact', (p) => p), prefix: plates('part', (p) => p.slice(0, 4)), contains: plates('part', (p) => p.slice(2, 5)),
    pattern: plates('part', (p) => `${p.slice(0, 2)}*${p.slice(-2)}`), fuzzy: plates('fuzzy', (p) => p.replace(/[0O]/, 'D')),
    plate: (index, i) => index.plate(any(i), 100), newest: (index) => index.newestPlates(50),
    'view.street': view(0.005, false), 'view.town': view(0.1, false), 'view.country': view(5, false), 'view.country.month': view(5, true),
    drives: (index, i) => index.drives({ period: month(i), bounds: around(i, 0.02), limit: 50 }), 'drives.all': (index) => index.drives({ period: null, bounds: null, limit: 100 }),
    'histogram.day': (index) => index.histogram({ period: { from_ms: 0, to_ms: days * DAY_MS }, by: 'day' }), 'histogram.hour': (index, i) => index.histogram({ period: month(i), by: 'hour' }),
    assets: (index, i) => index.assets(month(i), 100), asset: (index, i) => index.asset(shaOf(Math.floor(dice(i) * clips))), totals: (index) => index.totals(),
  }
}

const SEQS = 4 // changes a clip
/** The documents of clip `i`, and of its drive as it is once the clip is there. */
function changesOf(i: number): Change[] {
  const sha256 = shaOf(i)
  const start_ms = startOf(i)
  const [lat, lon] = placeOf(i)
  const seen = Array.from({ length: SIGHTINGS }, (_, n) => sighting(n === 8 ? null : plateOf(i, n), 3 + n * 6, { confidence: 0.5 + dice(i * 9 + n) / 2 }))
  const docs: Doc[] = [asset(sha256, { start_ms }), track(sha256, [lat, lon], [0.00005, 0.0001], 60), sightings(sha256, seen), driveOf(i)]
  return docs.map((doc, n) => ({ seq: i * SEQS + n + 1, site: 'home', id: doc._id, doc }))
}

function driveOf(i: number): Doc {
  const first = i - (i % CLIPS_A_DRIVE)
  const mine = Array.from({ length: i - first + 1 }, (_, n) => first + n)
  const drive: DriveDoc = {
    _id: `drive:${first}`, kind: 'drive', group: 'car', assets: mine.map(shaOf), start_ms: startOf(first), end_ms: startOf(i) + 60_000, distance_m: 500 * mine.length,
    line: mine.flatMap((n) => [placeOf(n), placeOf(n + 0.5)].map((p) => [...p])), alias_of: null,
  }
  return drive
}

const startOf = (i: number) => Math.floor(i / CLIPS_A_DAY) * DAY_MS + Math.floor((i % CLIPS_A_DAY) / CLIPS_A_DRIVE) * 4 * 3_600_000 + (i % CLIPS_A_DRIVE) * 60_000
const shaOf = (i: number) => Array.from({ length: 8 }, (_, n) => Math.floor(dice(i * 8 + n) * 2 ** 32).toString(16).padStart(8, '0')).join('')
/** Most drives are in one town of 30 km, one in twenty goes far. */
function placeOf(i: number): readonly [lat: number, lon: number] {
  const drive = Math.floor(i / CLIPS_A_DRIVE)
  const reach = drive % 20 === 0 ? 4 : 0.15
  return [50 + (dice(drive * 2) - 0.5) * reach + (i % CLIPS_A_DRIVE) * 0.003, 8.5 + (dice(drive * 2 + 1) - 0.5) * reach + (i % CLIPS_A_DRIVE) * 0.006]
}
const LETTERS = 'ABCDEFGHJKLMNPRSTUVWXYZ'
/** One in three plates is a neighbour that is met again and again. */
function plateOf(i: number, n: number): string {
  const car = n % 3 === 0 ? Math.floor(dice(i * 3 + n) ** 3 * 5000) : Math.floor(dice(i * 9 + n) * 9_000_000)
  const letters = [car % 23, Math.floor(car / 23) % 23, Math.floor(car / 529) % 23].map((c) => LETTERS[c]).join('')
  return `${letters}${String(car % 10_000).padStart(4, '0')}`
}

/** A number from 0 to 1 that follows from `n` (the finaliser of MurmurHash3), so that every run asks the same. */
function dice(n: number): number {
  let h = Math.imul(Math.floor(n * 2 + 1), 0x9e3779b1)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return ((h ^ (h >>> 16)) >>> 0) / 2 ** 32
}
