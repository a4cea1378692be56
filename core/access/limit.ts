/**
 * How often somebody may try. A bucket per key holds `tries`, and one comes back every `refill_ms`.
 * In memory: a restart forgives, and a restart costs an attacker more than it gives.
 */
export interface Limit {
  /** Takes a try. False: none is left. */
  take(key: string): boolean
  /** The try was good: gives everything back. */
  forgive(key: string): void
}

/** Keys are chosen by whoever knocks, so there may be any number of them. */
const MAX_KEYS = 10_000

/** @param clock Epoch, ms. */
export function limit({ tries, refill_ms, clock }: { tries: number; refill_ms: number; clock: () => number }): Limit {
  const buckets = new Map<string, { left: number; at_ms: number }>()
  return {
    take(key) {
      const now_ms = clock()
      const bucket = buckets.get(key) ?? { left: tries, at_ms: now_ms }
      if (now_ms < bucket.at_ms) bucket.at_ms = now_ms // the clock was set back: what was used up comes back from now on
      const back = Math.max(0, Math.floor((now_ms - bucket.at_ms) / refill_ms))
      const left = Math.min(tries, bucket.left + back)
      if (left < 1) return false
      buckets.delete(key)
      buckets.set(key, { left: left - 1, at_ms: left === tries ? now_ms : bucket.at_ms + back * refill_ms })
      // A Map keeps the order of insertion: the first is the one not heard of for longest.
      if (buckets.size > MAX_KEYS) buckets.delete(buckets.keys().next().value!)
      return true
    },
    forgive(key) {
      buckets.delete(key)
    },
  }
}
