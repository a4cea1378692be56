import { expect, test } from 'vitest'
import type { ProbeContext } from '../found.ts'
import { momentOfName, timeOfName } from '../names.ts'
import { readSidecar } from './sidecar.ts'

const HOUR_MS = 3_600_000

function besides(text: string, name: string, duration_s: number | null, zone_h = 0) {
  const name_ms = timeOfName(name)?.wall_ms ?? null
  const zone_ms = () => zone_h * HOUR_MS
  const ctx: ProbeContext = { path: '', name, moment: momentOfName(name), name_ms, zone_ms, signal: new AbortController().signal, again: false }
  const found = readSidecar({ format: 'log', text }, ctx, duration_s, { name_ms, container_ms: null, zone_ms })
  return found && { start: found.start_ms === null ? null : new Date(found.start_ms).toISOString(), t_s: found.cleaned.fixes.map((f) => f.t_s), source: found.source }
}

const V02 = `$V02
1783850132,A,50.000000,9.000000,0,55,100,-5,-12,NO20260712-195504-000000F.MP4,0,0,0
1783850133,A,50.000010,9.000000,0,27,100,-5,-12,NO20260712-195504-000000F.MP4,0,0,0
1783850141,A,50.000020,9.000000,0,27,100,-5,-12,NO20260712-195604-000001F.MP4,0,0,0
`

test('a 70mai log tells the zone that the name leaves out: 19:55:04 on the clock is 17:55:04 UTC', () => {
  expect(besides(V02, 'NO20260712-195504-000000F.MP4', 60)).toEqual({ start: '2026-07-12T17:55:04.000Z', t_s: [28, 29], source: 'side-car 70mai' })
})

test('each clip gets its own rows, also when it is the interior camera of the same moment', () => {
  expect(besides(V02, 'NO20260712-195604-000001I.MP4', 60)?.t_s).toEqual([0])
  expect(besides(V02, 'NO20260712-195704-000002F.MP4', 60)).toEqual({ start: null, t_s: [], source: 'side-car 70mai' })
})

const nmea = (...clocks: string[]) => clocks.map((c) => `$GPRMC,${c}.00,A,5000.00000,N,03000.00000,E,5.0,90.0,141123,,,A`).join('\n')

test('an NMEA log beside a clip without a time in its name was begun with it', () => {
  expect(besides(nmea('120000', '120001', '120002'), 'clip.mp4', 60)).toEqual({ start: '2023-11-14T12:00:00.000Z', t_s: [0, 1, 2], source: 'side-car nmea' })
})

test('a log that is longer than its clip is cut to it', () => {
  const long = nmea('115950', '120000', '120001', '120002', '120100')
  expect(besides(long, '20231114_140000_N.mp4', 3)).toEqual({ start: '2023-11-14T12:00:00.000Z', t_s: [0, 1, 2], source: 'side-car nmea' })
})

test("BlackVue's own clock in front of a line says how far into the clip it was written", () => {
  const line = '[1784358214000]$GPRMC,060330.000,A,5200.0000,N,0.0000,W,048.0,145.2,180726,,,A*7A'
  expect(besides(line, '20260718_070331_NF.mp4', 60)).toEqual({ start: '2026-07-18T06:03:27.000Z', t_s: [3], source: 'side-car nmea' })
})

test("Kaiser Baas' day log is on the camera's clock: only rows inside the clip, and the zone stays the camera's", () => {
  const dat = ['20240112181117', '20240112181118', '20240112181119', '20240112181219', '20240112181500'].map((t) => `${t},3612.42986,S,14452.10341,E,28.709,117.4`).join('\r\n')
  expect(besides(dat, '20240112181119_180.MP4', 60, 11)).toEqual({ start: null, t_s: [-2, -1, 0, 60], source: 'side-car kaiserbaas' })
})

test('a text that is no log is not read as one', () => {
  expect(besides('Shopping list\nmilk', 'clip.mp4', 60)).toBeNull()
})
