import fc from 'fast-check'
import { expect, test } from 'vitest'
import { embedded, exifTime_ms } from './documents.ts'

test('readings within one sample share its fix and its seconds', () => {
  const { reading } = embedded({
    'Main:MetaFormat': 'gpmd',
    'Doc1:SampleTime': 2, 'Doc1:SampleDuration': 1, 'Doc1:GPSMeasureMode': 3, 'Doc1:GPSDateTime': '2020:01:02 03:04:05.500', 'Doc1:GPSLatitude': 1, 'Doc1:GPSLongitude': 2, 'Doc1:GPSSpeed': 36,
    'Doc1-1:GPSLatitude': 1.1, 'Doc1-1:GPSLongitude': 2.1,
    'Doc2:SampleTime': 3, 'Doc2:SampleDuration': 1, 'Doc2:GPSMeasureMode': 0, 'Doc2:GPSLatitude': 5, 'Doc2:GPSLongitude': 5,
    'Doc3:Accelerometer': '1 2 3',
  })
  expect(reading?.source).toBe('gpmf')
  expect(reading?.points.map((p) => [p.t_s, p.at_ms, p.lat_deg, p.speed_mps, p.fixed])).toEqual([
    [2, Date.UTC(2020, 0, 2, 3, 4, 5, 500), 1, 10, true],
    [2.5, null, 1.1, null, true],
    [3, null, 5, null, false],
  ])
})

test('speed is km/h unless it says otherwise', () => {
  const speed = (ref: object) => embedded({ 'Doc1:GPSLatitude': 1, 'Doc1:GPSLongitude': 2, ...ref }).reading?.points[0]?.speed_mps
  expect(speed({ 'Doc1:GPSSpeed': 36 })).toBeCloseTo(10, 6)
  expect(speed({ 'Doc1:GPSSpeed': 36, 'Doc1:GPSSpeedRef': 'N' })).toBeCloseTo(18.52, 6)
  expect(speed({ 'Doc1:GPSSpeed': 36, 'Doc1:GPSSpeedRef': 'M' })).toBeCloseTo(16.09344, 6)
  expect(speed({ 'Doc1:GPSSpeedX': 3, 'Doc1:GPSSpeedY': 4 })).toBe(5)
  expect(speed({})).toBeNull()
})

test("a place in the header is counted and is no reading; the composite of the samples is none either", () => {
  expect(embedded({ 'Main:GPSCoordinates': '1 2 3' })).toMatchObject({ reading: null, statics: 1 })
  expect(embedded({ 'Main:GPSPosition': '1 2' })).toMatchObject({ reading: null, statics: 0 })
})

test.each([
  ['0000:00:00 00:00:00', null], ['1904:01:01 00:00:00', null], ['1970:01:01 00:00:00', null], ['nonsense', null], [undefined, null], [12, null],
  ['2024:02:30 25:00:00', null],
  ['2017:04:17 19:27:57', Date.UTC(2017, 3, 17, 19, 27, 57)], ['2017:04:17 19:27:57.25Z', Date.UTC(2017, 3, 17, 19, 27, 57, 250)],
  ['2017:04:17 19:27:57+02:00', Date.UTC(2017, 3, 17, 17, 27, 57)],
])('%j is %j', (text, at_ms) => {
  expect(exifTime_ms(text, 'Z')).toBe(at_ms)
})

test('no tags bring it down', () => {
  const key = fc.tuple(fc.constantFrom('Main', 'Doc1', 'Doc1-1', 'Doc2'), fc.constantFrom('GPSLatitude', 'GPSLongitude', 'GPSDateTime', 'SampleTime', 'Text', 'GPSMeasureMode', 'CreateDate')).map((k) => k.join(':'))
  fc.assert(fc.property(fc.dictionary(key, fc.oneof(fc.anything(), fc.string())), (tags) => {
    embedded(tags)
  }))
})
