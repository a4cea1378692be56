/** How fast work goes now, told from totals that only rise. */

/** Over so long a rate is told. */
const SPAN_MS = 600_000
/** A rate over less would jump about. */
const LEAST_MS = 10_000

interface Seen { readonly at_ms: number; readonly complete: number }

/** Work done in the last ten minutes, by a clock that nobody sets; what was done before a restart is not counted. */
export class Rates {
  readonly #began_ms: number
  readonly #seen: Map<string, Seen[]>

  /** @param totals Of what was done before; whatever is not named stood at 0. */
  constructor(began_ms: number, totals: readonly (readonly [name: string, complete: number])[]) {
    this.#began_ms = began_ms
    this.#seen = new Map(totals.map(([name, complete]) => [name, [{ at_ms: began_ms, complete }]]))
  }

  note(name: string, complete: number, at_ms: number): void {
    const seen = this.#seen.get(name) ?? [{ at_ms: this.#began_ms, complete: 0 }]
    this.#seen.set(name, seen)
    if (seen.at(-1)!.complete === complete) return
    if (complete < seen.at(-1)!.complete) seen.length = 0 // a batch that was counted already could not be written
    seen.push({ at_ms, complete })
    this.#forget(seen, at_ms)
  }

  /** 0: nothing was done, or not long enough ago to tell. */
  perHour(name: string, now_ms: number): number {
    const seen = this.#seen.get(name)
    if (!seen) return 0
    this.#forget(seen, now_ms)
    const [first, last] = [seen[0]!, seen.at(-1)!]
    if (last.complete === first.complete || last.at_ms <= now_ms - SPAN_MS) return 0
    return ((last.complete - first.complete) * 3_600_000) / Math.max(LEAST_MS, now_ms - Math.max(first.at_ms, now_ms - SPAN_MS))
  }

  /** All before the span but the last of them, which says where it began. */
  #forget(seen: Seen[], now_ms: number): void {
    while (seen.length > 1 && seen[1]!.at_ms <= now_ms - SPAN_MS) seen.shift()
  }
}
