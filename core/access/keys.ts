/**
 * Keys for programs: Home Assistant, a script, somebody's own Node-RED. A key is shown once and never stored, only its
 * digest, under `access!key!` in the log. It is the bearer token over HTTP, and the password over MQTT.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import { Fault } from '../contract/fault.ts'
import type { Role } from '../contract/plugin.ts'
import { HOME, type Principal, type Scope } from './scope.ts'
import { entries, type AccessLog } from './store.ts'
import { sha256 } from './tokens.ts'

/** What a key may be given to do. `flows`: to run them, in a Node-RED elsewhere; it sees and changes nothing else. */
export const KEY_ROLES = ['viewer', 'operator', 'admin', 'flows'] as const satisfies readonly Role[]
export type KeyRole = (typeof KEY_ROLES)[number]

export interface KeyView { readonly name: string; readonly role: Role; readonly created_ms: number }

export interface Keys {
  /** Durable when it resolves. @returns The key, which nobody can be told again: `vs_` and 256 random bits. Fault `input/invalid`: no such role, no such name, or a name that is taken. */
  add(name: string, role: string): Promise<string>
  list(): readonly KeyView[]
  /** Nobody comes in with it any more, and who is in goes out. Fault `not-found`. */
  revoke(name: string): Promise<void>
  /** Null: unknown or revoked. `id` is its own, not that of an earlier key of the same name. */
  find(key: string): { readonly principal: Principal; readonly id: string } | null
  /** Called with the id of every key that is revoked. */
  onRevoke(listener: (id: string) => void): void
}

interface Key extends KeyView { readonly digest: string; readonly scope: Scope }

const PREFIX = 'access!key!'
const NAME = /^[a-z0-9][a-z0-9._-]{0,31}$/

/** @param clock Epoch, ms. */
export async function openKeys(log: AccessLog, clock: () => number): Promise<Keys> {
  const byDigest = new Map<string, Key>()
  const taken = new Set<string>() // names, those that are just being written too
  const void_ = new Set<string>() // digests that the log may still have
  const listeners: ((id: string) => void)[] = []
  for (const [name, value] of await entries(log, PREFIX)) {
    const key: Key = JSON.parse(value)
    byDigest.set(key.digest, key)
    taken.add(name)
  }

  return {
    async add(name, role) {
      if (!NAME.test(name)) throw new Fault('input/invalid', `A key's name has up to 32 small letters, digits, '.', '_' and '-'; ${JSON.stringify(name)} is none.`)
      if (!isKeyRole(role)) throw new Fault('input/invalid', `A key is for a ${KEY_ROLES.join(', ')}; ${JSON.stringify(role)} is none of them.`)
      if (taken.has(name)) throw new Fault('input/invalid', `There is a key ${name} already. Revoke it first, or choose another name.`)
      taken.add(name)
      const secret = `vs_${randomBytes(32).toString('base64url')}`
      const key: Key = { name, role, scope: { ...HOME, role }, created_ms: clock(), digest: sha256(secret).toString('hex') }
      try {
        await log.commit([{ type: 'put', key: PREFIX + name, value: JSON.stringify(key) }])
      } catch (error) {
        taken.delete(name)
        throw error
      }
      byDigest.set(key.digest, key)
      return secret
    },
    list: () => [...byDigest.values()].map(({ name, role, created_ms }) => ({ name, role, created_ms })).sort((a, b) => (a.name < b.name ? -1 : 1)),
    async revoke(name) {
      const key = [...byDigest.values()].find((one) => one.name === name)
      if (!key) throw new Fault('not-found', `There is no key ${JSON.stringify(name)}. There are: ${[...byDigest.values()].map((one) => one.name).join(', ') || 'none yet'}.`)
      // Void before it is written: when the disk takes no writes it opens nothing until the next start, and can be revoked again.
      void_.add(key.digest)
      for (const listener of listeners) listener(key.digest)
      await log.commit([{ type: 'del', key: PREFIX + name }])
      byDigest.delete(key.digest)
      taken.delete(name)
    },
    find(secret) {
      if (!secret.startsWith('vs_')) return null
      const digest = sha256(secret)
      // Found by its digest, so that the time of the search tells nothing of the key.
      const key = byDigest.get(digest.toString('hex'))
      if (!key || void_.has(key.digest) || !timingSafeEqual(Buffer.from(key.digest, 'hex'), digest)) return null
      const who = key.role === 'flows' ? ({ kind: 'flows', id: `key/${key.name}` } as const) : ({ kind: 'key', id: key.name } as const)
      return { principal: { ...who, name: key.name, scope: key.scope }, id: key.digest }
    },
    onRevoke: (listener) => void listeners.push(listener),
  }
}

const isKeyRole = (role: string): role is KeyRole => (KEY_ROLES as readonly string[]).includes(role)
