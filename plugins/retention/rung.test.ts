import { describe, expect, test } from 'vitest'
import { rungOf, type Rung, type Worth } from './rung.ts'
import { asset, settings } from './testing.ts'

const NOTHING: Worth = { kept: false, locked: false, event: false, sightings: false, area: null }
const clip = asset(1) // 1440 lines
const all = settings() // 30, 90, 210, 365 days; originals stay 14
const at = (age_days: number, worth: Partial<Worth> = {}, over: Parameters<typeof settings>[0] = {}, of = clip, earlier = 0, drives: readonly string[] = []) =>
  rungOf(of, drives, { ...NOTHING, ...worth }, age_days, { ...all, ...over }, earlier)

test.each<[number, Rung]>([
  [Number.NaN, 'original'], [-5, 'original'], [0, 'original'], [29.99, 'original'], [30, '1080p'], [89.99, '1080p'], [90, '720p'], [209.99, '720p'], [210, '540p'], [364.99, '540p'], [365, 'crops'], [40_000, 'crops'],
])('without worth, %d days old: %s', (age, rung) => expect(at(age).rung).toBe(rung))

describe('worth holds, whatever the age', () => {
  test.each<[string, Partial<Worth>, Rung, string]>([
    ['kept', { kept: true }, 'original', 'kept'], ['locked', { locked: true }, 'original', 'locked'], ['an event', { event: true }, 'original', 'event'],
    ['plates', { sightings: true }, '540p', 'sightings'], ['in an area', { area: 'home' }, '720p', 'area'], ['plates in an area', { sightings: true, area: 'home' }, '720p', 'area'],
    ['an event with plates in an area', { event: true, sightings: true, area: 'home' }, 'original', 'event'], ['in an area that is no longer in the settings', { area: 'gone' }, 'original', 'area'],
  ])('%s', (_, worth, rung, reason) => {
    const worths = { ...all.worth, areas: [{ name: 'home', lat_deg: 0, lon_deg: 0, radius_m: 100, lowest: '720p' as const }] }
    expect(at(4000, worth, { worth: worths })).toMatchObject({ rung, stays: { reason } })
  })
  test('worth takes nothing down', () => expect(at(31, { sightings: true }).rung).toBe('1080p'))
})

describe('a rung not smaller than the source is none', () => {
  test.each<[number, number, number, Rung]>([
    [3840, 2160, 31, '1080p'], [1920, 1080, 31, 'original'], [1920, 1080, 91, '720p'], [1280, 720, 91, 'original'], [1280, 720, 211, '540p'], [640, 480, 211, 'original'], [640, 480, 366, 'crops'],
    [1080, 1920, 31, 'original'], [1440, 2560, 31, '1080p'], [960, 540, 364, 'original'], [1280, 960, 31, 'original'], [1280, 960, 91, '720p'],
  ])('%i × %i, %i days: %s', (width_px, height_px, age, rung) => expect(at(age, {}, {}, asset(1, { width_px, height_px })).rung).toBe(rung))
})

test('a rung that is switched off is passed over, one out of order holds from its own day', () => {
  const ladder = { '1080p': null, '720p': 90, '540p': null, crops: null }
  expect([31, 91, 4000].map((age) => at(age, {}, { ladder }).rung)).toEqual(['original', '720p', '720p'])
  expect(at(60, {}, { ladder: { ...ladder, '1080p': 100, '540p': 50 } }).rung).toBe('540p')
  expect(at(4000, {}, { ladder: { '1080p': null, '720p': null, '540p': null, crops: null } }).rung).toBe('original')
})

test('the first rule that fits a camera or a drive is laid over the ladder of all', () => {
  const rules = [{ cameras: null, drives: ['drive:trip'], ladder: { '1080p': null, '720p': null, '540p': null, crops: null } }, { cameras: ['Van'], drives: null, ladder: { '720p': 40 } }]
  expect(at(41, {}, { rules }).rung).toBe('720p')
  expect(at(41, {}, { rules }, asset(1, { camera: 'Car' })).rung).toBe('1080p')
  expect(at(4000, {}, { rules }, clip, 0, ['drive:now', 'drive:trip']).rung).toBe('original') // an earlier clip gave it another id
  expect(at(4000, {}, { rules: [{ ...rules[0]!, drives: ['trip'] }] }, clip, 0, ['drive:trip']).rung).toBe('original')
})

test('a full volume takes it further down, but not below its worth nor before its days', () => {
  expect([0, 1, 2, 3, 4, 9].map((earlier) => at(20, {}, {}, clip, earlier).rung)).toEqual(['original', '1080p', '720p', '540p', 'crops', 'crops'])
  expect(at(13, {}, {}, clip, 4).rung).toBe('original')
  expect(at(20, { sightings: true }, {}, clip, 4).rung).toBe('540p')
  expect(at(20, { kept: true }, {}, clip, 4).rung).toBe('original')
  expect(at(20, {}, { ladder: { '1080p': null, '720p': 90, '540p': null, crops: null } }, clip, 3).rung).toBe('720p')
})

test('why it is not further down is said in words', () => {
  expect(at(10).stays?.why).toBe('it is 10 days old; originals stay 14 days')
  expect(at(100).stays?.why).toBe('it is 100 days old; 540p is due at 210 days')
  expect(at(400, { sightings: true }).stays?.why).toBe('plates or objects were seen in it: never below 540p')
})
