import { expect, test } from 'vitest'
import { budget } from './restart-budget.ts'

test('each death doubles the wait, and a minute of peace forgets them', () => {
  const b = budget()
  expect(b.rest_ms(0)).toBe(0)
  b.died(0)
  expect([b.rest_ms(0), b.rest_ms(100), b.rest_ms(250)]).toEqual([250, 150, 0])
  b.died(250)
  expect(b.rest_ms(250)).toBe(500)
  expect(b.rest_ms(61_000)).toBe(0)
  b.died(61_000)
  expect(b.rest_ms(61_000)).toBe(250)
})

test('what dies ten times in a minute rests', () => {
  const b = budget()
  for (let i = 0; i < 10; i++) b.died(i)
  expect(b.rest_ms(9)).toBe(15_000)
})
