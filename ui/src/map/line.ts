/** Lines of drives on the map. */
import { MAX_GAP_S } from '../../../core/contract/place.ts'
import type { TrackDoc } from '../../../core/contract/records.ts'

export type LatLon = readonly [lat_deg: number, lon_deg: number]
export type Line = readonly (readonly number[])[]

/** A drive's line as unbroken strokes: an entry that is no place (or null) is where the receiver was silent. */
export function strokes(line: Line): LatLon[][] {
  const parts: LatLon[][] = [[]]
  for (const point of line) {
    const [lat, lon] = point ?? []
    if (typeof lat === 'number' && typeof lon === 'number' && Number.isFinite(lat) && Number.isFinite(lon)) parts.at(-1)!.push([lat, lon])
    else if (parts.at(-1)!.length > 0) parts.push([])
  }
  return parts.filter((part) => part.length > 1)
}

/** A track as strokes; nothing is drawn across a silence. */
export function trackStrokes(track: TrackDoc): LatLon[][] {
  const parts: LatLon[][] = []
  for (let i = 0; i < track.t_s.length; i++) {
    if (i === 0 || track.t_s[i]! - track.t_s[i - 1]! > MAX_GAP_S) parts.push([])
    parts.at(-1)!.push([track.lat_deg[i]!, track.lon_deg[i]!])
  }
  return parts
}

export interface Box { readonly south: number; readonly west: number; readonly north: number; readonly east: number }

/** What holds all points; null for none. */
export function boxOf(points: readonly LatLon[]): Box | null {
  if (points.length === 0) return null
  let [south, west, north, east] = [90, 180, -90, -180]
  for (const [lat, lon] of points) {
    south = Math.min(south, lat); north = Math.max(north, lat)
    west = Math.min(west, lon); east = Math.max(east, lon)
  }
  return { south, west, north, east }
}

export const meets = (a: Box, b: Box) => a.south <= b.north && a.north >= b.south && a.west <= b.east && a.east >= b.west
