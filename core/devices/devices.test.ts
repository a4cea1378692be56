import mqtt, { type MqttClient } from 'mqtt'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Principal } from '../access/scope.ts'
import { ApiError, type Client } from '../http/client.ts'
import type { DeviceView } from '../http/api.ts'
import { eventually } from '../http/testing.ts'
import { OWN } from '../tasks/port.ts'
import { boardClient } from '../tasks/board-client.ts'
import { JOIN_TTL_MS } from './joining.ts'
import { SETTINGS } from './settings.ts'
import { CAPABILITY, CONDITIONS, openYard, type Yard } from './testing.ts'

const DAY_MS = 24 * 3_600_000
const SCOPE = { org: 'home', site: 'home', role: 'device' } as const

let yard: Yard
let peers: MqttClient[]
beforeEach(async () => {
  yard = await openYard()
  peers = []
})
afterEach(async () => {
  await Promise.all(peers.map((peer) => peer.endAsync(true)))
  await yard.close()
})

const code = async (doing: Promise<unknown>): Promise<string> => {
  try {
    await doing
    return 'went through'
  } catch (error) {
    return (error as ApiError).code
  }
}
const hello = (token: string, change: Partial<typeof CONDITIONS> = {}) => yard.api(token).hello({ capability: CAPABILITY, conditions: { ...CONDITIONS, ...change } })
const view = async (id: string): Promise<DeviceView | undefined> => (await yard.devices.views(yard.ann.scope)).find((device) => device.id === id)
const admin = (): Client => yard.api(yard.access.mint(yard.ann))
const publish = (stage: string, n: number) => yard.bench.board.publish(SCOPE, Array.from({ length: n }, (_, i) => ({ stage, input: { clip: `${stage}${i}`, length: 1 } })))
const claim = async (name: string, token: string, stages: readonly string[] = ['clip.probe', 'plate.read'], count = 1) => {
  const board = boardClient({ baseUrl: yard.url, token })
  try {
    return await board.claim(name, SCOPE, stages, count)
  } finally {
    board.close()
  }
}
async function connect(name: string, token: string): Promise<{ peer: MqttClient; orders: Record<string, unknown>[]; gone: Promise<void> }> {
  const peer = await mqtt.connectAsync(yard.mqttUrl, {
    clientId: `${name}:test`, username: name, password: token, reconnectPeriod: 0, will: { topic: `viewshed/${name}/availability`, payload: Buffer.from('offline'), qos: 1, retain: true },
  }, false)
  peers.push(peer)
  peer.on('error', () => undefined)
  const gone = new Promise<void>((done) => peer.once('close', () => done()))
  const orders: Record<string, unknown>[] = []
  peer.on('message', (topic, payload) => void (topic === `viewshed/${name}/order` && orders.push(JSON.parse(String(payload)))))
  await peer.publishAsync(`viewshed/${name}/availability`, 'online', { qos: 1, retain: true })
  await peer.subscribeAsync(`viewshed/${name}/order`)
  return { peer, orders, gone }
}
const events = async (type: string) => (await yard.bench.events.list({ ...SCOPE, role: 'admin' }, { type, limit: 10 })).map(({ payload }) => payload)

test('a device knocks, shows its code, is accepted under a name with stages, and has a token from then on', async () => {
  const { code: shown, secret, ends_s } = await yard.api().join({ name: 'gpu-pc', capability: CAPABILITY })
  expect([shown, ends_s]).toEqual([expect.stringMatching(/^[2-9A-Z]{3}-[2-9A-Z]{3}$/), 600])
  expect((await admin().devices()).joining).toEqual([{ code: shown, name: 'gpu-pc', address: '127.0.0.1', capability: CAPABILITY, ends_ms: yard.clock.now_ms + JOIN_TTL_MS }])
  expect(await yard.api().joinState({ secret })).toEqual({ state: 'waiting' })
  expect(await admin().acceptDevice({ code: shown, name: 'GPU', stages: ['clip.probe'] })).toEqual({ device: 'GPU' })
  const answer = await yard.api().joinState({ secret })
  expect(answer).toEqual({ state: 'accepted', device: 'GPU', org: 'home', site: 'home', token: expect.any(String) })
  const { token } = answer as { token: string }
  expect(await hello(token)).toEqual({
    device: 'GPU', org: 'home', site: 'home', allowed: ['clip.probe'], settings: SETTINGS, rests: null, token_ends_ms: Math.floor((yard.clock.now_ms + 30 * DAY_MS) / 1000) * 1000,
    mqtt: { url: null, port: expect.any(Number), username: 'GPU', password: null }, volumes: [{ name: 'media', id: 'm1' }],
  })
  expect(await view('GPU')).toMatchObject({ id: 'GPU', own: false, online: true, capability: CAPABILITY, conditions: CONDITIONS, allowed: ['clip.probe'], last_seen_ms: yard.clock.now_ms })
  expect((await admin().devices()).joining).toEqual([])
  expect(await events('device.joined')).toEqual([{ device: 'GPU', by: 'Ann', address: '127.0.0.1', host: 'gpu-pc', stages: ['clip.probe'] }])
})

test('what core does itself waits as long as it must: no record of a device names it, and nobody takes it away for that', async () => {
  await publish('clip.probe', 1)
  const [own] = await yard.bench.board.claim(OWN, SCOPE, ['clip.probe'], 1)
  yard.pass(20_000)
  await publish('plate.read', 1) // behind whatever that led to
  expect(await yard.bench.board.task(SCOPE, own!.id)).toMatchObject({ state: 'pending', interruptions: 0, running: { device: OWN } })
})

test('a viewer sees the devices and no codes; only an admin accepts, refuses, sets and revokes; an operator steers', async () => {
  const as = (role: Principal['scope']['role']) => yard.api(yard.access.mint({ ...yard.ann, id: role, scope: { ...yard.ann.scope, role } }))
  const { code: shown } = await yard.api().join({ name: 'gpu', capability: CAPABILITY })
  await yard.join('shed')
  expect(await as('viewer').devices()).toMatchObject({ devices: [{ id: 'shed' }], joining: [] })
  for (const role of ['viewer', 'operator', 'reviewer', 'device'] as const) {
    const tries = [as(role).acceptDevice({ code: shown }), as(role).refuseDevice({ code: shown }), as(role).revokeDevice({ id: 'shed' }), as(role).setDevice({ id: 'shed', settings: SETTINGS })]
    expect(await Promise.all(tries.map(code))).toEqual(Array(4).fill('access/denied'))
  }
  expect(await code(as('viewer').steerDevice({ id: 'shed', mode: 'paused' }))).toBe('access/denied')
  expect(await code(as('operator').steerDevice({ id: 'shed', mode: 'paused' }))).toBe('went through')
})

test('the answer to an accepted device survives a restart of core, until it has come with a token', async () => {
  const { code: shown, secret } = await yard.api().join({ name: 'gpu', capability: CAPABILITY })
  await admin().acceptDevice({ code: shown })
  await yard.restart()
  const first = await yard.api().joinState({ secret })
  const second = await yard.api().joinState({ secret })
  expect([first, second]).toMatchObject([{ state: 'accepted', device: 'gpu' }, { state: 'accepted', device: 'gpu' }])
  await hello((second as { token: string }).token)
  await eventually(() => yard.records.get('gpu')?.secret_digest).toBeNull()
  expect(await yard.api().joinState({ secret })).toEqual({ state: 'expired' })
  await hello((first as { token: string }).token) // lost on its way or not, it is as good as the other
})

test('a code is good for ten minutes, once, and not after a restart; a refused device hears so', async () => {
  const knock = (name: string) => yard.api().join({ name, capability: CAPABILITY })
  const late = await knock('late')
  yard.clock.now_ms += JOIN_TTL_MS
  expect(await yard.api().joinState({ secret: late.secret })).toEqual({ state: 'expired' })
  expect(await code(admin().acceptDevice({ code: late.code }))).toBe('not-found')
  const no = await knock('no')
  await admin().refuseDevice({ code: no.code })
  expect(await yard.api().joinState({ secret: no.secret })).toEqual({ state: 'refused' })
  expect(await code(admin().acceptDevice({ code: no.code }))).toBe('not-found')
  expect(await events('device.refused')).toEqual([{ name: 'no', by: 'Ann', address: '127.0.0.1' }])
  const twice = await knock('twice')
  expect((await Promise.all(['one', 'two'].map((name) => code(admin().acceptDevice({ code: twice.code, name }))))).sort()).toEqual(['not-found', 'went through'])
  const before = await knock('before')
  await yard.restart()
  expect(await yard.api().joinState({ secret: before.secret })).toEqual({ state: 'expired' })
})

test('a name is given once, however it is written; the device goes on waiting for another', async () => {
  await yard.join('Shed')
  const { code: shown } = await yard.api().join({ name: 'shed', capability: CAPABILITY })
  await expect(admin().acceptDevice({ code: shown })).rejects.toThrow(/there is a device called Shed already.*--name/)
  expect(await code(yard.api().join({ name: 'bridge', capability: CAPABILITY }))).toBe('input/invalid')
  expect(await code(admin().acceptDevice({ code: shown, name: 'bridge' }))).toBe('input/invalid')
  expect(await code(admin().acceptDevice({ code: shown, stages: ['clip.nothing'] }))).toBe('input/invalid')
  expect(await admin().acceptDevice({ code: shown, name: 'barn' })).toEqual({ device: 'barn' })
})

test('a disk that takes no writes accepts nobody: the device goes on waiting, and can be accepted when there is room', async () => {
  const { code: shown, secret } = await yard.api().join({ name: 'gpu', capability: CAPABILITY })
  yard.bench.disk.full = true
  expect(await code(admin().acceptDevice({ code: shown }))).toBe('media/full')
  expect([await yard.api().joinState({ secret }), yard.records.get('gpu')]).toEqual([{ state: 'waiting' }, null])
  yard.bench.disk.full = false
  expect(await admin().acceptDevice({ code: shown })).toEqual({ device: 'gpu' })
})

test('five of an address wait at most; who knocks again takes its own place; guessed codes and secrets run dry', async () => {
  const knock = (name: string) => code(yard.api().join({ name, capability: CAPABILITY }))
  for (const name of ['a', 'b', 'c', 'd', 'e', 'e', 'e']) expect(await knock(name)).toBe('went through')
  expect(await knock('f')).toBe('access/limited')
  expect(yard.devices.joining()).toHaveLength(5)
  const wrong: string[] = []
  for (let i = 0; i < 11; i++) wrong.push(await code(admin().acceptDevice({ code: `AAA-AA${'23456789ABC'[i]!}` })))
  expect(wrong).toEqual([...Array<string>(10).fill('not-found'), 'access/limited'])
  const secrets: string[] = []
  for (let i = 0; i < 61; i++) secrets.push(await code(yard.api().joinState({ secret: 'x'.repeat(20) + i })))
  expect(secrets.filter((said) => said === 'access/limited')).toHaveLength(1)
})

test('twenty wait at most, from however many addresses', () => {
  for (let i = 0; i < 20; i++) yard.devices.join({ name: `n${i}`, capability: CAPABILITY }, `192.0.2.${i}`)
  expect(() => yard.devices.join({ name: 'more', capability: CAPABILITY }, '192.0.2.99')).toThrow(/20 devices wait/)
})

test('revoking is at once and for good: no HTTP, no MQTT, no work, no trace at the broker, not after a restart either', async () => {
  const token = await yard.join('gpu')
  await hello(token)
  const { peer, gone } = await connect('gpu', token)
  await peer.publishAsync('viewshed/gpu/birth', JSON.stringify(CAPABILITY), { qos: 1 })
  await publish('clip.probe', 1)
  const [held] = await claim('gpu', token)
  await admin().revokeDevice({ id: 'gpu' })
  await gone
  expect([await code(hello(token)), await code(claim('gpu', token)), await code(yard.api(token).renewToken()), await code(yard.api(token).goodbye())]).toEqual(Array(4).fill('access/unauthenticated'))
  await expect(mqtt.connectAsync(yard.mqttUrl, { username: 'gpu', password: token, reconnectPeriod: 0 }, false)).rejects.toMatchObject({ code: 4 })
  expect(await view('gpu')).toBeUndefined()
  expect(yard.bench.board.running(SCOPE)).toEqual([])
  const other = await yard.join('other')
  await hello(other)
  expect((await claim('other', other)).map(({ id }) => id)).toEqual([held!.id])
  expect(await events('device.revoked')).toEqual([{ device: 'gpu', by: 'Ann' }])
  await yard.restart()
  expect(await code(hello(token))).toBe('access/unauthenticated')
  const again = await yard.join('gpu') // another one of the name, or the same anew: what was revoked stays revoked
  expect([await code(hello(token)), await code(hello(again))]).toEqual(['access/unauthenticated', 'went through'])
  const late = await mqtt.connectAsync(yard.mqttUrl, { username: 'gpu', password: again, reconnectPeriod: 0 }, false)
  peers.push(late)
  const heard: string[] = []
  late.on('message', (topic) => heard.push(topic))
  await late.subscribeAsync(['viewshed/gpu/+'])
  await eventually(() => heard).toEqual(['viewshed/gpu/order'])
})

test("the appliance's own agent is in the list, can be set and steered, and neither revoked nor taken for another", async () => {
  yard.records.own('nas', yard.ann.scope)
  const token = yard.access.mint({ kind: 'device', id: 'nas', name: 'nas', scope: SCOPE })
  expect(await hello(token)).toMatchObject({ device: 'nas', token_ends_ms: null })
  expect([await code(admin().revokeDevice({ id: 'nas' })), await code(yard.api(token).renewToken())]).toEqual(['access/denied', 'access/denied'])
  await admin().steerDevice({ id: 'nas', mode: 'paused' })
  await yard.restart()
  yard.records.own('nas', yard.ann.scope)
  expect(await view('nas')).toMatchObject({ own: true, online: false, rests: 'paused', capability: CAPABILITY })
  await expect(yard.join('NAS')).rejects.toThrow(/already/)
})

test('who has not said what it can do since the start is asked to, and then gets what it is allowed and able to run', async () => {
  const token = await yard.join('gpu', ['clip.probe', 'plate.read'])
  await publish('clip.probe', 1)
  await publish('plate.read', 1)
  await publish('clip.thumb', 1)
  expect(await code(claim('gpu', token))).toBe('device/unheard')
  await yard.api(token).hello({ capability: { ...CAPABILITY, gpu_mib: 2_048 }, conditions: CONDITIONS })
  expect((await claim('gpu', token, ['clip.probe', 'plate.read', 'clip.thumb'], 9)).map(({ stage }) => stage)).toEqual(['clip.probe'])
  await hello(token) // with a larger GPU
  expect((await claim('gpu', token, ['clip.probe', 'plate.read', 'clip.thumb'], 9)).map(({ stage }) => stage)).toEqual(['plate.read'])
  await yard.restart()
  expect(await code(claim('gpu', token))).toBe('device/unheard')
})

test('what a device may not run it can neither take by a token of its own making nor complete; what it holds it may end', async () => {
  const token = await yard.join('gpu', ['plate.read'])
  await hello(token)
  await publish('clip.probe', 1)
  await publish('plate.read', 2)
  const [probe] = await yard.bench.board.tasks({ ...SCOPE, role: 'admin' }, { stage: 'clip.probe', limit: 9 })
  const board = boardClient({ baseUrl: yard.url, token })
  const made = { id: probe!.id, token: 'a'.repeat(32) }
  expect(await board.renew('gpu', [made])).toEqual([])
  expect(await code(board.complete('gpu', { ...made, output: { length: 1 }, files: [] }))).toBe('access/denied')
  expect(await board.fault('gpu', made.id, made.token, { code: 'stage/failed', message: 'no' })).toBe('stale')
  expect(await yard.bench.board.task({ ...SCOPE, role: 'admin' }, probe!.id)).toMatchObject({ state: 'pending', running: null, attempts: 0 })

  const [held, late] = await board.claim('gpu', SCOPE, ['plate.read'], 2)
  await yard.restart()
  await hello(token)
  const again = boardClient({ baseUrl: yard.url, token })
  expect(await again.complete('gpu', { id: late!.id, token: late!.token, output: { plates: [] }, files: [] })).toBe('complete') // its lease ended with core
  expect(await again.renew('gpu', [held!])).toEqual([held!.token])
  await admin().setDevice({ id: 'gpu', stages: [] })
  expect(await again.complete('gpu', { id: held!.id, token: held!.token, output: { plates: [] }, files: [] })).toBe('complete')
  board.close()
  again.close()
})

test('who saves some settings leaves the others as they are: a pause that was made meanwhile stays', async () => {
  await yard.join('gpu')
  await admin().setDevice({ id: 'gpu', settings: { slots: 2 } })
  await admin().steerDevice({ id: 'gpu', mode: 'paused' })
  await admin().setDevice({ id: 'gpu', settings: { on_battery: true } })
  expect((await view('gpu'))!.settings).toEqual({ ...SETTINGS, mode: 'paused', slots: 2, on_battery: true })
})

test('a device whose software does a stage in another version is not given it; its page says what to update', async () => {
  const token = await yard.join('gpu')
  await publish('plate.read', 1)
  const { versions, ...silent } = CAPABILITY
  const said = async (capability: typeof CAPABILITY) => {
    await yard.api(token).hello({ capability, conditions: CONDITIONS })
    const { stages, lacks } = (await view('gpu'))!.capability!
    return { stages, lacks }
  }
  const older = 'update Viewshed there: the appliance has a newer version of this stage'
  expect(await said({ ...CAPABILITY, versions: { ...versions, 'plate.read': 2 } })).toEqual({ stages: ['clip.probe', 'clip.thumb'], lacks: { 'plate.read': older } })
  expect(await said({ ...CAPABILITY, versions: { ...versions, 'plate.read': 4 } })).toMatchObject({ lacks: { 'plate.read': 'update the appliance: the device has a newer version of this stage' } })
  expect(await said(silent)).toEqual({ stages: [], lacks: { 'clip.probe': older, 'clip.thumb': older, 'plate.read': older } })
  expect(await claim('gpu', token)).toEqual([])
  expect(await said(CAPABILITY)).toEqual({ stages: CAPABILITY.stages, lacks: {} })
  expect((await claim('gpu', token)).map(({ stage }) => stage)).toEqual(['plate.read'])
})

test('what it said at the broker is as good as a hello', async () => {
  const token = await yard.join('gpu')
  const { peer } = await connect('gpu', token)
  await peer.publishAsync('viewshed/gpu/birth', JSON.stringify(CAPABILITY), { qos: 1 })
  await peer.publishAsync('viewshed/gpu/state', JSON.stringify({ ...CONDITIONS, load: 3 }), { qos: 1 })
  expect(await view('gpu')).toMatchObject({ online: true, capability: CAPABILITY, conditions: { load: 3 } })
  await publish('clip.probe', 1)
  expect(await claim('gpu', token)).toHaveLength(1)
})

test('what a person decides reaches the device at once, and who rests gets nothing', async () => {
  const token = await yard.join('gpu')
  await hello(token)
  const { orders, peer } = await connect('gpu', token)
  await publish('clip.probe', 3)
  await admin().steerDevice({ id: 'gpu', mode: 'draining' })
  await eventually(() => orders.at(-1)).toEqual({ settings: { ...SETTINGS, mode: 'draining' }, allowed: null, rests: 'draining: it ends what it has' })
  expect(await claim('gpu', token)).toEqual([])
  await admin().setDevice({ id: 'gpu', stages: ['clip.probe'], settings: { ...SETTINGS, gpu_busy_percent: 30 } })
  await eventually(() => orders.at(-1)).toMatchObject({ allowed: ['clip.probe'], rests: null })
  expect(await claim('gpu', token)).toHaveLength(1)
  await peer.publishAsync('viewshed/gpu/state', JSON.stringify({ ...CONDITIONS, gpu_busy_percent: 90 }), { qos: 1 })
  await eventually(() => orders.at(-1)).toMatchObject({ rests: 'others use 90 % of its GPU' })
  expect(await claim('gpu', token)).toEqual([])
  expect(yard.bench.board.running(SCOPE)).toHaveLength(1)
  await yard.restart()
  expect(await view('gpu')).toMatchObject({ allowed: ['clip.probe'], settings: { gpu_busy_percent: 30 } })
  expect([await events('device.steered'), await events('device.set')]).toEqual([[{ device: 'gpu', by: 'Ann', mode: 'draining' }], [expect.objectContaining({ device: 'gpu', by: 'Ann', stages: ['clip.probe'] })]])
})

test('paused, it lets go of what it has, and nothing is said against the work', async () => {
  const [token, other] = [await yard.join('gpu'), await yard.join('other')]
  await hello(token)
  await hello(other)
  await publish('clip.probe', 1)
  const [held] = await claim('gpu', token)
  await admin().steerDevice({ id: 'gpu', mode: 'paused' })
  expect((await claim('other', other)).map(({ id }) => id)).toEqual([held!.id])
  expect(await yard.bench.board.task({ ...SCOPE, role: 'admin' }, held!.id)).toMatchObject({ interruptions: 0, attempts: 0 })
})

test.each(['HTTP', 'MQTT'])('a goodbye over %s has its work offered again at once, and nothing is counted', async (way) => {
  const token = await yard.join('gpu')
  await hello(token)
  const { peer } = await connect('gpu', token)
  await publish('clip.probe', 1)
  const [held] = await claim('gpu', token)
  if (way === 'HTTP') await yard.api(token).goodbye()
  else await peer.publishAsync('viewshed/gpu/availability', 'offline', { qos: 1, retain: true })
  await eventually(() => yard.bench.board.running(SCOPE)).toEqual([])
  expect(await yard.bench.board.task({ ...SCOPE, role: 'admin' }, held!.id)).toMatchObject({ interruptions: 0 })
  expect(await view('gpu')).toMatchObject({ online: false })
})

test('a device whose connection breaks has its work offered again within 30 s; one whose link is cut without a word too', async () => {
  const token = await yard.join('gpu')
  for (const how of ['broken', 'cut']) {
    await hello(token)
    const { peer } = await connect('gpu', token)
    await publish('clip.probe', 1)
    await claim('gpu', token)
    expect(yard.bench.board.running(SCOPE)).toHaveLength(1)
    if (how === 'broken') {
      const before = yard.metrics.getSingleMetric('viewshed_mqtt_clients')!
      peer.stream.destroy()
      await eventually(async () => (await before.get()).values[0]!.value).toBe(0)
    }
    yard.pass(how === 'broken' ? 11_000 : 21_000)
    await eventually(() => yard.bench.board.running(SCOPE)).toEqual([])
    expect(await view('gpu')).toMatchObject({ online: false })
    await peer.endAsync(true)
  }
})

test('who renews its leases keeps them, with no connection to the broker at all', async () => {
  const token = await yard.join('gpu')
  await hello(token)
  await publish('clip.probe', 1)
  const [held] = await claim('gpu', token)
  const board = boardClient({ baseUrl: yard.url, token })
  for (let i = 0; i < 12; i++) {
    yard.pass(5_000)
    expect(await board.renew('gpu', [held!])).toEqual([held!.token])
  }
  board.close()
  expect(await view('gpu')).toMatchObject({ online: true, running: [{ task: held!.id, stage: 'clip.probe' }] })
})

test('a device that is away stays in the list with what it was, and work that only it can do is shown as waiting for it', async () => {
  const [big, small] = [await yard.join('big'), await yard.join('small')]
  await hello(big)
  await yard.api(small).hello({ capability: { ...CAPABILITY, gpu_mib: 0 }, conditions: CONDITIONS })
  await publish('plate.read', 3)
  await publish('clip.probe', 5)
  await yard.api(big).goodbye()
  await yard.restart()
  expect(await view('big')).toMatchObject({ online: false, capability: CAPABILITY, waiting: 3, last_seen_ms: yard.clock.now_ms, conditions: null })
  expect(await view('small')).toMatchObject({ waiting: 0 })
  await admin().setDevice({ id: 'small', stages: ['plate.read'] })
  expect(await view('big')).toMatchObject({ waiting: 8 })
})

test('what it did and failed at is shown, and outlives a restart', async () => {
  const token = await yard.join('gpu')
  await hello(token)
  await publish('clip.probe', 2)
  const board = boardClient({ baseUrl: yard.url, token })
  const [first] = await board.claim('gpu', SCOPE, ['clip.probe'], 1)
  yard.pass(5_000)
  await board.complete('gpu', { id: first!.id, token: first!.token, output: { length: 3 }, files: [] })
  const [second] = await board.claim('gpu', SCOPE, ['clip.probe'], 1)
  await board.fault('gpu', second!.id, second!.token, { code: 'clip/unreadable', message: 'not a clip' })
  board.close()
  await yard.restart()
  expect(await admin().device({ id: 'gpu' })).toMatchObject({
    done: 1, failed: 1, rates: [{ stage: 'clip.probe', per_hour: 4, took_s: 5 }],
    recent: [{ task: second!.id, end: 'fault', message: 'not a clip' }, { task: first!.id, end: 'complete', took_s: 5, message: null }],
  })
  expect((await view('gpu'))!.strip.at(-1)).toBe(1)
  expect(await code(admin().device({ id: 'nobody' }))).toBe('not-found')
})

test('a token is renewed by itself for ever; the former one is good until its end; a month away is too long', async () => {
  let token = await yard.join('gpu')
  for (let month = 0; month < 3; month++) {
    yard.clock.now_ms += 29 * DAY_MS
    const former = token
    const answer = await yard.api(token).renewToken()
    token = answer.token
    expect(answer.ends_ms).toBe(Math.floor((yard.clock.now_ms + 30 * DAY_MS) / 1000) * 1000)
    expect(await code(hello(former))).toBe('went through')
  }
  yard.clock.now_ms += 31 * DAY_MS
  expect(await code(hello(token))).toBe('access/unauthenticated')
})

test("the appliance's clock may jump by hours, forth and back, and locks nobody out", async () => {
  const token = await yard.join('gpu')
  for (const hours of [7, -14, 9]) {
    yard.clock.now_ms += hours * 3_600_000
    expect(await code(hello(token))).toBe('went through')
    expect(await code(yard.api(token).renewToken())).toBe('went through')
  }
})

test('an hour of hellos that say nothing new costs no write of its own', async () => {
  const token = await yard.join('gpu')
  await hello(token)
  await eventually(() => yard.records.get('gpu')?.secret_digest).toBeNull()
  yard.pass(60_000)
  await eventually(() => yard.bench.log.syncs).toBeGreaterThan(0)
  const before = yard.bench.log.syncs
  for (let minute = 0; minute < 60; minute++) {
    await yard.api(token).hello({ capability: { ...CAPABILITY, scratch_mib: minute }, conditions: { ...CONDITIONS, load: minute } })
    yard.pass(60_000)
  }
  expect(yard.bench.log.syncs - before).toBeLessThanOrEqual(6) // once a quarter of an hour, for the strip
})
