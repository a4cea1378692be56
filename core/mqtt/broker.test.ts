import { connect as connectTcp } from 'node:net'
import fc from 'fast-check'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import type { Principal } from '../access/scope.ts'
import { eventually, openTestDoor, somebody, type TestDoor } from '../http/testing.ts'
import { CAPABILITY, CONDITIONS } from '../devices/testing.ts'
import { startBroker, type Broker, type DeviceWord } from './broker.ts'
import type { Said } from './roster.ts'

const HOME = { org: 'home', site: 'home' }
const GARAGE = { org: 'home', site: 'garage' }

const now_ms = Date.UTC(2026, 0, 1)
let broker: Broker
let door: TestDoor
let peers: MqttClient[] = []
const words: [device: string, word: DeviceWord][] = []
/** What was heard of a device, in a line each. */
const wordsOf = (id: string): (Said | Exclude<DeviceWord['kind'], 'said'>)[] => words.flatMap(([device, word]) => (device !== id ? [] : [word.kind === 'said' ? word.said : word.kind]))
const BIRTH = JSON.stringify(CAPABILITY)
beforeAll(async () => {
  // The broker needs access, and the door needs the broker: the door's own access serves both.
  let upgrade: Broker['upgrade'] = () => undefined
  door = await openTestDoor({ broker: { upgrade: (...args) => upgrade(...args) } })
  broker = await startBroker({ port: 0, host: '127.0.0.1', access: door.access, log: { warn: () => undefined }, clock: () => now_ms, onDevice: (id, word) => words.push([id, word]) })
  upgrade = broker.upgrade
})
afterAll(async () => {
  await door.close()
  await broker.close()
})
beforeEach(() => {
  peers = []
})
afterEach(async () => {
  await Promise.all(peers.map((peer) => peer.endAsync(true)))
})

const tokenOf = (principal: Principal, ttl_ms?: number) => door.access.mint(principal, ttl_ms)
const urls = () => ({ tcp: `mqtt://127.0.0.1:${broker.port}`, ws: `${door.url.replace('http', 'ws')}/mqtt` })

async function join(way: 'tcp' | 'ws', options: IClientOptions): Promise<MqttClient> {
  const peer = await mqtt.connectAsync(urls()[way], { reconnectPeriod: 0, connectTimeout: 10_000, ...options }, false)
  peer.on('error', () => undefined)
  peers.push(peer)
  return peer
}
/** What became of the try: MQTT 3.1.1's code of the refusal. */
async function attempt(way: 'tcp' | 'ws', options: IClientOptions): Promise<string | number> {
  try {
    await join(way, options)
    return 'joined'
  } catch (error) {
    const { code, message } = error as { code?: number | string; message: string }
    return code ?? message
  }
}
const device = (id: string, scope = HOME, options: IClientOptions = {}) => join('tcp', { clientId: `${id}:test`, username: id, password: tokenOf(somebody('device', id, scope)), ...options })
const will = (id: string) => ({ will: { topic: `viewshed/${id}/availability`, payload: Buffer.from('offline'), qos: 1 as const, retain: true } })

interface Heard { readonly topic: string; readonly text: string; readonly retained: boolean }
function ears(peer: MqttClient): Heard[] {
  const heard: Heard[] = []
  peer.on('message', (topic, payload, packet) => heard.push({ topic, text: String(payload), retained: packet.retain }))
  return heard
}
const closed = (peer: MqttClient) => new Promise<void>((done) => (peer.connected ? peer.once('close', () => done()) : done()))
async function page(name = 'Ann'): Promise<{ peer: MqttClient; heard: Heard[]; session: string }> {
  if (door.access.setupNeeded()) await door.admin(name)
  const { principal, session } = await door.access.signIn({ name, password: 'correct horse battery' }, 'test')
  const peer = await join('ws', door.access.mqttOf(principal, session))
  return { peer, heard: ears(peer), session }
}
/** Everything that was sent before has arrived when this comes back. */
async function settle(peer: MqttClient): Promise<void> {
  await new Promise((done) => setImmediate(done))
  const topic = 'viewshed/bridge/home/home/changed'
  await peer.subscribeAsync(topic)
}

test.each(['tcp', 'ws'] as const)('%s: only who proves its name comes in', async (way) => {
  const token = tokenOf(somebody('device', 'gpu'))
  const other = tokenOf(somebody('device', 'nas'))
  const expired = tokenOf(somebody('device', 'gpu'), 0)
  const revoked = tokenOf(somebody('device', 'gpu'))
  door.access.revoke(revoked)
  const before = { ...broker.refused }
  expect(await attempt(way, { clientId: 'gpu:a', username: 'gpu', password: token })).toBe('joined')
  expect(await attempt(way, { clientId: 'gpu:b', username: 'gpu', password: 'wrong' })).toBe(4)
  expect(await attempt(way, { clientId: 'gpu:c', username: 'gpu', password: other })).toBe(4)
  expect(await attempt(way, { clientId: 'gpu:d', username: 'gpu', password: expired })).toBe(4)
  expect(await attempt(way, { clientId: 'gpu:e', username: 'gpu', password: revoked })).toBe(4)
  expect(await attempt(way, { clientId: 'gpu:f', username: 'gpu' })).toBe(4)
  expect(await attempt(way, { clientId: 'gpu:g', username: '@gpu', password: token })).toBe(4)
  expect(await attempt(way, { clientId: 'gpu:h' })).not.toBe('joined')
  expect(broker.refused.connect - before.connect).toBe(7)
})

test.each(['tcp', 'ws'] as const)('%s: a last will may not speak for another, nor of anything else', async (way) => {
  const options = { username: 'gpu', password: tokenOf(somebody('device', 'gpu')) }
  expect(await attempt(way, { ...options, clientId: 'gpu:a', ...will('nas') })).toBe(4)
  expect(await attempt(way, { ...options, clientId: 'gpu:b', will: { topic: 'viewshed/gpu/birth', payload: Buffer.from('{}'), qos: 0, retain: false } })).toBe(4)
  expect(await attempt(way, { ...options, clientId: 'gpu:c', will: { topic: 'viewshed/bridge/home/home/work', payload: Buffer.from('{}'), qos: 0, retain: false } })).toBe(4)
  expect(await attempt(way, { ...options, clientId: 'gpu:d', ...will('gpu') })).toBe('joined')
})

test('a device that says something under another name, or as the bridge, is put out and not heard', async () => {
  const { heard, peer } = await page()
  await peer.subscribeAsync('viewshed/+/birth')
  const start = heard.length
  for (const topic of ['viewshed/nas/birth', 'viewshed/bridge/home/home/work', 'viewshed/gpu/other', 'viewshed/gpu/order', 'viewshed/gpu/birth/x', '$SYS/x', 'viewshed/gpu']) {
    const gpu = await device('gpu')
    const gone = closed(gpu)
    gpu.publish(topic, '{}', { qos: 0, retain: true })
    await gone
  }
  await settle(peer)
  expect(heard.slice(start).filter(({ topic }) => topic.endsWith('/birth'))).toEqual([])
})

test('a page that says anything is put out', async () => {
  for (const topic of ['viewshed/nas/birth', 'viewshed/@ann/birth', 'viewshed/ann/birth', 'viewshed/bridge/home/home/changed']) {
    const { peer } = await page()
    const gone = closed(peer)
    peer.publish(topic, '{}')
    await gone
  }
})

test('birth and availability are remembered for who comes later; progress is not', async () => {
  const gpu = await device('gpu')
  await gpu.publishAsync('viewshed/gpu/birth', BIRTH, { qos: 1 }) // even when it forgot to say so
  await gpu.publishAsync('viewshed/gpu/availability', 'online', { qos: 1, retain: true })
  await gpu.publishAsync('viewshed/gpu/progress', '{"task":"t0","stage":"s","done":0.1}', { qos: 1, retain: true })
  for (let i = 0; i < 2; i++) {
    const { peer, heard } = await page()
    await peer.subscribeAsync('viewshed/+/+')
    await eventually(() => heard.filter(({ topic }) => topic.startsWith('viewshed/gpu/')).toSorted((a, b) => a.topic.localeCompare(b.topic))).toEqual([
      { topic: 'viewshed/gpu/availability', text: 'online', retained: true },
      { topic: 'viewshed/gpu/birth', text: BIRTH, retained: true },
    ])
    await peer.endAsync()
  }
})

test('a device that loses its power is said to be gone; so is one that leaves without a word of it', async () => {
  const { peer, heard } = await page()
  await peer.subscribeAsync('viewshed/+/availability')
  const said = () => heard.filter(({ topic, retained }) => topic === 'viewshed/lamp/availability' && !retained).map(({ text }) => text)
  const first = await device('lamp', HOME, will('lamp'))
  await first.publishAsync('viewshed/lamp/availability', 'online', { qos: 1, retain: true })
  first.stream.destroy()
  await eventually(said).toEqual(['online', 'offline'])
  const second = await device('lamp')
  await second.publishAsync('viewshed/lamp/availability', 'online', { qos: 1, retain: true })
  await second.endAsync()
  await eventually(said).toEqual(['online', 'offline', 'online', 'offline'])
})

test('what a device says is told in its order, and that it came and that its last connection broke', async () => {
  const gpu = await device('worker')
  await gpu.publishAsync('viewshed/worker/birth', BIRTH, { qos: 1, retain: true })
  await gpu.publishAsync('viewshed/worker/availability', 'online', { qos: 1, retain: true })
  await gpu.publishAsync('viewshed/worker/state', JSON.stringify(CONDITIONS), { qos: 1 })
  await gpu.publishAsync('viewshed/worker/progress', '{"task":"t1","stage":"clip.probe","done":0.25,"what":"reading"}', { qos: 1 })
  const told = [
    'here', { kind: 'birth', capability: CAPABILITY }, { kind: 'availability', online: true }, { kind: 'state', conditions: CONDITIONS },
    { kind: 'progress', progress: { task: 't1', stage: 'clip.probe', done: 0.25, what: 'reading' } },
  ]
  expect(wordsOf('worker')).toEqual(told)
  const again = await join('tcp', { clientId: 'worker:2', username: 'worker', password: tokenOf(somebody('device', 'worker')) })
  await gpu.endAsync(true)
  await eventually(() => wordsOf('worker')).toEqual([...told, 'here'])
  again.stream.destroy()
  await eventually(() => wordsOf('worker')).toEqual([...told, 'here', 'lost'])
})

test('an `offline` of a connection that is over takes nobody away: neither the will of a former one, nor one sent once more', async () => {
  const { peer, heard } = await page()
  await peer.subscribeAsync('viewshed/+/availability')
  const first = await join('tcp', { clientId: 'back:1', username: 'back', password: tokenOf(somebody('device', 'back')), ...will('back') })
  await first.publishAsync('viewshed/back/availability', 'online', { qos: 1, retain: true })
  const second = await join('tcp', { clientId: 'back:2', username: 'back', password: tokenOf(somebody('device', 'back')), ...will('back') })
  await second.publishAsync('viewshed/back/availability', 'online', { qos: 1, retain: true })
  const before = broker.refused.replay
  first.stream.destroy()
  await eventually(() => broker.refused.replay).toBe(before + 1)
  await second.publishAsync('viewshed/back/availability', 'offline', { qos: 1, retain: true, dup: true })
  await eventually(() => broker.refused.replay).toBe(before + 2)
  await settle(peer)
  expect(heard.filter(({ topic, text }) => topic === 'viewshed/back/availability' && text === 'offline')).toEqual([])
  expect(wordsOf('back').filter((word) => word === 'lost' || (typeof word === 'object' && word.kind === 'availability' && !word.online))).toEqual([])
  const late = await page()
  await late.peer.subscribeAsync('viewshed/back/availability')
  await eventually(() => late.heard.map(({ text }) => text)).toEqual(['online'])
})

test('an order reaches its device, then and whenever it comes, and nobody else', async () => {
  const order = { settings: { mode: 'paused' }, allowed: null, rests: 'paused' } as never
  broker.order('told', order)
  const [told, other, { peer, heard }] = [await device('told'), await device('other'), await page()]
  const [mine, theirs] = [ears(told), ears(other)]
  await told.subscribeAsync('viewshed/told/order')
  await other.subscribeAsync('viewshed/other/#')
  await expect(other.subscribeAsync('viewshed/told/order')).rejects.toThrow()
  await expect(peer.subscribeAsync('viewshed/told/order')).rejects.toThrow()
  await peer.subscribeAsync('viewshed/told/+')
  await eventually(() => mine).toEqual([{ topic: 'viewshed/told/order', text: JSON.stringify(order), retained: true }])
  broker.order('told', order)
  await eventually(() => mine).toHaveLength(2)
  expect([theirs, heard.filter(({ topic }) => topic.endsWith('/order'))]).toEqual([[], []])
})

test('one that is forgotten is put out, its last will is nobody’s, and nothing of it is remembered', async () => {
  const lost = await device('lost', HOME, will('lost'))
  await lost.publishAsync('viewshed/lost/birth', BIRTH, { qos: 1, retain: true })
  await lost.publishAsync('viewshed/lost/availability', 'online', { qos: 1, retain: true })
  await lost.publishAsync('viewshed/lost/state', JSON.stringify(CONDITIONS), { qos: 1, retain: true })
  const gone = closed(lost)
  broker.forget('lost')
  await gone
  const again = await device('lost')
  const heard = ears(again)
  await again.subscribeAsync('viewshed/lost/#')
  await again.publishAsync('viewshed/lost/progress', '{"task":"t","stage":"s","done":0}', { qos: 1 })
  await eventually(() => heard.map(({ topic }) => topic)).toEqual(['viewshed/lost/progress'])
})

test.each([
  ['birth', 'no json'], ['birth', '[]'], ['birth', '7'], ['birth', '{"name":5}'], ['birth', JSON.stringify({ ...CAPABILITY, cores: 0 })], ['birth', JSON.stringify({ ...CAPABILITY, stages: 'all' })], ['state', '{}'], ['state', JSON.stringify({ ...CONDITIONS, gpu_busy_percent: 101 })], ['availability', 'maybe'], ['availability', ''], ['progress', '{}'],
  ['progress', '{"task":"t","stage":"s","done":1.5}'], ['progress', '{"task":"t","stage":"s"}'], ['progress', '{"task":"","stage":"s","done":0}'], ['progress', '{"task":"t","stage":"s","done":"0"}'],
])('%s %j is counted and dropped; its device stays', async (kind, payload) => {
  const { peer, heard } = await page()
  await peer.subscribeAsync('viewshed/+/+')
  const gpu = await device('odd')
  const before = broker.refused.payload
  await gpu.publishAsync(`viewshed/odd/${kind}`, payload, { qos: 1, retain: true })
  expect(broker.refused.payload).toBe(before + 1)
  await gpu.publishAsync('viewshed/odd/progress', '{"task":"after","stage":"s","done":0}', { qos: 1 })
  await eventually(() => heard.filter(({ topic }) => topic.startsWith('viewshed/odd')).map(({ text }) => text)).toEqual(['{"task":"after","stage":"s","done":0}'])
})

test('256 KiB are heard, more puts the device out', async () => {
  const gpu = await device('large')
  const filled = (bytes: number) => `${BIRTH.slice(0, -1)},"x":"${'x'.repeat(bytes - BIRTH.length - 7)}"}`
  await gpu.publishAsync('viewshed/large/birth', filled(256 * 1024), { qos: 1, retain: true })
  expect(wordsOf('large').at(-1)).toMatchObject({ kind: 'birth' })
  const before = { words: wordsOf('large').length, size: broker.refused.size }
  const gone = closed(gpu)
  gpu.publish('viewshed/large/birth', filled(256 * 1024 + 1), { qos: 1, retain: true })
  await gone
  expect({ words: wordsOf('large').filter((word) => word !== 'lost').length, size: broker.refused.size }).toEqual({ words: before.words, size: before.size + 1 })
})

test('a packet that announces megabytes is cut off before they are gathered, name or no name', async () => {
  const socket = connectTcp(broker.port!, '127.0.0.1')
  const gone = new Promise((done) => socket.on('error', () => undefined).once('close', done))
  socket.write(Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f]))
  socket.resume()
  await gone
})

test('nonsense on the wire, at any point, closes that connection and nothing else', async () => {
  const nas = await device('steady')
  const field = (text: string) => Buffer.concat([Buffer.from([0, text.length]), Buffer.from(text)])
  const connect = (flags: number, ...fields: string[]) => { // MQTT 3.1.1 §3.1
    const rest = Buffer.concat([field('MQTT'), Buffer.from([4, flags, 0, 60]), ...fields.map(field)])
    return Buffer.concat([Buffer.from([0x10, rest.length]), rest])
  }
  const stranger = connect(0x02, '')
  const known = connect(0xc2, 'fuzz:1', 'fuzz', tokenOf(somebody('device', 'fuzz')))
  const packet = fc.tuple(fc.nat(255), fc.uint8Array({ maxLength: 120 })).map(([type, body]) => Buffer.from([type, body.length, ...body]))
  await fc.assert(fc.asyncProperty(fc.constantFrom([], [stranger], [known], [known]), fc.array(fc.oneof(packet, fc.uint8Array({ maxLength: 20 })), { maxLength: 4 }), async (greeting, packets) => {
    const socket = connectTcp(broker.port!, '127.0.0.1')
    const gone = new Promise((done) => socket.on('error', () => undefined).resume().once('close', done))
    if (greeting.length > 0) {
      const answered = new Promise((done) => socket.once('data', done).once('close', done))
      socket.write(greeting[0]!)
      await answered
    }
    socket.end(Buffer.concat(packets))
    await gone
  }), { numRuns: 200 })
  await nas.publishAsync('viewshed/steady/birth', BIRTH, { qos: 1 })
  expect(nas.connected).toBe(true)
})

test('clients without an id of their own do not push each other out; MQTT 5 is told what we speak', async () => {
  const options = { username: 'plain', password: tokenOf(somebody('device', 'plain')), clientId: '' }
  const [one, two] = [await join('tcp', options), await join('tcp', options)]
  await one.publishAsync('viewshed/plain/birth', BIRTH, { qos: 1 })
  expect([one.connected, two.connected]).toEqual([true, true])
  expect(await attempt('tcp', { ...options, clientId: 'plain:5', protocolVersion: 5 })).not.toBe('joined')
})

test('who is in one site hears nothing of another, live or remembered', async () => {
  const far = await device('far', GARAGE)
  await far.publishAsync('viewshed/far/birth', BIRTH, { qos: 1, retain: true })
  const { peer, heard } = await page()
  await peer.subscribeAsync(['viewshed/+/+', 'viewshed/far/#', 'viewshed/far/birth'])
  await far.publishAsync('viewshed/far/progress', '{"task":"t","stage":"s","done":0}', { qos: 1 })
  broker.announce(GARAGE, ['assets'])
  broker.announce(HOME, ['drives'])
  await peer.subscribeAsync('viewshed/bridge/home/home/+')
  broker.announce(HOME, ['plates'])
  await eventually(() => heard.some(({ text }) => text.includes('plates'))).toBe(true)
  expect(heard.filter(({ topic, text }) => topic.includes('far') || text.includes('assets'))).toEqual([])
})

test('filters beyond the scope are answered with failure; the others of the same packet stand', async () => {
  const { peer } = await page()
  const grants = async (filters: string[]) => {
    const granted: number[] = []
    const listen = (packet: { cmd: string; granted?: unknown }) => void (packet.cmd === 'suback' && granted.push(...(packet.granted as number[])))
    peer.on('packetreceive', listen)
    await peer.subscribeAsync(filters).catch(() => undefined)
    peer.off('packetreceive', listen)
    return granted
  }
  expect(await grants(['#', 'viewshed/#', '$SYS/#', 'viewshed/bridge/home/garage/work', 'viewshed/bridge/+/+/work', 'viewshed/+/birth'])).toEqual([128, 128, 128, 128, 128, 0])
})

test('a device hears that there is work in its site, and not of other devices', async () => {
  const [nas, far] = [await device('nas2'), await device('far2', GARAGE)]
  const [here, there] = [ears(nas), ears(far)]
  await nas.subscribeAsync('viewshed/bridge/home/home/work')
  await far.subscribeAsync('viewshed/bridge/home/garage/work')
  await expect(nas.subscribeAsync('viewshed/far2/birth')).rejects.toThrow()
  broker.work(HOME, ['clip.probe', 'clip.probe'])
  await eventually(() => here).toEqual([{ topic: 'viewshed/bridge/home/home/work', text: '{"stages":["clip.probe"]}', retained: false }])
  expect(there).toEqual([])
})

test('however much changes, pages hear of it at once and then four times a second, and miss no kind', async () => {
  const { peer, heard } = await page()
  await peer.subscribeAsync('viewshed/bridge/home/home/changed')
  await new Promise((quiet) => setTimeout(quiet, 300))
  heard.length = 0
  for (let i = 0; i < 200; i++) broker.announce(HOME, [`kind${i % 5}`])
  await eventually(() => heard.length).toBe(2)
  const kinds = heard.map(({ text }) => (JSON.parse(text) as { kinds: string[] }).kinds)
  expect(kinds[0]).toEqual(['kind0'])
  expect(kinds[1]!.toSorted()).toEqual(['kind0', 'kind1', 'kind2', 'kind3', 'kind4'])
  await new Promise((quiet) => setTimeout(quiet, 300))
  expect(heard).toHaveLength(2)
})

test('a page whose password is too old comes back by its session; another site, name or a session that ended does not', async () => {
  const { peer, session } = await page()
  const signedIn = await door.access.signIn({ name: 'Ann', password: 'correct horse battery' }, 'test')
  const again = (cookie: string, username = '@ann', headers: Record<string, string> = {}) =>
    attempt('ws', { username, password: 'of yesterday', wsOptions: { headers: { cookie: `viewshed_session=${cookie}`, ...headers } } })
  expect(await again(signedIn.cookie)).toBe('joined')
  expect(await again(signedIn.cookie, '@eve')).toBe(4)
  expect(await again('wrong')).toBe(4)
  expect(await again(signedIn.cookie, '@ann', { origin: 'http://elsewhere.example' })).not.toBe('joined')
  const gone = closed(peers.at(-1)!)
  await door.access.signOut(signedIn.session)
  await gone
  expect(await again(signedIn.cookie)).toBe(4)
  expect([peer.connected, session === signedIn.session]).toEqual([true, false])
})

test('signing out takes the live feed away, from this session only', async () => {
  const [first, second] = [await page(), await page()]
  const gone = closed(first.peer)
  await door.access.signOut(first.session)
  await gone
  await second.peer.subscribeAsync('viewshed/+/birth')
  expect(second.peer.connected).toBe(true)
})

test('nobody can throw another client out by taking its id', async () => {
  const nas = await device('nas3')
  expect(await attempt('tcp', { clientId: 'nas3:test', username: 'gpu', password: tokenOf(somebody('device', 'gpu')) })).toBe('joined')
  await nas.publishAsync('viewshed/nas3/birth', BIRTH, { qos: 1 })
  expect(nas.connected).toBe(true)
  const again = await device('nas3')
  await again.publishAsync('viewshed/nas3/birth', BIRTH, { qos: 1 })
  expect(nas.connected).toBe(false) // its own second life does
})

test('a device that comes back before its old connection was missed is online', async () => {
  const first = await device('twice', HOME, will('twice'))
  await first.publishAsync('viewshed/twice/availability', 'online', { qos: 1, retain: true })
  const second = await device('twice', HOME, will('twice'))
  await second.publishAsync('viewshed/twice/availability', 'online', { qos: 1, retain: true })
  await settle(second)
  expect(wordsOf('twice').at(-1)).toEqual({ kind: 'availability', online: true })
})

test('who subscribes while things change ends with what was said last of each, never with what was remembered before', async () => {
  const page = await join('tcp', { username: '@ann', password: tokenOf(somebody('viewer', 'ann')) })
  const last = new Map<string, string>()
  page.on('message', (topic, payload) => last.set(topic, String(payload)))
  const topics = Array.from({ length: 60 }, (_, i) => `viewshed/bridge/home/home/device/gpu-${i}`)
  for (const topic of topics) broker.say(topic, 'old', true)
  const subscribed = new Promise<void>((done) => page.subscribe('viewshed/bridge/home/home/device/+', { qos: 1 }, () => done()))
  await eventually(() => last.size > 0).toBe(true) // some of what is remembered is on its way
  for (const topic of topics) broker.say(topic, 'new', true)
  await subscribed
  await eventually(() => topics.filter((topic) => last.get(topic) !== 'new')).toEqual([])
  for (const topic of topics) broker.say(topic, '', true)
})

test('a WebSocket that is not MQTT, or comes from another site, is refused', async () => {
  const status = (protocol: string | undefined, headers: Record<string, string>) => new Promise((known) => {
    const peer = new WebSocket(urls().ws, protocol ? [protocol] : [], { headers })
    peer.on('error', () => undefined).on('unexpected-response', (_req, answer) => known(answer.statusCode)).on('open', () => {
      known('open')
      peer.terminate()
    })
  })
  expect(await status(undefined, {})).toBe(400)
  expect(await status('chat', {})).toBe(400)
  expect(await status('mqtt', { origin: 'http://elsewhere.example' })).toBe(403)
  expect(await status('mqtt', { origin: door.url })).toBe('open')
})
