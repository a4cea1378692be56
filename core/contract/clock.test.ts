import fc from 'fast-check'
import { expect, test } from 'vitest'
import { dayOf, isBetween, isDay, isOn, nextSun, nextTime } from './clock.ts'

const BERLIN = { lat_deg: 52.52, lon_deg: 13.405 }
const MINUTE_MS = 60_000
const at = (hours: number, minutes = 0, day = 20) => new Date(2026, 10, day, hours, minutes).getTime()

test('sunrise and sunset of known places and days, to two minutes', () => {
  const known: [number, typeof BERLIN, string, string][] = [
    [Date.UTC(2026, 5, 21), BERLIN, '2026-06-21T02:43', '2026-06-21T19:33'],
    [Date.UTC(2026, 11, 21), BERLIN, '2026-12-21T07:15', '2026-12-21T14:54'],
    [Date.UTC(2026, 2, 20), { lat_deg: 0, lon_deg: 0 }, '2026-03-20T06:04', '2026-03-20T18:11'],
  ]
  for (const [from_ms, place, rise, set] of known) {
    expect(Math.abs(nextSun(from_ms, place, 'sunrise')! - Date.parse(`${rise}Z`))).toBeLessThan(2 * MINUTE_MS)
    expect(Math.abs(nextSun(from_ms, place, 'sunset')! - Date.parse(`${set}Z`))).toBeLessThan(2 * MINUTE_MS)
  }
  expect([isDay(Date.UTC(2026, 5, 21, 12), BERLIN), isDay(Date.UTC(2026, 5, 21, 23), BERLIN)]).toEqual([true, false])
})

test('a pole has its sunrise within the year; between rise and set it is day', () => {
  fc.assert(fc.property(fc.integer({ min: Date.UTC(2020, 0), max: Date.UTC(2040, 0) }), fc.integer({ min: -65, max: 65 }), fc.integer({ min: -180, max: 180 }), (from_ms, lat_deg, lon_deg) => {
    const place = { lat_deg, lon_deg }
    const rise_ms = nextSun(from_ms, place, 'sunrise')!
    expect(isDay(rise_ms + MINUTE_MS, place)).toBe(true)
    expect(isDay(rise_ms - 2 * MINUTE_MS, place)).toBe(false)
  }), { numRuns: 30 })
  expect(nextSun(Date.UTC(2026, 0), { lat_deg: 89.9, lon_deg: 0 }, 'sunrise')).not.toBeNull()
})

test('a time of day is today’s or tomorrow’s, and now is now', () => {
  expect(nextTime(at(21), '22:00')).toBe(at(22))
  expect(nextTime(at(22), '22:00')).toBe(at(22))
  expect(nextTime(at(22, 1), '22:00')).toBe(at(22, 0, 21))
})

test('what is no time of day is refused, not waited for', () => {
  for (const text of ['8', '7.30', '', '07:3', 'noon']) expect(() => nextTime(at(21), text)).toThrow(`“${text}” is no time of day: write HH:MM, such as 08:00.`)
})

test('over midnight, on days, and as a day', () => {
  expect([21, 22, 23, 0, 5, 6].map((hour) => isBetween(at(hour), '22:00', '06:00'))).toEqual([false, true, true, true, true, false])
  expect([7, 8, 17, 18].map((hour) => isBetween(at(hour), '08:00', '18:00'))).toEqual([false, true, true, false])
  expect(['weekdays', 'weekends', 'Fri', 'Mon, Fri', 'Mon,Thu'].map((days) => isOn(at(12), days))).toEqual([true, false, true, true, false])
  expect(isOn(at(12, 0, 21), 'weekends')).toBe(true)
  expect(dayOf(at(0))).toBe('2026-11-20')
})
