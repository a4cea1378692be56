/** How a person's word about clips changes a camera's order. Pure. */
import type { CameraOrder } from '../contract/camera.ts'

/** Of those that were named long ago, the oldest are forgotten: they are no longer on the card. */
export const MOST_CLIPS = 2_000

/** They stay on the camera from now on. */
export function skipping(order: CameraOrder, clips: readonly string[]): CameraOrder {
  const named = new Set(clips)
  return {
    ...order,
    skip: [...order.skip.filter((id) => !named.has(id)), ...named].slice(-MOST_CLIPS),
    again: Object.fromEntries(Object.entries(order.again).filter(([id]) => !named.has(id))),
  }
}

/** They are fetched whatever the settings say, and however often they failed. */
export function retrying(order: CameraOrder, clips: readonly string[], now_ms: number): CameraOrder {
  const named = new Set(clips)
  const others = Object.entries(order.again).filter(([id]) => !named.has(id))
  // Higher than any before, also than that of one that was skipped in between, and whatever was done to the clock.
  const turn = Math.max(now_ms, ...Object.values(order.again).map((n) => n + 1))
  return {
    ...order,
    skip: order.skip.filter((id) => !named.has(id)),
    again: Object.fromEntries([...others, ...[...named].map((id): [string, number] => [id, turn])].slice(-MOST_CLIPS)),
  }
}
