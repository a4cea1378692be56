import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { TrackDoc } from '../../../core/contract/records.ts'
import { DATA, hasData, needsData, probe } from '../testing/probe.ts'
import { endExiftool } from './exiftool.ts'

afterAll(endExiftool)

/** Established by hand from the bytes: all twelve blocks carry the flag `A`, a place on the globe and a step of 37 m to the next. */
const BLOCKS_OF_70MAI = 12

const rows = hasData
  ? readFileSync(join(DATA, 'EXPECTED_fixes.tsv'), 'utf8').trim().split('\n').slice(1).flatMap((line) => {
      const [pattern, fixes] = line.split('\t') as [string, string]
      return globSync(pattern, { cwd: DATA }).sort().map((file) => ({ file, fixes: fixes === '?' ? BLOCKS_OF_70MAI : Number(fixes) }))
    })
  : []

describe.skipIf(!hasData)(`every file gives as many fixes as expected${needsData}`, () => {
  test.each(rows)('$file: $fixes', async ({ file, fixes }) => {
    const { asset } = await probe(join(DATA, file))
    expect(asset?.fixes).toBe(fixes)
  })
})

interface Place { at: string | null; t_s: number; lat: number; lon: number; speed: number | null; heading: number | null; altitude: number | null }

/** First and last fix, read off the bytes and texts themselves: hours and degrees by eye, knots × 1852 / 3600, km/h / 3.6, minutes / 60. */
const ENDS: readonly { file: string; first: Place; last: Place }[] = [
  { file: 'novatek/2e-drive-730.mp4',
    first: { at: '2021-10-13T15:37:57.000Z', t_s: 0, lat: 50, lon: 30, speed: 24.998, heading: 7, altitude: null },
    last: { at: '2021-10-13T15:37:59.000Z', t_s: 2, lat: 50.0002, lon: 30.0002, speed: 25.308, heading: 6.81, altitude: null } },
  { file: 'novatek/vantrue-n2x.mp4',
    first: { at: '2025-06-07T18:06:17.000Z', t_s: 0, lat: 50, lon: 30, speed: 5.144, heading: 45, altitude: null },
    last: { at: '2025-06-07T18:06:19.000Z', t_s: 2, lat: 50.0002, lon: 30.0002, speed: 5.144, heading: 45, altitude: null } },
  { file: 'novatek/viofo-a119-mini2-coldstart.mp4', // 14:22:05 on its clock, three hours ahead
    first: { at: '2026-04-06T11:22:05.000Z', t_s: 4, lat: 50, lon: 30, speed: 1.744, heading: 207.44, altitude: null },
    last: { at: '2026-04-06T11:22:08.000Z', t_s: 7, lat: 50.0003, lon: 30.0003, speed: 5.34, heading: 191.89, altitude: null } },
  { file: 'novatek/synthetic-happy.TS',
    first: { at: '2021-03-18T15:39:34.000Z', t_s: 0, lat: 50, lon: 30, speed: 5.144, heading: 70, altitude: null },
    last: { at: '2021-03-18T15:39:39.000Z', t_s: 5, lat: 50.000496, lon: 30.0005, speed: 7.717, heading: 75, altitude: null } },
  { file: '70mai/embedded-real-anonymized.mp4', // 5000.00000 and 5000.22000 as ddmm.mmmmm; no time anywhere
    first: { at: null, t_s: 0, lat: 50, lon: 30, speed: 12.5, heading: 346, altitude: 10 },
    last: { at: null, t_s: 11, lat: 50.003667, lon: 30, speed: 12.5, heading: 346, altitude: 10 } },
  { file: 'gopro/hero5-trimmed.mp4',
    first: { at: '2017-04-17T17:31:03.000Z', t_s: 0, lat: 33.1264969, lon: -117.3273542, speed: 0.167, heading: null, altitude: -20.184 },
    last: { at: '2017-04-17T17:31:04.946Z', t_s: 1.946, lat: 33.1265052, lon: -117.3273654, speed: 1.014, heading: null, altitude: -20.231 } },
  { file: 'blackvue/synthetic.mp4',
    first: { at: '2021-10-11T18:15:00.000Z', t_s: 0, lat: 50, lon: 30, speed: 2.572, heading: 90, altitude: null },
    last: { at: '2021-10-11T18:15:05.000Z', t_s: 5, lat: 50.0000667, lon: 30.0001333, speed: 3.601, heading: 94, altitude: null } },
  { file: 'blackvue/real-anonymized.gps',
    first: { at: '2026-07-18T06:03:29.000Z', t_s: 0, lat: 52, lon: 0, speed: 24.693, heading: 145.2, altitude: 31.5 },
    last: { at: '2026-07-18T06:03:36.000Z', t_s: 7, lat: 52, lon: 0, speed: 24.59, heading: 146, altitude: 33.2 } },
  { file: 'nmea/synthetic.NMEA',
    first: { at: '2023-11-14T12:00:00.000Z', t_s: 0, lat: 50, lon: 30, speed: 2.572, heading: 90, altitude: 123.4 },
    last: { at: '2023-11-14T12:00:04.000Z', t_s: 4, lat: 50.000333, lon: 30.000667, speed: 3.601, heading: 94, altitude: null } },
  { file: 'gpx/Geotag.gpx', // written backwards
    first: { at: '2003-05-24T17:09:04.000Z', t_s: 0, lat: 43.642824, lon: -116.061502, speed: null, heading: null, altitude: 1507.004 },
    last: { at: '2003-05-24T17:10:05.000Z', t_s: 61, lat: 43.641, lon: -116.062231, speed: null, heading: null, altitude: 1472.396 } },
  { file: 'gpx/sf_30km_h.gpx',
    first: { at: '2025-03-14T07:00:00.000Z', t_s: 0, lat: 37.793585, lon: -122.461396, speed: null, heading: null, altitude: 94.75 },
    last: { at: '2025-03-14T07:01:33.624Z', t_s: 93.624, lat: 37.79885, lon: -122.461191, speed: null, heading: null, altitude: 47.75 } },
  { file: '70mai/GPSData_a810.txt', // 1783850132 and eight hours
    first: { at: '2026-07-12T17:55:32.000Z', t_s: 0, lat: 50, lon: 9, speed: 0.55, heading: 0, altitude: null },
    last: { at: '2026-07-12T17:56:21.000Z', t_s: 49, lat: 50, lon: 9, speed: 0, heading: 0, altitude: null } },
  { file: 'kaiserbaas-sdcard/gps/20240112.dat',
    first: { at: '2024-01-12T18:00:00.000Z', t_s: 0, lat: -36.207164, lon: 144.86839, speed: 14.769, heading: null, altitude: 117.4 },
    last: { at: '2024-01-12T18:18:44.000Z', t_s: 1124, lat: -36.357239, lon: 144.777571, speed: 2.103, heading: null, altitude: 116.3 } },
]

describe.skipIf(!hasData)(`a fix lies where and when the receiver said${needsData}`, () => {
  test.each(ENDS)('$file', async ({ file, first, last }) => {
    const { track } = await probe(join(DATA, 'A_dashcam', file))
    expectPlace(track!, 0, first)
    expectPlace(track!, track!.t_s.length - 1, last)
  })
})

function expectPlace(track: TrackDoc, i: number, place: Place): void {
  const at_ms = track.at_ms[i]!
  expect(at_ms === null ? null : new Date(at_ms).toISOString()).toBe(place.at)
  expect(track.t_s[i]).toBeCloseTo(place.t_s, 2)
  expect(track.lat_deg[i]).toBeCloseTo(place.lat, 5)
  expect(track.lon_deg[i]).toBeCloseTo(place.lon, 5)
  for (const [found, wanted] of [[track.speed_mps[i], place.speed], [track.heading_deg[i], place.heading], [track.altitude_m[i], place.altitude]] as const) {
    if (wanted === null) expect(found).toBeNull()
    else expect(found).toBeCloseTo(wanted, 2)
  }
}

describe.skipIf(!hasData)(`what is no fix is counted by its reason${needsData}`, () => {
  test('a place in the header of the container is static', async () => {
    expect((await probe(join(DATA, 'A_dashcam/gopro/hero5-trimmed.mp4'))).asset!.dropped_fixes).toEqual({ no_fix: 0, zero: 0, static: 1, jump: 0, no_time: 0, invalid: 0 })
  })
  test('a receiver that says it has no fix is believed', async () => {
    expect((await probe(join(DATA, 'A_dashcam/gopro/hero8-trimmed_no-fix-flag.mp4'))).asset!.dropped_fixes.no_fix).toBe(36)
  })
  test('blocks before the first fix are no fixes, and place the later ones in the clip', async () => {
    const { asset } = await probe(join(DATA, 'A_dashcam/novatek/viofo-a119-mini2-coldstart.mp4'), { name: '20260406142122_000022.MP4' })
    expect(asset!.dropped_fixes.no_fix).toBe(4)
    expect(asset!.clock).toEqual({ offset_s: -10761, from: 'gps' }) // its name says 14:21:22 local; the file begins 39 s later
    expect(new Date(asset!.start_ms!).toISOString()).toBe('2026-04-06T11:22:01.000Z')
  })
})

const CARD = join(DATA, 'A_dashcam/kaiserbaas-sdcard')
const MAI = join(DATA, 'A_dashcam/70mai-multichannel')

describe.skipIf(!hasData)(`a log for several clips gives each its own rows${needsData}`, () => {
  test('by day: the rows inside the clip, to the second', async () => {
    const { asset, track } = await probe(join(CARD, 'DCIM/101video/20240113175916_10.MP4'), { sidecars: [join(CARD, 'gps/20240113.dat')] })
    expect(asset!.duration_s).toBeCloseTo(10.13, 1)
    expect(track!.t_s).toEqual([-2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
    expect(new Date(asset!.start_ms!).toISOString()).toBe('2024-01-13T17:59:16.000Z')
  })
  test('its times are local: the zone moves clip and rows alike', async () => {
    const { asset, track } = await probe(join(CARD, 'DCIM/101video/20240113175916_10.MP4'), { sidecars: [join(CARD, 'gps/20240113.dat')], timezone: 'Australia/Melbourne' })
    expect(new Date(asset!.start_ms!).toISOString()).toBe('2024-01-13T06:59:16.000Z')
    expect(track!.t_s[2]).toBe(0)
    expect(track!.at_ms[2]).toBe(asset!.start_ms)
  })
  test('by name: three rows a clip, the rear camera like the front', async () => {
    const log = [join(MAI, 'GPSData000001.txt')]
    const front = await probe(join(MAI, 'Normal/Front/NO20260101-120002-000002F.MP4'), { sidecars: log })
    const rear = await probe(join(MAI, 'Normal/Back/NO20260101-120002-000002B.MP4'), { sidecars: log })
    expect(front.track!.lat_deg).toEqual([50.0002, 50.0003, 50.0004])
    expect(front.track!.t_s).toEqual([0, 1, 2])
    expect(rear.track!.lat_deg).toEqual(front.track!.lat_deg)
    expect(front.asset!.clock).toEqual({ offset_s: 0, from: 'gps' })
  })
})
