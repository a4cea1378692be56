/** Which clips stay on the camera, and why. Pure. */
import { distance_m } from '../../core/contract/place.ts'
import type { Clip } from './clip.ts'
import type { Route } from './route.ts'

export interface Fence { readonly lat_deg: number; readonly lon_deg: number; readonly radius_m: number }
export interface Filter {
  readonly skip: readonly Clip['event'][]
  readonly home?: Fence | undefined
}

/** Further than a receiver wanders that stands still. */
const STOOD_M = 40
/** Faster than it thinks that such a one goes. */
const STOOD_MPS = 1.5

/** Why a clip is not fetched, in words; null: it is. `route`: null when none could be read; then nothing is concluded from it.
 *  Locked recordings, those that may be, and events are skipped only by name, never for where they are. */
export function whyNot({ event, mayBeLocked }: Pick<Clip, 'event' | 'mayBeLocked'>, { skip, home }: Filter, route: Route | null): string | null {
  if (skip.includes(event)) return `${event} recordings are skipped`
  if (event === 'locked' || event === 'event' || event === 'manual' || mayBeLocked || !home || !route) return null
  return isParkedAt(home, route) ? 'parked at home' : null
}

/** Whether all of it lies within the fence, and nothing moved. Of a route with gaps nothing is concluded: a car that drives away in the morning has its first fix down the road. */
export function isParkedAt({ lat_deg, lon_deg, radius_m }: Fence, { fixes, whole }: Route): boolean {
  const first = fixes[0]
  return whole && first !== undefined && fixes.every((fix) => (fix.speed_mps ?? 0) <= STOOD_MPS &&
    distance_m(fix.lat_deg, fix.lon_deg, lat_deg, lon_deg) <= radius_m && distance_m(fix.lat_deg, fix.lon_deg, first.lat_deg, first.lon_deg) <= STOOD_M)
}
