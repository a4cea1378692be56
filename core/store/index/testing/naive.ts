/**
 * The index without an index: every question goes through every document. It says what the answers are, in the plainest
 * way there is; the level index must give the same. Tests and the bench compare with it.
 */
import { placeAt } from '../../../contract/place.ts'
import type { AssetDoc, CopyDoc, Doc, DriveDoc, EditDoc, PicturesDoc, RefusalDoc, RemovalDoc, SightingsDoc, TrackDoc } from '../../../contract/records.ts'
import type { AssetView, Bounds, DriveView, Index, PlateHit, SightingHit } from '../../port.ts'

/** @param documents Those of one site, edits among them, as they lie in the catalogue. */
export function naiveIndex(documents: () => Iterable<Doc>): Index {
  const read = () => new Reading([...documents()])
  return {
    async plates({ text, mode, limit }) {
      const { hits } = read()
      const asked = text.toUpperCase().replace(/[^A-Z0-9?*]/g, '')
      const whole = asked.replace(/[?*]/g, '')
      const plates = plateHits(hits)
      const exact = plates.filter((p) => p.plate === whole && asked === whole)
      const part = asked === '' ? [] : plates.flatMap((p) => partOf(asked, p))
      const fuzzy = whole === '' || asked !== whole ? [] : plates.flatMap((p) => nearOf(whole, p))
      const chosen = { exact, part, fuzzy }[mode]
      return { hits: chosen.sort(byNearness(whole)).slice(0, limit), counts: { exact: exact.length, part: part.length, fuzzy: fuzzy.length } }
    },
    plate: async (text, limit) => read().hits.filter((h) => h.plate === text).sort(newestFirst).slice(0, limit),
    newestPlates: async (limit) => plateHits(read().hits).sort(byTime).slice(0, limit),
    asset: async (sha256) => read().asset(sha256),
    async assets(period, limit, past = null) {
      const all = read().of<AssetDoc>('asset').sort((a, b) => (b.start_ms ?? -Infinity) - (a.start_ms ?? -Infinity) || order(a.sha256, b.sha256))
      const at = all.findIndex(({ sha256 }) => sha256 === past)
      const later = past === null ? all : at < 0 ? [] : all.slice(at + 1)
      return later.filter((a) => !period || (a.start_ms !== null && a.start_ms < period.to_ms && a.start_ms + (a.duration_s ?? 0) * 1000 >= period.from_ms)).slice(0, limit)
    },
    async drives({ period, bounds, limit }) {
      const { drives } = read()
      return drives
        .filter((d) => (!period || (d.start_ms < period.to_ms && d.end_ms >= period.from_ms)) && (!bounds || passes(d.line, bounds)))
        .sort((a, b) => b.start_ms - a.start_ms || order(a.id, b.id)).slice(0, limit)
    },
    async drive(id) {
      const { docs, drives } = read()
      let at = id
      for (let i = 0; i < 100; i++) {
        const doc = docs.get(`drive:${at}`) as (Doc & DriveDoc) | undefined
        if (!doc) return null
        if (doc.alias_of === null) return drives.find((d) => d.id === at) ?? null
        at = doc.alias_of
      }
      return null
    },
    async view({ bounds, period, min_confidence, limit }) {
      const zoom = cellZoom(bounds)
      const chosen = read().hits.filter((h) => h.lat_deg !== null && h.confidence >= min_confidence && (!period || (h.at_ms !== null && h.at_ms >= period.from_ms && h.at_ms < period.to_ms)))
      const inView = chosen.filter((h) => inside(bounds, h.lat_deg!, h.lon_deg!))
      if (inView.length <= limit) return { hits: inView.sort(newestFirst), cells: [] }
      const cells = new Map<string, { x: number; y: number; count: number }>()
      for (const hit of inView) {
        const [x, y] = tileOf(hit.lat_deg!, hit.lon_deg!, zoom)
        const cell = cells.get(`${x}/${y}`) ?? { x, y, count: 0 }
        cell.count++
        cells.set(`${x}/${y}`, cell)
      }
      return {
        hits: [],
        cells: [...cells.values()].sort((a, b) => a.y - b.y || a.x - b.x).map(({ x, y, count }) => ({ ...middleOf(x, y, zoom), count })),
      }
    },
    async histogram({ period, by }) {
      const { hits, of } = read()
      const bins = new Map<number, { start_ms: number; sightings: number; clips: number }>()
      const bin = (at_ms: number) => {
        const start_ms = floor(at_ms, by)
        const found = bins.get(start_ms) ?? { start_ms, sightings: 0, clips: 0 }
        bins.set(start_ms, found)
        return found
      }
      const from_ms = floor(period.from_ms, by) // bins are whole
      const within = (t: number | null): t is number => t !== null && floor(t, by) >= from_ms && floor(t, by) < period.to_ms
      for (const h of hits) if (within(h.at_ms)) bin(h.at_ms).sightings++
      for (const a of of<AssetDoc>('asset')) if (within(a.start_ms)) bin(a.start_ms).clips++
      return [...bins.values()].sort((a, b) => a.start_ms - b.start_ms)
    },
    refusals: async (limit) => read().of<RefusalDoc>('refusal').sort((a, b) => Buffer.compare(Buffer.from(`${a.name}\0${a._id}`), Buffer.from(`${b.name}\0${b._id}`))).slice(0, limit),
    async totals() {
      const { of, hits, drives } = read()
      const assets = of<AssetDoc>('asset')
      const starts = assets.flatMap((a) => a.start_ms ?? [])
      return {
        assets: assets.length, drives: drives.length, plates: new Set(hits.flatMap((h) => h.plate ?? [])).size, sightings: hits.length,
        bytes: assets.reduce((sum, a) => sum + a.media.bytes, 0),
        from_ms: starts.length === 0 ? null : Math.min(...starts), to_ms: starts.length === 0 ? null : Math.max(...starts),
      }
    },
  }
}

class Reading {
  readonly docs: ReadonlyMap<string, Doc>
  readonly hits: readonly SightingHit[]
  readonly drives: readonly DriveView[]
  readonly of = <T>(kind: string): T[] => [...this.docs.values()].filter((d) => d.kind === kind) as T[]

  constructor(all: readonly Doc[]) {
    const docs = new Map(all.map((d) => [d._id, d]))
    for (const edit of (all.filter((d) => d.kind === 'edit') as (Doc & EditDoc)[]).sort((a, b) => order(a._id, b._id))) {
      const doc = docs.get(edit.target)
      if (!doc) continue
      const laid: Record<string, unknown> = { ...doc }
      for (const [field, value] of Object.entries(edit.set)) {
        if (field.startsWith('plate:')) laid['sightings'] = (laid['sightings'] as object[]).map((s, i) => (i === Number(field.slice(6)) ? { ...s, plate: value } : s))
        else laid[field] = value
      }
      docs.set(edit.target, laid as Doc)
    }
    this.docs = docs
    this.hits = this.of<SightingsDoc>('sightings').flatMap((doc) => this.#hitsOf(doc))
    this.drives = this.of<DriveDoc>('drive').filter((d) => d.alias_of === null).map((d) => this.#driveView(d))
  }

  #removalsOf(sha256: string): RemovalDoc[] {
    return this.of<RemovalDoc>('removal').filter((r) => r.asset === sha256 && r.state !== 'back').sort(byId)
  }

  #hitsOf(doc: SightingsDoc): SightingHit[] {
    const asset = this.docs.get(`asset:${doc.asset}`) as AssetDoc | undefined
    const track = this.docs.get(`track:${doc.asset}`) as TrackDoc | undefined
    if (!asset) return []
    return doc.sightings.map((sighting, index) => {
      const place = track ? placeAt(track, sighting.at_s) : null
      return {
        ...sighting, asset: doc.asset, index, stage: doc.stage, at_ms: asset.start_ms === null ? null : asset.start_ms + sighting.at_s * 1000,
        lat_deg: place?.lat_deg ?? null, lon_deg: place?.lon_deg ?? null, heading_deg: place?.heading_deg ?? null, speed_mps: place?.speed_mps ?? null,
      }
    })
  }

  asset(sha256: string): AssetView | null {
    const asset = this.docs.get(`asset:${sha256}`) as (Doc & AssetDoc) | undefined
    if (!asset) return null
    const sightings = this.of<SightingsDoc>('sightings').filter((s) => s.asset === sha256).sort(byId)
    const drive = this.drives.map((d) => d).sort((a, b) => order(a.id, b.id)).find((d) => d.assets.includes(sha256))
    return {
      asset, track: (this.docs.get(`track:${sha256}`) as (Doc & TrackDoc) | undefined) ?? null, sightings,
      hits: sightings.flatMap((doc) => this.#hitsOf(doc)), pictures: this.#picturesOf(sha256),
      copies: this.of<CopyDoc>('copy').filter((c) => c.asset === sha256 && !this.#removalsOf(sha256).some((r) => r.media.volume === c.media.volume && r.media.path === c.media.path)).sort(byId),
      removed: this.#removalsOf(sha256),
      drive: drive?.id ?? null, drive_kept: (drive?.keep ?? false) !== false,
    }
  }

  #picturesOf(sha256: string): PicturesDoc | null {
    const all = this.of<PicturesDoc>('pictures').filter((p) => p.asset === sha256).sort(byId)
    if (all.length === 0) return null
    return {
      _id: `pictures:${sha256}`, kind: 'pictures', asset: sha256,
      thumbs: all.flatMap((p) => p.thumbs).sort((a, b) => a.width_px - b.width_px), filmstrip: all.find((p) => p.filmstrip)?.filmstrip ?? null,
    }
  }

  #driveView(drive: DriveDoc): DriveView {
    const { _id, kind: _kind, alias_of: _alias, rule: _rule, gap_s: _gap, span_ms: _span, ...rest } = drive as DriveDoc & { rule?: unknown; gap_s?: unknown; span_ms?: unknown }
    const thumbs = drive.assets.map((sha256) => this.#picturesOf(sha256)?.thumbs[0]?.media).filter((m) => m !== undefined)
    const inDrive = new Set(drive.assets)
    return {
      ...rest, id: _id.slice('drive:'.length), plates: new Set(this.hits.filter((h) => inDrive.has(h.asset)).flatMap((h) => h.plate ?? [])).size,
      thumb: thumbs[0] ? `${thumbs[0].volume}/${thumbs[0].path}` : null,
    }
  }
}

const order = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)
const byId = (a: { _id: string }, b: { _id: string }) => order(a._id, b._id)
const newestFirst = (a: SightingHit, b: SightingHit) =>
  descending(a.at_ms, b.at_ms) || order(a.asset, b.asset) || order(a.stage, b.stage) || a.index - b.index
const descending = (a: number | null, b: number | null) => (a === b ? 0 : a === null ? 1 : b === null ? -1 : b - a)

function plateHits(hits: readonly SightingHit[]): PlateHit[] {
  return [...Map.groupBy(hits.filter((h) => h.plate !== null), (h) => h.plate!)].map(([plate, same]) => {
    const times = same.flatMap((h) => h.at_ms ?? [])
    const best = same.toSorted((a, b) => Number(b.crop !== null) - Number(a.crop !== null) || b.confidence - a.confidence || newestFirst(a, b))[0]!
    return { plate, count: same.length, first_ms: times.length ? Math.min(...times) : null, last_ms: times.length ? Math.max(...times) : null, best, distance: 0, why: 'exact' }
  })
}

const byTime = (a: PlateHit, b: PlateHit) => descending(a.last_ms, b.last_ms) || order(a.plate, b.plate)
const RANK = ['exact', 'begins with it', 'contains it', 'fits the pattern']
const byNearness = (whole: string) => (a: PlateHit, b: PlateHit) =>
  a.distance - b.distance || Number(b.plate === whole) - Number(a.plate === whole) || RANK.indexOf(a.why) - RANK.indexOf(b.why) || byTime(a, b)

/** Without a `*` the text may lie anywhere in the plate; with one it stands for the whole plate. */
function partOf(asked: string, hit: PlateHit): PlateHit[] {
  if (!/[?*]/.test(asked)) {
    const at = hit.plate.indexOf(asked)
    return at < 0 ? [] : [{ ...hit, why: hit.plate === asked ? 'exact' : at === 0 ? 'begins with it' : 'contains it' }]
  }
  const inner = asked.replaceAll('?', '.').replaceAll('*', '.*')
  return (asked.includes('*') ? new RegExp(`^${inner}$`) : new RegExp(inner)).test(hit.plate) ? [{ ...hit, why: 'fits the pattern' }] : []
}

const ALIKE = ['0OQD', '1IL', '2Z', '5S', '6G', '8B']
const alike = (c: string) => ALIKE.find((set) => set.includes(c))?.[0] ?? (/[A-Z0-9]/.test(c) ? c : '-')

/** At most one character more, less or other, where those that look alike count as the same. */
function nearOf(asked: string, hit: PlateHit): PlateHit[] {
  if (asked === hit.plate) return [hit]
  const plate = hit.plate
  const same = (a: string, b: string) => [...a].map(alike).join('') === [...b].map(alike).join('')
  const confused = (a: string, b: string) => [...a].flatMap((c, i) => (c === b[i] ? [] : [`${c} read as ${b[i]}`]))
  const found: string[][] = []
  if (same(asked, plate)) found.push(confused(asked, plate))
  else if (asked.length === plate.length) {
    for (let i = 0; i < asked.length; i++) {
      const [a, b] = [asked.slice(0, i) + asked.slice(i + 1), plate.slice(0, i) + plate.slice(i + 1)]
      if (same(a, b)) found.push([`${asked[i]} is ${plate[i]}`, ...confused(a, b)])
    }
  } else if (asked.length + 1 === plate.length) {
    for (let i = 0; i < plate.length; i++) {
      const b = plate.slice(0, i) + plate.slice(i + 1)
      if (same(asked, b)) found.push(['one character more', ...confused(asked, b)])
    }
  } else if (asked.length === plate.length + 1) {
    for (let i = 0; i < asked.length; i++) {
      const a = asked.slice(0, i) + asked.slice(i + 1)
      if (same(a, plate)) found.push(['one character less', ...confused(a, plate)])
    }
  }
  const least = found.sort((a, b) => a.length - b.length)[0]
  return least ? [{ ...hit, distance: least.length, why: least.join(', ') }] : []
}

const inside = (b: Bounds, lat: number, lon: number) =>
  lat >= b.south && lat <= b.north && (b.west <= b.east ? lon >= b.west && lon <= b.east : lon >= b.west || lon <= b.east)

/** Whether a line, from point to point, has any part in the bounds. */
function passes(line: readonly (readonly [number, number] | readonly number[])[], bounds: Bounds): boolean {
  const boxes = bounds.west <= bounds.east ? [bounds] : [{ ...bounds, east: 180 }, { ...bounds, west: -180 }]
  return boxes.some((box) => line.some((p, i) => crosses(line[Math.max(0, i - 1)]!, p, box)))
}

/** Liang–Barsky: what is left of the piece from a to b when each side of the box has cut off its part. */
function crosses(a: readonly number[], b: readonly number[], box: Bounds): boolean {
  const [dLat, dLon] = [b[0]! - a[0]!, b[1]! - a[1]!]
  let [from, to] = [0, 1]
  for (const [d, room] of [[-dLat, a[0]! - box.south], [dLat, box.north - a[0]!], [-dLon, a[1]! - box.west], [dLon, box.east - a[1]!]] as const) {
    if (d === 0 && room < 0) return false
    if (d < 0) from = Math.max(from, room / d)
    if (d > 0) to = Math.min(to, room / d)
  }
  return from <= to
}

/** About 64 cells across the view. */
function cellZoom(b: Bounds): number {
  const width_deg = b.west <= b.east ? b.east - b.west : 360 - b.west + b.east
  return Math.max(0, Math.min(20, Math.round(Math.log2(360 / Math.max(width_deg, 1e-9))) + 6))
}

/** https://wiki.openstreetmap.org/wiki/Slippy_map_tilenames */
function tileOf(lat_deg: number, lon_deg: number, zoom: number): [number, number] {
  const n = 2 ** zoom
  const lat = (Math.max(-85.0511, Math.min(85.0511, lat_deg)) * Math.PI) / 180
  const clamp = (v: number) => Math.max(0, Math.min(n - 1, Math.floor(v)))
  return [clamp(((lon_deg + 180) / 360) * n), clamp(((1 - Math.asinh(Math.tan(lat)) / Math.PI) / 2) * n)]
}

function middleOf(x: number, y: number, zoom: number): { lat_deg: number; lon_deg: number } {
  const n = 2 ** zoom
  return { lat_deg: (Math.atan(Math.sinh(Math.PI * (1 - (2 * (y + 0.5)) / n))) * 180) / Math.PI, lon_deg: ((x + 0.5) / n) * 360 - 180 }
}

function floor(at_ms: number, by: 'hour' | 'day' | 'month'): number {
  const d = new Date(at_ms)
  return Date.UTC(d.getUTCFullYear(), d.getUTCMonth(), by === 'month' ? 1 : d.getUTCDate(), by === 'hour' ? d.getUTCHours() : 0)
}
