/**
 * A broker of the user's own, of which core is a client: devices and Home Assistant meet there instead of at ours.
 * Who may say what there is for its own rules to say; what we hear is looked at as if it came from anybody.
 *
 * It may lose everything we told it, or lie silent for hours: whatever is retained is kept here too and said again on
 * every connect, so nothing that a broker forgets stays unknown for longer than it takes to come back.
 */
import { randomBytes } from 'node:crypto'
import mqtt from 'mqtt'
import { Fault } from '../contract/fault.ts'
import type { Log } from '../store/log.ts'
import { CORE_TOPIC, DEVICE_KINDS, HOME_ASSISTANT_TOPIC } from './topics.ts'

/** `mqtt` of viewshed.yaml, its files read. */
export interface OutsideSettings {
  readonly url: string // mqtt, mqtts, ws or wss
  readonly username: string | null
  readonly password: string | null
  readonly ca: string | null // PEM; null: those that Node trusts
  readonly cert: string | null // PEM, with `key`
  readonly key: string | null
  readonly requests: boolean // whether what is asked there is done
  readonly devices: { readonly url: string | null; readonly username: string | null; readonly password: string | null }
}

export interface OutsideOptions extends OutsideSettings {
  /** The same at every start, and nobody else's: the broker keeps what it has for us under this name. */
  readonly client: string
  readonly log: { warn(fields: object, message: string): void }
  /** What somebody said. `retained`: the broker remembered it; nobody says it now. */
  readonly hear: (topic: string, payload: Buffer, retained: boolean) => void
  /** The connection ended: until it is back nothing is heard. */
  readonly onClose?: () => void
}

export interface Outside {
  readonly connected: boolean
  /** Retained: until it is said otherwise, whatever becomes of the connection; an empty one takes it back. Others are lost while nobody answers. */
  say(topic: string, payload: string, retain: boolean): void
  /** The same, and it was taken. Throws Fault `notify/unreachable`. */
  tell(topic: string, payload: string, retain: boolean): Promise<void>
  /** Says goodbye; waits for it no longer than a second. */
  close(): Promise<void>
}

const REQUESTS = 'viewshed/bridge/+/+/request'
const CLIENT = 'mqtt!client'

/** Our name at the broker outside: made once, and nobody else's. */
export async function clientName(log: Pick<Log, 'get' | 'commit'>): Promise<string> {
  const known = log.get(CLIENT)
  if (known !== undefined) return known
  const made = `viewshed-${randomBytes(8).toString('hex')}`
  await log.commit([{ type: 'put', key: CLIENT, value: made }])
  return made
}

const FILTERS = [...DEVICE_KINDS.map((kind) => `viewshed/+/${kind}`), HOME_ASSISTANT_TOPIC, 'homeassistant/device/+/config', 'viewshed/bridge/+/+/device/+']
const RECONNECT_MS = 1_000
const GOODBYE_MS = 1_000
const TAKEN_MS = 10_000

export function connectOutside({ url, username, password, ca, cert, key, requests, client: clientId, log, hear, onClose }: OutsideOptions): Outside {
  const kept = new Map<string, string>([[CORE_TOPIC, 'online']]) // topic → payload; empty: taken back, not told yet
  const client = mqtt.connect(url, {
    clientId, clean: false, protocolVersion: 4, reconnectPeriod: RECONNECT_MS, connectTimeout: 10_000, keepalive: 30, resubscribe: false, queueQoSZero: false, reconnectOnConnackError: true,
    will: { topic: CORE_TOPIC, payload: Buffer.from('offline'), qos: 1, retain: true },
    ...(username === null ? {} : { username }), ...(password === null ? {} : { password }),
    ...(ca === null ? {} : { ca }), ...(cert === null ? {} : { cert }), ...(key === null ? {} : { key }),
  })
  let trouble: string | null = null
  let closing = false
  const note = (why: string) => {
    if (why === trouble) return // once, not at every try
    trouble = why
    log.warn({ broker: place(url), reason: why }, 'the MQTT broker of viewshed.yaml cannot be used; it is tried again')
  }
  const send = (topic: string, payload: string, retain: boolean) =>
    client.publish(topic, payload, { qos: retain ? 1 : 0, retain }, (error) => {
      if (error) return // the connection ended before it was taken; it is said again on the next one
      if (payload === '' && kept.get(topic) === '') kept.delete(topic)
    })

  client.on('connect', () => {
    trouble = null
    client.subscribe([...FILTERS, ...(requests ? [REQUESTS] : [])], { qos: 1 }, (error, granted) => {
      const refused = granted?.filter(({ qos }) => qos > 2).map(({ topic }) => topic) ?? []
      if (refused.length > 0) note(`it does not let us hear ${refused.join(', ')}`)
      else if (error && client.connected) note(error.message)
    })
    for (const [topic, payload] of kept) send(topic, payload, true)
  })
  client.on('error', (error) => note(error.message || String((error as { code?: unknown }).code)))
  client.on('close', () => {
    onClose?.()
    if (trouble === null && !closing) note('the connection ended')
  })
  client.on('message', (topic, payload, { retain }) => {
    if (topic !== CORE_TOPIC) return hear(topic, payload, retain)
    // The last will of a connection that the broker took for alive until now.
    if (String(payload) === 'offline' && !closing) send(CORE_TOPIC, 'online', true)
  })

  return {
    get connected() {
      return client.connected
    },
    say(topic, payload, retain) {
      if (retain) kept.set(topic, payload)
      if (client.connected) send(topic, payload, retain)
    },
    async tell(topic, payload, retain) {
      if (retain) kept.set(topic, payload)
      if (!client.connected) throw new Fault('notify/unreachable', `The MQTT broker at ${place(url)} does not answer.`)
      const late = new Promise<never>((_, fail) => setTimeout(() => fail(new Error(`no answer in ${TAKEN_MS / 1000} s`)), TAKEN_MS).unref())
      try {
        await Promise.race([client.publishAsync(topic, payload, { qos: 1, retain }), late])
      } catch (cause) {
        throw new Fault('notify/unreachable', `The MQTT broker at ${place(url)} did not take it: ${(cause as Error).message}`, { cause })
      }
    },
    async close() {
      closing = true
      if (client.connected) {
        const told = client.publishAsync(CORE_TOPIC, 'offline', { qos: 1, retain: true }).catch(() => undefined) // whoever does not answer has our last will
        await Promise.race([told, new Promise((waited) => setTimeout(waited, GOODBYE_MS).unref())])
      }
      await client.endAsync(!client.connected)
    },
  }
}

/** Where a device finds its broker, for `HelloAnswer.mqtt`. Our own tokens are for our own broker: none is sent elsewhere. @param port of the embedded broker; null: it takes no TCP. */
export function brokerFor(device: string, outside: OutsideSettings | null, port: number | null): { url: string | null; port: number | null; username: string; password: string | null } {
  if (outside === null) return { url: null, port, username: device, password: null }
  const { devices } = outside
  const login = { username: devices.username ?? '', password: devices.password ?? '' }
  const at = new URL(devices.url ?? outside.url)
  // A broker on this machine is, for a device, at the address at which it knows us.
  if (devices.url === null && at.protocol === 'mqtt:' && /^(localhost|127\.|\[::1\])/.test(at.hostname)) return { url: null, port: Number(at.port || 1883), ...login }
  return { url: devices.url ?? outside.url, port: null, ...login }
}

/** Without what might be secret. */
const place = (url: string): string => new URL(url).host
