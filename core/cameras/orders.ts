/** What people decided about cameras: one synced record each, with the audit's event in the same batch. */
import { Value } from 'typebox/value'
import type { Home } from '../access/scope.ts'
import { CameraOrder, NO_ORDER } from '../contract/camera.ts'
import { past, type Log } from '../store/log.ts'
import { Batch } from '../tasks/batch.ts'
import { noteEvent } from '../tasks/event-record.ts'
import { Lanes } from '../tasks/lanes.ts'
import type { Sequence } from '../tasks/sequence.ts'

export interface AuditEvent { readonly type: 'camera.steered' | 'camera.skipped' | 'camera.retried'; readonly payload: Record<string, unknown> }

export interface Orders {
  of(home: Home, camera: string): CameraOrder
  /** Synced; changes of one camera go one after another. */
  change(home: Home, camera: string, how: (order: CameraOrder) => CameraOrder, event: AuditEvent): Promise<void>
  /** It has come: not kept over a restart, for then it is asked anyway. */
  here(home: Home, camera: string): void
}

const PREFIX = 'camera!order!'
const keyOf = ({ org, site }: Home, camera: string) => `${PREFIX}${org}!${site}!${camera}`

export async function openOrders({ log, sequence, clock }: { log: Log; sequence: Sequence; clock: () => number }): Promise<Orders> {
  const orders = new Map<string, CameraOrder>()
  for (const [key, value] of await log.range({ gte: PREFIX, lt: past(PREFIX) })) {
    const kept: unknown = JSON.parse(value)
    if (Value.Check(CameraOrder, kept)) orders.set(key, kept)
  }
  const lanes = new Lanes()
  const of = (home: Home, camera: string) => orders.get(keyOf(home, camera)) ?? NO_ORDER
  return {
    of,
    change: (home, camera, how, event) => lanes.alone([keyOf(home, camera)], async () => {
      const former = of(home, camera)
      const next = how(former)
      const batch = new Batch()
      batch.put(keyOf(home, camera), { ...next, here: 0 })
      noteEvent(batch, sequence, home, event.type, clock(), event.payload)
      orders.set(keyOf(home, camera), next)
      batch.undo(() => void orders.set(keyOf(home, camera), former))
      await batch.commit(log)
    }),
    here(home, camera) {
      const order = of(home, camera)
      orders.set(keyOf(home, camera), { ...order, here: order.here + 1 })
    },
  }
}
