import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeJwt, SignJWT, UnsecuredJWT } from 'jose'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openLog, type Log } from '../store/log.ts'
import { openAccess, type Access } from './access.ts'
import { TOKEN_TTL_MS, type KnownDevice } from './device-tokens.ts'

const DAY_MS = 24 * 3_600_000
const GPU: KnownDevice = { id: 'gpu', org: 'home', site: 'barn', generation: 'g1' }
const PRINCIPAL = { kind: 'device', id: 'gpu', name: 'gpu', scope: { org: 'home', site: 'barn', role: 'device' } }

let dir: string
let log: Log
let access: Access
let now_ms: number
let known: Map<string, KnownDevice>
let used: string[]
const open = () => openAccess({ log, clock: () => now_ms, devices: { get: (id) => known.get(id) ?? null, used: (id) => void used.push(id) } })

beforeEach(async () => {
  now_ms = Date.UTC(2026, 0, 1)
  known = new Map([['gpu', GPU]])
  used = []
  dir = await mkdtemp(join(tmpdir(), 'viewshed-tokens-'))
  log = await openLog(dir)
  access = await open()
})
afterEach(async () => {
  await log.close()
  await rm(dir, { recursive: true, force: true })
})

test('a token says who, where and until when; it is good on HTTP and MQTT, also after a restart', async () => {
  const { token, ends_ms } = await access.signDevice(GPU)
  expect(decodeJwt(token)).toEqual({ iss: 'viewshed', sub: 'gpu', org_id: 'home', site_ids: ['barn'], role: 'device', gen: 'g1', jti: expect.any(String), iat: now_ms / 1000, exp: ends_ms / 1000 })
  expect(ends_ms).toBe(now_ms + TOKEN_TTL_MS)
  await log.close()
  log = await openLog(dir)
  access = await open()
  expect(await access.principalOfBearer(token)).toEqual(PRINCIPAL)
  expect(await access.principalOfMqtt('gpu', token)).toEqual({ principal: PRINCIPAL, session: null, ends_ms })
  expect(await access.principalOfMqtt('nas', token)).toBeNull()
  expect(used).toEqual(['gpu', 'gpu', 'gpu'])
})

test('it is good for thirty days and not a moment longer; hours that the clock is set back change nothing', async () => {
  const { token, ends_ms } = await access.signDevice(GPU)
  for (const [at_ms, good] of [[now_ms - 12 * 3_600_000, true], [now_ms + 29 * DAY_MS, true], [ends_ms - 1_000, true], [ends_ms, false], [ends_ms + DAY_MS, false], [ends_ms - DAY_MS, true]] as const) {
    now_ms = at_ms
    expect(await access.principalOfBearer(token)).toEqual(good ? PRINCIPAL : null)
  }
})

test('a device that is not known, is known anew, or elsewhere, is nobody by its former token', async () => {
  const { token } = await access.signDevice(GPU)
  for (const device of [null, { ...GPU, generation: 'g2' }, { ...GPU, generation: null }, { ...GPU, org: 'other' }, { ...GPU, site: 'home' }]) {
    known.clear()
    if (device) known.set('gpu', device)
    expect(await access.principalOfBearer(token)).toBeNull()
  }
  known.set('gpu', GPU)
  expect(await access.principalOfBearer(token)).toEqual(PRINCIPAL)
})

test('what we did not sign, in this way, is nobody', async () => {
  const { token } = await access.signDevice(GPU)
  const [header, body, mark] = token.split('.') as [string, string, string]
  const [[, key]] = (await log.range({ gte: 'access!device-key', lt: 'access!device-key~' })) as [[string, string]]
  const secret = Buffer.from(key, 'hex')
  const claims = { ...decodeJwt(token) }
  const signed = (change: object, alg = 'HS256', by: Uint8Array = secret) => new SignJWT({ ...claims, ...change }).setProtectedHeader({ alg }).sign(by)
  expect(await access.principalOfBearer(await signed({}))).toEqual(PRINCIPAL) // the way that is varied below
  const flipped = `${mark.slice(0, -2)}${mark.at(-2) === 'A' ? 'B' : 'A'}${mark.at(-1)}`
  const payload = (change: object) => Buffer.from(JSON.stringify({ ...claims, ...change })).toString('base64url')
  for (const wrong of [
    `${header}.${body}.${flipped}`, `${header}.${payload({ sub: 'nas' })}.${mark}`, `${header}.${payload({ exp: 9e9 })}.${mark}`, `${header}.${body}.`, `${header}.${body}`, `${token}.x`, `.${body}.${mark}`, '..', 'a.b.c',
    new UnsecuredJWT(claims).encode(), await signed({}, 'HS512'), await signed({}, 'HS256', Buffer.alloc(32, 1)), await signed({ exp: undefined }), await signed({ sub: undefined }), await signed({ iss: 'else' }),
    await signed({ role: 'admin' }), await signed({ site_ids: 'barn' }), await signed({ site_ids: [] }), await signed({ org_id: undefined }), await signed({ gen: null }), await signed({ sub: '__proto__' }),
  ]) expect([wrong, await access.principalOfBearer(wrong)]).toEqual([wrong, null])
})

test('the key is made once', async () => {
  const { token } = await access.signDevice(GPU)
  const second = await open()
  expect(await second.principalOfBearer(token)).toEqual(PRINCIPAL)
  expect(await log.range({ gte: 'access!device-key', lt: 'access!device-key~' })).toHaveLength(1)
})
