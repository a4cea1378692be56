/** What devices said of themselves and did: the last known of each, kept over a restart. Never worth a sync of its own. */
import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import { past, type Log, type LogOp } from '../store/log.ts'
import { Capability, type Conditions } from './capability.ts'
import { EMPTY, History } from './history.ts'

/** One device, as it was last heard. */
export interface Heard {
  capability: Capability | null
  told: boolean // it has said what it can do since core started
  conditions: Conditions | null
  seen_ms: number | null // epoch
  history: History
  order: string | null // what it was told last
  unsaved: boolean
}

export interface Memory {
  of(id: string): Heard
  forget(id: string): Promise<void>
  /** One synced batch for all that changed; nothing when nothing did. */
  save(): Promise<void>
}

const PREFIX = 'device!'
const Saved = Type.Object({ capability: Type.Union([Capability, Type.Null()]), seen_ms: Type.Union([Type.Number(), Type.Null()]), history: History })

export async function openMemory(log: Log): Promise<Memory> {
  const all = new Map<string, Heard>()
  for (const [key, value] of await log.range({ gte: PREFIX, lt: past(PREFIX) })) {
    const saved: unknown = JSON.parse(value)
    // Of another version of ours: it says anew what it can do, and its history begins again.
    if (Value.Check(Saved, saved)) all.set(key.slice(PREFIX.length), fresh(saved))
  }
  return {
    of(id) {
      const known = all.get(id) ?? fresh({ capability: null, seen_ms: null, history: EMPTY })
      all.set(id, known)
      return known
    },
    async forget(id) {
      all.delete(id)
      await log.commit([{ type: 'del', key: PREFIX + id }])
    },
    async save() {
      const changed = [...all].filter(([, one]) => one.unsaved)
      if (changed.length === 0) return
      for (const [, one] of changed) one.unsaved = false
      try {
        await log.commit(changed.map(([id, { capability, seen_ms, history }]): LogOp => ({ type: 'put', key: PREFIX + id, value: JSON.stringify({ capability, seen_ms, history } satisfies Static<typeof Saved>) })))
      } catch (error) {
        for (const [, one] of changed) one.unsaved = true
        throw error
      }
    },
  }
}

const fresh = (saved: Static<typeof Saved>): Heard => ({ ...saved, told: false, conditions: null, order: null, unsaved: false })
