/** What a person's word about a camera's clock makes of a recording's time. Pure. */
import type { AssetDoc } from '../contract/records.ts'

/** From `from_ms` up to, and without, `to_ms`: both as the camera's own clock shows them, read as if it were UTC. Null: without a beginning, without an end. */
export interface Correction {
  readonly id: string
  readonly from_ms: number | null
  readonly to_ms: number | null
  readonly offset_s: number // to be added to the camera's time to get UTC
  readonly by: string
  readonly at_ms: number // when it was said
}

/** As machines found it, which an edit keeps beside what a person said. */
export type Found = Pick<AssetDoc, 'start_ms' | 'clock'>
export type Timed = Found & { readonly clock_found?: Found }

const foundOf = (asset: Timed): Found => asset.clock_found ?? { start_ms: asset.start_ms, clock: asset.clock }

/** What the camera's clock showed at the first frame, as if it were UTC; null: nothing told when that was. */
export function cameraTime_ms(asset: Timed): number | null {
  const { start_ms, clock } = foundOf(asset)
  return start_ms === null ? null : start_ms - clock.offset_s * 1000
}

/** The edit that brings `asset` in line with all that was said of its camera; null: it is. The last word about a moment counts. */
export function editFor(asset: Timed, corrections: readonly Correction[]): Record<string, unknown> | null {
  const camera_ms = cameraTime_ms(asset)
  if (camera_ms === null) return null
  const found = foundOf(asset)
  const said = corrections.findLast(({ from_ms, to_ms }) => (from_ms === null || camera_ms >= from_ms) && (to_ms === null || camera_ms < to_ms))
  const wanted: Found = said ? { start_ms: camera_ms + said.offset_s * 1000, clock: { offset_s: said.offset_s, from: 'person' } } : found
  const { clock } = asset
  if (asset.start_ms === wanted.start_ms && clock.from === wanted.clock.from && clock.offset_s === wanted.clock.offset_s) return null
  return { ...wanted, clock_found: found }
}

/** Recordings of one camera one after another, as long as its clock was off by the same. */
export interface Stretch { readonly from_ms: number; readonly to_ms: number; readonly offset_s: number; readonly from: AssetDoc['clock']['from']; readonly clips: number }

/** Clocks drift and names have whole seconds: what differs by less is the same. */
const SAME_S = 90

/** By the camera's own time, which is where `Correction` counts. */
export function stretchesOf(assets: readonly Timed[]): Stretch[] {
  const timed = assets.flatMap((asset) => {
    const at_ms = cameraTime_ms(asset)
    return at_ms === null || asset.clock.from === 'none' ? [] : [{ at_ms, ...asset.clock }]
  }).sort((a, b) => a.at_ms - b.at_ms)
  const out: Stretch[] = []
  for (const { at_ms, offset_s, from } of timed) {
    const last = out.at(-1)
    if (last && last.from === from && Math.abs(last.offset_s - offset_s) < SAME_S) out[out.length - 1] = { ...last, to_ms: at_ms, clips: last.clips + 1 }
    else out.push({ from_ms: at_ms, to_ms: at_ms, offset_s, from, clips: 1 })
  }
  return out
}
