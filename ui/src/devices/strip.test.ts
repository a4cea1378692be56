import fc from 'fast-check'
import { expect, test } from 'vitest'
import { settled } from './order.ts'
import { rate, took } from './rate.ts'
import { runsOf, shade, sums } from './strip.ts'

test('quarters of one shade are one run; runs follow each other without a gap', () => {
  expect(runsOf([-1, -1, 0, 0.9, 0.85, 0.1])).toEqual([{ from: 0, to: 2, busy: -1 }, { from: 2, to: 3, busy: 0 }, { from: 3, to: 5, busy: 0.9 }, { from: 5, to: 6, busy: 0.1 }])
  fc.assert(fc.property(fc.array(fc.oneof(fc.constant(-1), fc.double({ min: 0, max: 1, noNaN: true })), { maxLength: 96 }), (strip) => {
    const runs = runsOf(strip)
    expect(runs.flatMap((run) => Array.from({ length: run.to - run.from }, () => shade(run.busy)))).toEqual(strip.map(shade))
    for (const [i, run] of runs.entries()) expect(run.from).toBe(i === 0 ? 0 : runs[i - 1]!.to)
  }))
  expect(sums([-1, -1, 0.5, 1])).toEqual({ busy_s: 1350, away_s: 1800 })
})

test('cards under the pointer keep their order; the gone leave, the new come last', () => {
  expect(settled(['a', 'b', 'c'], ['c', 'a', 'd'], true)).toEqual(['a', 'c', 'd'])
  expect(settled(['a', 'b', 'c'], ['c', 'a', 'd'], false)).toEqual(['c', 'a', 'd'])
})

test('pace is said in the unit that fits', () => {
  expect([5760, 90, 38, 9.96, 2.4].map(rate)).toEqual(['96\u202f/\u202fmin', '90 per hour', '38 per hour', '10 per hour', '2.4 per hour'])
  expect([0.61, 42, 94, 120, 7200].map(took)).toEqual(['0.6\u202fs', '42\u202fs', '1\u202fmin 34\u202fs', '2\u202fmin', '2\u202fh'])
})
