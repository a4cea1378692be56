import { expect, test } from 'vitest'
import { countText, Rates } from './counts.ts'

test('a stage shows how much of its work runs, waits and is parked, and how fast it goes', () => {
  const count = { stage: 's', pending: 0, running: 0, complete: 9, parked: 0 }
  expect(countText(undefined, 5)).toEqual({})
  expect(countText(count, 0)).toEqual({})
  expect(countText({ ...count, pending: 2, running: 1 }, 0)).toEqual({ fill: 'blue', shape: 'dot', text: 'running 1, waiting 2' })
  expect(countText({ ...count, parked: 1 }, 7.4)).toEqual({ fill: 'yellow', shape: 'ring', text: 'parked 1, 7/h' })
  expect(countText(count, 600)).toEqual({ fill: 'grey', shape: 'ring', text: '10/min' })
})

test('a rate is told from totals over ten minutes, sinks when nothing comes, and starts anew with another log', () => {
  const rates = new Rates()
  rates.note('s', 100, 0)
  rates.note('s', 110, 60_000)
  expect(rates.perHour('s', 60_000)).toBe(600)
  expect(rates.perHour('s', 120_000)).toBe(300)
  expect(rates.perHour('s', 60_000 + 600_000)).toBe(0)
  rates.note('s', 3, 700_000)
  expect(rates.perHour('s', 700_000)).toBe(0)
  expect(rates.perHour('never', 0)).toBe(0)
})
