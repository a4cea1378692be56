/**
 * The broker: devices join over TCP or WebSocket, pages over WebSocket on the web port. It announces and remembers
 * nothing that matters: claims, results and media go over HTTP.
 */
import { Aedes, type AuthenticateError, type Client } from 'aedes'
import { randomUUID } from 'node:crypto'
import type { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { Counter, Gauge, type Registry } from 'prom-client'
import { createWebSocketStream, WebSocketServer } from 'ws'
import type { Access, MqttClient } from '../access/access.ts'
import type { Home, Principal, Scope } from '../access/scope.ts'
import { mqttName } from '../access/tokens.ts'
import type { Announcer } from '../devices/devices.ts'
import { limitFrames, MAX_FRAME_BYTES } from './frames.ts'
import { gathered } from './gathered.ts'
import { connectOutside, type Outside, type OutsideOptions } from './outside.ts'
import { parseSaid, roster, type Said } from './roster.ts'
import { bridgeTopic, CORE_TOPIC, DEVICE_KINDS, deviceTopic, mayHear, mayPublish, maySubscribe, mayWill, parseTopic } from './topics.ts'

export interface Broker extends Announcer {
  readonly port: number | null // of TCP; null: none
  /** Says something as core, here and at the broker outside. Retained: until it is said otherwise; empty takes it back. */
  say(topic: string, payload: string, retain: boolean): void
  /** The same, and whoever is to hear it can: the broker outside has taken it, where there is one. Throws Fault `notify/unreachable`. */
  tell(topic: string, payload: string, retain: boolean): Promise<void>
  /** A WebSocket that arrived at `/mqtt`; its origin was looked at already. */
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer, who?: { readonly principal: Principal | null; readonly session: string | null }): void
  /** Tells pages what to fetch again; at most four times a second, in between kinds are gathered. */
  announce(scope: Home, kinds: readonly string[]): void
  /** Tells devices that there is work for `stages`; gathered in the same way. */
  work(scope: Home, stages: readonly string[]): void
  /** What was refused since the start, by reason. */
  readonly refused: Readonly<Record<Refusal, number>>
  close(): Promise<void>
}

export type Refusal = 'connect' | 'will' | 'publish' | 'subscribe' | 'payload' | 'size' | 'replay' | 'unknown'

/** What is heard of a device. `here`: it connected, or said that it still is; `lost`: its last connection broke off; `remembered`: a broker outside, which we have just come back to, believes that it is there. */
export type DeviceWord = { readonly kind: 'here' } | { readonly kind: 'remembered' } | { readonly kind: 'said'; readonly said: Said } | { readonly kind: 'lost' }

/** What reached core and is no device's word about itself: a request, Home Assistant's birth, something of ours that a broker remembers. */
export interface Asked {
  readonly topic: string
  readonly payload: Buffer
  readonly who: Principal | null // null: heard at the broker outside, where only its own rules know
  readonly retained: boolean // remembered; nobody says it now
}

export interface BrokerOptions {
  readonly port: number | null // TCP; 0: any free one; null: none
  readonly host: string
  readonly access: Pick<Access, 'principalOfMqtt' | 'onSignOut'>
  readonly log: { warn(fields: object, message: string): void }
  readonly clock?: () => number // epoch, ms
  readonly registry?: Registry
  readonly onDevice?: (device: string, word: DeviceWord) => void
  /** A broker of the user's own, at which devices and Home Assistant meet instead. */
  readonly outside?: Omit<OutsideOptions, 'hear' | 'onClose' | 'log'> | null
  /** The scope in which a device joined; null: it did not, so nothing is heard of it outside. */
  readonly scopeOf?: (device: string) => Scope | null
  readonly onAsked?: (asked: Asked) => void
  /** Pages are told that something changed. */
  readonly onAnnounce?: (scope: Home) => void
}

export const MAX_PAYLOAD_BYTES = 256 * 1024
const CONNECT_TIMEOUT_MS = 10_000

export async function startBroker({ port, host, access, log, clock = Date.now, registry, onDevice = () => undefined, outside, scopeOf = () => null, onAsked, onAnnounce }: BrokerOptions): Promise<Broker> {
  const refused: Record<Refusal, number> = { connect: 0, will: 0, publish: 0, subscribe: 0, payload: 0, size: 0, replay: 0, unknown: 0 }
  const refusals = registry && new Counter({ name: 'viewshed_mqtt_refused_total', help: 'Refused by the broker', labelNames: ['reason'] as const, registers: [registry] })
  const refuse = (reason: Refusal, client: Pick<Client, 'id'>, detail: string): Error => {
    refused[reason] += 1
    refusals?.inc({ reason })
    log.warn({ client: client.id, reason, detail: detail.slice(0, 200) }, 'refused at the broker')
    return new Error(`${reason} refused`)
  }

  const devices = roster()
  const kept = new Map<string, Buffer>() // topic → what is to be remembered, from the moment at which it is said
  const keep = (topic: string, payload: Buffer) => void (payload.length === 0 ? kept.delete(topic) : kept.set(topic, payload))
  // Who somebody is must outlast the connection: a last will is looked at after it.
  const joined = new WeakMap<Client, MqttClient>()
  const willOf = new WeakMap<Client, string>()
  const live = new Set<Client>()
  const byDevice = new Map<string, Set<Client>>() // of those, devices' own
  const forgotten = new Map<string, number>() // how often a device was put out
  const cameAt = new WeakMap<Client, number>() // what that was when it came
  const others = (client: Client, device: string) => [...(byDevice.get(device) ?? [])].some((other) => other !== client)
  const bySession = new WeakMap<IncomingMessage, MqttClient>() // WebSockets that a signed-in browser opened
  const ended = new Set<string>() // sessions that ended while a client of theirs was just coming in

  const aedes = await Aedes.createBroker({
    maxClientsIdLength: 128, connectTimeout: CONNECT_TIMEOUT_MS, maxTopicLevels: 8, maxInflightInbound: 100,

    preConnect(client, packet, done) {
      const { username } = packet
      if (typeof username !== 'string' || packet.clientId.length > 100) return done(refuse('connect', client, 'no user name'), false)
      // A second client of the same id throws the first one out, so ids live below the name that is about to be proven.
      if (packet.clientId === '') packet.clientId = randomUUID()
      if (packet.clientId !== username && !packet.clientId.startsWith(`${username}:`)) packet.clientId = `${username}:${packet.clientId}`
      packet.clean = true // nothing is kept for who is away: the log is our memory
      if (packet.will) willOf.set(client, packet.will.topic)
      if (packet.will && packet.will.payload.length > MAX_PAYLOAD_BYTES) return done(refuse('size', client, 'will'), false)
      done(null, true)
    },

    authenticate(client, username, password, done) {
      const browser = client.req && bySession.get(client.req)
      cameAt.set(client, forgotten.get(username ?? '') ?? 0)
      access.principalOfMqtt(username ?? '', password?.toString() ?? '').then((proven) => {
        // A page that slept for longer than its password lives still has its cookie.
        const found = proven ?? (browser && mqttName(browser.principal) === username ? browser : null)
        const willTopic = willOf.get(client)
        if (!found) return done(badLogin(refuse('connect', client, username ?? '')), false)
        if (willTopic !== undefined && !mayWill(found.principal, willTopic)) return done(badLogin(refuse('will', client, willTopic)), false)
        joined.set(client, found)
        if (found.principal.kind === 'device') devices.joined(found.principal.id, found.principal.scope)
        done(null, true)
      }, (error: unknown) => {
        log.warn({ err: error }, 'the broker could not ask who this is')
        done(badLogin(new Error('access cannot be checked now')), false)
      }).catch((error: unknown) => log.warn({ err: error }, 'a client could not be let in'))
    },

    authorizePublish(client, packet, done) {
      const who = client && joined.get(client)
      if (!client || !who) return done(new Error('publish refused'))
      if (isOver(who)) return done(refuse('connect', client, 'its token is over'))
      if (!mayPublish(who.principal, packet.topic)) return done(refuse('publish', client, packet.topic))
      if (packet.payload.length > MAX_PAYLOAD_BYTES) return done(refuse('size', client, packet.topic))
      const about = parseTopic(packet.topic)
      if (about?.of !== 'device') {
        packet.retain = false // what was asked is done once
        onAsked?.({ topic: packet.topic, payload: Buffer.from(packet.payload), who: who.principal, retained: false })
        return done()
      }
      const said = parseSaid(about.kind, Buffer.from(packet.payload))
      const drop = (reason: Refusal) => {
        refuse(reason, client, packet.topic)
        packet.topic = DROPPED // a device with one bad sentence stays connected; nobody hears the sentence
        packet.retain = false
        done()
      }
      if (!said) return drop('payload')
      const { id } = who.principal
      if (client.closed) {
        // Its last will. When the device is back on another connection, this one speaks of what is over.
        if (others(client, id)) return drop('replay')
        devices.said(id, false)
        packet.retain = true
        keep(packet.topic, Buffer.from(packet.payload))
        return done()
      }
      // Sent once more after a connection broke: `offline` is what the device was about to be then, not what it is.
      if (said.kind === 'availability' && !said.online && packet.dup) return drop('replay')
      packet.retain = said.kind !== 'progress' // it is the topic that says what is kept
      if (packet.retain) keep(packet.topic, Buffer.from(packet.payload))
      if (said.kind === 'availability') devices.said(id, said.online)
      onDevice(id, { kind: 'said', said })
      done()
    },

    authorizeSubscribe(client, subscription, done) {
      const who = joined.get(client)
      if (who && maySubscribe(who.principal, subscription.topic)) return done(null, subscription)
      refuse('subscribe', client, subscription.topic)
      done(null, null) // answered with failure, as the protocol has it; the rest of the packet stands
    },

    authorizeForward(client, packet) {
      const who = joined.get(client)
      if (!who || !mayHear(who.principal, packet.topic, devices.scopeOf)) return null
      if (!packet.retain || packet.brokerId) return packet // said just now
      // Whatever is remembered waits for its turn to be sent. Meanwhile it may have been said otherwise, and that may have been sent already.
      const now = kept.get(packet.topic)
      return now === undefined ? null : Object.assign(packet, { payload: now })
    },
  })

  aedes.on('clientDisconnect', (client) => {
    const who = joined.get(client)
    live.delete(client)
    if (who?.principal.kind !== 'device') return
    const { id } = who.principal
    byDevice.get(id)?.delete(client)
    if (others(client, id)) return
    byDevice.delete(id)
    // Whoever leaves with a farewell has no last will.
    if (devices.isOnline(id)) here(deviceTopic(id, 'availability'), 'offline', true)
    devices.said(id, false)
    onDevice(id, { kind: 'lost' })
  })
  aedes.on('clientError', (client, error) => log.warn({ client: client.id, reason: error.message }, 'an MQTT client was disconnected'))
  aedes.on('connectionError', (_client, error) => log.warn({ reason: error.message }, 'an MQTT connection was closed'))
  ;(aedes as EventEmitter).on('error', (error: Error) => log.warn({ err: error }, 'the broker stumbled'))
  aedes.on('client', (client) => {
    live.add(client)
    const who = joined.get(client)
    if (who?.session && ended.has(who.session)) return client.close()
    if (who?.principal.kind !== 'device') return
    const { id } = who.principal
    if (cameAt.get(client) !== (forgotten.get(id) ?? 0)) { // revoked while it was just coming in
      joined.delete(client)
      return client.close()
    }
    byDevice.set(id, (byDevice.get(id) ?? new Set()).add(client))
    onDevice(id, { kind: 'here' })
  })
  aedes.on('ping', (_packet, client) => {
    const who = joined.get(client)
    if (who?.principal.kind !== 'device') return
    if (isOver(who)) return client.close()
    onDevice(who.principal.id, { kind: 'here' })
  })
  access.onSignOut((session) => {
    ended.add(session)
    for (const client of live) if (joined.get(client)?.session === session) client.close()
  })

  // A token is looked at when its device connects, and that may have been a month ago.
  const isOver = ({ ends_ms }: MqttClient) => ends_ms !== null && ends_ms <= clock()
  const warnOf = (what: string) => (error?: Error) => {
    if (error) log.warn({ err: error }, `${what} could not be announced`)
  }
  const here = (topic: string, text: string | Buffer, retain: boolean, said: (error?: Error) => void = warnOf(topic)) => {
    const payload = Buffer.from(text)
    if (retain) keep(topic, payload)
    aedes.publish({ cmd: 'publish', topic, payload, qos: retain ? 1 : 0, retain, dup: false }, said)
  }
  const met = new Set<string>() // devices that spoke at the broker outside
  let beyond: Outside | null = null
  const say = (topic: string, payload: string, retain: boolean) => {
    here(topic, payload, retain)
    beyond?.say(topic, payload, retain)
  }
  const tell = async (topic: string, payload: string, retain: boolean) => {
    here(topic, payload, retain)
    await beyond?.tell(topic, payload, retain)
  }
  here(CORE_TOPIC, 'online', true)

  /** The same looks as at a client of our own, but for the name: the rules of that broker stand for it. Pages are told. */
  function hearOutside(topic: string, payload: Buffer, retained: boolean): void {
    const stranger = { id: 'outside' }
    const about = parseTopic(topic)
    if (payload.length > MAX_PAYLOAD_BYTES) return void refuse('size', stranger, topic)
    if (about?.of !== 'device') {
      if (about !== null) onAsked?.({ topic, payload, who: null, retained })
      return
    }
    const { device, kind } = about
    if (payload.length === 0) return // we took it back
    const scope = scopeOf(device)
    if (scope === null) return void refuse('unknown', stranger, topic)
    const said = parseSaid(kind, payload)
    if (said === null) return void refuse('payload', stranger, topic)
    devices.joined(device, scope)
    here(topic, payload, kind !== 'progress')
    if (retained) {
      // The device may have come back to that broker before us. Or it died while the broker was down: then it stays silent.
      if (said.kind === 'availability' && said.online) onDevice(device, { kind: 'remembered' })
      return
    }
    // A last will looks like a farewell. Who really goes says so over HTTP, so it may be back in a moment and keeps its work.
    const lost = said.kind === 'availability' && !said.online
    if (lost) met.delete(device)
    else met.add(device)
    onDevice(device, lost ? { kind: 'lost' } : { kind: 'said', said })
  }
  /** Nobody tells us now when one of them goes. Those that are there speak over HTTP, or again when they have the broker back. */
  function loseOutside(): void {
    for (const device of met) onDevice(device, { kind: 'lost' })
    met.clear()
  }

  const gather = (kind: 'changed' | 'work', field: 'kinds' | 'stages') =>
    gathered((scope, words) => say(bridgeTopic(scope, kind), JSON.stringify({ [field]: words }), false))
  const changed = gather('changed', 'kinds')
  const work = gather('work', 'stages')

  const sockets = new Set<Socket>()
  const tcp = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.setNoDelay(true)
    aedes.handle(limitFrames(socket))
  })
  if (port !== null) await new Promise<void>((listening, failed) => {
    tcp.once('error', failed)
    tcp.listen(port, host, () => {
      tcp.off('error', failed)
      listening()
    })
  })

  const ws = new WebSocketServer({ noServer: true, maxPayload: MAX_FRAME_BYTES, perMessageDeflate: false, handleProtocols: (offered) => (offered.has('mqtt') ? 'mqtt' : false) })
  if (registry) new Gauge({ name: 'viewshed_mqtt_clients', help: 'Connected MQTT clients', registers: [registry], collect() { this.set(live.size) } })

  // Last of all: whoever gave us the listeners goes on before anything is heard.
  if (outside) beyond = connectOutside({ ...outside, log, hear: hearOutside, onClose: loseOutside })
  return {
    port: port === null ? null : (tcp.address() as AddressInfo).port,
    say,
    tell,
    refused,
    announce(scope, kinds) {
      changed.add(scope, kinds)
      onAnnounce?.(scope)
    },
    order: (device, order) => say(deviceTopic(device, 'order'), JSON.stringify(order), true),
    forget(device) {
      const clients = byDevice.get(device) ?? []
      byDevice.delete(device)
      forgotten.set(device, (forgotten.get(device) ?? 0) + 1)
      for (const client of clients) {
        joined.delete(client) // its last will is nobody's
        client.close()
      }
      // An empty message takes back what is remembered; whoever looks at the device hears that it is no more.
      let left = DEVICE_KINDS.length + 1
      met.delete(device)
      for (const kind of [...DEVICE_KINDS, 'order'] as const) beyond?.say(deviceTopic(device, kind), '', true)
      for (const kind of [...DEVICE_KINDS, 'order'] as const) here(deviceTopic(device, kind), '', true, (error) => {
        warnOf(kind)(error)
        if (--left === 0 && !byDevice.has(device)) devices.forget(device)
      })
    },
    work: work.add,
    upgrade(req, socket, head, who) {
      if (who?.principal && who.session !== null) bySession.set(req, { principal: who.principal, session: who.session, ends_ms: null })
      if (!String(req.headers['sec-websocket-protocol'] ?? '').split(',').some((protocol) => protocol.trim() === 'mqtt')) {
        return void socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')
      }
      ws.handleUpgrade(req, socket, head, (peer) => aedes.handle(limitFrames(createWebSocketStream(peer)), req))
    },
    async close() {
      changed.stop()
      work.stop()
      await beyond?.close()
      const closed = new Promise<void>((done) => (port === null ? done() : tcp.close(() => done())))
      await new Promise<void>((done) => aedes.close(done))
      for (const peer of ws.clients) peer.terminate()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

/** Heard by nobody: no filter that may be subscribed to matches it. */
const DROPPED = 'viewshed-dropped'

const badLogin = (error: Error): AuthenticateError => Object.assign(error, { returnCode: 4 })
