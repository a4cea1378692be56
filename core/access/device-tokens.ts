/**
 * Tokens of devices that joined: signed, good for 30 days, renewed by the device itself. Who the token names must still be
 * known and of the same generation, so revoking needs no list and works at once.
 */
import { randomBytes, webcrypto } from 'node:crypto'
import { errors, jwtVerify, SignJWT, type JWTPayload } from 'jose'
import { proofOf } from './proof.ts'
import type { Principal } from './scope.ts'
import { entries, type AccessLog } from './store.ts'

/** A device as far as its tokens go. */
export interface KnownDevice { readonly id: string; readonly org: string; readonly site: string; readonly generation: string | null }

export interface JoinedDevices {
  /** Null: unknown or revoked. */
  get(id: string): KnownDevice | null
  /** It came with a token of its own. */
  used(id: string): void
}

export interface DeviceTokens {
  /** A new token; former ones stay good for their time, for the answer may be lost on its way. */
  sign(device: KnownDevice): Promise<{ readonly token: string; readonly ends_ms: number }>
  /** That we signed the token with these claims, if we did: `header.payload`, without the signature. */
  prove(claims: string, nonce: string): Promise<string>
  /** Null: not ours, over, or its device is not known any more. */
  find(token: string): Promise<{ readonly principal: Principal; readonly ends_ms: number } | null>
}

export const TOKEN_TTL_MS = 30 * 24 * 3_600_000

const KEY = 'access!device-key'
const ISSUER = 'viewshed'
/** Tokens whose signature was looked at already: a device shows the same one with every question for a day. */
const VERIFIED_MAX = 4_096

/** @param clock Epoch, ms. Nothing but the end is looked at, so a clock that was set back refuses nobody. */
export async function openDeviceTokens({ log, clock, devices }: { log: AccessLog; clock: () => number; devices: JoinedDevices }): Promise<DeviceTokens> {
  const key = await webcrypto.subtle.importKey('raw', Buffer.from(await keyOf(log), 'hex'), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify'])
  const verified = new Map<string, JWTPayload>()

  /** What the token claims; null: we did not sign it. Whether it is over is looked at each time. */
  async function claimsOf(token: string): Promise<JWTPayload | null> {
    const known = verified.get(token)
    if (known) return known
    try {
      const { payload } = await jwtVerify(token, key, { algorithms: ['HS256'], issuer: ISSUER, requiredClaims: ['exp', 'sub'], currentDate: new Date(clock()) })
      verified.set(token, payload)
      if (verified.size > VERIFIED_MAX) verified.delete(verified.keys().next().value!)
      return payload
    } catch (error) {
      if (error instanceof errors.JOSEError) return null
      throw error
    }
  }

  return {
    async sign({ id, org, site, generation }) {
      const now_ms = clock()
      const ends_s = Math.floor((now_ms + TOKEN_TTL_MS) / 1000)
      const token = await new SignJWT({ org_id: org, site_ids: [site], role: 'device', gen: generation })
        .setProtectedHeader({ alg: 'HS256', typ: 'JWT' }).setIssuer(ISSUER).setSubject(id).setJti(randomBytes(12).toString('base64url'))
        .setIssuedAt(Math.floor(now_ms / 1000)).setExpirationTime(ends_s).sign(key)
      return { token, ends_ms: ends_s * 1000 }
    },
    prove: async (claims, nonce) => proofOf(new Uint8Array(await webcrypto.subtle.sign('HMAC', key, Buffer.from(claims))), nonce),
    async find(token) {
      if (token.split('.', 4).length !== 3) return null // one that lives in memory
      const claims = await claimsOf(token)
      if (claims === null || claims.exp! * 1000 <= clock()) return null
      const device = devices.get(claims.sub!)
      if (!device || device.generation === null || claims['gen'] !== device.generation || claims['org_id'] !== device.org || claims['role'] !== 'device') return null
      if (!Array.isArray(claims['site_ids']) || !claims['site_ids'].includes(device.site)) return null
      devices.used(device.id)
      return { principal: { kind: 'device', id: device.id, name: device.id, scope: { org: device.org, site: device.site, role: 'device' } }, ends_ms: claims.exp! * 1000 }
    },
  }
}

/** Made once. Without it every device must join again, so it lies with them in the log. */
async function keyOf(log: AccessLog): Promise<string> {
  const [stored] = await entries(log, KEY)
  if (stored) return stored[1]
  const made = randomBytes(32).toString('hex')
  await log.commit([{ type: 'put', key: KEY, value: made }])
  return made
}
