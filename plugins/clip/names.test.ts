import { expect, test } from 'vitest'
import { momentOfName, timeOfName } from './names.ts'
import { isTimezone, zoneOffset_ms } from './zone.ts'

test.each([
  ['20240112181119_180.MP4', '2024-01-12T18:11:19'], // Kaiser Baas
  ['NO20260101-120000-000001F.MP4', '2026-01-01T12:00:00'], // 70mai
  ['2021_1013_183759_050.MP4', '2021-10-13T18:37:59'], // Novatek
  ['20260406142122_000022.MP4', '2026-04-06T14:21:22'], // VIOFO
  ['20260718_070331_NF.mp4', '2026-07-18T07:03:31'], // BlackVue
  ['REC_2026_01_15_12_00_00_F.MP4', '2026-01-15T12:00:00'], // Thinkware
  ['2023-01-01_12-00-00-front.mp4', '2023-01-01T12:00:00'], // Tesla
  ['230101_120000_001_FH.MP4', '2023-01-01T12:00:00'], // Nextbase
  ['VID_20230101_120000.mp4', '2023-01-01T12:00:00'],
  ['2023-01-01 12.00.00.jpg', '2023-01-01T12:00:00'],
  ['GX010042.MP4', null], ['DSC_1234.JPG', null], ['20231301120000.mp4', null], ['20230231120000.mp4', null], ['20230101250000.mp4', null], ['12345678901234567890.mp4', null], ['19990101_120000.mp4', null],
])('%s began %s on its clock', (name, wall) => {
  expect(timeOfName(name)?.wall_ms ?? null).toBe(wall === null ? null : Date.parse(`${wall}Z`))
})

test("Google's phones write UTC", () => {
  expect(timeOfName('PXL_20230101_120000123.mp4')).toEqual({ wall_ms: Date.UTC(2023, 0, 1, 12), utc: true })
  expect(timeOfName('VID_20230101_120000.mp4')?.utc).toBe(false)
})

test('the channels of one moment have one name', () => {
  expect(['NO20260101-120000-000001F.MP4', 'NO20260101-120000-000001B.MP4', 'NO20260101-120000-000001I.mp4'].map(momentOfName)).toEqual(Array(3).fill('no20260101-120000-000001'))
  expect(momentOfName('NO20260101-120002-000002F.MP4')).toBe('no20260101-120002-000002')
})

test.each([
  ['UTC', Date.UTC(2024, 6, 1, 12), 0], ['Europe/Berlin', Date.UTC(2024, 6, 1, 12), 2], ['Europe/Berlin', Date.UTC(2024, 0, 1, 12), 1], ['Asia/Kathmandu', Date.UTC(2024, 0, 1, 0), 5.75],
  ['America/St_Johns', Date.UTC(2024, 0, 1, 0), -3.5], ['Australia/Melbourne', Date.UTC(2024, 0, 12, 18), 11],
  ['Europe/Berlin', Date.UTC(2024, 2, 31, 1, 30), 1], ['Europe/Berlin', Date.UTC(2024, 2, 31, 3, 30), 2], // the clock goes forward at two
])('%s is %d ms ahead', (zone, wall_ms, hours) => {
  expect(zoneOffset_ms(wall_ms, zone)).toBe(hours * 3_600_000)
})

test('a zone that does not exist is told from one that does', () => {
  expect([isTimezone('Europe/Berlin'), isTimezone('Mars/Olympus')]).toEqual([true, false])
})
