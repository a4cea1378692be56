import type { TSchema } from 'typebox'
import type { Home, Scope } from '../access/scope.ts'
import { Fault } from '../contract/fault.ts'
import type { EventView } from '../http/api.ts'
import { crashPoint } from '../store/crash.ts'
import { past, type Log } from '../store/log.ts'
import { Batch } from './batch.ts'
import { noteEvent, type EventRecord } from './event-record.ts'
import { Lanes } from './lanes.ts'
import { eventPrefix, eventTypePrefix, knownKey } from './keys.ts'
import type { Outcomes } from './outcomes.ts'
import { misfit } from './shape.ts'

/** How a watcher and the rest of the appliance reach the events; the same in process and over HTTP. */
export interface EventDoor {
  /** Durable when it resolves; the same `key` twice is one event. Throws Fault `input/invalid`. */
  emit(scope: Home, type: string, key: string, payload: Record<string, unknown>): Promise<void>
  /** Whether an event with this key was emitted before, in this life or an earlier one. */
  known(scope: Home, type: string, key: string): Promise<boolean>
}

export interface Events extends EventDoor {
  /** Null: it never happened. */
  find(scope: Home, type: string, key: string): Promise<EventView | null>
  /** Those after `after`, oldest first; without it the newest `limit`, oldest of them first. */
  list(scope: Scope, filter: { type?: string; after?: string; limit: number }): Promise<readonly EventView[]>
}

/**
 * @param clock UTC epoch, ms.
 * @param schemas What a declared event says; null: no plugin declares it, which is Fault `input/invalid`. Without it any payload is taken.
 */
export function openEvents({ log, outcomes, clock, schemas, onChange }: {
  log: Log
  outcomes: Outcomes
  clock: () => number
  schemas?: (type: string) => TSchema | null
  onChange?: (scope: Home) => void
}): Events {
  const lanes = new Lanes()
  return {
    async emit(scope, type, key, payload) {
      if (schemas !== undefined) {
        const schema = schemas(type)
        const wrong = schema === null ? 'no plugin declares it' : misfit(schema, payload)
        if (wrong !== null) throw new Fault('input/invalid', `Event ${type}: ${wrong}`)
      }
      const home: Home = { org: scope.org, site: scope.site }
      const known = knownKey(home, type, key)
      await lanes.alone([known], async () => {
        if (log.get(known) !== undefined) return
        const batch = new Batch()
        const seq = noteEvent(batch, outcomes.sequence, home, type, clock(), payload)
        batch.put(known, seq)
        outcomes.queue.append(batch, { kind: 'event', node: null, type, task: null, scope: home, message: { payload } })
        await batch.commit(log)
        crashPoint('event.committed')
        onChange?.(home)
      })
    },

    async known(scope, type, key) {
      return log.get(knownKey(scope, type, key)) !== undefined
    },

    async find(scope, type, key) {
      const seq = log.get(knownKey(scope, type, key))
      const record = seq === undefined ? undefined : log.get(`${eventPrefix(scope)}${seq}`)
      return record === undefined ? null : { seq: seq!, ...(JSON.parse(record) as EventRecord) }
    },

    async list(scope, { type, after, limit }) {
      const all = eventPrefix(scope)
      const prefix = type === undefined ? all : eventTypePrefix(scope, type)
      const range = { gt: `${prefix}${after ?? ''}`, lt: past(prefix), limit }
      const rows = after === undefined ? (await log.range({ ...range, reverse: true })).reverse() : await log.range(range)
      return rows.flatMap(([key, value]) => {
        const seq = key.slice(prefix.length)
        const record = type === undefined ? value : log.get(`${all}${seq}`)
        return record === undefined ? [] : [{ seq, ...(JSON.parse(record) as EventRecord) }]
      })
    },
  }
}
