import fc from 'fast-check'
import { expect, test } from 'vitest'
import { clean } from './clean.ts'
import type { Point } from './fix.ts'

const point = (t_s: number | null, lat_deg: number, lon_deg: number, over: Partial<Point> = {}): Point =>
  ({ at_ms: null, t_s, lat_deg, lon_deg, speed_mps: null, heading_deg: null, altitude_m: null, fixed: true, ...over })
/** Northwards at 20 m/s. */
const drive = (from_s: number, seconds: number, lat_deg: number) => Array.from({ length: seconds }, (_, i) => point(from_s + i, lat_deg + i * 0.00018, 30))
const places = (points: readonly Point[]) => clean(points, 0).fixes.map((f) => f.t_s)

test('each reading that is no place at a moment is dropped for one reason', () => {
  const { fixes, dropped } = clean([
    point(0, 50, 30), point(1, 50, 30, { fixed: false }), point(2, 0, 0), point(3, 91, 30), point(4, NaN, 30), point(5, 50, 181), point(null, 50, 30), point(6, 51, 30), point(7, 50, 30),
  ], 1)
  expect(fixes.map((f) => f.t_s)).toEqual([0, 7])
  expect(dropped).toEqual({ no_fix: 1, zero: 1, static: 1, jump: 1, no_time: 1, invalid: 3 })
})

test('a wild first fix does not throw away the drive', () => {
  expect(places([point(0, 10, 10), ...drive(1, 5, 50)])).toEqual([1, 2, 3, 4, 5])
})

test('nor does a burst of them in the middle', () => {
  expect(places([...drive(0, 5, 50), point(5, 40, 30), point(6, 40, 30), ...drive(7, 5, 50.001)])).toEqual([0, 1, 2, 3, 4, 7, 8, 9, 10, 11])
})

test('after a long silence the car may be far away', () => {
  expect(places([...drive(0, 3, 50), ...drive(3600, 3, 51)])).toEqual([0, 1, 2, 3600, 3601, 3602])
})

test('three readings of one second a few metres apart are no jump', () => {
  expect(places([point(5, 50, 30), point(6, 50.0001, 30.0001), point(6, 50.0002, 30.0002), point(6, 50.0003, 30.0003)])).toEqual([5, 6, 6, 6])
})

test('crossing 180° is no jump', () => {
  expect(places([point(0, -17, 179.9999), point(1, -17, -179.9999)])).toEqual([0, 1])
})

test('fixes come out in order of time, and courses within a full turn', () => {
  const { fixes } = clean([point(2, 50, 30, { heading_deg: 361 }), point(1, 50, 30, { heading_deg: -1 })], 0)
  expect(fixes.map((f) => [f.t_s, f.heading_deg])).toEqual([[1, 359], [2, 1]])
})

test('whatever comes, all readings are either kept or counted, and nothing is made up', () => {
  const degree = fc.oneof(fc.double({ min: -200, max: 200 }), fc.constant(0), fc.constant(NaN))
  const any = fc.record({ t_s: fc.option(fc.integer({ min: 0, max: 1000 })), lat_deg: degree, lon_deg: degree, fixed: fc.boolean() })
  fc.assert(fc.property(fc.array(any, { maxLength: 300 }), (all) => {
    const points = all.map((p) => point(p.t_s, p.lat_deg, p.lon_deg, { fixed: p.fixed }))
    const { fixes, dropped } = clean(points, 0)
    expect(fixes.length + Object.values(dropped).reduce((a, b) => a + b)).toBe(points.length)
    for (const fix of fixes) expect(points.some((p) => p.t_s === fix.t_s && p.lat_deg === fix.lat_deg && p.lon_deg === fix.lon_deg)).toBe(true)
  }))
})
