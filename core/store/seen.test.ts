import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Seen } from './seen.ts'

test('whatever was added is seen', () => {
  fc.assert(fc.property(fc.array(fc.string({ unit: 'binary' })), (keys) => {
    const seen = new Seen()
    for (const key of keys) seen.add(key)
    expect(keys.filter((key) => !seen.has(key))).toEqual([])
  }), { numRuns: 20 })
})

test('of a million keys that were never added, few are taken for seen', () => {
  const seen = new Seen()
  for (let n = 0; n < 1_000_000; n++) seen.add(`t!${n.toString(16)}`)
  let wrong = 0
  for (let n = 1_000_000; n < 1_100_000; n++) if (seen.has(`t!${n.toString(16)}`)) wrong++
  expect(wrong).toBeLessThan(500) // 0.2 % by theory
})
