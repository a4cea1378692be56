import { distance_m } from '../../../core/contract/place.ts'
import type { DroppedFixes } from '../../../core/contract/records.ts'
import type { Fix, Point } from './fix.ts'

export interface Cleaned {
  readonly fixes: readonly Fix[] // in order of time
  readonly dropped: DroppedFixes
}

export const NONE_DROPPED: DroppedFixes = { no_fix: 0, zero: 0, static: 0, jump: 0, no_time: 0, invalid: 0 }

/** No car is faster; GoPros fly, but not at 430 km/h. */
const MOST_MPS = 120
/** What a receiver may be off by between two readings, and what a repeated second hides. */
const SLACK_M = 150

/** Keeps what is a place at a moment, and counts the rest by the reason for which it was dropped. Nothing is invented. */
export function clean(points: readonly Point[], statics: number): Cleaned {
  const dropped = { ...NONE_DROPPED, static: statics }
  const placed: Fix[] = []
  for (const { fixed, t_s, ...point } of points) {
    if (!fixed) dropped.no_fix++
    else if (!isOnGlobe(point)) dropped.invalid++
    else if (Math.abs(point.lat_deg) < 1e-6 && Math.abs(point.lon_deg) < 1e-6) dropped.zero++
    else if (t_s === null) dropped.no_time++
    else placed.push({ ...point, heading_deg: point.heading_deg === null ? null : ((point.heading_deg % 360) + 360) % 360, t_s })
  }
  placed.sort((a, b) => a.t_s - b.t_s)
  const fixes = reachable(placed)
  return { fixes, dropped: { ...dropped, jump: placed.length - fixes.length } }
}

const isOnGlobe = (p: Pick<Point, 'lat_deg' | 'lon_deg'>) => Math.abs(p.lat_deg) <= 90 && Math.abs(p.lon_deg) <= 180

/**
 * The largest part of the track that a car could have driven: fixes that follow one another are gathered into stretches,
 * and the heaviest chain of stretches that can be reached from each other is kept. So one wild first fix does not
 * throw away the rest, and a gap that a drive explains breaks nothing.
 */
function reachable(fixes: readonly Fix[]): readonly Fix[] {
  const stretches: Fix[][] = []
  for (const fix of fixes) {
    const open = stretches.at(-1)
    if (open && canReach(open.at(-1)!, fix)) open.push(fix)
    else stretches.push([fix])
  }
  if (stretches.length < 2) return fixes
  const weight: number[] = []
  const from: number[] = []
  for (const [i, stretch] of stretches.entries()) {
    weight[i] = stretch.length
    from[i] = -1
    for (let j = Math.max(0, i - LOOK_BACK); j < i; j++) {
      if (weight[j]! + stretch.length <= weight[i]! || !canReach(stretches[j]!.at(-1)!, stretch[0]!)) continue
      weight[i] = weight[j]! + stretch.length
      from[i] = j
    }
  }
  const chain: Fix[][] = []
  for (let i = weight.indexOf(weight.reduce((a, b) => Math.max(a, b))); i >= 0; i = from[i]!) chain.push(stretches[i]!)
  return chain.reverse().flat()
}

/** Of a receiver that jumps all the time, no more is compared than this. */
const LOOK_BACK = 200

const canReach = (a: Fix, b: Fix) =>
  distance_m(a.lat_deg, a.lon_deg, b.lat_deg, b.lon_deg) <= SLACK_M + MOST_MPS * (b.t_s - a.t_s)
