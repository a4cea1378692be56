/** What a device does just now, in words: the first thing its card says. */
import type { DeviceView } from '../../../core/http/api.ts'
import { count, hourMinute, many, moment, nearDay } from '../words.ts'

export interface State { readonly kind: 'working' | 'here' | 'rests' | 'away' | 'bad'; readonly says: string }

export function stateOf(device: DeviceView, now_ms: number): State {
  const { mode, slots } = device.settings
  const n = device.running.length
  if (!device.online) return { kind: 'away', says: `${awaySince(device.last_seen_ms, now_ms)}${mode === 'working' ? '' : mode === 'paused' ? ', paused' : ', drained'}` }
  if (mode === 'paused') return { kind: 'rests', says: n > 0 ? `Paused, lets go of ${many(n, 'task')}` : 'Paused' }
  if (mode === 'draining') return n > 0 ? { kind: 'working', says: `Draining, ends ${many(n, 'task')} first` } : { kind: 'rests', says: 'Drained, takes nothing new' }
  if (device.rests !== null) return n > 0 ? { kind: 'working', says: `Ends ${many(n, 'task')}, then rests: ${device.rests}` } : { kind: 'rests', says: `Rests: ${device.rests}` }
  if (n === 0) return { kind: 'here', says: 'Here, nothing to do' }
  return { kind: 'working', says: slots === null ? `Working, ${many(n, 'task')}` : `Working, ${count(n)} of ${many(slots, 'slot')}` }
}

function awaySince(seen_ms: number | null, now_ms: number): string {
  if (seen_ms === null) return 'Not heard yet'
  return `Away since ${nearDay(seen_ms, now_ms) === 'today' ? hourMinute(seen_ms) : moment(seen_ms, now_ms)}`
}

/** Takes no work now: what only it can do waits. */
export const absent = (device: DeviceView) => !device.online || device.rests !== null || device.settings.mode !== 'working'

/** "14 tasks wait for shed-nas, 2 for gpu-pc, nothing else waits for a device." */
export function waitingSentence(devices: readonly DeviceView[]): string {
  const awaited = devices.filter((device) => absent(device) && device.waiting > 0).toSorted((a, b) => b.waiting - a.waiting)
  if (awaited.length === 0) return 'Nothing waits for a device.'
  const [first, ...rest] = awaited
  return `${many(first!.waiting, 'task')} ${first!.waiting === 1 ? 'waits' : 'wait'} for ${first!.id}${rest.map((device) => `, ${count(device.waiting)} for ${device.id}`).join('')}, nothing else waits for a device.`
}

/** What is said of work that only this device can do; null: none waits. */
export function waitingFor(device: DeviceView): { readonly head: string; readonly rest: string } | null {
  if (device.waiting === 0) return null
  const head = `${many(device.waiting, 'task')} ${device.waiting === 1 ? 'waits' : 'wait'} for it.`
  if (!absent(device)) return { head, rest: '' }
  const hours = device.settings.hours
  const when = device.settings.mode !== 'working' ? 'It goes on once the device works again.' : hours && device.online ? `It begins at ${hours.from} by itself.` : device.online ? 'It begins by itself.' : 'It begins by itself when the device is back.'
  return { head, rest: `Nothing is lost: its files are safe on this box. ${when}` }
}
