import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Fault } from '../contract/fault.ts'
import { openLog, type Log } from '../store/log.ts'
import { openAccess, type Access } from './access.ts'
import { HOME, type Principal } from './scope.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const GOOD = 'twelve chars!'
const HERE = '192.0.2.1'

let dir: string
let log: Log
let access: Access
let now_ms: number
const clock = () => now_ms

beforeEach(async () => {
  now_ms = 1_000_000
  dir = await mkdtemp(join(tmpdir(), 'viewshed-access-'))
  log = await openLog(dir)
  access = await openAccess({ log, clock })
})
afterEach(async () => {
  await log.close()
  await rm(dir, { recursive: true, force: true })
})

const restart = async () => {
  await log.close()
  log = await openLog(dir)
  access = await openAccess({ log, clock })
}
const refusal = async (doing: Promise<unknown>) => {
  try {
    await doing
  } catch (error) {
    if (error instanceof Fault) return error.code
    throw error
  }
  return 'went through'
}
const everything = async () => (await log.range({ gte: '', lt: '\uffff' })).map(([key, value]) => key + value).join('\n')

test('the setup link makes the first admin, once', async () => {
  expect(access.setupNeeded()).toBe(true)
  const token = await access.setupToken()
  const ann = await access.setUp({ token, name: ' Ann ', password: GOOD }, HERE)
  expect(ann.principal).toEqual({ kind: 'person', id: 'ann', name: 'Ann', scope: { org: 'home', site: 'home', role: 'admin' } })
  expect(access.setupNeeded()).toBe(false)
  expect(await refusal(access.setUp({ token, name: 'Eve', password: GOOD }, HERE))).toBe('access/denied')
  expect(await refusal(access.setupToken())).toBe('access/denied')
})

test('of two who use the link at the same moment one gets in', async () => {
  const token = await access.setupToken()
  const both = await Promise.all(['ann', 'eve'].map((name) => refusal(access.setUp({ token, name, password: GOOD }, HERE))))
  expect(both.sort()).toEqual(['access/denied', 'went through'])
})

test('the setup link ends after an hour, and when a new one is made', async () => {
  const first = await access.setupToken()
  const second = await access.setupToken()
  expect(await refusal(access.setUp({ token: first, name: 'ann', password: GOOD }, HERE))).toBe('access/denied')
  now_ms += HOUR
  expect(await refusal(access.setUp({ token: second, name: 'ann', password: GOOD }, HERE))).toBe('access/denied')
  expect(await refusal(access.setUp({ token: '', name: 'ann', password: GOOD }, HERE))).toBe('access/denied')
})

test('a link that was not used is still good after a restart, and after a password that was too short', async () => {
  const token = await access.setupToken()
  expect(await refusal(access.setUp({ token, name: 'ann', password: 'eleven char' }, HERE))).toBe('input/invalid')
  expect(await refusal(access.setUp({ token, name: ' ', password: GOOD }, HERE))).toBe('input/invalid')
  await restart()
  expect(await refusal(access.setUp({ token, name: 'ann', password: GOOD }, HERE))).toBe('went through')
})

test('people and sessions outlive a restart; neither password, cookie nor setup token is on the disk', async () => {
  const token = await access.setupToken()
  const { cookie, principal } = await access.setUp({ token, name: 'Ann', password: GOOD }, HERE)
  await restart()
  expect((await access.principalOfCookie(cookie))?.principal).toEqual(principal)
  expect((await access.signIn({ name: 'ANN', password: GOOD }, HERE)).principal).toEqual(principal)
  const pending = await access.resetPassword('ann')
  const disk = await everything()
  for (const secret of [token, pending, cookie, GOOD]) expect(disk).not.toContain(secret)
  expect(disk).toContain('$argon2id$')
})

test('wrong name and wrong password are told apart by nobody', async () => {
  await access.setUp({ token: await access.setupToken(), name: 'Ann', password: GOOD }, HERE)
  const words = await Promise.all([['ann', 'wrong'], ['bob', GOOD], ['', '']].map(([name, password]) => access.signIn({ name: name!, password: password! }, HERE).catch((error: Fault) => error.toJSON())))
  expect(new Set(words.map((word) => JSON.stringify(word)))).toEqual(new Set([JSON.stringify({ code: 'access/unauthenticated', message: 'Name or password is wrong.' })]))
})

const wrong = (address: string) => refusal(access.signIn({ name: 'ann', password: 'wrong' }, address))

test('after ten wrong passwords from an address a name rests there, and nowhere else; a minute later one more try is given', async () => {
  await access.setUp({ token: await access.setupToken(), name: 'Ann', password: GOOD }, HERE)
  const tries: string[] = []
  for (let i = 0; i < 20; i++) tries.push(await wrong('198.51.100.7'))
  expect(tries).toEqual([...Array<string>(10).fill('access/unauthenticated'), ...Array<string>(10).fill('access/limited')])
  expect(await refusal(access.signIn({ name: 'ann', password: GOOD }, HERE))).toBe('went through')
  expect(await refusal(access.signIn({ name: 'ann', password: GOOD }, '198.51.100.7'))).toBe('access/limited')
  now_ms += 60_000
  expect(await refusal(access.signIn({ name: 'ann', password: GOOD }, '198.51.100.7'))).toBe('went through')
})

test('after a hundred wrong passwords from wherever a name rests for everybody, for six seconds', async () => {
  await access.setUp({ token: await access.setupToken(), name: 'Ann', password: GOOD }, HERE)
  const tries = await Promise.all(Array.from({ length: 101 }, (_, i) => wrong(`192.0.2.${100 + i}`)))
  expect(tries.filter((code) => code === 'access/limited')).toHaveLength(1)
  expect(await refusal(access.signIn({ name: 'ann', password: GOOD }, HERE))).toBe('access/limited')
  now_ms += 6_000
  expect(await refusal(access.signIn({ name: 'ann', password: GOOD }, HERE))).toBe('went through')
})

test('after thirty wrong names an address rests; others do not', async () => {
  await access.setUp({ token: await access.setupToken(), name: 'Ann', password: GOOD }, HERE)
  const tries = await Promise.all(Array.from({ length: 31 }, (_, i) => refusal(access.signIn({ name: `n${i}`, password: 'wrong' }, '198.51.100.7'))))
  expect(tries.filter((code) => code === 'access/limited')).toHaveLength(1)
  expect(await refusal(access.signIn({ name: 'ann', password: GOOD }, '198.51.100.7'))).toBe('access/limited')
  expect(await refusal(access.signIn({ name: 'ann', password: GOOD }, HERE))).toBe('went through')
})

test('a session lasts thirty days from its last use', async () => {
  const { cookie } = await access.setUp({ token: await access.setupToken(), name: 'Ann', password: GOOD }, HERE)
  now_ms += 29 * DAY
  expect(await access.principalOfCookie(cookie)).not.toBeNull()
  await restart()
  now_ms += 29 * DAY
  expect(await access.principalOfCookie(cookie)).not.toBeNull()
  now_ms += 30 * DAY
  expect(await access.principalOfCookie(cookie)).toBeNull()
  await restart()
  expect(await everything()).not.toContain('access!session!')
})

test('signing out ends this session alone, tells whoever listens, and lasts', async () => {
  const first = await access.setUp({ token: await access.setupToken(), name: 'Ann', password: GOOD }, HERE)
  const second = await access.signIn({ name: 'ann', password: GOOD }, HERE)
  const ended: string[] = []
  access.onSignOut((session) => ended.push(session))
  await access.signOut(first.session)
  await access.signOut(first.session)
  expect(ended).toEqual([first.session])
  await restart()
  expect(await access.principalOfCookie(first.cookie)).toBeNull()
  expect(await access.principalOfCookie(second.cookie)).not.toBeNull()
})

test('a reset from the command line gives a new password and ends every session', async () => {
  const before = await access.setUp({ token: await access.setupToken(), name: 'Ann', password: GOOD }, HERE)
  expect(await refusal(access.resetPassword('bob'))).toBe('not-found')
  expect(access.setupNeeded()).toBe(false)
  const token = await access.resetPassword('Ann')
  expect(await refusal(access.setupToken())).toBe('access/denied')
  expect(await refusal(access.setUp({ token, name: 'eve', password: 'another good one' }, HERE))).toBe('input/invalid')
  const after = await access.setUp({ token, name: 'ann', password: 'another good one' }, HERE)
  expect(after.principal).toEqual(before.principal)
  expect(access.setupNeeded()).toBe(false)
  expect(await access.principalOfCookie(before.cookie)).toBeNull()
  expect(await refusal(access.signIn({ name: 'ann', password: GOOD }, HERE))).toBe('access/unauthenticated')
  expect(await refusal(access.signIn({ name: 'ann', password: 'another good one' }, HERE))).toBe('went through')
})

test('while the link of a reset waits, the appliance starts as ever and the old password is good', async () => {
  await access.setUp({ token: await access.setupToken(), name: 'Ann', password: GOOD }, HERE)
  const token = await access.resetPassword('Ann')
  await restart()
  expect(access.setupNeeded()).toBe(false)
  expect(await refusal(access.signIn({ name: 'ann', password: GOOD }, HERE))).toBe('went through')
  expect(await refusal(access.setUp({ token, name: 'ann', password: 'another good one' }, HERE))).toBe('went through')
})

const nas: Principal = { kind: 'device', id: 'nas', name: 'nas', scope: { ...HOME, role: 'device' } }

test('a minted token is its principal until it expires or is revoked, and gone with the process', async () => {
  const lasting = access.mint(nas)
  const short = access.mint(nas, 1000)
  expect(await access.principalOfBearer(lasting)).toEqual(nas)
  expect(await access.principalOfBearer(short)).toEqual(nas)
  expect(await access.principalOfBearer(`${lasting}x`)).toBeNull()
  expect(await access.principalOfBearer('')).toBeNull()
  now_ms += 1000
  expect(await access.principalOfBearer(short)).toBeNull()
  access.revoke(lasting)
  expect(await access.principalOfBearer(lasting)).toBeNull()
  const other = access.mint(nas)
  await restart()
  expect(await access.principalOfBearer(other)).toBeNull()
})

test('MQTT: a device is known by its own token under its own name only', async () => {
  const token = access.mint(nas)
  expect(await access.principalOfMqtt('nas', token)).toEqual({ principal: nas, session: null, ends_ms: null })
  expect(await access.principalOfMqtt('gpu', token)).toBeNull()
  expect(await access.principalOfMqtt('@nas', token)).toBeNull()
  expect(await access.principalOfMqtt('nas', '')).toBeNull()
})

test('MQTT: a page is known for an hour, under its own name, while its session lasts', async () => {
  const { principal, session } = await access.setUp({ token: await access.setupToken(), name: 'Ann', password: GOOD }, HERE)
  const { username, password } = access.mqttOf(principal, session)
  expect(username).toBe('@ann')
  expect(await access.principalOfMqtt(username, password)).toEqual({ principal, session, ends_ms: null })
  expect(await access.principalOfMqtt('@eve', password)).toBeNull()
  expect(await access.principalOfMqtt(username, password.replace(/^./, (c) => (c === '0' ? '1' : '0')))).toBeNull()
  expect(await access.principalOfMqtt(username, `${password}.x`)).toBeNull()
  now_ms += HOUR
  expect(await access.principalOfMqtt(username, password)).toBeNull()
  const fresh = access.mqttOf(principal, session)
  await access.signOut(session)
  expect(await access.principalOfMqtt(fresh.username, fresh.password)).toBeNull()
})

test('a disk that takes no writes does not end sessions', async () => {
  const { cookie } = await access.setUp({ token: await access.setupToken(), name: 'Ann', password: GOOD }, HERE)
  const full: Access = await openAccess({ clock, log: { range: log.range.bind(log), commit: async () => Promise.reject(new Fault('media/full', 'no room')) } })
  now_ms += 5 * DAY
  expect((await full.principalOfCookie(cookie))?.principal.name).toBe('Ann')
  expect(await refusal(full.signIn({ name: 'ann', password: GOOD }, HERE))).toBe('media/full')
})
