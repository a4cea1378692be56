const DAY_MS = 86_400_000
/** Of the thirty days that a token holds: it is a day old. */
const LEFT_MS = 29 * DAY_MS
/** However wrong the clock of this machine is, core is not asked more often. */
const AGAIN_MS = 3_600_000

/**
 * Whether a device asks for its next token. A machine that sleeps sixteen hours a day has been awake for one after three, so the end
 * of the token decides; where the clock was set back, awake time does.
 * @param tried_ms since the last try, awake; infinity: there was none
 */
export const isTokenDue = (ends_ms: number | null, now_ms: number, tried_ms: number): boolean =>
  tried_ms > DAY_MS || (tried_ms > AGAIN_MS && ends_ms !== null && ends_ms - now_ms < LEFT_MS)
