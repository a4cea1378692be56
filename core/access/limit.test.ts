import { expect, test } from 'vitest'
import { limit } from './limit.ts'

test('tries come back one after another, also when the clock was set back by a day', () => {
  let now_ms = Date.UTC(2026, 10, 28)
  const door = limit({ tries: 2, refill_ms: 1_000, clock: () => now_ms })
  const take = () => door.take('ann')
  expect([take(), take(), take()]).toEqual([true, true, false])
  now_ms += 1_000
  expect([take(), take()]).toEqual([true, false])
  now_ms -= 86_400_000
  expect(take()).toBe(false)
  now_ms += 1_000
  expect([take(), take()]).toEqual([true, false])
})
