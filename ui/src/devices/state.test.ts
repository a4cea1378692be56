import { expect, test } from 'vitest'
import type { DeviceView } from '../../../core/http/api.ts'
import { SETTINGS } from '../../../core/devices/settings.ts'
import { stateOf, waitingFor, waitingSentence } from './state.ts'

const NOW_MS = new Date(2026, 10, 20, 14, 31).getTime()
const device = (over: Partial<DeviceView> = {}): DeviceView => ({
  id: 'gpu-pc', own: false, online: true, last_seen_ms: NOW_MS, capability: null, conditions: null, allowed: null, settings: SETTINGS, rests: null, token_ends_ms: null,
  running: [], waiting: 0, done: 0, failed: 0, rates: [], strip: [], ...over,
})
const run = { task: 't', stage: 's', progress: null, what: null, since_ms: 0 }
const says = (over: Partial<DeviceView>) => stateOf(device(over), NOW_MS)

test('one that works says with how much of what it may', () => {
  expect(says({ running: [run] })).toEqual({ kind: 'working', says: 'Working, 1 task' })
  expect(says({ running: [run, run], settings: { ...SETTINGS, slots: 3 } })).toEqual({ kind: 'working', says: 'Working, 2 of 3 slots' })
  expect(says({})).toEqual({ kind: 'here', says: 'Here, nothing to do' })
})

test('one that rests says why, and what it ends first', () => {
  expect(says({ rests: 'works from 22:00' })).toEqual({ kind: 'rests', says: 'Rests: works from 22:00' })
  expect(says({ rests: 'too hot: 91 °C', running: [run] })).toEqual({ kind: 'working', says: 'Ends 1 task, then rests: too hot: 91 °C' })
  expect(says({ rests: 'draining', settings: { ...SETTINGS, mode: 'draining' }, running: [run, run] })).toEqual({ kind: 'working', says: 'Draining, ends 2 tasks first' })
  expect(says({ rests: 'draining', settings: { ...SETTINGS, mode: 'draining' } })).toEqual({ kind: 'rests', says: 'Drained, takes nothing new' })
  expect(says({ rests: 'paused', settings: { ...SETTINGS, mode: 'paused' } })).toEqual({ kind: 'rests', says: 'Paused' })
})

test('one that is away says since when, whatever it would do', () => {
  expect(says({ online: false, last_seen_ms: NOW_MS - 8 * 3_600_000 })).toEqual({ kind: 'away', says: 'Away since 06:31' })
  expect(says({ online: false, last_seen_ms: NOW_MS - 24 * 3_600_000, rests: 'paused', settings: { ...SETTINGS, mode: 'paused' } })).toEqual({ kind: 'away', says: 'Away since yesterday 14:31, paused' })
  expect(says({ online: false, last_seen_ms: null })).toEqual({ kind: 'away', says: 'Not heard yet' })
})

test('the sentence names those that are waited for; a queue before a device that works is no waiting', () => {
  const busy = device({ waiting: 40, running: [run] })
  expect(waitingSentence([busy])).toBe('Nothing waits for a device.')
  const shed = device({ id: 'shed', online: false, waiting: 14 })
  const ben = device({ id: 'ben', rests: 'runs on battery', waiting: 2 })
  expect(waitingSentence([busy, ben, shed])).toBe('14 tasks wait for shed, 2 for ben, nothing else waits for a device.')
  expect(waitingSentence([device({ online: false, waiting: 1 })])).toBe('1 task waits for gpu-pc, nothing else waits for a device.')
})

test('what waits says that nothing is lost and what sets it going', () => {
  expect(waitingFor(device())).toBeNull()
  expect(waitingFor(device({ waiting: 3 }))).toEqual({ head: '3 tasks wait for it.', rest: '' })
  expect(waitingFor(device({ waiting: 3, online: false }))!.rest).toBe('Nothing is lost: its files are safe on this box. It begins by itself when the device is back.')
  expect(waitingFor(device({ waiting: 3, rests: 'works from 22:00', settings: { ...SETTINGS, hours: { from: '22:00', to: '06:00' } } }))!.rest).toMatch(/It begins at 22:00 by itself\.$/)
  expect(waitingFor(device({ waiting: 3, rests: 'paused', settings: { ...SETTINGS, mode: 'paused' } }))!.rest).toMatch(/It goes on once the device works again\.$/)
})
