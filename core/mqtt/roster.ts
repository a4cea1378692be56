/** Messages of devices, and who is connected: in memory, for devices say it again whenever they connect. */
import { Type, type Static } from 'typebox'
import type { Scope } from '../access/scope.ts'
import { Capability, Conditions } from '../devices/capability.ts'
import { fits } from '../http/check.ts'
import type { DeviceKind } from './topics.ts'

const Progress = Type.Object({
  task: Type.String({ minLength: 1, maxLength: 200 }),
  stage: Type.String({ minLength: 1, maxLength: 200 }),
  done: Type.Number({ minimum: 0, maximum: 1 }),
  what: Type.Optional(Type.Union([Type.String({ maxLength: 1000 }), Type.Null()])),
})
export type Progress = Static<typeof Progress>

/** A message of a device, known to be well-formed. */
export type Said =
  | { readonly kind: 'birth'; readonly capability: Capability }
  | { readonly kind: 'availability'; readonly online: boolean }
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'state'; readonly conditions: Conditions }

/** Null: not what this topic carries. */
export function parseSaid(kind: DeviceKind, payload: Buffer): Said | null {
  const text = payload.toString()
  if (kind === 'availability') return text === 'online' || text === 'offline' ? { kind, online: text === 'online' } : null
  const value = asJson(text)
  if (kind === 'birth') return fits(Capability, value) ? { kind, capability: value } : null
  if (kind === 'state') return fits(Conditions, value) ? { kind, conditions: value } : null
  return fits(Progress, value) ? { kind, progress: value } : null
}

/** Devices that were connected since the start. */
export interface Roster {
  joined(device: string, scope: Scope): void
  said(device: string, online: boolean): void
  forget(device: string): void
  /** Whether the last that was said of it is that it is there. */
  isOnline(device: string): boolean
  /** Where it joined; null: never seen, so what it says is nobody's to hear. */
  scopeOf(device: string): Scope | null
}

export function roster(): Roster {
  const entries = new Map<string, { scope: Scope; online: boolean }>()
  return {
    joined(device, scope) {
      entries.set(device, { scope, online: entries.get(device)?.online ?? false })
    },
    said(device, online) {
      const entry = entries.get(device)
      if (entry) entry.online = online
    },
    forget: (device) => void entries.delete(device),
    isOnline: (device) => entries.get(device)?.online ?? false,
    scopeOf: (device) => entries.get(device)?.scope ?? null,
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
