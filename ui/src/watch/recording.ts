/** Clips laid on one axis of time: a drive of many, or one alone. Seconds on that axis are `t_s`; within a clip, `local_s`. */
import { distance_m, MAX_GAP_S, placeAt, type Place } from '../../../core/contract/place.ts'
import type { AssetView, SightingHit } from '../../../core/store/port.ts'

export interface Take { readonly view: AssetView; readonly channel: string; readonly start_s: number; readonly end_s: number }
export interface Mark { readonly hit: SightingHit; readonly take: Take; readonly t_s: number; readonly from_s: number; readonly to_s: number }
export interface Recording {
  readonly t0_ms: number | null // the axis' zero; null when no clip knows its start
  readonly length_s: number
  readonly channels: readonly string[] // front first
  readonly takes: readonly Take[] // in order of start
  readonly marks: readonly Mark[] // plates, in order of time
  readonly fixes: readonly Fix[] // of the channel that has most, in order of time
  readonly driven_m: number
}
export interface Fix { readonly t_s: number; readonly lat_deg: number; readonly lon_deg: number; readonly speed_mps: number | null; readonly heading_deg: number | null; readonly driven_m: number; readonly gap: boolean }

const ORDER = ['front', 'rear', 'interior', 'telephoto', 'unknown', 'track']

export function recordingOf(views: readonly AssetView[]): Recording {
  const starts = views.flatMap((view) => view.asset.start_ms ?? [])
  const t0_ms = starts.length > 0 ? Math.min(...starts) : null
  const takes = views.map((view): Take => {
    const start_s = t0_ms === null || view.asset.start_ms === null ? 0 : (view.asset.start_ms - t0_ms) / 1000
    return { view, channel: view.asset.media_kind === 'track' ? 'track' : view.asset.channel, start_s, end_s: start_s + Math.max(lengthOf(view), 0.5) }
  }).sort((a, b) => a.start_s - b.start_s)
  const marks = takes.flatMap((take) => take.view.hits.filter((hit) => hit.plate !== null).map((hit): Mark => ({ hit, take, t_s: take.start_s + hit.at_s, from_s: take.start_s + hit.from_s, to_s: take.start_s + hit.to_s })))
    .sort((a, b) => a.t_s - b.t_s)
  const channels = [...new Set(takes.map((take) => take.channel))].sort((a, b) => ORDER.indexOf(a) - ORDER.indexOf(b))
  const fixes = fixesOf(takes, channels)
  return { t0_ms, length_s: Math.max(1, ...takes.map((take) => take.end_s)), channels, takes, marks, fixes, driven_m: fixes.at(-1)?.driven_m ?? 0 }
}

/** As long as the picture; without one, as long as the track. */
const lengthOf = ({ asset, track }: AssetView): number => asset.duration_s ?? track?.t_s.at(-1) ?? 0

/** Whether there is anything to look at: a track has none, nor a file whose telemetry alone could be read. */
export const hasPicture = ({ asset }: AssetView): boolean => asset.media_kind === 'image' || (asset.media_kind === 'video' && asset.codec !== null)

/** The highest speed, and no less than `least_mps`. There may be more fixes than a call takes arguments. */
export const fastest = (fixes: readonly Fix[], least_mps: number): number => fixes.reduce((most, { speed_mps }) => Math.max(most, speed_mps ?? 0), least_mps)

/** One camera's fixes: two receivers in one car would zigzag. */
function fixesOf(takes: readonly Take[], channels: readonly string[]): Fix[] {
  const count = (channel: string) => takes.filter((take) => take.channel === channel).reduce((sum, take) => sum + (take.view.track?.t_s.length ?? 0), 0)
  const chosen = channels.toSorted((a, b) => count(b) - count(a))[0]
  const fixes: Fix[] = []
  let driven_m = 0
  for (const take of takes) {
    const track = take.view.track
    if (take.channel !== chosen || !track) continue
    for (let i = 0; i < track.t_s.length; i++) {
      const t_s = take.start_s + track.t_s[i]!
      const before = fixes.at(-1)
      if (before && t_s <= before.t_s) continue // clips of one camera may overlap by a second
      const [lat_deg, lon_deg] = [track.lat_deg[i]!, track.lon_deg[i]!]
      const gap = before !== undefined && t_s - before.t_s > MAX_GAP_S
      if (before && !gap) driven_m += distance_m(before.lat_deg, before.lon_deg, lat_deg, lon_deg)
      fixes.push({ t_s, lat_deg, lon_deg, speed_mps: track.speed_mps[i]!, heading_deg: track.heading_deg[i]!, driven_m, gap })
    }
  }
  return fixes
}

/** The clip of a camera that covers `t_s`; otherwise the next one, otherwise its last. Null: that camera recorded nothing. */
export function takeAt(recording: Recording, channel: string, t_s: number): Take | null {
  const own = recording.takes.filter((take) => take.channel === channel)
  return own.findLast((take) => take.start_s <= t_s && t_s < take.end_s) ?? own.find((take) => take.start_s >= t_s) ?? own.at(-1) ?? null
}

/** Where the car was. Null where it is not known: before the first fix, in a tunnel, without a receiver. */
export function whereAt(recording: Recording, t_s: number): (Place & { driven_m: number }) | null {
  for (const take of recording.takes) {
    if (!take.view.track || t_s < take.start_s - 1 || t_s > take.end_s + 1) continue
    const found = placeAt(take.view.track, t_s - take.start_s)
    if (found) return { ...found, heading_deg: found.heading_deg ?? headingAt(recording.fixes, t_s), driven_m: drivenAt(recording.fixes, t_s) }
  }
  return null
}

/** The plate to point at: the nearest of those that are in sight, otherwise the last one passed. */
export function markAt(recording: Recording, t_s: number): Mark | null {
  const inSight = recording.marks.filter((mark) => mark.from_s - 0.3 <= t_s && t_s <= mark.to_s + 0.3)
  if (inSight.length > 0) return inSight.reduce((best, mark) => (Math.abs(mark.t_s - t_s) < Math.abs(best.t_s - t_s) ? mark : best))
  return recording.marks.findLast((mark) => mark.t_s <= t_s) ?? null
}

/** The last fix at or before `t_s`; -1 before the first. */
export function fixBefore(fixes: readonly Fix[], t_s: number): number {
  let low = 0
  let high = fixes.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (fixes[middle]!.t_s <= t_s) low = middle + 1
    else high = middle
  }
  return low - 1
}

function drivenAt(fixes: readonly Fix[], t_s: number): number {
  const i = fixBefore(fixes, t_s)
  const [a, b] = [fixes[i], fixes[i + 1]]
  if (!a) return 0
  return b && !b.gap ? a.driven_m + ((b.driven_m - a.driven_m) * (t_s - a.t_s)) / (b.t_s - a.t_s) : a.driven_m
}

/** From the way itself, for receivers that give no heading; null while standing. */
function headingAt(fixes: readonly Fix[], t_s: number): number | null {
  const i = Math.max(0, fixBefore(fixes, t_s))
  const a = fixes[i]
  for (const b of fixes.slice(i + 1, i + 20)) {
    if (!a || b.gap) return null
    if (b.driven_m - a.driven_m < 3) continue
    const east = (b.lon_deg - a.lon_deg) * Math.cos((a.lat_deg * Math.PI) / 180)
    return ((Math.atan2(east, b.lat_deg - a.lat_deg) * 180) / Math.PI + 360) % 360
  }
  return null
}

/** The moment of the way nearest to a place, given a measure of distance; null without fixes. */
export function nearestMoment(fixes: readonly Fix[], away: (fix: Fix) => number): { t_s: number; away: number } | null {
  let best: { t_s: number; away: number } | null = null
  for (const fix of fixes) {
    const far = away(fix)
    if (!best || far < best.away) best = { t_s: fix.t_s, away: far }
  }
  return best
}
