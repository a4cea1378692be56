/** What stands beneath a stage in the editor: how much of its work runs, waits and is parked, and how fast it goes. */
import type { StageCount } from '../core/tasks/port.ts'
import type { NodeStatus } from './red.ts'

/** Over so long a rate is told. */
const SPAN_MS = 600_000
/** A rate over less would jump about. */
const LEAST_MS = 10_000

/** Work done in the last ten minutes, told from totals that only rise. */
export class Rates {
  readonly #seen = new Map<string, { at_ms: number; complete: number }[]>()

  note(stage: string, complete: number, at_ms: number): void {
    const seen = this.#seen.get(stage) ?? []
    if (seen.length > 0 && complete < seen.at(-1)!.complete) seen.length = 0 // another log
    if (seen.at(-1)?.complete !== complete) seen.push({ at_ms, complete })
    this.#seen.set(stage, seen)
  }

  /** 0: nothing was done, or not long enough ago to tell. */
  perHour(stage: string, now_ms: number): number {
    const seen = this.#seen.get(stage)
    if (!seen) return 0
    while (seen.length > 1 && seen[1]!.at_ms <= now_ms - SPAN_MS) seen.shift()
    const [first] = seen
    const last = seen.at(-1)
    if (!first || !last || last.complete === first.complete || last.at_ms <= now_ms - SPAN_MS) return 0
    return ((last.complete - first.complete) * 3_600_000) / Math.max(LEAST_MS, now_ms - Math.max(first.at_ms, now_ms - SPAN_MS))
  }
}

export function countText(count: StageCount | undefined, perHour: number): NodeStatus {
  if (!count) return {}
  const parts = [
    ...(count.running > 0 ? [`running ${count.running}`] : []),
    ...(count.pending > 0 ? [`waiting ${count.pending}`] : []),
    ...(count.parked > 0 ? [`parked ${count.parked}`] : []),
    ...(perHour > 0 ? [rateText(perHour)] : []),
  ]
  if (parts.length === 0) return {}
  return { fill: count.parked > 0 ? 'yellow' : count.running > 0 ? 'blue' : 'grey', shape: count.running > 0 ? 'dot' : 'ring', text: parts.join(', ') }
}

/** Two digits are all that a rate is worth. */
function rateText(perHour: number): string {
  const [value, unit] = perHour >= 120 ? [perHour / 60, 'min'] : [perHour, 'h']
  return `${value >= 10 ? Math.round(value) : Number(value.toPrecision(1))}/${unit}`
}
