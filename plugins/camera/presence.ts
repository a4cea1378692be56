/** Whether a camera is in reach, and at which address. Asked again and again: a car that comes home is noticed within ten seconds. */
import type { CameraDesk } from '../../core/contract/camera.ts'
import { Fault } from '../../core/contract/fault.ts'
import type { Driver } from './clip.ts'
import { openDoor, type Door, type Patience } from './door.ts'
import { nap } from './nap.ts'

const FIRST_MS = 1_000
const MOST_MS = 6_500
/** With the longest pause below ten seconds. */
const CONNECT_MS = 2_000

/** How long until it is asked again, after so many times in vain. */
export const pause_ms = (misses: number): number => Math.min(MOST_MS, Math.round(FIRST_MS * 1.5 ** misses))

/** The first of its addresses at which such a camera answers; none does now: why not, in words, when something else answers there. */
export async function answering(addresses: readonly string[], driver: Pick<Driver, 'greet' | 'greeting_ms'>, signal: AbortSignal): Promise<{ readonly address: string } | { readonly strange: string | null }> {
  const done = new AbortController()
  const patience: Patience = { connect_ms: CONNECT_MS, answer_ms: driver.greeting_ms, stall_ms: driver.greeting_ms }
  const either = AbortSignal.any([signal, done.signal])
  try {
    return await Promise.any(addresses.map(async (address) => {
      await driver.greet(openDoor(address, 1, patience), either)
      return { address }
    }))
  } catch (e) {
    signal.throwIfAborted()
    const { errors } = e as AggregateError
    const unforeseen = errors.find((cause) => !(cause instanceof Fault && (cause.code === 'camera/unreachable' || cause.code === 'camera/invalid')))
    if (unforeseen) throw unforeseen
    return { strange: (errors as Fault[]).find(({ code }) => code === 'camera/invalid')?.message ?? null }
  } finally {
    done.abort()
  }
}

/** Waits until it is there; somebody's word that it has come is followed at once. Throws the signal's reason. @param strange told of what answers in its place, null: nothing */
export async function arrival(addresses: readonly string[], driver: Pick<Driver, 'greet' | 'greeting_ms'>, connections: number, desk: Pick<CameraDesk, 'onOrder' | 'order'>, signal: AbortSignal, strange: (why: string | null) => void): Promise<Door> {
  for (let misses = 0; ; misses++) {
    const { here } = desk.order
    const found = await answering(addresses, driver, signal)
    if ('address' in found) return openDoor(found.address, connections)
    strange(found.strange)
    if (desk.order.here === here) await nap(pause_ms(misses), desk, signal)
    signal.throwIfAborted()
    if (desk.order.here !== here) misses = -1
  }
}
