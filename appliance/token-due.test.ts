import { expect, test } from 'vitest'
import { isTokenDue } from './token-due.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

test.each([
  ['when the agent starts', 30 * DAY_MS, Infinity, true],
  ['not when the token is new', 30 * DAY_MS, 2 * HOUR_MS, false],
  ['after a night asleep, by the end of the token', 28.9 * DAY_MS, 2 * HOUR_MS, true],
  ['no more than once an hour, whatever the clock says', 3 * DAY_MS, 0.5 * HOUR_MS, false],
  ['after a day awake, though the clock was set back', 70 * DAY_MS, 25 * HOUR_MS, true],
  ['not of one whose end core does not know', null, 2 * HOUR_MS, false],
])('a token is renewed: %s', (_, left_ms, tried_ms, expected) => {
  const now_ms = Date.UTC(2026, 10, 28)
  expect(isTokenDue(left_ms === null ? null : now_ms + left_ms, now_ms, tried_ms)).toBe(expected)
})
