import type { Bounds, Period, SightingHit } from '../port.ts'
import type { Clip } from './clip.ts'
import type { Draft } from './draft.ts'
import { after, clipOf, epoch32, fromEpoch32, key, REF_BYTES, refOf, uint32 } from './keys.ts'
import type { Snapshot } from './snapshot.ts'
import { boxes, cellZoom, FINEST, middleOf, tileOf } from './tiles.ts'

/** Some 12 km in Europe: what a map shows of a town lies in a handful of them, and a week of driving in a few dozen. */
const ZOOM = 11
const SHIFT = FINEST - ZOOM
const WEEK_MS = 7 * 86_400_000
/** Where sightings without a time lie: behind every week. */
const NO_WEEK = 0x7fffffff

interface Row { readonly lat_deg: number; readonly lon_deg: number; readonly at_ms: number; readonly confidence: number; readonly x: number; readonly y: number; readonly ref: Buffer }

/** Sightings of one tile and week, a column for each number. `at_ms` NaN: not known. */
interface Columns {
  readonly n: number
  readonly lat_deg: Float64Array; readonly lon_deg: Float64Array; readonly at_ms: Float64Array; readonly confidence: Float64Array
  readonly x: Uint32Array; readonly y: Uint32Array
}
const ROW_BYTES = 4 * 8 + 2 * 4

function columns(stored: Buffer): Columns {
  const n = stored.length / ROW_BYTES
  // LevelDB hands out bytes that may lie anywhere; columns of doubles must begin at a multiple of eight.
  const aligned = stored.byteOffset % 8 === 0 ? stored : Buffer.from(new Uint8Array(stored).buffer)
  const column = (i: number) => new Float64Array(aligned.buffer, aligned.byteOffset + i * n * 8, n)
  const tail = aligned.byteOffset + 4 * n * 8
  return {
    n, lat_deg: column(0), lon_deg: column(1), at_ms: column(2), confidence: column(3),
    x: new Uint32Array(aligned.buffer, tail, n), y: new Uint32Array(aligned.buffer, tail + n * 4, n),
  }
}

function packed(rows: readonly Row[]): Buffer {
  const doubles = (of: (r: Row) => number) => Buffer.from(Float64Array.from(rows, of).buffer)
  const words = (of: (r: Row) => number) => Buffer.from(Uint32Array.from(rows, of).buffer)
  return Buffer.concat([doubles((r) => r.lat_deg), doubles((r) => r.lon_deg), doubles((r) => r.at_ms), doubles((r) => r.confidence), words((r) => r.x), words((r) => r.y)])
}

function rowsOf(stored: Buffer | undefined, refs: Buffer | undefined): Row[] {
  if (!stored || !refs) return []
  const c = columns(stored)
  return Array.from({ length: c.n }, (_, i) => ({
    lat_deg: c.lat_deg[i]!, lon_deg: c.lon_deg[i]!, at_ms: c.at_ms[i]!, confidence: c.confidence[i]!, x: c.x[i]!, y: c.y[i]!,
    ref: refs.subarray(i * REF_BYTES, (i + 1) * REF_BYTES),
  }))
}

/** Where a row lies: week and tile, as in the keys of `v` and `w`. */
function cellOf(row: Row): Buffer {
  const week = Number.isNaN(row.at_ms) ? NO_WEEK : weekOf(row.at_ms)
  return Buffer.concat([epoch32(week), uint32(row.x >> SHIFT), uint32(row.y >> SHIFT)])
}
const weekOf = (at_ms: number) => Math.max(-NO_WEEK, Math.min(NO_WEEK - 1, Math.floor(at_ms / WEEK_MS)))

/** The changes of one batch to the places of sightings. */
export class PlaceChanges {
  readonly #draft: Draft
  readonly #cells = new Map<string, { gone: Set<string>; come: Row[] }>()

  constructor(draft: Draft) {
    this.#draft = draft
  }

  replace(before: Clip | null, now: Clip | null): void {
    const old = rowsIn(before)
    const fresh = rowsIn(now)
    for (const [ref, row] of old) if (!isSame(row, fresh.get(ref))) this.#of(row).gone.add(ref)
    for (const [ref, row] of fresh) if (!isSame(row, old.get(ref))) this.#of(row).come.push(row)
  }

  settle(): void {
    for (const [cell, { gone, come }] of this.#cells) {
      const at = Buffer.from(cell, 'latin1')
      const [places, refs] = [key('v', at), key('w', at)]
      const kept = rowsOf(this.#draft.get(places), this.#draft.get(refs)).filter((row) => !gone.has(row.ref.toString('latin1')))
      const rows = [...kept, ...come]
      if (rows.length === 0) {
        this.#draft.del(places)
        this.#draft.del(refs)
        continue
      }
      this.#draft.put(places, packed(rows))
      this.#draft.put(refs, Buffer.concat(rows.map((r) => r.ref)))
    }
  }

  #of(row: Row): { gone: Set<string>; come: Row[] } {
    const cell = cellOf(row).toString('latin1')
    const known = this.#cells.get(cell) ?? { gone: new Set<string>(), come: [] }
    this.#cells.set(cell, known)
    return known
  }
}

function rowsIn(clip: Clip | null): Map<string, Row> {
  const rows = new Map<string, Row>()
  if (!clip) return rows
  const ofClip = clipOf(clip.asset.sha256)
  for (const [i, { lat_deg, lon_deg, at_ms, confidence }] of clip.hits.entries()) {
    if (lat_deg === null || lon_deg === null) continue
    const ref = refOf(ofClip, i)
    rows.set(ref.toString('latin1'), { lat_deg, lon_deg, at_ms: at_ms ?? NaN, confidence, ...tileOf(lat_deg, lon_deg), ref })
  }
  return rows
}

const isSame = (a: Row, b: Row | undefined) =>
  b !== undefined && a.lat_deg === b.lat_deg && a.lon_deg === b.lon_deg && Object.is(a.at_ms, b.at_ms) && a.confidence === b.confidence

export interface Filter { readonly bounds: Bounds; readonly period: Period | null; readonly min_confidence: number; readonly limit: number }

/** One pass over the columns: counts on the grid, and which rows they are as long as they may be few enough to be told one by one. */
export async function viewPlaces(now: Snapshot, filter: Filter) {
  const zoom = cellZoom(filter.bounds)
  const cells = new Map<number, number>()
  const rows: { cell: Buffer; row: number }[] = []
  let count = 0
  for (const box of boxes(filter.bounds)) {
    const grid = new Grid(box, zoom)
    for await (const [k, stored] of tilesIn(now, box, filter.period)) {
      count += pass(columns(stored), box, filter, grid, (row) => {
        if (rows.length <= filter.limit) rows.push({ cell: k.subarray(1), row })
      })
    }
    grid.addTo(cells)
  }
  if (count <= filter.limit) return { hits: await hitsAt(now, rows), cells: [] }
  const n = 2 ** zoom
  const sorted = [...cells].sort(([a], [b]) => a - b)
  return { hits: [], cells: sorted.map(([at, total]) => ({ ...middleOf(at % n, Math.floor(at / n), zoom), count: total })) }
}

/** @returns How many rows lie in the box and fit the filter. */
function pass(c: Columns, box: Bounds, { period, min_confidence }: Filter, grid: Grid, told: (row: number) => void): number {
  let count = 0
  const { lat_deg, lon_deg, at_ms, confidence, x, y } = c
  for (let i = 0; i < c.n; i++) {
    const lat = lat_deg[i]!
    const lon = lon_deg[i]!
    if (lat < box.south || lat > box.north || lon < box.west || lon > box.east || confidence[i]! < min_confidence) continue
    if (period !== null && !(at_ms[i]! >= period.from_ms && at_ms[i]! < period.to_ms)) continue // NaN is in no period
    count++
    grid.add(x[i]!, y[i]!)
    told(i)
  }
  return count
}

/** Counts by cell of a zoom. An array where the box has few cells, as every view does that is not a very thin strip. */
class Grid {
  readonly #shift: number
  readonly #n: number
  readonly #left: number
  readonly #top: number
  readonly #across: number
  readonly #dense: Uint32Array | null
  readonly #sparse = new Map<number, number>()

  constructor(box: Bounds, zoom: number) {
    this.#shift = FINEST - zoom
    this.#n = 2 ** zoom
    const first = tileOf(box.north, box.west)
    const last = tileOf(box.south, box.east)
    this.#left = first.x >> this.#shift
    this.#top = first.y >> this.#shift
    this.#across = (last.x >> this.#shift) - this.#left + 1
    const cells = this.#across * ((last.y >> this.#shift) - this.#top + 1)
    this.#dense = cells <= 1 << 20 ? new Uint32Array(cells) : null
  }

  add(x: number, y: number): void {
    const [column, row] = [x >> this.#shift, y >> this.#shift]
    if (this.#dense) {
      const at = (row - this.#top) * this.#across + column - this.#left
      this.#dense[at] = this.#dense[at]! + 1
    } else this.#sparse.set(row * this.#n + column, (this.#sparse.get(row * this.#n + column) ?? 0) + 1)
  }

  addTo(cells: Map<number, number>): void {
    const add = (at: number, count: number) => { if (count > 0) cells.set(at, (cells.get(at) ?? 0) + count) }
    for (const [at, count] of this.#sparse) add(at, count)
    this.#dense?.forEach((count, i) => { add((this.#top + Math.floor(i / this.#across)) * this.#n + this.#left + (i % this.#across), count) })
  }
}

/** What is stored of the tiles that a box touches, week by week. Where a week holds none of them, the iterator jumps. */
async function* tilesIn(now: Snapshot, box: Bounds, period: Period | null): AsyncGenerator<[Buffer, Buffer]> {
  const first = tileOf(box.north, box.west)
  const last = tileOf(box.south, box.east)
  const [left, right, top, bottom] = [first.x >> SHIFT, last.x >> SHIFT, first.y >> SHIFT, last.y >> SHIFT]
  const at = (week: number, x: number, y: number) => key('v', epoch32(week), uint32(x), uint32(y))
  const fromWeek = period ? weekOf(period.from_ms) : -NO_WEEK
  const toWeek = period ? weekOf(period.to_ms) : NO_WEEK
  const iterator = now.iterator({ gte: at(fromWeek, left, top), lt: after(key('v', epoch32(toWeek))) }, 4 << 20)
  try {
    for (;;) {
      const some = await iterator.nextv(256)
      if (some.length === 0) return
      let jump: Buffer | null = null
      for (const [k, stored] of some) {
        const [week, x, y] = [fromEpoch32(k.subarray(1, 5)), k.readUInt32BE(5), k.readUInt32BE(9)]
        if (x >= left && x <= right && y >= top && y <= bottom) {
          jump = null
          yield [k, stored]
        } else if (x < left || (x === left && y < top)) jump = at(week, left, top)
        else if (x > right || (x === right && y > bottom)) jump = week === NO_WEEK ? after(key('v')) : at(week + 1, left, top)
        else jump = y < top ? at(week, x, top) : at(week, x + 1, top)
      }
      if (jump) iterator.seek(jump)
    }
  } finally {
    await iterator.close()
  }
}

async function hitsAt(now: Snapshot, rows: readonly { cell: Buffer; row: number }[]): Promise<SightingHit[]> {
  const keys = [...new Set(rows.map((r) => r.cell.toString('latin1')))]
  const stored = await now.getMany(keys.map((cell) => key('w', Buffer.from(cell, 'latin1'))))
  const refs = new Map(keys.map((cell, i) => [cell, stored[i]!]))
  const hits = await now.jsons<SightingHit>(rows.map(({ cell, row }) => key('s', refs.get(cell.toString('latin1'))!.subarray(row * REF_BYTES, (row + 1) * REF_BYTES))))
  return hits.sort(newestHitFirst)
}

const newestHitFirst = (a: SightingHit, b: SightingHit) =>
  (a.at_ms === b.at_ms ? 0 : a.at_ms === null ? 1 : b.at_ms === null ? -1 : b.at_ms - a.at_ms) ||
  (a.asset !== b.asset ? (a.asset < b.asset ? -1 : 1) : a.stage !== b.stage ? (a.stage < b.stage ? -1 : 1) : a.index - b.index)
