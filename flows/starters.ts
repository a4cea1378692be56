/**
 * What starts a flow by itself: a clock, or work that piles up. An event is named by its node and the moment that is meant, so whoever
 * looks twice, or after a restart, starts nothing twice.
 */
import { isOn, nextSun, nextTime } from '../core/contract/clock.ts'
import type { StageCount } from '../core/tasks/port.ts'
import type { AtSettings, WaitingSettings } from './rules.ts'

/** What is due now; null: nothing new. */
export type Starter = (now_ms: number, counts: ReadonlyMap<string, StageCount>) => { readonly type: string; readonly key: string; readonly payload: Record<string, unknown> } | null

const DAY_MS = 86_400_000
/** So many days back a moment is looked for, and made up for. */
const BACK_DAYS = 8

/** @param options Of which `settingsAgainst` says nothing. @param since_ms When the node was made or changed last; what lies before was never meant. @param now_ms When it begins to run. */
export function starterOf(type: string, node: string, options: Readonly<Record<string, unknown>>, since_ms: unknown, now_ms: number): Starter | null {
  if (type === 'flow.at') return byClock(node, options as AtSettings, typeof since_ms === 'number' && since_ms > 0 ? since_ms : now_ms)
  if (type === 'flow.waiting') return byPile(node, options as WaitingSettings)
  return null
}

function byClock(node: string, settings: AtSettings, since_ms: number): Starter {
  let last_ms = since_ms
  return (now_ms) => {
    const at_ms = lastMoment(settings, now_ms)
    if (at_ms === null || at_ms <= last_ms) return null
    last_ms = at_ms
    return { type: 'flow.at', key: `${node}/${at_ms}`, payload: { node, at_ms } }
  }
}

/** The newest moment that has come; null: none within the last days. */
export function lastMoment({ what, time, days, lat_deg, lon_deg }: AtSettings, now_ms: number): number | null {
  const today = new Date(now_ms)
  for (let back = 0; back < BACK_DAYS; back++) {
    const midnight_ms = new Date(today.getFullYear(), today.getMonth(), today.getDate() - back).getTime()
    const at_ms = what === 'a time of day' ? nextTime(midnight_ms, time) : nextSun(midnight_ms, { lat_deg, lon_deg }, what)
    if (at_ms !== null && at_ms <= now_ms && at_ms < midnight_ms + DAY_MS + 3_600_000 && (days === undefined || isOn(at_ms, days))) return at_ms
  }
  return null
}

function byPile(node: string, { stage, count, rest_s }: WaitingSettings): Starter {
  const rest_ms = rest_s * 1_000
  let last_ms = -Infinity
  return (now_ms, counts) => {
    const pending = counts.get(stage)?.pending ?? 0
    if (pending < count || (now_ms - last_ms < rest_ms && now_ms >= last_ms)) return null
    last_ms = now_ms
    return { type: 'flow.waiting', key: `${node}/${Math.floor(now_ms / rest_ms)}`, payload: { node, stage, count: pending } }
  }
}
