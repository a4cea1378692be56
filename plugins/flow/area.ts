import type { Spot } from '../../core/contract/clock.ts'

/** Whether the place lies within the corners, by counting the edges east of it. An area over the date line must be two. */
export function isWithin({ lat_deg, lon_deg }: Spot, corners: readonly (readonly [lat_deg: number, lon_deg: number])[]): boolean {
  let inside = false
  let [lat1, lon1] = corners.at(-1)!
  for (const [lat2, lon2] of corners) {
    if (lat1 > lat_deg !== lat2 > lat_deg && lon_deg < ((lon2 - lon1) * (lat_deg - lat1)) / (lat2 - lat1) + lon1) inside = !inside
    lat1 = lat2
    lon1 = lon2
  }
  return inside
}
