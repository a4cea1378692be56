import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readLog } from './logs.ts'
import { ddmm_deg, nmeaTime_ms } from './nmea.ts'

describe('NMEA', () => {
  test('a void sentence is a reading without fix, and its clock counts', () => {
    expect(readLog('$GPRMC,120003.00,V,,,,,,,141123,,,N*53')?.rows).toEqual([
      { at_ms: Date.UTC(2023, 10, 14, 12, 0, 3), t_s: null, lat_deg: NaN, lon_deg: NaN, speed_mps: null, heading_deg: null, altitude_m: null, fixed: false, clip: null },
    ])
  })
  test.each([['$GNRMC', 1], ['$GARMC', 1], ['$GLRMC', 1], ['GPRMC', 0], ['$PRMC', 0]])('%s', (talker, rows) => {
    expect(readLog(`${talker},120003.00,A,5000.0,N,03000.0,E,1,2,141123,,,A`)?.rows.length ?? 0).toBe(rows)
  })
  test.each([['5230.5', 'N', 52.508333], ['5230.5', 'S', -52.508333], ['00630.0', 'W', -6.5], ['0.0', 'W', 0], ['5299.0', 'N', NaN], ['', 'N', NaN], ['x', 'N', NaN]])('%s %s', (text, hemisphere, degrees) => {
    const found = ddmm_deg(text, hemisphere)
    if (Number.isNaN(degrees)) expect(found).toBeNaN()
    else expect(found).toBeCloseTo(degrees, 5)
  })
  test.each([['120000', '310299', Date.UTC(1999, 1, 31, 12)], ['235959.999', '311299', Date.UTC(1999, 11, 31, 23, 59, 59, 999)], ['000000', '010170', Date.UTC(2070, 0, 1)], ['240000', '010124', null], ['12', '010124', null], ['120000', '321324', null]])('%s on %s', (time, date, at_ms) => {
    expect(nmeaTime_ms(time, date)).toBe(at_ms)
  })
})

describe('GPX', () => {
  test('prefixes, quotes and comments make no difference; way points beside a track are not the way', () => {
    const log = readLog(`<?xml version="1.0"?><g:gpx xmlns:g="x"><!-- <trkpt lat="1" lon="1"/> --><gpx >
      <wpt lat="9" lon="9"><time>2020-01-01T00:00:00Z</time></wpt>
      <g:trkpt lon='-1.5' lat='52.25'><g:ele>12</g:ele><g:time>2020-01-01T00:00:01+01:00</g:time><g:speed>3.5</g:speed><g:course>45</g:course></g:trkpt>
      <trkpt lat="52.26" lon="-1.5"/>`)
    expect(log?.rows).toEqual([
      { at_ms: Date.UTC(2019, 11, 31, 23, 0, 1), t_s: null, lat_deg: 52.25, lon_deg: -1.5, speed_mps: 3.5, heading_deg: 45, altitude_m: 12, fixed: true, clip: null },
      { at_ms: null, t_s: null, lat_deg: 52.26, lon_deg: -1.5, speed_mps: null, heading_deg: null, altitude_m: null, fixed: true, clip: null },
    ])
  })
  test('a log that broke off gives what it has', () => {
    expect(readLog('<gpx ><trkpt lat="1" lon="2"><time>2020-01-01T00:00:00Z</time></trkpt><trkpt lat="1.1" lon="2.1"><ti')?.rows.map((r) => r.lat_deg)).toEqual([1, 1.1])
  })
})

describe('70mai', () => {
  test('heading in hundredths, speed in centimetres, time eight hours behind', () => {
    expect(readLog('$V02\n1767240000,A,-50.000001,30.000000,9000,1389,0,100,0,NO20260101-120000-000001F.MP4,0,0,0\n')?.rows).toEqual([
      { at_ms: Date.UTC(2026, 0, 1, 12), t_s: null, fixed: true, lat_deg: -50.000001, lon_deg: 30, heading_deg: 90, speed_mps: 13.89, altitude_m: null, clip: 'NO20260101-120000-000001F.MP4' },
    ])
  })
  test('a line that broke off is no reading', () => {
    expect(readLog('$V02\n1767240000,A,50.0\n')?.rows).toEqual([])
  })
})

test('Kaiser Baas: its last columns are knots and metres; a stray # and a missing end of line do no harm', () => {
  expect(readLog('#\n#20240112180000,3612.42986,S,14452.10341,E,28.709,117.4\r\n20240112180001,3612.43774,S,14452.10347,E,,')).toMatchObject({
    format: 'kaiserbaas', local: true,
    rows: [{ at_ms: Date.UTC(2024, 0, 12, 18), altitude_m: 117.4, heading_deg: null }, { at_ms: Date.UTC(2024, 0, 12, 18, 0, 1), speed_mps: null, altitude_m: null }],
  })
})

test('no text brings it down, and none is made into a place out of nothing', () => {
  const word = fc.constantFrom('$V02\n', '$GPRMC,', '<gpx >', '<trkpt lat="', '20240112180000,3612.4,S,14452.1,E,', 'A,', 'N,', '5000.0,', '\n', '">', '<time>', '141123', ',', '[1784358211371]', '*')
  fc.assert(fc.property(fc.array(fc.oneof(word, fc.string({ maxLength: 8 })), { maxLength: 60 }), (words) => {
    readLog(words.join(''))
  }), { numRuns: 500 })
  fc.assert(fc.property(fc.string(), (text) => {
    if (!/gpx|\$V0|RMC|GGA|\d{14},/i.test(text)) expect(readLog(text)).toBeNull()
  }))
})

test('a day of NMEA is read in no time', () => {
  const day = Array.from({ length: 86_400 }, (_, i) => `$GPRMC,${new Date(i * 1000).toISOString().slice(11, 19).replaceAll(':', '')}.00,A,5000.00000,N,03000.00000,E,5.0,90.0,141123,,,A*6F\n$GPGGA,x\n`).join('')
  const begun = performance.now()
  expect(readLog(day)?.rows.length).toBe(86_400)
  expect(performance.now() - begun).toBeLessThan(5_000)
})
