/** For tests: a real Mosquitto on loopback, a device as the broker sees one, and a small Home Assistant. */
import { spawn, execFileSync, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect as connectTcp } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import { HOME, type Scope } from '../access/scope.ts'
import type { DeviceView } from '../http/api.ts'
import { SETTINGS } from '../devices/settings.ts'
import { CAPABILITY } from '../devices/testing.ts'
import { freePort } from '../http/free-port.ts'
import { openCatalogue } from '../store/catalogue.ts'
import { openIndexes } from '../store/index/index.ts'
import type { Index } from '../store/port.ts'
import type { Look } from './discovery.ts'
import type { OutsideSettings } from './outside.ts'

export const MOSQUITTO = ['/usr/sbin/mosquitto', '/usr/local/sbin/mosquitto', '/opt/homebrew/sbin/mosquitto'].find(existsSync)

export interface Mosquitto {
  readonly port: number
  readonly dir: string
  start(): Promise<void>
  /** SIGKILL: nothing is written, nobody is told. */
  kill(): Promise<void>
  remove(): Promise<void>
}

export interface MosquittoWish {
  readonly persistence?: boolean
  readonly users?: Readonly<Record<string, string>> // none: everybody comes in
  readonly acl?: string
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string } // files; clients must have a certificate of that CA
}

export async function mosquitto({ persistence = false, users, acl, tls }: MosquittoWish = {}): Promise<Mosquitto> {
  const dir = await mkdtemp(join(tmpdir(), 'viewshed-mosquitto-'))
  const port = await freePort()
  const lines = [`listener ${port} 127.0.0.1`, 'user root', `persistence ${persistence}`, `persistence_location ${dir}/`, 'autosave_interval 1', `allow_anonymous ${users === undefined}`]
  if (users) {
    await writeFile(join(dir, 'users'), '')
    for (const [name, password] of Object.entries(users)) execFileSync('mosquitto_passwd', ['-b', join(dir, 'users'), name, password])
    lines.push(`password_file ${dir}/users`)
  }
  if (acl !== undefined) {
    await writeFile(join(dir, 'acl'), acl)
    lines.push(`acl_file ${dir}/acl`)
  }
  if (tls) lines.push(`cafile ${tls.ca}`, `certfile ${tls.cert}`, `keyfile ${tls.key}`, 'require_certificate true', 'use_identity_as_username true')
  await writeFile(join(dir, 'mosquitto.conf'), lines.join('\n') + '\n')
  let child: ChildProcess | null = null
  const kill = async () => {
    const dying = child
    child = null
    if (!dying || dying.exitCode !== null) return
    const gone = new Promise((done) => dying.once('exit', done))
    dying.kill('SIGKILL')
    await gone
  }
  return {
    port, dir, kill,
    async start() {
      child = spawn(MOSQUITTO!, ['-c', join(dir, 'mosquitto.conf')], { stdio: 'ignore' })
      for (let i = 0; i < 200; i++) {
        if (child.exitCode !== null) throw new Error(`mosquitto ended with ${child.exitCode}`)
        if (await answers(port)) return
        await wait(50)
      }
      throw new Error('mosquitto does not answer')
    },
    async remove() {
      await kill()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

const answers = (port: number) => new Promise<boolean>((known) => {
  const socket = connectTcp(port, '127.0.0.1')
  socket.once('connect', () => known(true)).once('error', () => known(false)).once('connect', () => socket.destroy())
})

export const outsideAt = (url: string, settings: Partial<OutsideSettings> = {}): OutsideSettings & { client: string } =>
  ({ url, username: null, password: null, ca: null, cert: null, key: null, requests: true, devices: { url: null, username: null, password: null }, client: 'viewshed-test', ...settings })

/** What an agent says whenever it gets a connection. */
export function device(id: string, url: string, options: IClientOptions = {}): MqttClient {
  const client = mqtt.connect(url, { clientId: `${id}:agent`, reconnectPeriod: 500, reconnectOnConnackError: true, will: { topic: `viewshed/${id}/availability`, payload: Buffer.from('offline'), qos: 1, retain: true }, ...options })
  client.on('error', () => undefined)
  client.on('connect', () => {
    client.publish(`viewshed/${id}/birth`, JSON.stringify(CAPABILITY), { qos: 1, retain: true })
    client.publish(`viewshed/${id}/availability`, 'online', { qos: 1, retain: true })
  })
  return client
}

/** Whatever is remembered under `filters` now, as somebody finds it who comes anew. */
export async function remembered(url: string, filters: string[], options: IClientOptions = {}): Promise<Map<string, string>> {
  const client = await mqtt.connectAsync(url, { reconnectPeriod: 0, ...options }, false)
  const found = new Map<string, string>()
  client.on('message', (topic, payload, { retain }) => void (retain && found.set(topic, String(payload))))
  await client.subscribeAsync(filters, { qos: 1 })
  await client.subscribeAsync('viewshed/bridge/availability', { qos: 1 }) // what was remembered comes before the answer to this one, or right after it
  await wait(200)
  await client.endAsync(true)
  return found
}

/** A library with nothing in it. */
export async function emptyLibrary(): Promise<{ index(scope: Scope): Index; close(): Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'viewshed-library-'))
  const catalogue = await openCatalogue({ dir: join(dir, 'catalogue'), clock: Date.now, groupings: [] })
  const indexes = openIndexes({ dir: join(dir, 'index'), catalogue })
  await indexes.ready(HOME)
  return {
    index: (scope) => indexes.index(scope),
    async close() {
      await indexes.close()
      await catalogue.close()
      await rm(dir, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

export const STATUS: Look['status'] = {
  version: '1.0.0', box: 'Attic', tasks: { pending: 3, running: 1, complete: 10, parked: 0 }, totals: { to_ms: Date.UTC(2026, 0, 1, 12) }, flows: { running: true, trouble: null, held: 0, stuck: 0, faults: 0, elsewhere: null, last: null },
  volumes: [{ name: 'media', mounted: true, why: null, beside: [], bytes_free: 5_000_000_000, bytes_total: 10_000_000_000 }, { name: 'second-disk', mounted: true, why: null, beside: [], bytes_free: 1 << 24, bytes_total: 1 << 30 }],
}

export const view = (id: string, change: Partial<DeviceView> = {}): DeviceView => ({
  id, own: false, online: true, last_seen_ms: 0, conditions: null, allowed: null, settings: SETTINGS, rests: null, token_ends_ms: null, running: [], waiting: 0, done: 0, failed: 0, rates: [], strip: [],
  capability: { ...CAPABILITY, gpu_mib: 0, gpus: [] }, ...change,
})

type Config = Record<string, unknown>
export interface Entity {
  readonly device: string // its name
  readonly name: string
  readonly config: Config
  /** null: unknown; 'unavailable' when it is. */
  readonly state: string | null
}

export interface SmallHomeAssistant {
  readonly client: MqttClient
  /** Each discovery message that is known now, abbreviations replaced. */
  readonly discovered: ReadonlyMap<string, Config>
  entity(device: string, name: string): Entity | undefined
  entities(): readonly Entity[]
  /** Presses a button, or turns a switch. */
  act(device: string, name: string, to?: 'on' | 'off'): Promise<void>
  close(): Promise<void>
}

/**
 * Does with discovery what Home Assistant 2025 does (homeassistant/components/mqtt/discovery.py and schemas.py of
 * https://github.com/home-assistant/core): the same filters, topic pattern, abbreviations, shared options, availability.
 */
export async function smallHomeAssistant(url: string, options: IClientOptions = {}): Promise<SmallHomeAssistant> {
  const client = mqtt.connect(url, { reconnectPeriod: 500, reconnectOnConnackError: true, will: { topic: 'homeassistant/status', payload: Buffer.from('offline'), qos: 0, retain: false }, ...options })
  client.on('error', () => undefined)
  const discovered = new Map<string, Config>()
  const last = new Map<string, string>() // topic → payload
  client.on('connect', () => {
    client.subscribe(['homeassistant/+/+/config', 'homeassistant/+/+/+/config', 'homeassistant/status'], { qos: 0 })
    client.publish('homeassistant/status', 'online')
    if (last.size > 0) client.subscribe([...last.keys()], { qos: 1 })
  })
  client.on('message', (topic, payload) => {
    const text = String(payload)
    if (!/^homeassistant\/\w+\/([a-zA-Z0-9_-]+\/)?[a-zA-Z0-9_-]+\/config$/.test(topic)) return void last.set(topic, text)
    if (text === '') return void discovered.delete(topic)
    const config = full(JSON.parse(text) as Config)
    discovered.set(topic, config)
    for (const component of componentsOf(config)) for (const at of topicsOf(component)) {
      if (last.has(at)) continue
      last.set(at, '')
      client.subscribe(at, { qos: 1 })
    }
  })
  const entities = (): Entity[] => [...discovered.values()].flatMap((config) => componentsOf(config).map((component) => ({
    device: String((config.device as Config).name), name: String(component.name), config: component, state: stateOf(component, last),
  })))
  const entity = (of: string, name: string) => entities().find((one) => one.device === of && one.name === name)
  await new Promise((done) => client.once('connect', done))
  return {
    client, discovered, entities, entity,
    async act(of, name, to) {
      const { config } = entity(of, name)!
      const payload = config.platform === 'button' ? config.payload_press : to === 'on' ? config.payload_on : config.payload_off
      await client.publishAsync(String(config.command_topic), String(payload), { qos: 1 })
    },
    close: () => client.endAsync(true),
  }
}

const LONG: Record<string, string> = { dev: 'device', o: 'origin', cmps: 'components', p: 'platform' }
const LONG_DEVICE: Record<string, string> = { ids: 'identifiers', mf: 'manufacturer', mdl: 'model', sw: 'sw_version' }
const renamed = (value: Config, names: Record<string, string>): Config => Object.fromEntries(Object.entries(value).map(([key, one]) => [names[key] ?? key, one]))
function full(short: Config): Config {
  const config = renamed(short, LONG)
  return {
    ...config, device: renamed(config.device as Config, LONG_DEVICE), origin: renamed(config.origin as Config, LONG_DEVICE),
    components: Object.fromEntries(Object.entries(config.components as Record<string, Config>).map(([key, one]) => [key, renamed(one, LONG)])),
  }
}

const SHARED = ['availability', 'availability_mode', 'command_topic', 'state_topic', 'qos', 'encoding']
const componentsOf = (config: Config): Config[] => Object.values(config.components as Record<string, Config>).map((component) => ({ ...Object.fromEntries(SHARED.filter((key) => key in config).map((key) => [key, config[key]])), ...component }))

interface Availability { readonly topic: string; readonly value_template?: string }
const topicsOf = (component: Config): string[] => [
  ...(component.platform === 'button' ? [] : [component.state_topic]), component.json_attributes_topic, ...((component.availability ?? []) as Availability[]).map(({ topic }) => topic),
].filter((topic) => topic !== undefined) as string[]

function stateOf(component: Config, last: ReadonlyMap<string, string>): string | null {
  const there = ((component.availability ?? []) as Availability[]).map(({ topic, value_template }) => {
    const payload = last.get(topic) ?? ''
    return (payload !== '' && value_template !== undefined ? render(value_template, payload) : payload) === 'online'
  })
  if (!there.every(Boolean)) return 'unavailable'
  const payload = last.get(String(component.state_topic)) ?? ''
  if (component.platform === 'button' || payload === '') return null
  const text = render(String(component.value_template), payload)
  if (text === 'None') return null
  if (component.platform !== 'switch') return text
  return text === component.state_on ? 'on' : text === component.state_off ? 'off' : null
}

/** As much of Jinja as we use: a field, and one word or another by a field. */
function render(template: string, payload: string): string {
  const value: unknown = JSON.parse(payload)
  const expression = /^\{\{ (.+) \}\}$/.exec(template)?.[1]
  if (expression === undefined) throw new Error(`no template: ${template}`)
  const field = (path: string): unknown => {
    if (!/^value_json(\.\w+|\['[^']+'\])+$/.test(path)) throw new Error(`no field: ${path}`)
    let at: unknown = value
    for (const [, dotted, quoted] of path.slice('value_json'.length).matchAll(/\.(\w+)|\['([^']+)'\]/g)) at = (at as Record<string, unknown>)[(dotted ?? quoted)!]
    if (at === undefined) throw new Error(`${path} is not in ${payload}`)
    return at
  }
  const choice = /^'([^']*)' if (\S+)(?: == '([^']*)')? else '([^']*)'$/.exec(expression)
  if (!choice) {
    const found = field(expression)
    return found === null ? 'None' : String(found)
  }
  const [, yes, path, word, no] = choice
  const found = field(path!)
  const holds = word === undefined ? Boolean(Array.isArray(found) ? found.length : found) : found === word
  return (holds ? yes : no)!
}
