import type { Bounds } from '../port.ts'

/** Web-Mercator tiles (https://wiki.openstreetmap.org/wiki/Slippy_map_tilenames). Nothing is told apart below this zoom: 38 m at the equator. */
export const FINEST = 20
const MAX_LAT_DEG = 85.0511

/** @returns x and y at zoom 20; those of a lower zoom are these, shifted. */
export function tileOf(lat_deg: number, lon_deg: number): { readonly x: number; readonly y: number } {
  const n = 2 ** FINEST
  const lat = (Math.max(-MAX_LAT_DEG, Math.min(MAX_LAT_DEG, lat_deg)) * Math.PI) / 180
  const clamp = (v: number) => Math.max(0, Math.min(n - 1, Math.floor(v)))
  return { x: clamp(((lon_deg + 180) / 360) * n), y: clamp(((1 - Math.asinh(Math.tan(lat)) / Math.PI) / 2) * n) }
}

export function middleOf(x: number, y: number, zoom: number): { lat_deg: number; lon_deg: number } {
  const n = 2 ** zoom
  return { lat_deg: (Math.atan(Math.sinh(Math.PI * (1 - (2 * (y + 0.5)) / n))) * 180) / Math.PI, lon_deg: ((x + 0.5) / n) * 360 - 180 }
}

/** Zoom of the cells of a view: some 64 of them across. */
export function cellZoom({ west, east }: Bounds): number {
  const width_deg = west <= east ? east - west : 360 - west + east
  return Math.max(0, Math.min(FINEST, Math.round(Math.log2(360 / Math.max(width_deg, 1e-9))) + 6))
}

/** West of east each: bounds across the date line are two boxes. */
export const boxes = (b: Bounds): readonly Bounds[] => (b.west <= b.east ? [b] : [{ ...b, east: 180 }, { ...b, west: -180 }])

/** Whether a line has any part in the bounds, by Liang and Barsky: what is left of a piece when each side has cut off its part. */
export function passes(line: readonly (readonly number[])[], bounds: Bounds): boolean {
  return boxes(bounds).some((box) => line.some((point, i) => crosses(line[Math.max(0, i - 1)]!, point, box)))
}

function crosses(a: readonly number[], b: readonly number[], box: Bounds): boolean {
  const [dLat, dLon] = [b[0]! - a[0]!, b[1]! - a[1]!]
  let from = 0
  let to = 1
  for (const [step, room] of [[-dLat, a[0]! - box.south], [dLat, box.north - a[0]!], [-dLon, a[1]! - box.west], [dLon, box.east - a[1]!]] as const) {
    if (step === 0 && room < 0) return false
    if (step < 0) from = Math.max(from, room / step)
    if (step > 0) to = Math.min(to, room / step)
  }
  return from <= to
}
