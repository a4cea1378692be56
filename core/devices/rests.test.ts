import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import { rests } from './rests.ts'
import { SETTINGS, type Settings } from './settings.ts'
import { CONDITIONS } from './testing.ts'

const at = (clock: string) => new Date(2026, 4, 6, Number(clock.slice(0, 2)), Number(clock.slice(3)))
const NOON = at('12:00')
const set = (change: Partial<Settings>): Settings => ({ ...SETTINGS, ...change })
const zone = process.env['TZ']
afterEach(() => {
  if (zone === undefined) delete process.env['TZ']
  else process.env['TZ'] = zone
})

test('as it comes a device works at any hour, whatever else its GPU does and however hot it is', () => {
  for (let hour = 0; hour < 24; hour++) expect(rests(SETTINGS, { ...CONDITIONS, gpu_busy_percent: 100, temperature_c: 199 }, new Date(2026, 4, 6, hour))).toBeNull()
})

test.each<[string, Partial<Settings>, Partial<typeof CONDITIONS>, string | null]>([
  ['paused', { mode: 'paused' }, {}, 'paused'],
  ['draining', { mode: 'draining' }, {}, 'draining: it ends what it has'],
  ['somebody plays', { gpu_busy_percent: 20 }, { gpu_busy_percent: 20.6 }, 'others use 21 % of its GPU'],
  ['as busy as allowed', { gpu_busy_percent: 20 }, { gpu_busy_percent: 20 }, null],
  ['no GPU to look at', { gpu_busy_percent: 1 }, { gpu_busy_percent: null }, null],
  ['on battery', {}, { on_battery: true, battery_percent: 63.4 }, 'runs on battery (63 %)'],
  ['on a battery that does not say how full', {}, { on_battery: true }, 'runs on battery'],
  ['on battery, and it may', { on_battery: true }, { on_battery: true, battery_percent: 2 }, null],
  ['hot', { temperature_c: 80 }, { temperature_c: 80.5 }, 'too hot: 81 °C'],
  ['warm', { temperature_c: 80 }, { temperature_c: 80 }, null],
  ['no room to work in', {}, { scratch_free_mib: 63 }, 'its disk is full: 63 MiB left to work in'],
  ['not a byte of it', {}, { scratch_free_mib: 0 }, 'its disk is full: 0 MiB left to work in'],
  ['just enough room', {}, { scratch_free_mib: 64 }, null],
  ['room that nobody could look at', {}, { scratch_free_mib: null }, null],
  ['full, and somebody plays: what must be mended comes first', { gpu_busy_percent: 20 }, { scratch_free_mib: 1, gpu_busy_percent: 90 }, 'its disk is full: 1 MiB left to work in'],
  ['full, by day: the hours come first', { hours: { from: '22:00', to: '06:00' } }, { scratch_free_mib: 1 }, 'works from 22:00'],
  ['no sensor', { temperature_c: 30 }, { temperature_c: null }, null],
  ['paused, at night, hot: what a person said comes first', { mode: 'paused', hours: { from: '22:00', to: '06:00' }, temperature_c: 30 }, { temperature_c: 90 }, 'paused'],
  ['by day, hot: the hours come first', { hours: { from: '22:00', to: '06:00' }, temperature_c: 30 }, { temperature_c: 90 }, 'works from 22:00'],
])('%s', (_, settings, conditions, why) => {
  expect(rests(set(settings), { ...CONDITIONS, ...conditions }, NOON)).toBe(why)
})

test('how a machine is that has not said so is no reason to rest', () => {
  expect(rests(set({ gpu_busy_percent: 1, temperature_c: 30 }), null, NOON)).toBeNull()
})

test.each([
  ['22:00', '06:00', ['22:00', '23:59', '00:00', '05:59'], ['06:00', '12:00', '21:59']],
  ['08:00', '17:30', ['08:00', '12:00', '17:29'], ['17:30', '23:00', '00:00', '07:59']],
  ['00:00', '06:00', ['00:00', '05:59'], ['06:00', '23:59']],
  ['18:00', '00:00', ['18:00', '23:59'], ['00:00', '17:59']],
  ['09:00', '09:00', ['00:00', '08:59', '09:00', '23:59'], []],
])('from %s to %s', (from, to, works, stays) => {
  const settings = set({ hours: { from, to } })
  expect(works.map((clock) => rests(settings, null, at(clock)))).toEqual(works.map(() => null))
  expect(stays.map((clock) => rests(settings, null, at(clock)))).toEqual(stays.map(() => `works from ${from}`))
})

test('hours and their complement share the day without a gap', () => {
  const clock = fc.tuple(fc.nat(23), fc.nat(59)).map(([h, m]) => `${String(h).padStart(2, '0')}:${String(m).padStart(2, '0')}`)
  fc.assert(fc.property(clock, clock, clock, (from, to, now) => {
    fc.pre(from !== to)
    const [day, night] = [rests(set({ hours: { from, to } }), null, at(now)), rests(set({ hours: { from: to, to: from } }), null, at(now))]
    expect([day, night].filter((why) => why === null)).toHaveLength(1)
  }))
})

/** Minutes of the day in Berlin on which it works, counted in steps of UTC. */
const worked = (day: string, from: string, to: string): number => {
  process.env['TZ'] = 'Europe/Berlin'
  const start = new Date(`${day}T00:00:00`).getTime()
  const next = new Date(start)
  next.setDate(next.getDate() + 1)
  let minutes = 0
  for (let ms = start; ms < next.getTime(); ms += 60_000) if (rests(set({ hours: { from, to } }), null, new Date(ms)) === null) minutes++
  return minutes
}

test('the clock on the wall counts: one night a year is an hour shorter, one longer', () => {
  expect(worked('2026-03-28', '01:00', '04:00')).toBe(180)
  expect(worked('2026-03-29', '01:00', '04:00')).toBe(120) // at 2 it is 3
  expect(worked('2026-10-25', '01:00', '04:00')).toBe(240) // 2 to 3 comes twice
  expect(worked('2026-03-29', '22:00', '06:00')).toBe(5 * 60 + 120)
  expect(worked('2026-03-29', '02:15', '02:45')).toBe(0)
})
