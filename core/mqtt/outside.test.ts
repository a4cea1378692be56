import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { MqttClient } from 'mqtt'
import mqtt from 'mqtt'
import { afterEach, describe, expect, test } from 'vitest'
import { openAccess } from '../access/access.ts'
import { CONDITIONS, openYard } from '../devices/testing.ts'
import { HOME, type Scope } from '../access/scope.ts'
import { freePort } from '../http/free-port.ts'
import { eventually } from '../http/testing.ts'
import { startBroker, type Asked, type Broker, type BrokerOptions } from './broker.ts'
import { openHomeAssistant } from './home-assistant.ts'
import { brokerFor, connectOutside } from './outside.ts'
import { device, mosquitto, MOSQUITTO, outsideAt, remembered, STATUS, type Mosquitto, type MosquittoWish } from './testing.ts'

const SCOPE: Scope = { ...HOME, role: 'device' }
const JOINED = ['gpu', 'laptop', 'nas']
const scopeOf = (id: string) => (JOINED.includes(id) ? SCOPE : null)
const seconds = <T>(get: () => T) => expect.poll(get, { timeout: 20_000, interval: 100 })

let ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.toReversed()) await end()
  ends = []
})
const atEnd = <T extends { close?(): unknown; remove?(): unknown }>(thing: T): T => {
  ends.push(() => thing.close?.() ?? thing.remove?.())
  return thing
}
const client = (one: MqttClient): MqttClient => {
  ends.push(() => one.endAsync(true))
  return one
}

async function outside(wish: MosquittoWish = {}): Promise<{ broker: Mosquitto; url: string }> {
  const broker = atEnd(await mosquitto(wish))
  await broker.start()
  return { broker, url: `mqtt://127.0.0.1:${broker.port}` }
}

interface Line { readonly fields: Record<string, unknown>; readonly message: string }
async function core(url: string, options: Partial<BrokerOptions> = {}, lines: Line[] = []): Promise<Broker> {
  const access = await openAccess({ log: { commit: async () => undefined, range: () => [] } })
  return atEnd(await startBroker({ port: null, host: '127.0.0.1', access, scopeOf, log: { warn: (fields, message) => void lines.push({ fields: fields as Line['fields'], message }) }, outside: outsideAt(url), ...options }))
}

describe.skipIf(!MOSQUITTO)('at a Mosquitto', () => {
  test('what is told was taken; while it does not answer that is said, and nothing counts as told', async () => {
    const { broker, url } = await outside()
    const ours = await core(url)
    const listener = client(await mqtt.connectAsync(url))
    const heard: string[] = []
    listener.on('message', (_, payload) => heard.push(String(payload)))
    await listener.subscribeAsync('flow/seen', { qos: 1 })
    await seconds(() => ours.tell('flow/seen', 'one', false).then(() => true, () => false)).toBe(true)
    await seconds(() => heard).toEqual(['one'])
    await broker.kill()
    await seconds(() => ours.tell('flow/seen', 'two', false).then(() => '', (e: { code: string }) => e.code)).toBe('notify/unreachable')
  })

  test.each([{ persistence: false }, { persistence: true }])('killed and started again ($persistence): every device is available again within seconds, all that Home Assistant knew is back', async ({ persistence }) => {
    const { broker, url } = await outside({ persistence })
    const yard = await openYard((records) => ({ port: null, outside: outsideAt(url), scopeOf: (id) => (records.get(id) ? SCOPE : null), onAnnounce: () => home.changed() }))
    atEnd(yard)
    const online = async () => (await yard.devices.views(SCOPE)).filter((one) => one.online).map(({ id }) => id).toSorted()
    const home = atEnd(openHomeAssistant({ scope: HOME, say: yard.broker.say, log: { warn: () => undefined }, every_ms: 100, look: async () => ({ status: STATUS, per_hour: 0, devices: await yard.devices.views(SCOPE), cameras: [] }) }))
    for (const id of JOINED) await yard.join(id)
    const agents = JOINED.map((id) => client(device(id, url)))
    const told = { ...Object.fromEntries(JOINED.map((id) => [`viewshed/${id}/availability`, 'online'])), 'viewshed/bridge/availability': 'online' }
    const find = () => remembered(url, ['viewshed/+/+', 'homeassistant/device/+/config', 'viewshed/bridge/home/home/#'])
    const topics = ['viewshed-home-home', ...JOINED.map((id) => `viewshed-home-home-${id}`)].map((id) => `homeassistant/device/${id}/config`)
      .concat('viewshed/bridge/home/home/state', JOINED.flatMap((id) => [`viewshed/bridge/home/home/device/${id}`, `viewshed/${id}/order`]))
    const complete = async () => {
      const found = Object.fromEntries(await find())
      return { told: Object.fromEntries(Object.keys(told).map((topic) => [topic, found[topic]])), missing: topics.filter((topic) => !found[topic]) }
    }
    await seconds(online).toEqual(JOINED)
    await seconds(complete).toEqual({ told, missing: [] })

    for (let i = 0; i < 2; i++) {
      await broker.kill()
      await eventually(() => agents.some((one) => one.connected)).toBe(false)
      await eventually(() => {
        yard.pass(15_000)
        return online()
      }).toEqual([])
      await broker.start()
      const started_ms = performance.now()
      await seconds(online).toEqual(JOINED)
      await seconds(complete).toEqual({ told, missing: [] })
      expect(performance.now() - started_ms).toBeLessThan(15_000) // a loaded machine; 1 to 2 s otherwise
      yard.pass(15_000) // whoever had not come back to us would be away by now
      expect(await online()).toEqual(JOINED)
    }

    // One that died while nobody was there to say so: the broker may still call it available, we do not.
    await broker.kill()
    await agents[0]!.endAsync(true)
    await eventually(() => {
      yard.pass(15_000)
      return online()
    }).toEqual([])
    await broker.start()
    await seconds(online).toEqual(expect.arrayContaining(JOINED.slice(1)))
    await seconds(complete).toMatchObject({ missing: [] })
    for (let minute = 0; minute < 2; minute++) {
      for (const one of agents.slice(1)) await one.publishAsync(`viewshed/${JOINED[agents.indexOf(one)]}/state`, JSON.stringify(CONDITIONS), { qos: 1 })
      await eventually(() => Promise.all(JOINED.slice(1).map(async (id) => (await yard.devices.view(SCOPE, id)).last_seen_ms))).toEqual(JOINED.slice(1).map(() => yard.clock.now_ms))
      yard.pass(60_000)
    }
    expect(await online()).toEqual(JOINED.slice(1))
    await seconds(async () => (JSON.parse((await find()).get('viewshed/bridge/home/home/device/gpu')!) as { online: boolean }).online).toBe(false)

    // Revoked: nothing of it is left there.
    await agents[1]!.endAsync(true)
    await yard.devices.revoke('laptop', yard.ann)
    await seconds(async () => [...(await find()).keys()].filter((topic) => topic.includes('laptop'))).toEqual([])
  }, 120_000)

  test('what a device says there is heard, told to pages and counted as at our own; one that never joined and nonsense are refused', async () => {
    const { url } = await outside()
    const heard: string[] = []
    const here = await core(url, { onDevice: (id, word) => heard.push(`${id} ${word.kind === 'said' ? word.said.kind : word.kind}`) })
    const gpu = client(device('gpu', url))
    await eventually(() => heard.toSorted()).toEqual(['gpu availability', 'gpu birth'])
    const stranger = client(await mqtt.connectAsync(url))
    await stranger.publishAsync('viewshed/evil/birth', '{}', { qos: 1, retain: true })
    await stranger.publishAsync('viewshed/gpu/progress', 'no json', { qos: 1 })
    await stranger.publishAsync('viewshed/gpu/progress', JSON.stringify({ task: 't', stage: 's', done: 7 }), { qos: 1 })
    await stranger.publishAsync('viewshed/gpu/birth', 'x'.repeat(256 * 1024 + 1), { qos: 1 })
    await eventually(() => here.refused).toMatchObject({ unknown: 1, payload: 2, size: 1 })
    await gpu.publishAsync('viewshed/gpu/progress', JSON.stringify({ task: 't', stage: 's', done: 0.5 }), { qos: 1 })
    await eventually(() => heard.slice(2)).toEqual(['gpu progress'])
    gpu.stream.destroy() // its last will speaks
    await gpu.endAsync(true)
    await eventually(() => heard.at(-1)).toBe('gpu lost')
  })

  test('what is remembered of a device is told as that; while the broker is away nobody is known to be there', async () => {
    const { broker, url } = await outside()
    const gpu = client(device('gpu', url))
    await eventually(async () => (await remembered(url, ['viewshed/gpu/+'])).size).toBe(2)
    const heard: string[] = []
    await core(url, { onDevice: (id, word) => heard.push(`${id} ${word.kind === 'said' ? word.said.kind : word.kind}`) })
    await seconds(async () => (await remembered(url, ['viewshed/bridge/availability'])).get('viewshed/bridge/availability')).toBe('online')
    await eventually(() => heard).toEqual(['gpu remembered'])
    await gpu.publishAsync('viewshed/gpu/progress', JSON.stringify({ task: 't', stage: 's', done: 0.5 }), { qos: 1 })
    await eventually(() => heard).toEqual(['gpu remembered', 'gpu progress'])
    await broker.kill()
    await eventually(() => heard).toEqual(['gpu remembered', 'gpu progress', 'gpu lost'])
  })

  test('work and changes are said there too; what was said while the broker was away is lost, what is retained is not', async () => {
    const { broker, url } = await outside()
    const here = await core(url)
    const ear = client(mqtt.connect(url, { reconnectPeriod: 200 }))
    const heard: string[] = []
    ear.on('message', (topic, payload) => heard.push(`${topic} ${payload}`))
    ear.on('error', () => undefined)
    ear.on('connect', () => ear.subscribe('viewshed/bridge/home/home/+', { qos: 1 }))
    await eventually(() => ear.connected).toBe(true)
    await eventually(() => {
      here.work(HOME, ['clip.probe'])
      return heard.includes('viewshed/bridge/home/home/work {"stages":["clip.probe"]}')
    }).toBe(true)
    here.announce(HOME, ['tasks'])
    await eventually(() => heard.includes('viewshed/bridge/home/home/changed {"kinds":["tasks"]}')).toBe(true)
    await broker.kill()
    await eventually(() => ear.connected).toBe(false)
    here.say('viewshed/bridge/home/home/state', '{"old":1}', true)
    here.say('viewshed/bridge/home/home/state', '{"new":1}', true)
    here.say('viewshed/bridge/home/home/response', 'lost', false)
    heard.length = 0
    await broker.start()
    await seconds(() => heard.at(-1)).toBe('viewshed/bridge/home/home/state {"new":1}') // core may notice a moment later than this ear that the broker is away: then the older one is said before it
    expect(heard.filter((line) => !line.startsWith('viewshed/bridge/home/home/state '))).toEqual([])
  }, 60_000)

  test('what is asked there is asked of core, unless it is remembered, or requests are off', async () => {
    const { url } = await outside()
    const asker = client(await mqtt.connectAsync(url))
    await asker.publishAsync('viewshed/bridge/home/home/request', '{"ask":"drain"}', { qos: 1, retain: true })
    const asked: Asked[] = []
    const deaf: Asked[] = []
    await core(url, { onAsked: (one) => asked.push(one) })
    await core(url, { onAsked: (one) => deaf.push(one), outside: { ...outsideAt(url, { requests: false }), client: 'deaf' } })
    await eventually(() => asked.map(({ topic, retained }) => `${topic} ${retained}`)).toEqual(['viewshed/bridge/home/home/request true'])
    await eventually(async () => {
      await asker.publishAsync('homeassistant/status', 'online', { qos: 1 })
      return deaf.some(({ topic }) => topic === 'homeassistant/status')
    }).toBe(true)
    await asker.publishAsync('viewshed/bridge/home/home/request', '{"ask":"pause"}', { qos: 1 })
    await eventually(() => asked.at(-1)).toEqual({ topic: 'viewshed/bridge/home/home/request', payload: Buffer.from('{"ask":"pause"}'), who: null, retained: false })
    await asker.publishAsync('homeassistant/status', 'offline', { qos: 1 })
    await eventually(() => String(deaf.at(-1)?.payload)).toBe('offline')
    expect(deaf.filter(({ topic }) => topic.endsWith('request'))).toEqual([])
  })

  test('core that is killed is said to be gone; one that closes says so itself; what was asked meanwhile reaches the next', async () => {
    const { url } = await outside()
    const availability = async () => (await remembered(url, ['viewshed/bridge/availability'])).get('viewshed/bridge/availability')
    const asked: string[] = []
    const options = { ...outsideAt(url), log: { warn: () => undefined }, hear: (topic: string, payload: Buffer) => void (topic.endsWith('request') && asked.push(String(payload))) }
    const first = connectOutside(options)
    await eventually(() => first.connected).toBe(true)
    await seconds(availability).toBe('online')
    await first.close()
    expect(await availability()).toBe('offline')
    const asker = client(await mqtt.connectAsync(url))
    await asker.publishAsync('viewshed/bridge/home/home/request', '{"ask":"pause"}', { qos: 1 })
    const second = connectOutside(options)
    ends.push(() => second.close())
    await eventually(() => asked).toEqual(['{"ask":"pause"}'])
    await seconds(availability).toBe('online')
    // The same name comes in again: the broker throws the first one out, as if its power had gone.
    const thief = client(mqtt.connect(url, { clientId: 'viewshed-test', reconnectPeriod: 0 }))
    const wills: string[] = []
    asker.on('message', (_topic, payload) => wills.push(String(payload)))
    await asker.subscribeAsync('viewshed/bridge/availability', { qos: 1, rap: true } as never)
    await eventually(() => thief.connected || wills.includes('offline')).toBe(true)
    await eventually(() => wills.includes('offline')).toBe(true)
    await seconds(() => second.connected).toBe(true) // and it comes back
    await seconds(availability).toBe('online')
    await asker.publishAsync('viewshed/bridge/availability', 'offline', { qos: 1, retain: true }) // a will that comes late
    await seconds(availability).toBe('online')
  }, 60_000)

  test('a password and the rules of that broker: wrong, then mended, is told once and then works', async () => {
    const { broker, url } = await outside({ users: { core: 'secret', devices: 'too' }, acl: 'user core\ntopic readwrite viewshed/#\ntopic readwrite homeassistant/#\n\nuser devices\ntopic write viewshed/+/birth\ntopic write viewshed/+/availability\ntopic write viewshed/+/progress\ntopic read viewshed/bridge/#\n' })
    const lines: Line[] = []
    const heard: string[] = []
    await core(url, { outside: { ...outsideAt(url), username: 'core', password: 'wrong' }, onDevice: (id) => heard.push(id) }, lines)
    await eventually(() => lines.map(({ fields }) => fields.reason)).toEqual([expect.stringMatching(/not authorized|bad user/i)])
    await new Promise((tries) => setTimeout(tries, 2_500))
    expect(lines).toHaveLength(1)
    expect(JSON.stringify(lines)).not.toContain('wrong')
    execFileSync('mosquitto_passwd', ['-b', join(broker.dir, 'users'), 'core', 'wrong'])
    await broker.kill()
    await broker.start()
    client(device('gpu', url, { username: 'devices', password: 'too' }))
    await seconds(() => heard).toContain('gpu')
  }, 60_000)

  test('TLS: a CA of one’s own and a certificate for core; another CA, or none, is not trusted', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'viewshed-tls-'))
    ends.push(() => rm(dir, { recursive: true, force: true }))
    const at = (name: string) => join(dir, name)
    const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'ignore' })
    const authority = (name: string) => openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', `/CN=${name}`, '-keyout', at(`${name}.key`), '-out', at(`${name}.pem`))
    const signed = (name: string, ca: string) => {
      openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', `/CN=${name}`, '-keyout', at(`${name}.key`), '-out', at(`${name}.csr`))
      execFileSync('openssl', ['x509', '-req', '-in', at(`${name}.csr`), '-CA', at(`${ca}.pem`), '-CAkey', at(`${ca}.key`), '-CAcreateserial', '-days', '2', '-extfile', at('names'), '-out', at(`${name}.pem`)], { stdio: 'ignore' })
    }
    await writeFile(at('names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n')
    authority('ca')
    authority('other')
    signed('server', 'ca')
    signed('core', 'ca')
    const broker = atEnd(await mosquitto({ users: {}, tls: { ca: at('ca.pem'), cert: at('server.pem'), key: at('server.key') } }))
    await broker.start()
    const url = `mqtts://127.0.0.1:${broker.port}`
    const pem = (name: string) => readFile(at(name), 'utf8')
    const good = { ca: await pem('ca.pem'), cert: await pem('core.pem'), key: await pem('core.key') }
    const reasons = async (settings: Partial<typeof good>) => {
      const lines: Line[] = []
      const one = connectOutside({ ...outsideAt(url, settings), hear: () => undefined, log: { warn: (fields, message) => void lines.push({ fields: fields as Line['fields'], message }) } })
      try {
        await eventually(() => one.connected || lines.length > 0).toBe(true)
        return one.connected ? 'connected' : String(lines[0]!.fields.reason)
      } finally {
        await one.close()
      }
    }
    expect(await reasons({ ...good, ca: await pem('other.pem') })).toMatch(/certificate|self.signed|verify/i)
    expect(await reasons({ cert: good.cert, key: good.key })).toMatch(/certificate|self.signed|verify/i)
    expect(await reasons({ ca: good.ca })).not.toBe('connected')
    expect(await reasons(good)).toBe('connected')
    const heard: string[] = []
    await core(url, { outside: outsideAt(url, good), onDevice: (id) => heard.push(id) })
    client(device('gpu', url, good))
    await seconds(() => heard).toContain('gpu')
  }, 60_000)
})

test('a broker that is not there is told once, with its place and without the password, and core goes on', async () => {
  const lines: Line[] = []
  const port = await freePort()
  const here = await core(`mqtt://127.0.0.1:${port}`, { outside: { ...outsideAt(`mqtt://127.0.0.1:${port}`), username: 'core', password: 'hush' } }, lines)
  await eventually(() => lines.length).toBe(1)
  here.say('viewshed/bridge/home/home/state', '{}', true)
  await new Promise((tries) => setTimeout(tries, 2_500))
  expect(lines).toHaveLength(1)
  expect(lines[0]).toEqual({ fields: { broker: `127.0.0.1:${port}`, reason: expect.stringContaining('ECONNREFUSED') as unknown }, message: expect.stringContaining('tried again') as unknown })
  expect(here.port).toBeNull()
})

test('a device is told where its broker is; our tokens are for our own broker only', () => {
  const at = (url: string, devices = {}) => brokerFor('gpu', { ...outsideAt(url), devices: { url: null, username: null, password: null, ...devices } }, null)
  expect(brokerFor('gpu', null, 1883)).toEqual({ url: null, port: 1883, username: 'gpu', password: null })
  expect(at('mqtt://broker.lan')).toEqual({ url: 'mqtt://broker.lan', port: null, username: '', password: '' })
  expect(at('mqtts://broker.lan:8883', { username: 'dev', password: 'pw' })).toEqual({ url: 'mqtts://broker.lan:8883', port: null, username: 'dev', password: 'pw' })
  expect(at('mqtt://mosquitto', { url: 'mqtt://nas.lan:1884' })).toEqual({ url: 'mqtt://nas.lan:1884', port: null, username: '', password: '' })
  expect(at('mqtt://127.0.0.1:1884', { username: 'dev', password: 'pw' })).toEqual({ url: null, port: 1884, username: 'dev', password: 'pw' })
  expect(at('mqtt://localhost')).toEqual({ url: null, port: 1883, username: '', password: '' })
})
