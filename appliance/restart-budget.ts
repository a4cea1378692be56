/** How long to wait before starting again what died: twice as long each time, and a rest when it died too often. */
const DEATHS = 10
const WINDOW_MS = 60_000
const FIRST_WAIT_MS = 250
const MAX_WAIT_MS = 15_000

/** Time passed in; keeps the moments of the last deaths. */
export function budget() {
  let deaths_ms: number[] = []
  return {
    died(now_ms: number): void {
      deaths_ms = [...deaths_ms.filter((t) => now_ms - t < WINDOW_MS), now_ms]
    },
    rest_ms(now_ms: number): number {
      const recent = deaths_ms.filter((t) => now_ms - t < WINDOW_MS)
      const last = recent.at(-1)
      if (last === undefined) return 0
      const wait = recent.length >= DEATHS ? MAX_WAIT_MS : Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** (recent.length - 1))
      return Math.max(0, last + wait - now_ms)
    },
  }
}
