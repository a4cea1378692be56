/** Devices for tests: a machine as it might say of itself, and a yard of them. */
import { Registry } from 'prom-client'
import { openAccess, type Access } from '../access/access.ts'
import type { Principal } from '../access/scope.ts'
import type { Needs } from '../contract/plugin.ts'
import { client, type Client } from '../http/client.ts'
import { openDoor } from '../http/testing.ts'
import { startBroker, type Broker, type BrokerOptions } from '../mqtt/broker.ts'
import { boardRoutes } from '../tasks/port-http.ts'
import { inProcess, type Bench } from '../tasks/testing/bench.ts'
import { STAGES } from '../tasks/testing/stages.ts'
import type { Capability, Conditions } from './capability.ts'
import { openDevices, type Devices } from './devices.ts'
import { LOOK_MS } from './presence.ts'
import { openRecords, type Records } from './records.ts'

export const CAPABILITY: Capability = {
  cores: 8, memory_mib: 16_000, scratch_mib: 100_000, gpu_mib: 8_192, gpus: [{ name: 'RTX 4070', memory_mib: 8_192, driver: '560.1' }], accelerators: ['cuda', 'nvenc'],
  tools: { ffmpeg: '7.0' }, stages: ['clip.probe', 'clip.thumb', 'plate.read'], versions: Object.fromEntries(Object.entries(STAGES).map(([name, { version }]) => [name, version])), lacks: {}, mounts: [], platform: 'linux', host: 'gpu-pc', version: '0.3.0', battery: false,
}

export const CONDITIONS: Conditions = { gpu_busy_percent: null, temperature_c: null, on_battery: false, battery_percent: null, scratch_free_mib: null, load: 0.1 }

/** The devices with everything real around them, on loopback: log, board, broker, door. Both clocks stand still until they are moved. */
export interface Yard {
  readonly clock: { now_ms: number }
  readonly url: string
  readonly mqttUrl: string
  readonly devices: Devices
  readonly broker: Broker
  readonly bench: Bench
  readonly access: Access
  readonly records: Records
  readonly metrics: Registry
  readonly ann: Principal // an admin
  api(token?: string): Client
  /** Time passes for everybody, and each second it is looked. */
  pass(ms: number): void
  /** Knocks, is accepted, and fetches its token. */
  join(name: string, stages?: readonly string[] | null): Promise<string>
  restart(): Promise<void>
  close(): Promise<void>
}

/** What the stages of the board's tests need here. */
const NEEDS: Readonly<Record<string, Needs>> = { 'plate.read': { gpu_mib: 4_096 } }

/** @param more What else the broker is given. */
export async function openYard(more: (records: Records) => Partial<BrokerOptions> = () => ({})): Promise<Yard> {
  let devices!: Devices
  const bench = await inProcess({ onEnd: (end) => devices.ended(end) })
  const { clock } = bench
  const now = () => clock.now_ms
  const ann: Principal = { kind: 'person', id: 'ann', name: 'Ann', scope: { org: 'home', site: 'home', role: 'admin' } }

  async function open() {
    const { log, board, outcomes, events } = bench
    const metrics = new Registry()
    const records = await openRecords({ log, sequence: outcomes.sequence, clock: now })
    const access = await openAccess({ log, clock: now, devices: records })
    devices = await openDevices({
      log, records, access, board, clock: now, monotonic: now, tick: false,
      holders: () => new Set(board.running(ann.scope).map(({ device }) => device)),
      stage: (name) => (name in STAGES ? { ...STAGES[name]!, needs: NEEDS[name] } : null),
      whereabouts: ({ id }) => ({ mqtt: { url: null, port: broker.port, username: id, password: null }, volumes: [{ name: 'media', id: 'm1' }] }),
      warn: (error) => { throw error },
    })
    const broker = await startBroker({ port: 0, host: '127.0.0.1', access, log: { warn: () => undefined }, clock: now, registry: metrics, onDevice: devices.word, ...more(records) })
    devices.attach(broker)
    const silent = () => undefined
    const door = await openDoor({ access, broker, registry: metrics, log: { error: silent, warn: silent, info: silent }, rooms: { devices, desk: board, events: events.list }, routers: [boardRoutes({ board, outcomes, events, gate: devices.gate }).routes()] })
    return { metrics, records, access, broker, door }
  }
  async function shut() {
    await opened.door.close()
    await opened.broker.close()
    await devices.close()
  }
  let opened = await open()
  const api = (token?: string) => client({ baseUrl: opened.door.url, headers: token === undefined ? {} : { authorization: `Bearer ${token}` } })
  return {
    clock, bench, ann, api,
    get url() { return opened.door.url },
    get mqttUrl() { return `mqtt://127.0.0.1:${opened.broker.port}` },
    get devices() { return devices },
    get broker() { return opened.broker },
    get access() { return opened.access },
    get records() { return opened.records },
    get metrics() { return opened.metrics },
    pass(ms) {
      for (let passed = 0; passed < ms; passed += LOOK_MS) {
        clock.now_ms += LOOK_MS
        devices.look()
      }
    },
    async join(name, stages = null) {
      const { code, secret } = await api().join({ name, capability: CAPABILITY })
      await devices.accept({ code, stages: stages === null ? null : [...stages] }, ann)
      const answer = await api().joinState({ secret })
      if (answer.state !== 'accepted') throw new Error(`${name} is ${answer.state}`)
      return answer.token
    },
    async restart() {
      await shut()
      await bench.restart()
      opened = await open()
    },
    async close() {
      await shut()
      await bench.close()
    },
  }
}
