import { Value } from 'typebox/value'
import { expect, test } from 'vitest'
import type { OwnContext, OwnLook } from '../../core/contract/plugin.ts'
import type { TrackDoc } from '../../core/contract/records.ts'
import { momentOf } from './delay.ts'
import { DelayOptions, WhenOptions, type FlowConfig } from './schemas.ts'
import { inWords, onMap } from './summary.ts'
import { run } from './when.ts'

const WORK = { lat_deg: 52.52, lon_deg: 13.405 }
const SHA = 'a'.repeat(64)
const at = (hours: number, day = 20) => new Date(2026, 10, day, hours).getTime() // a Friday
const CONFIG: FlowConfig = { home: WORK, watch_list: ['M XY 99'] }

/** A recording that passes 150 m north of work and goes on, and in which two plates were read. */
const look: OwnLook = {
  track: async (sha256) => (sha256 === SHA ? ({ lat_deg: [52.52135, 52.6], lon_deg: [13.405, 13.5] } as TrackDoc) : null),
  plates: async () => ['BAB123', 'MXY99'],
  drives: async () => [],
}
const when = async (options: Partial<WhenOptions>, input: { sha256?: string; start_ms?: number | null } = { sha256: SHA, start_ms: at(12) }, config = CONFIG) => {
  const answer = await run(input, { config, options: Value.Default(WhenOptions, options) as WhenOptions, asked_ms: at(23), now_ms: at(23), look } as OwnContext<FlowConfig, WhenOptions>)
  return 'output' in answer ? [answer.output.way, answer.output.why] : answer
}

test('with nothing filled in, everything passes; what is filled in must hold, and the first that does not is said', async () => {
  expect(await when({})).toEqual(['yes', ''])
  expect(await when({ days: 'weekdays', from: '08:00', to: '18:00', first_day: '2026-11-20', last_day: '2026-11-20' })).toEqual(['yes', ''])
  expect(await when({ days: 'weekends' })).toEqual(['no', '2026-11-20 is none of weekends'])
  expect(await when({ first_day: '2026-11-21' })).toEqual(['no', '2026-11-20 is not from 2026-11-21 to …'])
  expect(await when({ from: '18:00', to: '06:00' })).toEqual(['no', 'it was not between 18:00 and 06:00'])
})

test('told of the moment of the recording, or of when it came; where nothing says when it was recorded, when it came', async () => {
  expect(await when({ from: '22:00' })).toEqual(['no', 'it was not between 22:00 and 24:00'])
  expect(await when({ from: '22:00', clock: 'when it came here' })).toEqual(['yes', ''])
  expect(await when({ from: '22:00' }, { sha256: SHA, start_ms: null })).toEqual(['yes', ''])
})

test('places: inside when it was there at any moment, outside when it never was; without a position neither', async () => {
  const circle = { lat_deg: WORK.lat_deg, lon_deg: WORK.lon_deg }
  expect(await when({ ...circle, radius_m: 200 })).toEqual(['yes', ''])
  expect(await when({ ...circle, radius_m: 100 })).toEqual(['no', 'it was never there'])
  expect(await when({ ...circle, radius_m: 200, side: 'outside' })).toEqual(['no', 'it was there'])
  expect(await when({ ...circle, radius_m: 100, side: 'outside' })).toEqual(['yes', ''])
  expect(await when({ ...circle }, { start_ms: at(12) })).toEqual(['no', 'no position was recorded'])
  expect(await when({ area: [[52.59, 13.49], [52.61, 13.49], [52.61, 13.51], [52.59, 13.51]] })).toEqual(['yes', ''])
  expect(await when({ area: [[50, 10], [51, 10], [51, 11]] })).toEqual(['no', 'it was never there'])
})

test('the sun, and plates however they are written', async () => {
  expect([await when({ sun: 'day' }), await when({ sun: 'night' })]).toEqual([['yes', ''], ['no', 'it was day']])
  await expect(when({ sun: 'day' }, {}, { ...CONFIG, home: null })).rejects.toMatchObject({ code: 'config/invalid' })
  expect([await when({ plates: ['b-ab 123'] }), await when({ plates: ['B AB 124'] }), await when({ watch_list: true })]).toEqual([['yes', ''], ['no', 'none of the plates was read'], ['yes', '']])
})

test('which of the plates were read goes on with the message', async () => {
  const matched = async (options: Partial<WhenOptions>) => {
    const answer = await run({ sha256: SHA }, { config: CONFIG, options: Value.Default(WhenOptions, options) as WhenOptions, asked_ms: at(23), now_ms: at(23), look: { ...look, plates: async () => ['BAB123', 'MXY99', 'MXY99', 'HH1'] } } as unknown as OwnContext<FlowConfig, WhenOptions>)
    return 'output' in answer ? answer.output.matched : answer
  }
  expect([await matched({}), await matched({ watch_list: true }), await matched({ plates: ['b-ab 123', 'X 1'], watch_list: true }), await matched({ plates: ['X 1'] })]).toEqual([[], ['MXY99'], ['BAB123', 'MXY99'], []])
})

test('half a circle is a setting to mend, not a place that always holds', async () => {
  await expect(when({ lat_deg: 52.5 })).rejects.toMatchObject({ code: 'config/invalid', message: 'The circle has a latitude and no longitude: fill in both in the node When, or neither, and deploy.' })
  await expect(when({ lon_deg: 13.4 })).rejects.toMatchObject({ code: 'config/invalid' })
})

test('how long a delay waits follows from when it was asked for', () => {
  const until = (options: Partial<DelayOptions>, until_ms?: number) => momentOf({ ...(until_ms === undefined ? {} : { until_ms }) }, Value.Default(DelayOptions, options) as DelayOptions, CONFIG, at(20))
  expect(until({ wait_s: 60 })).toBe(at(20) + 60_000)
  expect(until({ until: 'a time of day', at: '06:00' })).toBe(at(6, 21))
  expect(until({ until: 'until_ms of the message', wait_s: 1 }, 5_000)).toBe(6_000)
  expect(() => until({ until: 'until_ms of the message' })).toThrow('no until_ms')
  expect(until({ until: 'sunrise', wait_s: 0 })).toBeGreaterThan(at(24))
})

test('the days in words, oldest first, and as a picture that holds all lines', () => {
  const drive = (start_ms: number, km: number, line: [number, number][]) => ({ start_ms, end_ms: start_ms + 1_800_000, distance_m: km * 1000, plates: 3, line })
  const drives = [drive(at(18), 12.34, [[52.5, 13.4], [52.6, 13.5]]), drive(at(8), 5, [[52.5, 13.4]])]
  expect(inWords(drives, 7)).toEqual({ subject: '2 drives, 17.3 km in 7 days', text: ['2 drives, 17.3 km in 7 days', '', '2026-11-20 08:00  5.0 km, 30 min, 3 plates', '2026-11-20 18:00  12.3 km, 30 min, 3 plates'].join('\n') })
  const svg = onMap(drives.map(({ line }) => line))
  expect(svg.match(/<polyline/g)).toHaveLength(1) // a single point is no line
  expect(svg.match(/points="([^"]+)"/)![1]!.split(' ').flatMap((point) => point.split(',')).map(Number).every((px) => px >= 0 && px <= 800)).toBe(true)
  expect(onMap([])).toContain('No drive with a position')
})
