/** Who may publish what, over a real broker, with real tokens: every topic that is ours and many that are nobody's. */
import fc from 'fast-check'
import mqtt, { type MqttClient } from 'mqtt'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CAPABILITY, CONDITIONS, openYard, type Yard } from '../devices/testing.ts'
import { eventually } from '../http/testing.ts'
import { MAX_PAYLOAD_BYTES } from './broker.ts'
import { BRIDGE_KINDS, DEVICE_KINDS } from './topics.ts'

let yard: Yard
let listener: MqttClient // hears all that a page of the site can hear
const heard: { topic: string; text: string }[] = []
let token: string
beforeAll(async () => {
  yard = await openYard()
  token = await yard.join('gpu')
  await yard.join('nas')
  await yard.api(token).hello({ capability: CAPABILITY, conditions: CONDITIONS })
  const page = yard.access.mint(yard.ann)
  listener = await mqtt.connectAsync(yard.mqttUrl, { username: '@ann', password: page, clientId: '@ann:page', reconnectPeriod: 0 }, false)
  listener.on('message', (topic, payload) => heard.push({ topic, text: String(payload) }))
  await listener.subscribeAsync(['viewshed/+/#', 'viewshed/bridge/home/home/#'])
})
afterAll(async () => {
  await listener.endAsync(true)
  await yard.close()
})

const connect = async (password: string, username = 'gpu', clientId = `${username}:acl`) => {
  const peer = await mqtt.connectAsync(yard.mqttUrl, { username, password, clientId, reconnectPeriod: 0 }, false)
  peer.on('error', () => undefined)
  return peer
}
/** What becomes of a client that says this: it is put out, or stays. */
async function say(password: string, topic: string, payload: string | Buffer): Promise<'refused' | 'put out' | 'stays'> {
  let peer: MqttClient
  try {
    peer = await connect(password)
  } catch {
    return 'refused'
  }
  const out = new Promise<'put out'>((gone) => peer.once('close', () => gone('put out')))
  const stays = peer.publishAsync(topic, payload, { qos: 1, retain: true }).then(() => 'stays' as const, () => out)
  const fate = await Promise.race([stays, out])
  await peer.endAsync(true)
  return fate
}

const GOOD: Record<(typeof DEVICE_KINDS)[number], string> = {
  birth: JSON.stringify(CAPABILITY), availability: 'online', progress: '{"task":"t","stage":"s","done":0.5}', state: JSON.stringify(CONDITIONS),
}
const OWN = DEVICE_KINDS.map((kind) => `viewshed/gpu/${kind}`)
const FOREIGN = [
  ...['nas', 'shed', 'GPU', 'gpu2', 'bridge', '@ann', 'gpu ', ''].flatMap((device) => [...DEVICE_KINDS, 'order'].map((kind) => `viewshed/${device}/${kind}`)),
  'viewshed/gpu/order', 'viewshed/gpu/other', 'viewshed/gpu', 'viewshed/gpu/', 'viewshed/gpu/birth/x', 'viewshed/gpu/progress/t', '/viewshed/gpu/birth', 'viewshed//gpu/birth', 'Viewshed/gpu/birth',
  ...['home', 'other'].flatMap((org) => ['home', 'barn'].flatMap((site) => BRIDGE_KINDS.map((kind) => `viewshed/bridge/${org}/${site}/${kind}`))),
  'viewshed/bridge/request/devices/accept', 'viewshed/bridge/response/x', 'homeassistant/device/gpu/config', 'homeassistant/status', '$SYS/broker/clients', '$share/g/viewshed/gpu/birth', 'viewshed-dropped', 'other', 'a/b/c/d/e/f/g',
]

test.each(OWN)('its own topic %s it may use', async (topic) => {
  expect(await say(token, topic, GOOD[topic.slice('viewshed/gpu/'.length) as keyof typeof GOOD])).toBe('stays')
})

test('every other topic is refused and heard by nobody; who tries is put out, and counted', async () => {
  const before = yard.broker.refused.publish
  heard.length = 0
  for (const topic of FOREIGN) expect([topic, await say(token, topic, GOOD.birth)]).toEqual([topic, 'put out'])
  expect(yard.broker.refused.publish - before).toBe(FOREIGN.length)
  expect(heard.filter(({ topic }) => FOREIGN.includes(topic) && topic !== 'viewshed/bridge/home/home/changed')).toEqual([])
})

test('with a wrong, a foreign, an expired or a revoked token, nothing at all may be said', async () => {
  const other = await yard.join('other')
  const revoked = await yard.join('gone')
  await yard.devices.revoke('gone', yard.ann)
  const again = await yard.join('gone') // the name is taken again; the old token is nobody's all the same
  const expired = await yard.join('late')
  const late_ms = 31 * 24 * 3_600_000
  yard.clock.now_ms += late_ms
  const fresh = (await yard.access.signDevice(yard.records.get('gpu')!)).token
  for (const [username, password] of [['gpu', 'wrong'], ['gpu', ''], ['gpu', `${fresh}x`], ['gpu', (await yard.access.signDevice(yard.records.get('nas')!)).token], ['gone', revoked], ['late', expired], ['gpu', other], ['gpu', again], ['bridge', fresh], ['@ann', fresh]] as const) {
    await expect(connect(password, username), `${username} ${password}`).rejects.toMatchObject({ code: 4 })
  }
  for (const topic of [...OWN, ...FOREIGN]) {
    expect([topic, await say('wrong', topic, GOOD.birth)]).toEqual([topic, 'refused'])
    expect([topic, await say(token, topic, GOOD.birth)]).toEqual([topic, 'refused']) // its time is over
  }
  yard.clock.now_ms -= late_ms
})

test('a token that ends while its client is connected ends what the client may say', async () => {
  const peer = await connect(token)
  const out = new Promise<void>((gone) => peer.once('close', () => gone()))
  yard.clock.now_ms += 31 * 24 * 3_600_000
  peer.publish('viewshed/gpu/birth', GOOD.birth)
  await out
  yard.clock.now_ms -= 31 * 24 * 3_600_000
})

test('no last will speaks of anything but its own device’s absence', async () => {
  for (const topic of [...OWN.filter((own) => !own.endsWith('availability')), ...FOREIGN]) {
    const refused = mqtt.connectAsync(yard.mqttUrl, { username: 'gpu', password: token, clientId: 'gpu:will', reconnectPeriod: 0, will: { topic, payload: Buffer.from('offline'), qos: 1, retain: true } }, false)
    await expect(refused, topic).rejects.toThrow()
  }
})

/** All that could have changed. */
const state = async () => {
  const [gpu, nas] = await Promise.all(['gpu', 'nas'].map((id) => yard.devices.view(yard.ann.scope, id)))
  return JSON.stringify([gpu, nas].map((device) => ({ ...device, last_seen_ms: 0 })))
}

test('malformed and out-of-schema messages on every topic of a device are counted, answered by silence, and change nothing', async () => {
  const peer = await connect(token, 'gpu', 'gpu:fuzz')
  await peer.publishAsync('viewshed/gpu/birth', GOOD.birth, { qos: 1 })
  await peer.publishAsync('viewshed/gpu/state', GOOD.state, { qos: 1 })
  await peer.publishAsync('viewshed/gpu/availability', 'online', { qos: 1 })
  await eventually(() => heard.at(-1)).toEqual({ topic: 'viewshed/gpu/availability', text: 'online' })
  const before = await state()
  heard.length = 0
  let said = yard.broker.refused.payload
  const broken = (good: string) => fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    fc.json().map((text) => Buffer.from(text)),
    fc.integer({ min: 1, max: Math.max(1, good.length - 1) }).map((length) => Buffer.from(good.slice(0, length))),
    fc.constantFrom(...(good.startsWith('{') ? Object.keys(JSON.parse(good) as object) : [''])).chain((field) => fc.constantFrom<unknown>('x', [], -1, {}).map((value) => Buffer.from(good.startsWith('{') ? JSON.stringify({ ...(JSON.parse(good) as object), [field]: wrongFor(good, field, value) }) : 'Online'))),
  )
  await fc.assert(fc.asyncProperty(fc.constantFrom(...DEVICE_KINDS).chain((kind) => broken(GOOD[kind]).map((payload) => ({ kind, payload }))), async ({ kind, payload }) => {
    fc.pre(!['online', 'offline'].includes(String(payload)))
    await peer.publishAsync(`viewshed/gpu/${kind}`, payload, { qos: 1, retain: true })
    said += 1
    expect(yard.broker.refused.payload).toBe(said)
  }), { numRuns: 300 })
  expect(await state()).toBe(before)
  await peer.publishAsync('viewshed/gpu/progress', GOOD.progress, { qos: 1 }) // it is still connected
  await eventually(() => heard.filter(({ topic }) => topic.startsWith('viewshed/gpu/'))).toEqual([{ topic: 'viewshed/gpu/progress', text: GOOD.progress }])
  await peer.endAsync(true)
})

/** `x` for whatever is no text, a number for what is; a list stays wrong by its members. */
const wrongFor = (good: string, field: string, value: unknown): unknown => {
  const was = (JSON.parse(good) as Record<string, unknown>)[field]
  if (typeof was === 'string') return typeof value === 'string' ? 7 : value
  if (Array.isArray(was)) return [value === 'x' ? 7 : [value]]
  if (typeof was === 'object' && was !== null) return { key: [] }
  return value === -1 ? 'x' : value
}

test.each(DEVICE_KINDS)('more than 256 kB on %s puts the device out, is counted, and changes nothing', async (kind) => {
  const before = [await state(), yard.broker.refused.size] as const
  for (const bytes of [MAX_PAYLOAD_BYTES + 1, MAX_PAYLOAD_BYTES + 3_000]) expect(await say(token, `viewshed/gpu/${kind}`, Buffer.alloc(bytes, GOOD[kind]))).toBe('put out')
  expect(await say(token, `viewshed/gpu/${kind}`, Buffer.alloc(2 * MAX_PAYLOAD_BYTES, 0x20))).toBe('put out') // cut off before it is read
  await eventually(() => yard.broker.refused.size).toBe(before[1] + 2)
  const [gpu] = JSON.parse(before[0]) as [Record<string, unknown>]
  expect(JSON.parse(await state())).toMatchObject([{ capability: gpu!['capability'], conditions: gpu!['conditions'], allowed: null }, {}])
})

test('messages that are said again, in any order, leave a device where its last connection says it is', async () => {
  await fc.assert(fc.asyncProperty(fc.array(fc.constantFrom('birth', 'state', 'online', 'offline again', 'former will'), { minLength: 1, maxLength: 8 }), async (said) => {
    const former = await mqtt.connectAsync(yard.mqttUrl, { username: 'gpu', password: token, clientId: 'gpu:former', reconnectPeriod: 0, will: { topic: 'viewshed/gpu/availability', payload: Buffer.from('offline'), qos: 1, retain: true } }, false)
    former.on('error', () => undefined)
    await former.publishAsync('viewshed/gpu/availability', 'online', { qos: 1, retain: true })
    const now = await connect(token, 'gpu', 'gpu:now')
    await now.publishAsync('viewshed/gpu/availability', 'online', { qos: 1, retain: true })
    for (const what of said) {
      if (what === 'former will') former.stream.destroy()
      else if (what === 'offline again') await now.publishAsync('viewshed/gpu/availability', 'offline', { qos: 1, retain: true, dup: true })
      else if (what === 'online') await now.publishAsync('viewshed/gpu/availability', 'online', { qos: 1, retain: true, dup: true })
      else await now.publishAsync(`viewshed/gpu/${what}`, GOOD[what as 'birth' | 'state'], { qos: 1, dup: true })
    }
    expect((await yard.devices.view(yard.ann.scope, 'gpu')).online).toBe(true)
    await former.endAsync(true)
    await now.endAsync(true)
  }), { numRuns: 25 })
})
