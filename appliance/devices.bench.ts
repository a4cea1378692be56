/** 200 devices at once, over real MQTT and HTTP with signed tokens: when each was heard of, and what core needs while they have nothing to do. */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import mqtt from 'mqtt'
import type { Ask } from '../core/http/api.ts'
import { client } from '../core/http/client.ts'
import { CAPABILITY, CONDITIONS } from '../core/devices/testing.ts'
import type { Figure } from './figure.ts'
import { admit, ask, claim, light, type Light } from './test/light.ts'

const DEVICES = 200
const AT_ONCE = 20 // as many may wait at the door
const IDLE_MS = 10_000
const CLAIM_EVERY_MS = 5_000 // as an agent that found nothing
const CORE = fileURLToPath(new URL('./test/core-process.ts', import.meta.url))


export async function* bench(): AsyncGenerator<Figure> {
  const home = await mkdtemp(join(tmpdir(), 'viewshed-devices-'))
  const core = fork(CORE, [home], { execArgv: ['--disable-warning=ExperimentalWarning'] })
  const lights: Light[] = Array.from({ length: DEVICES }, (_, i) => light(`light-${i}`, `127.0.1.${i + 1}`))
  let polling: NodeJS.Timeout[] = []
  const asking = new Set<Promise<unknown>>()
  try {
    const [{ url, mqttPort }] = (await once(core, 'message')) as [{ url: string; mqttPort: number }]
    const { token } = JSON.parse(await readFile(join(home, 'config', 'run', 'door.json'), 'utf8')) as { token: string }
    const admin = client({ baseUrl: url, headers: { authorization: `Bearer ${token}` } })
    for (let at = 0; at < DEVICES; at += AT_ONCE) await Promise.all(lights.slice(at, at + AT_ONCE).map((light) => admit(url, light, admin)))

    // A page that looks on: heard of is what it was told.
    const online = new Map<string, number>()
    const page = await mqtt.connectAsync(`mqtt://127.0.0.1:${mqttPort}`, { username: '@cli', password: token, clientId: '@cli:page', reconnectPeriod: 0 }, false)
    page.on('message', (topic, payload) => void (String(payload) === 'online' && online.set(topic.split('/')[1]!, performance.now())))
    await page.subscribeAsync('viewshed/+/availability')

    const quiet_us = await processorTime(core)
    const heard_ms = await Promise.all(lights.map((light) => arrive(url, mqttPort, light, online)))
    const arriving_ms = ((await processorTime(core)) - quiet_us) / 1000
    const { devices } = await admin.devices()
    const here = devices.filter((device) => device.online && device.capability !== null).length
    if (here !== DEVICES) throw new Error(`${here} of ${DEVICES} devices are there`)

    polling = lights.map((light, i) => setInterval(() => {
      const claimed = claim(url, light).finally(() => asking.delete(claimed))
      asking.add(claimed)
    }, CLAIM_EVERY_MS + (i % 10)).unref())
    await wait(CLAIM_EVERY_MS)
    const before = await processorTime(core)
    const from_ms = performance.now()
    await wait(IDLE_MS)
    const used_ms = ((await processorTime(core)) - before) / 1000
    const share = used_ms / (performance.now() - from_ms)
    await page.endAsync(true)

    yield { name: 'devices.heard', value: Math.max(...heard_ms), unit: `ms until the last of ${DEVICES} that came at once was heard of`, peer: null, peer_value: null, ratio: null }
    yield { name: 'devices.heard-cpu', value: arriving_ms, unit: 'ms of processor time that core needed for it', peer: null, peer_value: null, ratio: null }
    yield { name: 'devices.idle-cpu', value: share * 100, unit: `% of one core while ${DEVICES} are there and ask for work every 5 s`, peer: null, peer_value: null, ratio: null }
  } finally {
    for (const timer of polling) clearInterval(timer)
    await Promise.all(asking)
    await Promise.all(lights.map((light) => light.mqtt?.endAsync(true)))
    for (const light of lights) light.agent.destroy()
    const ended = once(core, 'exit')
    core.disconnect()
    await ended
    await rm(home, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** @returns How long until its hello was answered and a page was told that it is there. */
async function arrive(url: string, mqttPort: number, light: Light, online: ReadonlyMap<string, number>): Promise<number> {
  const from_ms = performance.now()
  const own = `viewshed/${light.name}`
  const peer = await mqtt.connectAsync(`mqtt://127.0.0.1:${mqttPort}`, {
    clientId: `${light.name}:light`, username: light.name, password: light.token, localAddress: light.address, reconnectPeriod: 0, connectTimeout: 30_000,
    will: { topic: `${own}/availability`, payload: Buffer.from('offline'), qos: 1, retain: true },
  } as mqtt.IClientOptions, false)
  light.mqtt = peer
  await Promise.all([
    peer.publishAsync(`${own}/birth`, JSON.stringify(CAPABILITY), { qos: 1, retain: true }),
    peer.publishAsync(`${own}/availability`, 'online', { qos: 1, retain: true }),
    peer.subscribeAsync([`${own}/order`, 'viewshed/bridge/home/home/work']),
    ask(url, light, '/api/device/hello', { capability: CAPABILITY, conditions: CONDITIONS } satisfies Ask<'hello'>),
  ])
  const answered_ms = performance.now()
  while (!online.has(light.name)) await wait(5)
  return Math.max(answered_ms, online.get(light.name)!) - from_ms
}

async function processorTime(core: ChildProcess): Promise<number> {
  const answered = once(core, 'message') as Promise<[{ cpu_us: number }]>
  core.send('cpu')
  return (await answered)[0].cpu_us
}
