/**
 * Milliseconds that pass for those who run, by a clock that only goes forward. What `ticks` leaps over at once, or back, while the
 * machine slept or somebody set its clocks, is nobody's silence and nobody's waiting.
 * @param longest_ms A step over more than this counts as this.
 */
export function steady(ticks: () => number, longest_ms: number): () => number {
  let last_ms = ticks()
  let sum_ms = 0
  return () => {
    const now_ms = ticks()
    sum_ms += Math.min(Math.max(0, now_ms - last_ms), longest_ms)
    last_ms = now_ms
    return sum_ms
  }
}
