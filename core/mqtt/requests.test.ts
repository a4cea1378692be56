import fc from 'fast-check'
import mqtt, { type MqttClient } from 'mqtt'
import { Registry } from 'prom-client'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Principal, Scope } from '../access/scope.ts'
import { openCameras, type Cameras } from '../cameras/cameras.ts'
import { openYard, type Yard } from '../devices/testing.ts'
import { eventually, handlersOf } from '../http/testing.ts'
import type { Asked } from './broker.ts'
import { MAX_REQUEST_BYTES, openRequests, REPLAY_MS, type Requests, type Response } from './requests.ts'
import { emptyLibrary } from './testing.ts'

const TOPIC = 'viewshed/bridge/home/home/request'
const SCOPE: Scope = { org: 'home', site: 'home', role: 'admin' }
const OPERATOR: Principal = { kind: 'key', id: 'ha', name: 'ha', scope: { ...SCOPE, role: 'operator' } }

let library: Awaited<ReturnType<typeof emptyLibrary>>
let yard: Yard
let cameras: Cameras
let requests: Requests
let said: { topic: string; response: Response }[]
let troubles: object[]
let peers: MqttClient[]
let registry: Registry
let onAsked: (asked: Asked) => void
beforeAll(async () => {
  library = await emptyLibrary()
})
afterAll(() => library.close())
beforeEach(async () => {
  ;[said, troubles, peers, registry] = [[], [], [], new Registry()]
  yard = await openYard(() => ({ onAsked: (asked) => onAsked(asked) }))
  cameras = await openCameras({ log: yard.bench.log, sequence: yard.bench.outcomes.sequence, clock: () => yard.clock.now_ms, announce: () => undefined, warn: (e) => { throw e }, found: async () => null, archived: async () => ({ why: 'nothing is archived here' }), edit: async () => undefined })
  watched()
  const board = () => yard.bench.board
  const rooms = handlersOf({
    access: yard.access, devices: yard.devices, cameras, desk: board(), index: library.index,
    work: async (scope) => ({ stages: (await board().counts(scope)).map((count) => ({ ...count, title: count.stage, plugin: 'test', nodes: [] })), events: [], links: [] }),
  })
  requests = openRequests({
    acts: rooms, clock: () => yard.clock.now_ms, registry, log: { error: (fields) => void troubles.push(fields) },
    say(topic, payload, retain) {
      said.push({ topic, response: JSON.parse(payload) as Response })
      yard.broker.say(topic, payload, retain)
    },
  })
  onAsked = (asked) => void requests.asked(asked)
  for (const name of ['gpu', 'nas']) await yard.join(name)
})
afterEach(async () => {
  await Promise.all(peers.map((peer) => peer.endAsync(true)))
  await cameras.close()
  await yard.close()
})

async function ask(request: unknown, who: Principal | null = OPERATOR, raw?: Buffer): Promise<Response> {
  const before = said.length
  await requests.asked({ topic: TOPIC, payload: raw ?? Buffer.from(JSON.stringify(request)), who, retained: false })
  expect(said.length).toBe(before + 1)
  expect(said.at(-1)!.topic).toBe('viewshed/bridge/home/home/response')
  return said.at(-1)!.response
}
const modes = () => Object.fromEntries(yard.records.all().map(({ id, settings }) => [id, settings.mode]))
/** A watcher speaks of the van, and hears what people want of it. */
const watched = () => cameras.heard({ plugin: 'camera-viofo', names: ['Van'], knows: {}, words: [{
  name: 'Van', clips: { more: 0, clips: [{ id: 'a.MP4|', name: 'a.MP4', time: null, channel: 'front', event: 'normal', bytes: null, state: 'failed', why: 'no', again_ms: null }] },
  standing: { maker: 'VIOFO', addresses: ['van'], address: null, seen_ms: null, paused: false, trouble: null, listed: { at_ms: 1, clips: 1 }, counts: { fetching: 0, waiting: 0, failed: 1, recording: 0, skipped: 0, in: 0 }, waiting_bytes: 0, fetching: [], deletes: false, rules: [] },
}] }, { kind: 'device', id: 'nas', name: 'nas', scope: { ...SCOPE, role: 'device' } }).orders[0]!.order
const events = async () => (await yard.bench.events.list(SCOPE, { type: 'device.steered', limit: 1_000 })).length
async function park(stage: string, n: number): Promise<void> {
  const input = (i: number) => (stage === 'clip.thumb' ? { clip: `${stage}${i}`, length: 1 } : { clip: `${stage}${i}` })
  await yard.bench.board.publish(SCOPE, Array.from({ length: n }, (_, i) => ({ stage, input: input(i) })))
  for (const { id, token } of await yard.bench.board.claim('gpu', SCOPE, [stage], n)) await yard.bench.board.fault('gpu', id, token, { code: 'clip/unreadable', message: 'no' })
}
const parked = async () => (await yard.bench.board.counts(SCOPE)).reduce((sum, count) => sum + count.parked, 0)

test('pause, drain and resume: one device, or all of them', async () => {
  expect(await ask({ id: 'a', ask: 'pause', device: 'gpu' })).toEqual({ id: 'a', ok: true, changed: 1 })
  expect(modes()).toEqual({ gpu: 'paused', nas: 'working' })
  expect(await ask({ ask: 'drain' })).toEqual({ id: null, ok: true, changed: 2 })
  expect(modes()).toEqual({ gpu: 'draining', nas: 'draining' })
  expect(await ask({ ask: 'resume', device: 'nas' })).toEqual({ id: null, ok: true, changed: 1 })
  expect(modes()).toEqual({ gpu: 'draining', nas: 'working' })
  expect(requests.refused).toEqual({})
})

test('a camera: pause and resume, skip and retry of its clips, and that it has come', async () => {
  expect(await ask({ id: 'c', ask: 'pause', camera: 'Van' })).toEqual({ id: 'c', ok: true, changed: 1 })
  expect(watched().paused).toBe(true)
  expect(await ask({ ask: 'resume', camera: 'Van' })).toMatchObject({ ok: true, changed: 1 })
  expect(await ask({ ask: 'skip', camera: 'Van', clips: ['a.MP4'] })).toMatchObject({ ok: true, changed: 1 })
  expect(watched()).toMatchObject({ paused: false, skip: ['a.MP4|'] })
  expect(await ask({ ask: 'retry', camera: 'Van' })).toMatchObject({ ok: true, changed: 1 })
  expect(watched()).toMatchObject({ skip: [], again: { 'a.MP4|': expect.any(Number) as unknown } })
  expect(await ask({ ask: 'hint', camera: 'Van' })).toMatchObject({ ok: true, changed: 1 })
  expect(await ask({ ask: 'hint' })).toMatchObject({ ok: true, changed: 1 })
  expect(watched().here).toBe(2)
  expect(modes()).toEqual({ gpu: 'working', nas: 'working' })
})

test.each([
  [{ ask: 'skip', camera: 'Van' }, 'input/invalid', 'clips'], [{ ask: 'skip', camera: 'Van', clips: [] }, 'input/invalid', 'clips'], [{ ask: 'skip', clips: ['a.MP4'] }, 'input/invalid', 'camera'],
  [{ ask: 'pause', camera: 'Bus' }, 'not-found', 'Bus'], [{ ask: 'pause', camera: 7 }, 'input/invalid', 'camera'], [{ ask: 'drain', camera: 'Van' }, 'input/invalid', ''], [{ ask: 'rerun', camera: 'Van' }, 'input/invalid', ''],
  [{ ask: 'pause', camera: 'Van', device: 'gpu' }, 'input/invalid', ''], [{ ask: 'retry', camera: 'Van', clips: ['b.MP4'] }, 'not-found', 'b.MP4'], [{ ask: 'hint', camera: 'Bus' }, 'not-found', 'Bus'], [{ ask: 'hint', clips: ['a.MP4'] }, 'input/invalid', ''],
])('of a camera: %j is refused with %s and changes nothing', async (request, code, words) => {
  expect(await ask(request)).toMatchObject({ code, message: expect.stringContaining(words) as unknown })
  expect(watched()).toEqual({ paused: false, skip: [], again: {}, here: 0 })
  expect(modes()).toEqual({ gpu: 'working', nas: 'working' })
})

test('a camera is steered by operators alone', async () => {
  const viewer: Principal = { ...OPERATOR, scope: { ...SCOPE, role: 'viewer' } }
  for (const request of [{ ask: 'pause', camera: 'Van' }, { ask: 'skip', camera: 'Van', clips: ['a.MP4'] }, { ask: 'retry', camera: 'Van' }, { ask: 'hint' }]) expect(await ask(request, viewer)).toMatchObject({ code: 'access/denied' })
  expect(watched()).toEqual({ paused: false, skip: [], again: {}, here: 0 })
})

test.each([
  [{ ask: 'explode' }, 'input/invalid', 'ask: expected pause'], [{}, 'input/invalid', 'ask: expected pause'], [[], 'input/invalid', 'ask'], ['pause', 'input/invalid', 'ask'], [null, 'input/invalid', 'ask'],
  [{ ask: 'pause', device: 7 }, 'input/invalid', 'device'], [{ ask: 'pause', stage: 'clip.probe' }, 'input/invalid', ''], [{ ask: 'pause', device: 'x'.repeat(64) }, 'input/invalid', 'device'],
  [{ id: 7, ask: 'pause' }, 'input/invalid', 'id'], [{ id: '', ask: 'pause' }, 'input/invalid', 'id'], [{ id: 'x'.repeat(65), ask: 'pause' }, 'input/invalid', 'id'],
  [{ ask: 'retry', stage: 7 }, 'input/invalid', 'stage'], [{ ask: 'retry', device: 'gpu' }, 'input/invalid', ''], [{ ask: 'pause', device: 'nobody' }, 'not-found', 'nobody'], [{ ask: 'constructor' }, 'input/invalid', 'ask'], [{ ask: '__proto__' }, 'input/invalid', 'ask'],
])('%j is refused with %s and changes nothing', async (request, code, words) => {
  expect(await ask(request)).toMatchObject({ code, message: expect.stringContaining(words) as unknown })
  expect(modes()).toEqual({ gpu: 'working', nas: 'working' })
  expect(requests.refused).toEqual({ [code]: 1 })
  expect(await registry.metrics()).toContain(`viewshed_mqtt_requests_refused_total{code="${code}"} 1`)
})

test('who may not steer is told so; who asked outside acts as an operator of that site, and no more', async () => {
  const viewer: Principal = { ...OPERATOR, scope: { ...SCOPE, role: 'viewer' } }
  expect(await ask({ id: 'v', ask: 'pause' }, viewer)).toMatchObject({ id: 'v', code: 'access/denied' })
  expect(await ask({ ask: 'retry' }, viewer)).toMatchObject({ code: 'access/denied' })
  expect(modes()).toEqual({ gpu: 'working', nas: 'working' })
  expect(await ask({ ask: 'pause', device: 'gpu' }, null)).toMatchObject({ ok: true })
  expect(modes()).toEqual({ gpu: 'paused', nas: 'working' })
  await requests.asked({ topic: 'viewshed/bridge/home/garage/request', payload: Buffer.from('{"ask":"pause"}'), who: null, retained: false })
  expect(said.at(-1)).toEqual({ topic: 'viewshed/bridge/home/garage/response', response: { id: null, ok: true, changed: 0 } })
  expect(modes()).toEqual({ gpu: 'paused', nas: 'working' })
})

test('what a broker remembers is not done and not answered', async () => {
  await requests.asked({ topic: TOPIC, payload: Buffer.from('{"ask":"pause"}'), who: null, retained: true })
  expect([said, modes(), requests.refused]).toEqual([[], { gpu: 'working', nas: 'working' }, { retained: 1 }])
})

test('the same id within a minute is answered alike and done once, however it comes; somebody else’s is another', async () => {
  const [first, second] = await Promise.all([1, 2].map(() => requests.asked({ topic: TOPIC, payload: Buffer.from('{"id":"1","ask":"pause","device":"gpu"}'), who: OPERATOR, retained: false })))
  expect([first, second]).toEqual([undefined, undefined])
  expect(said.map(({ response }) => response)).toEqual(Array(2).fill({ id: '1', ok: true, changed: 1 }))
  expect(await events()).toBe(1)
  await ask({ ask: 'resume', device: 'gpu' })
  expect(await ask({ id: '1', ask: 'pause', device: 'gpu' })).toEqual({ id: '1', ok: true, changed: 1 })
  expect(await ask({ id: '1', ask: 'drain', device: 'nas' })).toEqual({ id: '1', ok: true, changed: 1 })
  expect(modes()).toEqual({ gpu: 'working', nas: 'working' })
  expect(requests.refused).toEqual({ replayed: 3 })
  await ask({ id: '1', ask: 'drain', device: 'nas' }, { ...OPERATOR, id: 'other' })
  expect(modes()).toEqual({ gpu: 'working', nas: 'draining' })
  yard.clock.now_ms += REPLAY_MS
  await ask({ id: '1', ask: 'pause', device: 'gpu' })
  expect(modes()).toEqual({ gpu: 'paused', nas: 'draining' })
  const refusal = await ask({ id: '2', ask: 'explode' })
  expect(await ask({ id: '2', ask: 'pause' })).toEqual(refusal)
})

test('retry: all that is parked, or a stage; rerun asks for something to be named', async () => {
  await park('clip.probe', 2)
  await park('clip.thumb', 3)
  expect(await parked()).toBe(5)
  expect(await ask({ ask: 'rerun' })).toMatchObject({ code: 'input/invalid' })
  expect(await ask({ ask: 'rerun', drive: 'none' })).toMatchObject({ code: 'not-found' })
  expect(await ask({ ask: 'retry', stage: 'clip.thumb' })).toEqual({ id: null, ok: true, changed: 3 })
  expect(await parked()).toBe(2)
  expect(await ask({ ask: 'retry' })).toEqual({ id: null, ok: true, changed: 2 })
  expect(await parked()).toBe(0)
  expect(await ask({ ask: 'retry' })).toEqual({ id: null, ok: true, changed: 0 })
})

test('a request that is too large is refused unread, and too many are', async () => {
  expect(await ask(null, OPERATOR, Buffer.from(JSON.stringify({ id: 'big', ask: 'pause', device: 'x'.repeat(MAX_REQUEST_BYTES) })))).toMatchObject({ id: null, code: 'input/too-large' })
  const codes = []
  for (let i = 0; i < 130; i++) codes.push((await ask({ ask: 'resume', device: 'gpu' }) as { code?: string }).code)
  expect(codes.filter((code) => code === 'access/limited').length).toBeGreaterThan(5)
  expect((await ask({ ask: 'resume', device: 'gpu' }, { ...OPERATOR, id: 'other' }))).toMatchObject({ ok: true })
})

test('whatever is sent, it is answered once or, said to be remembered, not at all; nothing changes but by a sound request, and nothing breaks', async () => {
  const word = fc.oneof(fc.constantFrom('pause', 'drain', 'resume', 'retry', 'rerun', 'skip', 'hint', 'Van', 'a.MP4', 'gpu', 'nas', 'clip.probe'), fc.string())
  const request = fc.dictionary(fc.constantFrom('id', 'ask', 'device', 'camera', 'clips', 'stage', 'ids', 'from', 'to', 'drive', 'mode', '__proto__', 'x'), fc.oneof(word, fc.integer(), fc.constant(null), fc.array(word, { maxLength: 3 })))
  const payload = fc.oneof(fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)), fc.json().map((text) => Buffer.from(text)), request.map((value) => Buffer.from(JSON.stringify(value))))
  await fc.assert(fc.asyncProperty(payload, fc.boolean(), async (bytes, retained) => {
    yard.clock.now_ms += REPLAY_MS
    const before = { modes: modes(), said: said.length }
    await requests.asked({ topic: TOPIC, payload: bytes, who: OPERATOR, retained })
    expect(said.length - before.said).toBe(retained ? 0 : 1)
    if (retained || 'code' in said.at(-1)!.response) expect(modes()).toEqual(before.modes)
  }), { numRuns: 300 })
  expect(troubles).toEqual([])
})

test('over the broker: a key and a page are answered, a device and a stranger are put out, nobody overhears', async () => {
  const connect = async (username: string, password: string) => {
    const peer = await mqtt.connectAsync(yard.mqttUrl, { username, password, reconnectPeriod: 0 }, false)
    peer.on('error', () => undefined)
    peers.push(peer)
    const heard: string[] = []
    peer.on('message', (topic, payload) => heard.push(`${topic.split('/').at(-1)} ${payload}`))
    await peer.subscribeAsync('viewshed/bridge/home/home/+').catch(() => undefined)
    return { peer, heard, gone: new Promise<void>((done) => void peer.once('close', () => done())) }
  }
  const ha = await connect('key/ha', await yard.access.keys.add('ha', 'operator'))
  const looker = await connect('key/eye', await yard.access.keys.add('eye', 'viewer'))
  const gpu = await connect('gpu', (await yard.access.signDevice(yard.records.get('gpu')!)).token)
  await ha.peer.publishAsync(TOPIC, '{"id":"1","ask":"pause","device":"nas"}', { qos: 1, retain: true })
  await eventually(() => ha.heard.filter((line) => line.startsWith('response'))).toEqual(['response {"id":"1","ok":true,"changed":1}'])
  expect(modes()).toMatchObject({ nas: 'paused' })
  await looker.peer.publishAsync(TOPIC, '{"id":"2","ask":"resume"}', { qos: 1 })
  await eventually(() => looker.heard.at(-1)).toContain('access/denied')
  expect(modes()).toMatchObject({ nas: 'paused' })
  gpu.peer.publish(TOPIC, '{"ask":"resume"}', { qos: 1 })
  await gpu.gone
  expect(gpu.heard.filter((line) => /^(request|response)/.test(line))).toEqual([])
  expect(looker.heard.filter((line) => line.startsWith('request'))).toEqual([])
  expect(yard.broker.refused.publish).toBe(1)
  ha.peer.publish('viewshed/bridge/home/garage/request', '{"ask":"pause"}', { qos: 1 })
  await ha.gone
  expect(modes()).toMatchObject({ nas: 'paused', gpu: 'working' })
})

test('a revoked key is out at once and does not come in again', async () => {
  const key = await yard.access.keys.add('ha', 'operator')
  const options = { username: 'key/ha', password: key, reconnectPeriod: 0 }
  const peer = await mqtt.connectAsync(yard.mqttUrl, options, false)
  peers.push(peer)
  const gone = new Promise<void>((done) => void peer.once('close', () => done()))
  expect((await fetch(`${yard.url}/api/devices`, { headers: { authorization: `Bearer ${key}` } })).status).toBe(200)
  await yard.access.keys.revoke('ha')
  await gone
  await expect(mqtt.connectAsync(yard.mqttUrl, options, false)).rejects.toMatchObject({ code: 4 })
  expect((await fetch(`${yard.url}/api/devices`, { headers: { authorization: `Bearer ${key}` } })).status).toBe(401)
})
