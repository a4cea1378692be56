/** Tokens that live as long as this process: core's own agent, node-red, the demo; and browsers' passwords for MQTT. */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Principal } from './scope.ts'

export interface Tokens {
  /** A new bearer token for `principal`. @param ttl_ms None: until core stops. */
  mint(principal: Principal, ttl_ms?: number): string
  /** Null: unknown or expired. */
  principalOfBearer(token: string): Promise<Principal | null>
  /** Forgets a token; unknown ones are ignored. */
  revoke(token: string): void
  /** A browser's user name and password for MQTT, good for `MQTT_TTL_MS` and only as long as its session. */
  mqttOf(principal: Principal, session: string): { readonly username: string; readonly password: string }
  /** The session an MQTT password was made for. Null: not ours, another user's, or too old. */
  sessionOfMqtt(username: string, password: string): string | null
}

/** A page asks again before it reconnects; a page that stays connected never needs to. */
const MQTT_TTL_MS = 3_600_000

/** @param clock Epoch, ms. */
export function tokens(clock: () => number): Tokens {
  const minted = new Map<string, { principal: Principal; digest: Buffer; until_ms: number }>()
  const key = randomBytes(32)
  const seal = (body: string) => createHmac('sha256', key).update(body).digest()

  return {
    mint(principal, ttl_ms = Infinity) {
      const token = randomBytes(32).toString('base64url')
      const digest = sha256(token)
      minted.set(digest.toString('hex'), { principal, digest, until_ms: clock() + ttl_ms })
      return token
    },
    async principalOfBearer(token) {
      const digest = sha256(token)
      // Found by its digest, so that the time of the search tells nothing of the token.
      const held = minted.get(digest.toString('hex'))
      if (!held || !timingSafeEqual(held.digest, digest)) return null
      return held.until_ms > clock() ? held.principal : null
    },
    revoke(token) {
      minted.delete(sha256(token).toString('hex'))
    },
    mqttOf(principal, session) {
      const username = mqttName(principal)
      const body = `${session}.${clock() + MQTT_TTL_MS}`
      return { username, password: `${body}.${seal(`mqtt:${username}:${body}`).toString('base64url')}` }
    },
    sessionOfMqtt(username, password) {
      const [session, until, mark, more] = password.split('.')
      if (!session || !until || !mark || more !== undefined) return null
      const given = Buffer.from(mark, 'base64url')
      const wanted = seal(`mqtt:${username}:${session}.${until}`)
      if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return null
      return Number(until) > clock() ? session : null
    },
  }
}

/** Somebody's user name at the broker: a device's own name, `key/<name>`, `@<person>`. No name of one kind can be one of another. */
export const mqttName = ({ kind, id }: Principal): string => (kind === 'device' ? id : kind === 'key' ? `key/${id}` : `@${id}`)

export const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest()
