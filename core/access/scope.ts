import type { Role } from '../contract/plugin.ts'

/** Whose things, and how much of them. No store handle, topic, file or index is had without one. */
export interface Scope {
  readonly org: string
  readonly site: string
  readonly role: Role
}

/** Where things are at home, whoever asks. */
export type Home = Pick<Scope, 'org' | 'site'>

/** Who asks. */
export interface Principal {
  readonly kind: 'person' | 'device' | 'flows' | 'key'
  readonly id: string
  readonly name: string
  readonly scope: Scope
}

export const HOME = { org: 'home', site: 'home' } as const
