import type { TrackDoc } from './records.ts'

export interface Place {
  readonly lat_deg: number
  readonly lon_deg: number
  readonly heading_deg: number | null
  readonly speed_mps: number | null
}

/** A receiver that was silent for longer may have been anywhere: beyond it there is no place. */
export const MAX_GAP_S = 10
/** A moment just before the first or after the last fix still lies at that fix. */
const EDGE_S = 2

/** Where the camera was `t_s` seconds into the clip, by linear interpolation between two fixes; null where it is not known. */
export function placeAt(track: TrackDoc, t_s: number): Place | null {
  const times = track.t_s
  const n = times.length
  if (n === 0) return null
  let lo = 0
  let hi = n
  while (lo < hi) {
    const mid = (lo + hi) >> 1
    if (times[mid]! <= t_s) lo = mid + 1
    else hi = mid
  }
  const before = lo - 1
  if (before < 0) return times[0]! - t_s <= EDGE_S ? fixAt(track, 0) : null
  if (lo === n) return t_s - times[n - 1]! <= EDGE_S ? fixAt(track, n - 1) : null
  const span_s = times[lo]! - times[before]!
  if (span_s > MAX_GAP_S) return null
  const part = span_s === 0 ? 0 : (t_s - times[before]!) / span_s
  const mix = (a: number, b: number) => a + (b - a) * part
  return {
    lat_deg: mix(track.lat_deg[before]!, track.lat_deg[lo]!),
    lon_deg: wrap_deg(track.lon_deg[before]! + part * shortWay_deg(track.lon_deg[before]!, track.lon_deg[lo]!), -180),
    heading_deg: mixHeading(track.heading_deg[before]!, track.heading_deg[lo]!, part),
    speed_mps: mixNullable(track.speed_mps[before]!, track.speed_mps[lo]!, part),
  }
}

const EARTH_RADIUS_M = 6_371_008.8

/** Great-circle distance (haversine, mean earth radius), metres. */
export function distance_m(lat1_deg: number, lon1_deg: number, lat2_deg: number, lon2_deg: number): number {
  const rad = Math.PI / 180
  const sinLat = Math.sin(((lat2_deg - lat1_deg) * rad) / 2)
  const sinLon = Math.sin(((lon2_deg - lon1_deg) * rad) / 2)
  const h = sinLat * sinLat + Math.cos(lat1_deg * rad) * Math.cos(lat2_deg * rad) * sinLon * sinLon
  return 2 * EARTH_RADIUS_M * Math.asin(Math.min(1, Math.sqrt(h)))
}

const fixAt = (track: TrackDoc, i: number): Place => ({
  lat_deg: track.lat_deg[i]!, lon_deg: track.lon_deg[i]!, heading_deg: track.heading_deg[i]!, speed_mps: track.speed_mps[i]!,
})

/** `deg` brought into [low, low + 360). */
const wrap_deg = (deg: number, low: number) => ((((deg - low) % 360) + 360) % 360) + low
const shortWay_deg = (from: number, to: number) => wrap_deg(to - from, -180)
const mixHeading = (a: number | null, b: number | null, part: number) =>
  a === null || b === null ? (a ?? b) : wrap_deg(a + part * shortWay_deg(a, b), 0)
const mixNullable = (a: number | null, b: number | null, part: number) => (a === null || b === null ? (a ?? b) : a + (b - a) * part)
