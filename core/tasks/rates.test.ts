import { expect, test } from 'vitest'
import { Rates } from './rates.ts'

test('a rate is told from totals over ten minutes, sinks when nothing comes, and starts anew when totals fall', () => {
  const rates = new Rates(0, [['s', 100]])
  rates.note('s', 110, 60_000)
  expect(rates.perHour('s', 60_000)).toBe(600)
  expect(rates.perHour('s', 120_000)).toBe(300)
  expect(rates.perHour('s', 60_000 + 600_000)).toBe(0)
  rates.note('s', 3, 700_000)
  expect(rates.perHour('s', 700_000)).toBe(0)
  expect(rates.perHour('never', 0)).toBe(0)
})

test('what was done long ago says only where the count began', () => {
  const rates = new Rates(0, [])
  for (let minute = 0; minute <= 60; minute++) rates.note('s', minute, minute * 60_000)
  expect(rates.perHour('s', 60 * 60_000)).toBe(60)
  rates.note('s', 1_060, 120 * 60_000)
  expect(rates.perHour('s', 120 * 60_000)).toBe(6_000)
})
