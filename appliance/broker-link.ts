/** A device at the broker: its birth, how it is, what it does; and what it is told. Losing all of it loses nothing but seconds. */
import mqtt from 'mqtt'
import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import { ORDERS } from '../core/cameras/cameras.ts'
import type { Capability, Conditions } from '../core/devices/capability.ts'
import { Settings } from '../core/devices/settings.ts'
import type { HelloAnswer } from '../core/http/api.ts'
import { bridgeTopic, deviceTopic } from '../core/mqtt/topics.ts'

const Order = Type.Object({ settings: Settings, allowed: Type.Union([Type.Null(), Type.Array(Type.String())]), rests: Type.Union([Type.Null(), Type.String()]) })

export interface BrokerLinkParts {
  readonly device: string
  readonly home: { readonly org: string; readonly site: string }
  readonly token: string
  readonly where: HelloAnswer['mqtt']
  readonly baseUrl: string | undefined // the appliance's address, where its own broker is too
  readonly url: string | null // a person's wish, before all others
  readonly birth: Capability
  readonly state: Conditions
  readonly onOrder: (order: Static<typeof Order>) => void
  readonly onWork: () => void
  readonly onTrouble: (why: string) => void // once for each reason; it tries again by itself
  readonly onCameras: (() => void) | null // somebody decided something about one; null: this device watches none
}

export interface BrokerLink {
  birth(capability: Capability): void
  state(conditions: Conditions): void
  progress(now: { readonly task: string; readonly stage: string; readonly done: number; readonly what: string | null }): void
  /** For the next time that it connects. */
  password(token: string): void
  /** Goes without a word: another connection of this device says how it is. */
  end(): void
  /** Says that it goes, and goes. */
  leave(): Promise<void>
}

const KEEPALIVE_S = 10 // the broker misses a device after one and a half of it
const LEAVE_MS = 1_000

/** Null: there is no broker for it. */
export function joinBroker({ device, home, token, where, baseUrl, url, birth, state, onOrder, onWork, onTrouble, onCameras }: BrokerLinkParts): BrokerLink | null {
  const at = url ?? where.url ?? (where.port === null ? null : `mqtt://${new URL(baseUrl ?? 'http://127.0.0.1').hostname}:${where.port}`)
  if (at === null) return null
  const say = { birth: JSON.stringify(birth), state: JSON.stringify(state) }
  const options = { qos: 1, retain: true } as const
  const client = mqtt.connect(at, {
    clientId: `${device}:agent`, username: where.username, password: where.password ?? token, reconnectPeriod: 1_000, keepalive: KEEPALIVE_S,
    will: { topic: deviceTopic(device, 'availability'), payload: Buffer.from('offline'), ...options },
  })
  let trouble: string | null = null
  client.on('error', (error) => {
    const why = error.message || String((error as { code?: unknown }).code)
    if (why !== trouble) onTrouble(`the MQTT broker at ${new URL(at).host} cannot be used: ${why}. Work goes on without it, a few seconds later each time; it is tried again`)
    trouble = why
  })
  client.on('connect', () => {
    trouble = null
    client.publish(deviceTopic(device, 'birth'), say.birth, options)
    client.publish(deviceTopic(device, 'state'), say.state, options)
    client.publish(deviceTopic(device, 'availability'), 'online', options)
    client.subscribe([bridgeTopic(home, 'work'), deviceTopic(device, 'order'), ...(onCameras ? [bridgeTopic(home, 'changed')] : [])], { qos: 1 })
    onWork()
    onCameras?.()
  })
  client.on('message', (topic, payload) => {
    if (topic === bridgeTopic(home, 'changed')) return void (payload.includes(ORDERS) && onCameras?.())
    if (topic !== deviceTopic(device, 'order')) return onWork()
    const order = asJson(payload)
    if (Value.Check(Order, order)) onOrder(order) // anything else is another version's; the next hello tells the same
  })
  return {
    birth(capability) {
      say.birth = JSON.stringify(capability)
      if (client.connected) client.publish(deviceTopic(device, 'birth'), say.birth, options)
    },
    state(conditions) {
      say.state = JSON.stringify(conditions)
      if (client.connected) client.publish(deviceTopic(device, 'state'), say.state, options)
    },
    progress(now) {
      if (client.connected) client.publish(deviceTopic(device, 'progress'), JSON.stringify(now))
    },
    password(fresh) {
      if (where.password === null) client.options.password = fresh
    },
    end: () => void client.end(!client.connected),
    leave: () => new Promise((left) => {
      const timer = setTimeout(() => { client.end(true); left() }, LEAVE_MS)
      const end = () => client.end(false, {}, () => { clearTimeout(timer); left() })
      if (client.connected) client.publish(deviceTopic(device, 'availability'), 'offline', options, end)
      else client.end(true, {}, () => { clearTimeout(timer); left() })
    }),
  }
}

function asJson(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString())
  } catch (e) {
    if (e instanceof SyntaxError) return null
    throw e
  }
}
