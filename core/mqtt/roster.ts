/** What devices said of themselves, as far as the broker heard: lives in memory, devices say it again whenever they connect. */
import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import type { Scope } from '../access/scope.ts'
import type { DeviceView } from '../http/api.ts'
import type { DeviceKind } from './topics.ts'

const Birth = Type.Object({ name: Type.Optional(Type.String({ maxLength: 128 })) }) // and whatever a device can do
const Progress = Type.Object({
  task: Type.String({ minLength: 1, maxLength: 200 }),
  stage: Type.String({ minLength: 1, maxLength: 200 }),
  done: Type.Number({ minimum: 0, maximum: 1 }),
  what: Type.Optional(Type.Union([Type.String({ maxLength: 1000 }), Type.Null()])),
})

export type Progress = Static<typeof Progress>

/** A message of a device, known to be well-formed. */
export type Said =
  | { readonly kind: 'birth'; readonly birth: Record<string, unknown> }
  | { readonly kind: 'availability'; readonly online: boolean }
  | { readonly kind: 'progress'; readonly progress: Static<typeof Progress> }

/** Null: not what this topic carries. */
export function parseSaid(kind: DeviceKind, payload: Buffer): Said | null {
  const text = payload.toString()
  if (kind === 'availability') return text === 'online' || text === 'offline' ? { kind, online: text === 'online' } : null
  const value = asJson(text)
  if (kind === 'birth') return Value.Check(Birth, value) ? { kind, birth: value } : null
  return Value.Check(Progress, value) ? { kind, progress: value } : null
}

interface Entry {
  readonly scope: Scope
  birth: Record<string, unknown> | null
  online: boolean
  last_seen_ms: number
  readonly running: Map<string, { stage: string; progress: number; what: string | null; at_ms: number }>
}

/** A task that was not heard of for so long has ended somewhere. */
const QUIET_MS = 120_000

export interface Roster {
  /** It is there: it just came, or said that it still is. */
  joined(device: string, scope: Scope): void
  heard(device: string, said: Said): void
  left(device: string): void
  isOnline(device: string): boolean
  scopeOf(device: string): Scope | null
  views(scope: Pick<Scope, 'org' | 'site'>): readonly DeviceView[]
}

/** @param clock Epoch, ms. */
export function roster(clock: () => number): Roster {
  const entries = new Map<string, Entry>()
  return {
    joined(device, scope) {
      const known = entries.get(device)
      if (known && known.scope.org === scope.org && known.scope.site === scope.site) known.last_seen_ms = clock()
      else entries.set(device, { scope, birth: null, online: false, last_seen_ms: clock(), running: new Map() })
    },
    heard(device, said) {
      const entry = entries.get(device)
      if (!entry) return
      entry.last_seen_ms = clock()
      if (said.kind === 'birth') entry.birth = said.birth
      else if (said.kind === 'progress') {
        const { task, stage, done, what } = said.progress
        if (done >= 1) entry.running.delete(task)
        else entry.running.set(task, { stage, progress: done, what: what ?? null, at_ms: clock() })
      } else {
        entry.online = said.online
        if (!said.online) entry.running.clear()
      }
    },
    left(device) {
      const entry = entries.get(device)
      if (!entry) return
      entry.online = false
      entry.last_seen_ms = clock()
      entry.running.clear()
    },
    isOnline: (device) => entries.get(device)?.online ?? false,
    scopeOf: (device) => entries.get(device)?.scope ?? null,
    views(scope) {
      const here = [...entries].filter(([, entry]) => entry.scope.org === scope.org && entry.scope.site === scope.site)
      return here.map(([id, entry]): DeviceView => {
        const name = entry.birth?.['name']
        for (const [task, { at_ms }] of entry.running) if (clock() - at_ms > QUIET_MS) entry.running.delete(task)
        return {
          id, name: typeof name === 'string' ? name : id, online: entry.online, last_seen_ms: entry.last_seen_ms, birth: entry.birth,
          running: [...entry.running].map(([task, { stage, progress, what }]) => ({ task, stage, progress, what })),
        }
      })
    },
  }
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
