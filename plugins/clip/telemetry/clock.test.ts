import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bakedZone_ms, reconcile, startByLog, timeline } from './clock.ts'
import type { Point } from './fix.ts'

const HOUR_MS = 3_600_000
const NOON_MS = Date.UTC(2026, 3, 6, 12)
const iso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString())
const point = (over: Partial<Point>): Point => ({ at_ms: null, t_s: null, lat_deg: 50, lon_deg: 30, speed_mps: null, heading_deg: null, altitude_m: null, fixed: true, ...over })
const zoned = (hours: number) => ({ zone_ms: () => hours * HOUR_MS })

describe('when a clip began is told by', () => {
  test('GPS before all else; the offset says by how much the name was off', () => {
    expect(reconcile(NOON_MS, { name_ms: NOON_MS + 2 * HOUR_MS + 3000, container_ms: NOON_MS + 9, ...zoned(5) }))
      .toEqual({ start_ms: NOON_MS, clock: { offset_s: -7203, from: 'gps' } })
  })
  test('GPS, against the container where the name has no time', () => {
    expect(reconcile(NOON_MS, { name_ms: null, container_ms: NOON_MS + 1500, ...zoned(0) }).clock).toEqual({ offset_s: -1.5, from: 'gps' })
  })
  test('GPS alone where the camera wrote no time at all', () => {
    expect(reconcile(NOON_MS, { name_ms: null, container_ms: null, ...zoned(0) }).clock).toEqual({ offset_s: 0, from: 'gps' })
  })
  test("the name, in the camera's zone", () => {
    expect(reconcile(null, { name_ms: NOON_MS, container_ms: NOON_MS - 7, ...zoned(2) })).toEqual({ start_ms: NOON_MS - 2 * HOUR_MS, clock: { offset_s: -7200, from: 'name' } })
  })
  test('the container', () => {
    expect(reconcile(null, { name_ms: null, container_ms: NOON_MS, ...zoned(2) })).toEqual({ start_ms: NOON_MS, clock: { offset_s: 0, from: 'container' } })
  })
  test('nobody', () => {
    expect(reconcile(null, { name_ms: null, container_ms: null, ...zoned(2) })).toEqual({ start_ms: null, clock: { offset_s: 0, from: 'none' } })
  })
})

describe('readings on the seconds of the clip', () => {
  test('one late fix does not move the start: the median counts', () => {
    const found = timeline([0, 1, 2, 3, 4].map((t) => point({ t_s: t, at_ms: NOON_MS + t * 1000 - (t === 2 ? 900 : 0) })))
    expect(found.start_ms).toBe(NOON_MS)
    expect(found.points.map((p) => p.t_s)).toEqual([0, 1, 2, 3, 4])
  })
  test('a container whose seconds are not those of the receiver is not believed', () => {
    const found = timeline([5, 15, 25].map((t, i) => point({ t_s: t, at_ms: NOON_MS + i * 1000 })))
    expect(found).toMatchObject({ start_ms: NOON_MS, points: [{ t_s: 0 }, { t_s: 1 }, { t_s: 2 }] })
  })
  test('points without a time lie between those that have one, and nowhere beyond them', () => {
    const found = timeline([point({}), point({ at_ms: NOON_MS }), point({}), point({}), point({ at_ms: NOON_MS + 3000 }), point({})])
    expect(found.points.map((p) => p.t_s)).toEqual([null, 0, 1, 2, 3, null])
  })
  test('readings without fix count on: the fix came three seconds into the clip', () => {
    const before = [0, 1, 2].map((t) => point({ fixed: false, at_ms: NOON_MS + t * 1000 }))
    expect(timeline([...before, point({ at_ms: NOON_MS + 3000 })])).toMatchObject({ start_ms: NOON_MS, points: [{ t_s: 0 }, { t_s: 1 }, { t_s: 2 }, { t_s: 3 }] })
  })
  test('a clock that never heard GPS does not stretch the clip to the year 2000', () => {
    const found = timeline([point({ fixed: false, at_ms: Date.UTC(2000, 0, 1) }), point({ at_ms: NOON_MS })])
    expect(found.start_ms).toBe(NOON_MS)
  })
  test('places without any time keep their second, and nobody says when that was', () => {
    expect(timeline([point({ t_s: 0 }), point({ t_s: 1 })])).toMatchObject({ start_ms: null, points: [{ t_s: 0 }, { t_s: 1 }] })
  })
  test('the time of a reading without fix starts no clip', () => {
    expect(timeline([point({ fixed: false, t_s: 0, at_ms: NOON_MS })]).start_ms).toBeNull()
  })
  test('whatever comes, no reading is lost or added', () => {
    const any = fc.record({ at_ms: fc.option(fc.integer({ min: 0, max: 2e12 })), t_s: fc.option(fc.integer({ min: 0, max: 1e5 })), fixed: fc.boolean() })
    fc.assert(fc.property(fc.array(any), (points) => {
      const found = timeline(points.map(point))
      expect(found.points.length).toBe(points.length)
      for (const [i, p] of found.points.entries()) expect(p.at_ms).toBe(points[i]!.at_ms)
    }))
  })
})

describe('a zone within the GPS time', () => {
  /** Four seconds of the camera's own clock, then fixes whose time is `jump_h` hours further on. */
  const coldStart = (jump_h: number, lon_deg: number, drift_ms = 0) => [
    ...[0, 1, 2, 3].map((t) => point({ fixed: false, lat_deg: NaN, lon_deg: NaN, t_s: t, at_ms: NOON_MS + t * 1000 })),
    ...[4, 5].map((t) => point({ t_s: t, at_ms: NOON_MS + t * 1000 + jump_h * HOUR_MS + drift_ms, lon_deg })),
  ]
  test('shows at a cold start: the clock before the fix was UTC', () => {
    expect(bakedZone_ms(coldStart(3, 30), null)).toBe(3 * HOUR_MS)
  })
  test('a clock that drifted half a minute is still seen', () => {
    expect(bakedZone_ms(coldStart(3, 30, 30_000), null)).toBe(3 * HOUR_MS)
  })
  test('the name shows what the camera displays: it follows the fix, so the fix is local', () => {
    expect(bakedZone_ms(coldStart(3, 30), NOON_MS + 3 * HOUR_MS)).toBe(3 * HOUR_MS)
  })
  test('the name follows the clock before the fix, so the fix is UTC', () => {
    expect(bakedZone_ms(coldStart(3, 30), NOON_MS)).toBe(0)
  })
  test('without a name, a local clock in Berlin jumps back to UTC, for nowhere at 13° east is it two hours earlier', () => {
    expect(bakedZone_ms(coldStart(-2, 13), null)).toBe(0)
  })
  test('and a local clock in New York jumps forward', () => {
    expect(bakedZone_ms(coldStart(4, -74), null)).toBe(0)
  })
  test('half and quarter zones count', () => {
    expect(bakedZone_ms(coldStart(5.75, 85), null)).toBe(5.75 * HOUR_MS)
  })
  test.each([['no jump', 0, 0], ['a clock that was minutes wrong', 0, 400_000], ['a clock that was days wrong', 72, 0]])('%s is no zone', (_, hours, drift_ms) => {
    expect(bakedZone_ms(coldStart(hours, 30, drift_ms), null)).toBe(0)
  })
  test('without a reading before the fix nothing is taken off', () => {
    expect(bakedZone_ms([point({ at_ms: NOON_MS, t_s: 0 })], NOON_MS + 3 * HOUR_MS)).toBe(0)
    expect(bakedZone_ms([], null)).toBe(0)
  })
})

describe('a log beside a clip tells its zone', () => {
  const rows = (from_ms: number, seconds: number) => Array.from({ length: seconds }, (_, i) => from_ms + i * 1000)
  test('whichever zone it is', () => {
    fc.assert(fc.property(fc.integer({ min: -48, max: 56 }), fc.integer({ min: 0, max: 40 }), (quarters, late_s) => {
      const name_ms = NOON_MS + quarters * 900_000
      expect(iso(startByLog(rows(NOON_MS + late_s * 1000, 20), 60, { name_ms, container_ms: null, ...zoned(1) }))).toBe(iso(NOON_MS))
    }))
  })
  test('not when the clock is wrong by something that is no zone', () => {
    expect(startByLog(rows(NOON_MS, 60), 60, { name_ms: NOON_MS + 400_000, container_ms: null, ...zoned(0) })).toBeNull()
  })
  test('not without a name or without rows', () => {
    expect(startByLog(rows(NOON_MS, 9), 60, { name_ms: null, container_ms: null, ...zoned(0) })).toBeNull()
    expect(startByLog([], 60, { name_ms: NOON_MS, container_ms: null, ...zoned(0) })).toBeNull()
  })
})
