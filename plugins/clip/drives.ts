import { distance_m, MAX_GAP_S } from '../../core/contract/place.ts'
import type { Grouping, GroupSummary } from '../../core/contract/plugin.ts'
import type { AssetDoc, TrackDoc } from '../../core/contract/records.ts'
import { simplify, type LatLon } from './simplify.ts'

type Member = { readonly asset: AssetDoc; readonly track: TrackDoc | null }

/** Clips of one camera, whatever its channels, one after another with no longer stop than the config allows. */
export const byCamera: Grouping<{ readonly gap_s: number }> = {
  key: (asset) => {
    if (asset.media_kind === 'video' || isUnbroken(asset)) return asset.camera
    return isLogger(asset) ? `${asset.camera}: ${asset.name}` : null
  },
  gap_s: ({ gap_s }) => gap_s,
  summarise,
}

/** A log of a whole day would tie its drives together; one that reads about once a second from end to end does not. */
const isUnbroken = (asset: AssetDoc) =>
  asset.media_kind === 'track' && asset.duration_s !== null && asset.fixes > 1 && asset.fixes >= asset.duration_s * 0.7

/** A GPX that belongs to no clip was recorded by something else: a drive of its own. */
const isLogger = (asset: AssetDoc) => asset.media_kind === 'track' && /\.gpx$/i.test(asset.name)

/** No car is faster, and what a receiver may be off by; as in the telemetry's own check. */
const MOST_MPS = 120
const SLACK_M = 150
/** A shorter silence between two clips is the camera changing files: the way across it was driven. */
const CLIP_CHANGE_S = MAX_GAP_S

const LINE_ERROR_M = 5
const MOST_POINTS = 500

interface Passed { readonly at_ms: number; readonly lat_deg: number; readonly lon_deg: number }

function summarise(members: readonly Member[]): GroupSummary {
  const spans = members.flatMap(({ asset }) => (asset.start_ms === null ? [] : [{ from: asset.start_ms, to: asset.start_ms + (asset.duration_s ?? 0) * 1000 }]))
  const pieces = unbroken(wayOf(members))
  let total_m = 0
  for (const piece of pieces) for (let i = 1; i < piece.length; i++) total_m += step_m(piece[i - 1]!, piece[i]!)
  return {
    start_ms: spans.reduce((least, s) => Math.min(least, s.from), Infinity),
    end_ms: spans.reduce((most, s) => Math.max(most, s.to), -Infinity),
    distance_m: Math.round(total_m * 10) / 10,
    line: lineOf(pieces),
  }
}

/** One reading for each moment: front and rear saw the same way, and a log beside clips too. Where two cover a moment, the one with more readings a second is believed. */
function wayOf(members: readonly Member[]): Passed[] {
  const tracks = members.flatMap(({ asset, track }) => {
    const { start_ms } = asset
    if (!track || start_ms === null || track.t_s.length === 0) return []
    const points = track.t_s.map((t, i): Passed => ({ at_ms: start_ms + t * 1000, lat_deg: track.lat_deg[i]!, lon_deg: track.lon_deg[i]! }))
    const [from, to] = [points[0]!.at_ms, points.at(-1)!.at_ms]
    return [{ points, from, to, density: points.length / Math.max(1, (to - from) / 1000) }]
  })
  tracks.sort((a, b) => b.density - a.density || a.from - b.from)
  const covered = new Cover()
  const way: Passed[] = []
  for (const { points, from, to } of tracks) {
    for (const point of points) if (!covered.has(point.at_ms)) way.push(point)
    covered.add(from, to)
  }
  return way.sort((a, b) => a.at_ms - b.at_ms)
}

/** Spans of time, merged and in order. */
class Cover {
  readonly #spans: { from: number; to: number }[] = []

  has(at: number): boolean {
    const span = this.#spans[this.#firstEndingAt(at)]
    return span !== undefined && span.from <= at
  }

  add(from: number, to: number): void {
    const first = this.#firstEndingAt(from)
    let last = first
    const merged = { from, to }
    for (; last < this.#spans.length && this.#spans[last]!.from <= to; last++) {
      merged.from = Math.min(merged.from, this.#spans[last]!.from)
      merged.to = Math.max(merged.to, this.#spans[last]!.to)
    }
    this.#spans.splice(first, last - first, merged)
  }

  #firstEndingAt(at: number): number {
    let [low, high] = [0, this.#spans.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#spans[middle]!.to < at) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Parts of the way that are known without a break: a long silence or an impossible jump ends one. */
function unbroken(way: readonly Passed[]): Passed[][] {
  const pieces: Passed[][] = []
  for (const point of way) {
    const last = pieces.at(-1)?.at(-1)
    if (last && isDriven(last, point)) pieces.at(-1)!.push(point)
    else pieces.push([point])
  }
  return pieces
}

function isDriven(a: Passed, b: Passed): boolean {
  const passed_s = (b.at_ms - a.at_ms) / 1000
  return passed_s <= CLIP_CHANGE_S && step_m(a, b) <= SLACK_M + MOST_MPS * passed_s
}

const step_m = (a: Passed, b: Passed) => distance_m(a.lat_deg, a.lon_deg, b.lat_deg, b.lon_deg)

/** Each piece is simplified for itself, so that no break moves a point of the way. */
function lineOf(pieces: readonly Passed[][]): LatLon[] {
  let lines = pieces.map((piece) => piece.map((p): LatLon => [p.lat_deg, p.lon_deg]))
  for (let error_m = LINE_ERROR_M; ; error_m *= 2) {
    lines = lines.map((line) => simplify(line, error_m))
    const points = lines.reduce((n, line) => n + line.length, 0)
    // The second pass joins what the first left at the ends of its parts.
    if (error_m > LINE_ERROR_M && (points <= MOST_POINTS || points <= 2 * pieces.length)) return lines.flat()
    if (error_m === LINE_ERROR_M && points <= MOST_POINTS) return lines.flatMap((line) => simplify(line, error_m))
  }
}
