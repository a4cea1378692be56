/** The last 24 h of a device in runs of equal quarters of an hour, for the strip and for those who hear it read. */
export interface Run { readonly from: number; readonly to: number; readonly busy: number } // quarters, `to` exclusive; busy -1: away

export const QUARTER_MS = 900_000

export function runsOf(strip: readonly number[]): Run[] {
  const runs: Run[] = []
  for (const [i, busy] of strip.entries()) {
    const last = runs.at(-1)
    if (last && shade(last.busy) === shade(busy)) runs[runs.length - 1] = { ...last, to: i + 1 }
    else runs.push({ from: i, to: i + 1, busy })
  }
  return runs
}

/** Away, idle, or one of four steps. */
export const shade = (busy: number): 'away' | 0 | 2 | 3 | 4 | 5 => (busy < 0 ? 'away' : busy === 0 ? 0 : busy < 0.25 ? 2 : busy < 0.5 ? 3 : busy < 0.8 ? 4 : 5)

/** Seconds of work, counting each quarter by its share, and seconds away. */
export const sums = (strip: readonly number[]) => ({
  busy_s: strip.reduce((sum, busy) => sum + Math.max(0, busy), 0) * 900,
  away_s: strip.filter((busy) => busy < 0).length * 900,
})
