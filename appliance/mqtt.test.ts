/** Core with a broker of the user's own, and the keys with which programs come in, put together as `serve` does it. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CAPABILITY, CONDITIONS } from '../core/devices/testing.ts'
import type { HelloAnswer } from '../core/http/api.ts'
import { client, type Client } from '../core/http/client.ts'
import { eventually } from '../core/http/testing.ts'
import { mosquitto, MOSQUITTO, remembered, smallHomeAssistant } from '../core/mqtt/testing.ts'
import plugins from '../plugins/index.ts'
import { joinBroker, type BrokerLink, type BrokerLinkParts } from './broker-link.ts'
import { readConfig } from './config.ts'
import { openCore, type Core } from './core.ts'
import { keys } from './keys.ts'

const CLI = fileURLToPath(new URL('./cli.ts', import.meta.url))
const TIME = { timeout: 30_000 }
const SCOPE = { org: 'home', site: 'home', role: 'admin' } as const

let dir: string
let core: Core
let stop: () => Promise<void>
let ends: (() => unknown)[]
beforeEach(async () => {
  ends = []
  dir = await mkdtemp(join(tmpdir(), 'viewshed-mqtt-'))
})
afterEach(async () => {
  for (const end of ends.toReversed()) await end()
  await rm(dir, { recursive: true, force: true, maxRetries: 5 })
})

const env = (): NodeJS.ProcessEnv => ({ ...process.env, VIEWSHED_CONFIG: dir, VIEWSHED_MEDIA: join(dir, 'media'), VIEWSHED_HOST: '127.0.0.1', VIEWSHED_PORT: '0', VIEWSHED_MQTT_PORT: undefined })
/** @param yaml `viewshed.yaml`, as somebody wrote it. */
async function start(yaml: string, more: NodeJS.ProcessEnv = {}): Promise<void> {
  await writeFile(join(dir, 'viewshed.yaml'), yaml)
  core = await openCore(readConfig({ ...env(), ...more }), plugins, pino({ level: 'silent' }))
  const started = core
  let open = true
  stop = async () => {
    if (open) await started.close()
    open = false
  }
  ends.push(stop)
}
/** As somebody types it, beside the running appliance. */
const viewshed = (...args: string[]): Promise<{ code: number; out: string; err: string }> => new Promise((done) => {
  execFile(process.execPath, ['--disable-warning=ExperimentalWarning', CLI, ...args], { env: env() }, (error, out, err) => done({ code: error === null ? 0 : Number(error.code), out, err }))
})
async function connect(url: string, options: IClientOptions): Promise<MqttClient> {
  const peer = await mqtt.connectAsync(url, { reconnectPeriod: 0, ...options }, false)
  ends.push(() => peer.endAsync(true))
  return peer
}
function link(name: string, hello: HelloAnswer, more: Partial<BrokerLinkParts> = {}) {
  const made = joinBroker({ device: name, home: SCOPE, token: 'of no use there', where: hello.mqtt, baseUrl: core.url, url: null, birth: CAPABILITY, state: CONDITIONS, onOrder: () => undefined, onWork: () => undefined, onTrouble: () => undefined, onCameras: null, ...more })!
  ends.push(() => made.leave())
  return made
}
async function joined(name: string): Promise<{ api: Client; hello: HelloAnswer }> {
  const { code, secret } = await client({ baseUrl: core.url }).join({ name, capability: CAPABILITY })
  const cli = client({ baseUrl: core.url, headers: { authorization: `Bearer ${core.access.mint({ kind: 'person', id: 'ann', name: 'Ann', scope: SCOPE })}` } })
  await cli.acceptDevice({ code })
  const answer = await client({ baseUrl: core.url }).joinState({ secret })
  if (answer.state !== 'accepted') throw new Error(answer.state)
  const api = client({ baseUrl: core.url, headers: { authorization: `Bearer ${answer.token}` } })
  return { api, hello: await api.hello({ capability: CAPABILITY, conditions: CONDITIONS }) }
}

test('a broker that cannot be used is said once for each reason, not at each try', { timeout: 60_000 }, async () => {
  await start('name: Attic\n')
  const { hello } = await joined('gpu')
  const why: string[] = []
  link('gpu', hello, { url: 'mqtt://127.0.0.1:1', onTrouble: (one) => why.push(one) })
  await eventually(() => why.length).toBe(1)
  await new Promise((later) => setTimeout(later, 3_000))
  expect(why).toEqual([expect.stringMatching(/^the MQTT broker at 127\.0\.0\.1:1 cannot be used: .*ECONNREFUSED/)])
})

test('a key is shown once, comes in over HTTP and MQTT, is listed, and is out at once when it is revoked', { timeout: 90_000 }, async () => {
  await start('name: Attic\n', { VIEWSHED_MQTT_PORT: '0' })
  const { out, err } = await viewshed('keys', 'add', 'home-assistant', '--role', 'operator')
  const key = out.trim()
  expect([key, err]).toEqual([expect.stringMatching(/^vs_[\w-]{43}$/), expect.stringContaining('key/home-assistant')])
  expect((await viewshed('keys')).out).toMatch(/^home-assistant {2,}operator {2,}since \d{4}-\d\d-\d\d\n$/)
  const api = client({ baseUrl: core.url, headers: { authorization: `Bearer ${key}` } })
  expect((await api.status()).box).toBe('Attic')
  const peer = await connect(core.mqttUrl, { username: 'key/home-assistant', password: key })
  const heard: string[] = []
  peer.on('message', (_topic, payload) => heard.push(String(payload)))
  await peer.subscribeAsync('viewshed/bridge/home/home/response')
  await peer.publishAsync('viewshed/bridge/home/home/request', '{"id":"1","ask":"pause"}', { qos: 1 })
  await eventually(() => heard).toEqual(['{"id":"1","ok":true,"changed":0}'])
  const gone = new Promise<void>((done) => void peer.once('close', () => done()))
  expect((await viewshed('keys', 'revoke', 'home-assistant')).out).toBe('home-assistant is revoked.\n')
  await gone
  await expect(api.status()).rejects.toMatchObject({ code: 'access/unauthenticated' })
})

test.each([['add'], ['fly x'], ['revoke a b'], ['add a b'], ['revoke'], ['--colour'], ['add a --role']])('`viewshed keys %s` says how it is used', async (typed) => {
  await expect(keys(typed.split(' '))).rejects.toMatchObject({ code: 'input/invalid', message: expect.stringContaining('viewshed keys [add NAME') as unknown })
})

describe.skipIf(!MOSQUITTO)('with mqtt.url (apt-get install mosquitto; elsewhere skipped)', () => {
  const ACL = [
    'user core', 'topic readwrite viewshed/#', 'topic readwrite homeassistant/#',
    'user gpu', 'topic write viewshed/gpu/+', 'topic read viewshed/gpu/order', 'topic read viewshed/bridge/#',
    'user ha', 'topic read viewshed/bridge/#', 'topic write viewshed/bridge/+/+/request', 'topic readwrite homeassistant/#', '',
  ].join('\n')

  test('devices are told of it and heard there, Home Assistant finds and steers them there, our own agent stays with us', TIME, async () => {
    const broker = await mosquitto({ users: { core: 'c', gpu: 'g', ha: 'h' }, acl: ACL })
    ends.push(() => broker.remove())
    await broker.start()
    const url = `mqtt://127.0.0.1:${broker.port}`
    await writeFile(join(dir, 'password'), 'c\n')
    await start(`name: Attic\nmqtt:\n  url: ${url}\n  username: core\n  password_file: password\n  devices: { username: gpu, password: g }\n`)
    expect([core.mqttPort, core.mqttUrl]).toEqual([null, `${core.url.replace('http', 'ws')}/mqtt`])

    const { api, hello } = await joined('gpu')
    expect(hello.mqtt).toEqual({ url: null, port: broker.port, username: 'gpu', password: 'g' })
    const modes: string[] = []
    link('gpu', hello, { onOrder: ({ settings }) => modes.push(settings.mode) })

    const token = core.tokenFor('device', 'nas', 'device')
    const nas = client({ baseUrl: core.url, headers: { authorization: `Bearer ${token}` } })
    expect((await nas.hello({ capability: { ...CAPABILITY, gpus: [], gpu_mib: 0 }, conditions: CONDITIONS })).mqtt).toEqual({ url: null, port: null, username: 'nas', password: null })
    await connect(core.mqttUrl, { username: 'nas', password: token })

    const ha = await smallHomeAssistant(url, { username: 'ha', password: 'h' })
    ends.push(() => ha.close())
    const state = (of: string, name: string) => ha.entity(of, name)?.state
    await eventually(() => [state('gpu', 'Online'), state('nas', 'Online'), state('Attic', 'Problem')]).toEqual(['ON', 'ON', 'OFF'])
    expect(Number(state('Attic', 'Free on media'))).toBeGreaterThan(0)
    await ha.act('gpu', 'Pause', 'on')
    await eventually(() => state('gpu', 'Pause')).toBe('on')
    await eventually(() => modes.at(-1)).toBe('paused')
    expect((await api.hello({ capability: CAPABILITY, conditions: CONDITIONS })).settings.mode).toBe('paused')
    expect(state('nas', 'Pause')).toBe('off')

    await stop()
    expect((await remembered(url, ['viewshed/bridge/#'], { username: 'ha', password: 'h' })).get('viewshed/bridge/availability')).toBe('offline')
    await eventually(() => state('gpu', 'Pause')).toBe('unavailable')
  })

  test('without a name for devices they come in as nobody, each by itself, where that broker lets them', TIME, async () => {
    const broker = await mosquitto()
    ends.push(() => broker.remove())
    await broker.start()
    await start(`mqtt:\n  url: mqtt://127.0.0.1:${broker.port}\n`)
    const links: BrokerLink[] = []
    let connects = 0
    for (const name of ['gpu', 'laptop']) links.push(link(name, (await joined(name)).hello, { onWork: () => connects++ }))
    for (const load of [3, 4]) {
      await eventually(async () => {
        for (const one of links) one.state({ ...CONDITIONS, load })
        return (await core.devices.views(SCOPE)).map(({ conditions }) => conditions?.load)
      }).toEqual([load, load])
    }
    // Put out by the other one, each would be back after a second.
    await new Promise((longer) => setTimeout(longer, 1_500))
    expect([connects, (await core.devices.views(SCOPE)).map(({ online }) => online)]).toEqual([2, [true, true]])
  })
})
