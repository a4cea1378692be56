/** Whether a camera is in reach, and at which address. Asked again and again: a car that comes home is noticed within ten seconds. */
import type { CameraDesk } from '../../core/contract/camera.ts'
import { Fault } from '../../core/contract/fault.ts'
import type { Driver } from './clip.ts'
import { openDoor, type Door, type Patience } from './door.ts'
import { nap } from './nap.ts'

const FIRST_MS = 1_000
const MOST_MS = 6_500
/** With the longest pause and the time of an answer, below ten seconds. */
const GREETING: Patience = { connect_ms: 2_000, answer_ms: 3_000, stall_ms: 2_000 }

/** How long until it is asked again, after so many times in vain. */
export const pause_ms = (misses: number): number => Math.min(MOST_MS, Math.round(FIRST_MS * 1.5 ** misses))

/** The first of its addresses at which such a camera answers. Null: none does now. A camera of another kind counts as none. */
export async function answering(addresses: readonly string[], driver: Pick<Driver, 'greet'>, signal: AbortSignal): Promise<string | null> {
  const done = new AbortController()
  const either = AbortSignal.any([signal, done.signal])
  try {
    return await Promise.any(addresses.map(async (address) => {
      await driver.greet(openDoor(address, 1, GREETING), either)
      return address
    }))
  } catch (e) {
    signal.throwIfAborted()
    const strange = (e as AggregateError).errors.find((cause) => !(cause instanceof Fault && (cause.code === 'camera/unreachable' || cause.code === 'camera/invalid')))
    if (strange) throw strange
    return null
  } finally {
    done.abort()
  }
}

/** Waits until it is there; somebody's word that it has come is followed at once. Throws the signal's reason. */
export async function arrival(addresses: readonly string[], driver: Pick<Driver, 'greet'>, connections: number, desk: Pick<CameraDesk, 'onOrder' | 'order'>, signal: AbortSignal): Promise<Door> {
  for (let misses = 0; ; misses++) {
    const { here } = desk.order
    const address = await answering(addresses, driver, signal)
    if (address !== null) return openDoor(address, connections)
    if (desk.order.here === here) await nap(pause_ms(misses), desk, signal)
    signal.throwIfAborted()
    if (desk.order.here !== here) misses = -1
  }
}
