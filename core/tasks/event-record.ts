import type { Home } from '../access/scope.ts'
import type { Batch } from './batch.ts'
import { eventPrefix, eventTypePrefix } from './keys.ts'
import type { Sequence } from './sequence.ts'

export interface EventRecord { readonly type: string; readonly at_ms: number; readonly payload: Record<string, unknown> }

/** Writes an event down for whoever looks later. Returns its number. */
export function noteEvent(batch: Batch, sequence: Sequence, home: Home, type: string, at_ms: number, payload: Record<string, unknown>): string {
  const seq = sequence.next(batch)
  batch.put(`${eventPrefix(home)}${seq}`, { type, at_ms, payload } satisfies EventRecord)
  batch.put(`${eventTypePrefix(home, type)}${seq}`, '')
  return seq
}
