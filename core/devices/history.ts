/** What a device did in the last 24 hours, in a few kilobytes. Plain values and pure functions: it is kept in the log as it is. */
import { Type, type Static } from 'typebox'
import type { DeviceDetail } from '../http/api.ts'
import type { TaskEnd } from '../tasks/gate.ts'

const Count = Type.Integer({ minimum: 0 })
const End = Type.Object({
  task: Type.String(), stage: Type.String(), what: Type.Union([Type.String(), Type.Null()]), end: Type.Union([Type.Literal('complete'), Type.Literal('fault'), Type.Literal('interrupted')]),
  at_ms: Type.Number(), took_s: Type.Union([Type.Number(), Type.Null()]), message: Type.Union([Type.String(), Type.Null()]),
})
/** A quarter of an hour: how often it was looked at, how often it was there, how often it worked; what it did and failed at. */
const Quarter = Type.Object({ n: Type.Integer(), looks: Count, here: Count, busy: Count, failed: Count, done: Type.Record(Type.String(), Count) })
type Quarter = Static<typeof Quarter>

export const History = Type.Object({
  quarters: Type.Array(Quarter), // oldest first; those in which nothing was seen are left out
  took_s: Type.Record(Type.String(), Type.Array(Type.Number())), // stage → the last few, oldest first
  recent: Type.Array(End), // newest first
})
export type History = Static<typeof History>

export const EMPTY: History = { quarters: [], took_s: {}, recent: [] }

const QUARTER_MS = 15 * 60_000
const DAY = 96 // quarters
const RECENT = 50
const TOOK = 64
const STAGES = 64 // of which times are kept; an appliance has a few dozen
const MESSAGE = 300

/** A task of it ended. */
export function ended(history: History, { task, stage, input, end, at_ms, took_ms, message }: TaskEnd): History {
  const took_s = took_ms === null ? null : Math.max(0, took_ms / 1000)
  const quarters = inQuarter(history.quarters, at_ms, (quarter) =>
    end === 'complete' ? { ...quarter, done: { ...quarter.done, [stage]: (quarter.done[stage] ?? 0) + 1 } } : end === 'fault' ? { ...quarter, failed: quarter.failed + 1 } : quarter)
  const recent = [{ task, stage, what: whatOf(input), end, at_ms, took_s, message: message === null ? null : message.slice(0, MESSAGE) }, ...history.recent].slice(0, RECENT)
  if (end !== 'complete' || took_s === null) return { ...history, quarters, recent }
  const { [stage]: former = [], ...others } = history.took_s
  // Rebuilt with this stage last, so that the one not run for longest is the first to go.
  const kept = Object.entries(others).slice(-(STAGES - 1))
  return { quarters, recent, took_s: { ...Object.fromEntries(kept), [stage]: [...former, took_s].slice(-TOOK) } }
}

/** It was looked at. */
export const looked = (history: History, at_ms: number, state: { readonly here: boolean; readonly busy: boolean }): History => ({
  ...history,
  quarters: inQuarter(history.quarters, at_ms, (quarter) => ({ ...quarter, looks: quarter.looks + 1, here: quarter.here + (state.here ? 1 : 0), busy: quarter.busy + (state.here && state.busy ? 1 : 0) })),
})

/** Whether both moments lie in one quarter. */
export const isSameQuarter = (a_ms: number, b_ms: number): boolean => quarterOf(a_ms) === quarterOf(b_ms)

export type Past = Pick<DeviceDetail, 'done' | 'failed' | 'rates' | 'strip' | 'recent'>

/** The last 24 hours, for whoever looks. A stage's rate is over those quarters of an hour in which it ran, so a night's worker is not slow by day. */
export function pastOf(history: History, now_ms: number): Past {
  const last = quarterOf(now_ms)
  const quarters = history.quarters.filter(({ n }) => n > last - DAY && n <= last)
  const strip = Array.from({ length: DAY }, () => -1)
  const stages = new Map<string, { count: number; quarters: number }>()
  let [done, failed] = [0, 0]
  for (const quarter of quarters) {
    if (quarter.here > 0) strip[DAY - 1 - (last - quarter.n)] = quarter.busy / quarter.looks
    failed += quarter.failed
    for (const [stage, count] of Object.entries(quarter.done)) {
      const sum = stages.get(stage) ?? { count: 0, quarters: 0 }
      stages.set(stage, { count: sum.count + count, quarters: sum.quarters + 1 })
      done += count
    }
  }
  const rates = [...stages].map(([stage, sum]) => ({ stage, per_hour: sum.count / (sum.quarters / 4), took_s: median(history.took_s[stage] ?? []) }))
  return { done, failed, rates: rates.sort((a, b) => (a.stage < b.stage ? -1 : 1)), strip, recent: history.recent }
}

function inQuarter(quarters: readonly Quarter[], at_ms: number, change: (quarter: Quarter) => Quarter): Quarter[] {
  const n = quarterOf(at_ms)
  const at = quarters.findLastIndex((quarter) => quarter.n <= n)
  const known = quarters[at]?.n === n ? quarters[at] : undefined
  const changed = change(known ?? { n, looks: 0, here: 0, busy: 0, failed: 0, done: {} })
  const all = known ? quarters.with(at, changed) : quarters.toSpliced(at + 1, 0, changed)
  // Also what lies in the future: a clock that was set back would keep it for ever.
  return all.filter((quarter) => quarter.n > n - DAY && quarter.n < n + DAY)
}

const quarterOf = (at_ms: number): number => Math.floor(at_ms / QUARTER_MS)

/** What the task was about, as a person calls it. */
function whatOf(input: Record<string, unknown>): string | null {
  const { name, media } = input
  if (typeof name === 'string') return name.slice(0, MESSAGE)
  const path = typeof media === 'object' && media !== null && 'path' in media ? media.path : null
  return typeof path === 'string' ? path.slice(path.lastIndexOf('/') + 1) : null
}

function median(values: readonly number[]): number {
  if (values.length === 0) return 0
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
