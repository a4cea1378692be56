import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Fault } from '../contract/fault.ts'
import { openLog, type Log } from '../store/log.ts'
import { openAccess, type Access } from './access.ts'
import { HOME, type Principal } from './scope.ts'
import { mqttName } from './tokens.ts'

let dir: string
let log: Log
let access: Access
const clock = () => 1_000_000

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'viewshed-keys-'))
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
const refusal = (doing: Promise<unknown>) => doing.then(() => 'went through', (error: unknown) => {
  if (error instanceof Fault) return error.code
  throw error
})
const ha: Principal = { kind: 'key', id: 'ha', name: 'ha', scope: { ...HOME, role: 'operator' } }

test('a key is 256 bits behind a mark, comes in over HTTP and MQTT, outlives a restart, and only its digest is on the disk', async () => {
  const key = await access.keys.add('ha', 'operator')
  expect(key).toMatch(/^vs_[A-Za-z0-9_-]{43}$/)
  await restart()
  expect(await access.principalOfBearer(key)).toEqual(ha)
  expect(await access.principalOfMqtt('key/ha', key)).toMatchObject({ principal: ha })
  expect(access.keys.list()).toEqual([{ name: 'ha', role: 'operator', created_ms: 1_000_000 }])
  const disk = (await log.range({ gte: '', lt: '\uffff' })).map(([at, value]) => at + value).join('\n')
  expect(disk).toContain('access!key!ha')
  expect(disk).not.toContain(key.slice(3))
})

test('a key is known under its own name alone, and not by anything like it', async () => {
  const key = await access.keys.add('ha', 'viewer')
  for (const username of ['ha', '@ha', 'key/other', 'key/', '', 'KEY/ha']) expect(await access.principalOfMqtt(username, key), username).toBeNull()
  for (const wrong of [`${key}x`, key.slice(0, -1), key.slice(3), '', 'vs_']) {
    expect(await access.principalOfBearer(wrong)).toBeNull()
    expect(await access.principalOfMqtt('key/ha', wrong)).toBeNull()
  }
})

test('a revoked key is nobody at once and after a restart; whoever holds a socket of it is told, and a new key of that name is another', async () => {
  const key = await access.keys.add('ha', 'viewer')
  const ended: string[] = []
  access.onSignOut((id) => ended.push(id))
  const before = (await access.principalOfMqtt('key/ha', key))!.session
  await access.keys.revoke('ha')
  expect(ended).toEqual([before])
  for (let i = 0; i < 2; i++) {
    expect(await access.principalOfBearer(key)).toBeNull()
    expect(await access.principalOfMqtt('key/ha', key)).toBeNull()
    await restart()
  }
  const again = await access.keys.add('ha', 'viewer')
  expect((await access.principalOfMqtt('key/ha', again))!.session).not.toBe(before)
  expect(await access.principalOfBearer(key)).toBeNull()
})

test('a key of the flows is the flows, under no name that theirs here has, and has no business at the broker', async () => {
  const key = await access.keys.add('flows', 'flows')
  await restart()
  expect(await access.principalOfBearer(key)).toEqual({ kind: 'flows', id: 'key/flows', name: 'flows', scope: { ...HOME, role: 'flows' } })
  for (const username of ['key/flows', '@flows', '@key/flows', 'flows']) expect(await access.principalOfMqtt(username, key), username).toBeNull()
})

test('a name that is taken, unfit or unknown and a role that is none are refused and change nothing', async () => {
  await access.keys.add('ha', 'viewer')
  for (const [name, role] of [['ha', 'viewer'], ['', 'viewer'], ['Ha', 'viewer'], ['a/b', 'viewer'], ['x'.repeat(33), 'viewer'], ['b', 'device'], ['b', 'root'], ['b', '']] as const) {
    expect(await refusal(access.keys.add(name, role)), `${name} ${role}`).toBe('input/invalid')
  }
  expect(await refusal(access.keys.revoke('b'))).toBe('not-found')
  expect(access.keys.list().map(({ name }) => name)).toEqual(['ha'])
  const both = await Promise.all([refusal(access.keys.add('two', 'viewer')), refusal(access.keys.add('two', 'admin'))])
  expect(both.toSorted()).toEqual(['input/invalid', 'went through'])
})

test('no name at the broker is the name of two', () => {
  const kinds = ['person', 'device', 'flows', 'key'] as const
  const names = kinds.filter((kind) => kind !== 'flows').map((kind) => mqttName({ ...ha, kind, id: 'ha' }))
  expect(new Set(names).size).toBe(names.length)
  expect(mqttName({ ...ha, kind: 'person', id: 'key/ha' })).toBe('@key/ha')
})

test('a disk that takes no writes gives no key and keeps the name free; a key revoked then opens nothing and can be revoked again', async () => {
  let full = true
  const commit: Log['commit'] = async (ops) => {
    if (full) throw new Fault('media/full', 'no room')
    return log.commit(ops)
  }
  access = await openAccess({ clock, log: { range: log.range.bind(log), commit } })
  expect(await refusal(access.keys.add('ha', 'viewer'))).toBe('media/full')
  expect(access.keys.list()).toEqual([])
  full = false
  const key = await access.keys.add('ha', 'viewer')
  full = true
  expect(await refusal(access.keys.revoke('ha'))).toBe('media/full')
  expect(await access.principalOfBearer(key)).toBeNull()
  full = false
  await access.keys.revoke('ha')
  await restart()
  expect(await access.principalOfBearer(key)).toBeNull()
})
