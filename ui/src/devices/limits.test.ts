import fc from 'fast-check'
import { Value } from 'typebox/value'
import { expect, test } from 'vitest'
import { Settings, SETTINGS } from '../../../core/devices/settings.ts'
import { clock, conditions, limits, nightly, whole } from './limits.ts'

test('a time of day is read as people type it', () => {
  expect(['22:00', '7:30', '2230', '7', ' 06.15 ', '0:00'].map(clock)).toEqual(['22:00', '07:30', '22:30', '07:00', '06:15', '00:00'])
  expect(['24:00', '12:60', '', 'ten', '1:2', '-1'].map(clock)).toEqual([null, null, null, null, null, null])
})

test('whatever is typed, what is read as a time or a number is what the box takes', () => {
  const text = fc.oneof(fc.string(), fc.stringMatching(/^[0-9 :.h-]{0,6}$/))
  fc.assert(fc.property(text, text, text, (from, to, n) => {
    const hours = clock(from) !== null && clock(to) !== null ? { from: clock(from)!, to: clock(to)! } : null
    expect(Value.Check(Settings, { ...SETTINGS, hours, slots: whole(n, 1, 256), gpu_busy_percent: whole(n, 1, 100), temperature_c: whole(n, 30, 120) })).toBe(true)
  }))
})

test('only what was limited is said, and hours over midnight are known', () => {
  expect(limits(SETTINGS)).toEqual([])
  expect(limits({ ...SETTINGS, hours: { from: '22:00', to: '06:00' }, gpu_busy_percent: 20, slots: 2, temperature_c: 85, on_battery: true })).toEqual(['22:00–06:00', 'not while a game runs', 'up to 85\u202f°C', 'also on battery', '2 at once'])
  expect(nightly({ from: '22:00', to: '06:00' })).toBe(true)
  expect(nightly({ from: '08:00', to: '18:00' })).toBe(false)
})

test('conditions leave out what is not known', () => {
  expect(conditions({ gpu_busy_percent: null, temperature_c: null, on_battery: false, battery_percent: null, scratch_free_mib: null, load: 0.35 })).toEqual(['load 35\u202f%'])
  expect(conditions({ gpu_busy_percent: 87, temperature_c: 64.4, on_battery: true, battery_percent: 80, scratch_free_mib: 90_000, load: 1.2 })).toEqual(['64\u202f°C', 'load 120\u202f%', 'GPU 87\u202f% by others', 'on battery, 80\u202f%'])
})
