/**
 * When a clip began, in UTC, and by how much the camera's own clock was wrong. Pure.
 *
 * A camera knows up to three times: what its receiver heard (UTC, the best), what it wrote into the file's name (its
 * clock, mostly local time) and what it wrote into the container (should be UTC). They are asked in this order.
 */
import type { AssetDoc } from '../../../core/contract/records.ts'
import type { Point } from './fix.ts'

export type Clock = AssetDoc['clock']

export interface CameraClock {
  readonly name_ms: number | null // the name's reading as if it were UTC
  readonly container_ms: number | null // UTC, if the camera keeps to the standard
  readonly zone_ms: (wall_ms: number) => number // how far the camera's zone is thought to be ahead of UTC
}

export interface Start {
  readonly start_ms: number | null // UTC of the first frame
  readonly clock: Clock
}

/** @param gps_ms The start by GPS time; null without one. */
export function reconcile(gps_ms: number | null, camera: CameraClock): Start {
  const wrote_ms = camera.name_ms ?? camera.container_ms
  if (gps_ms !== null) return { start_ms: gps_ms, clock: { offset_s: wrote_ms === null ? 0 : seconds(gps_ms - wrote_ms), from: 'gps' } }
  if (camera.name_ms !== null) {
    const zone_ms = camera.zone_ms(camera.name_ms)
    return { start_ms: camera.name_ms - zone_ms, clock: { offset_s: seconds(-zone_ms), from: 'name' } }
  }
  if (camera.container_ms !== null) return { start_ms: camera.container_ms, clock: { offset_s: 0, from: 'container' } }
  return { start_ms: null, clock: { offset_s: 0, from: 'none' } }
}

export interface Timeline {
  readonly start_ms: number | null // by GPS
  readonly points: readonly Point[] // `t_s` filled in where it can be
}

/** Telemetry's and the container's clocks agree when their spans do; else the container's were set by somebody who remuxed it. */
const SPAN_SLACK_S = 2
const SPAN_SLACK = 0.05
/** A reading before the first fix is believed only this close to it: a clock that never heard GPS may show 2000-01-01. */
const UNFIXED_REACH_MS = 3_600_000

/** Puts the readings of an embedded stream on the clip's seconds. */
export function timeline(points: readonly Point[]): Timeline {
  const timed = points.filter((p) => p.fixed && p.at_ms !== null)
  const both = timed.filter((p) => p.t_s !== null)
  if (both.length > 0 && spansAgree(both)) {
    const start_ms = upperMedian(both.map((p) => p.at_ms! - p.t_s! * 1000))
    return { start_ms, points: points.map((p) => (p.t_s !== null || p.at_ms === null ? p : { ...p, t_s: seconds(p.at_ms - start_ms) })) }
  }
  if (timed.length > 0) {
    const earliest_ms = timed.reduce((least, p) => Math.min(least, p.at_ms!), Infinity)
    const before = points.slice(0, points.indexOf(timed[0]!)).filter((p) => p.at_ms !== null && p.at_ms <= earliest_ms && p.at_ms > earliest_ms - UNFIXED_REACH_MS)
    const start_ms = before.reduce((least, p) => Math.min(least, p.at_ms!), earliest_ms)
    return { start_ms, points: between(points.map((p) => ({ ...p, t_s: p.at_ms === null ? null : seconds(p.at_ms - start_ms) }))) }
  }
  return { start_ms: null, points: between(points) }
}

/**
 * Some cameras write their zone into the GPS time. It shows at a cold start: before the first fix the camera's own
 * clock counts on, and with the fix the time jumps by a whole zone. One of the two is UTC: the other one is what the
 * camera displays, so the file's name follows it; without a name, the longitude says which zone is possible; and
 * without either the clock before the fix is taken for UTC, as seen on VIOFO's A119 Mini 2.
 *
 * @returns What to take off the time of every fix, ms; 0 when there is no such jump or the fixes are UTC.
 */
export function bakedZone_ms(points: readonly Point[], name_ms: number | null): number {
  const first = points.findIndex((p) => p.fixed)
  const fix = points[first]
  const rtc = points.slice(0, Math.max(first, 0)).findLast((p) => p.at_ms !== null)
  if (!fix || fix.at_ms === null || !rtc) return 0
  const passed_ms = rtc.t_s !== null && fix.t_s !== null ? (fix.t_s - rtc.t_s) * 1000 : 1000
  const jump_ms = fix.at_ms - (rtc.at_ms! + passed_ms)
  const zone_ms = Math.round(jump_ms / QUARTER_MS) * QUARTER_MS
  if (zone_ms === 0 || Math.abs(zone_ms) > MOST_ZONE_MS || Math.abs(jump_ms - zone_ms) > ZONE_SLACK_MS) return 0
  if (name_ms !== null) {
    const showsFix = Math.abs(name_ms - fix.at_ms) < NAME_REACH_MS
    const showsRtc = Math.abs(name_ms - rtc.at_ms!) < NAME_REACH_MS
    if (showsFix !== showsRtc) return showsFix ? zone_ms : 0
  }
  const sun_ms = (fix.lon_deg / 15) * 3_600_000
  return Number.isFinite(sun_ms) && Math.abs(-zone_ms - sun_ms) < Math.abs(zone_ms - sun_ms) ? 0 : zone_ms
}

const QUARTER_MS = 900_000 // all zones in use are whole quarters of an hour from UTC
const MOST_ZONE_MS = 14 * 3_600_000
const ZONE_SLACK_MS = 60_000 // what a clock in a car drifts
const NAME_REACH_MS = 450_000 // half a quarter: no other zone comes so close

/**
 * When a clip began, from the rows of a log that belong to it and the time in its name: the zone, of all quarters of
 * an hour, that puts most rows into the clip; among equals the one that the camera is thought to be in.
 * Null when none does: the camera's clock is off by something else.
 */
export function startByLog(rows_ms: readonly number[], duration_s: number | null, camera: CameraClock): number | null {
  if (camera.name_ms === null || rows_ms.length === 0) return null
  const last_ms = (duration_s ?? 600) * 1000 + EDGE_MS
  let best: { inside: number; start_ms: number } | null = null
  const likely_ms = camera.zone_ms(camera.name_ms)
  for (let q = 0; q <= (2 * MOST_ZONE_MS) / QUARTER_MS; q++) {
    // 0, then ±1, ±2 … quarters from the likely zone
    const zone_ms = likely_ms + (q % 2 === 0 ? 1 : -1) * Math.ceil(q / 2) * QUARTER_MS
    if (Math.abs(zone_ms) > MOST_ZONE_MS) continue
    const start_ms = camera.name_ms - zone_ms
    const inside = rows_ms.reduce((n, at) => n + (at - start_ms >= -EDGE_MS && at - start_ms <= last_ms ? 1 : 0), 0)
    if (inside > (best?.inside ?? 0)) best = { inside, start_ms }
  }
  return best && best.inside * 2 >= Math.min(rows_ms.length, last_ms / 1000) ? best.start_ms : null
}

const EDGE_MS = 3_000

/** Points without a second between two that have one lie evenly between them. */
function between(points: readonly Point[]): Point[] {
  const out = [...points]
  for (let i = 0; i < out.length; i++) {
    if (out[i]!.t_s !== null || out[i - 1] === undefined || out[i - 1]!.t_s === null) continue
    const next = out.findIndex((p, j) => j > i && p.t_s !== null)
    if (next < 0) break
    const [from, to] = [out[i - 1]!.t_s!, out[next]!.t_s!]
    for (let j = i; j < next; j++) out[j] = { ...out[j]!, t_s: from + ((to - from) * (j - i + 1)) / (next - i + 1) }
  }
  return out
}

function spansAgree(points: readonly Point[]): boolean {
  const [first, last] = [points[0]!, points.at(-1)!]
  const heard_s = (last.at_ms! - first.at_ms!) / 1000
  const media_s = last.t_s! - first.t_s!
  return Math.abs(heard_s - media_s) <= SPAN_SLACK_S + SPAN_SLACK * Math.abs(media_s)
}

/** The upper of the two in the middle: a receiver repeats an old second sooner than it invents a new one. */
const upperMedian = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!
const seconds = (ms: number) => Math.round(ms) / 1000
