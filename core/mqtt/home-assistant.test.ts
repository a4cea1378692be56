import fc from 'fast-check'
import mqtt, { type IClientOptions } from 'mqtt'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Scope } from '../access/scope.ts'
import { openCameras, type Cameras } from '../cameras/cameras.ts'
import type { CameraStanding } from '../contract/camera.ts'
import { CONDITIONS, openYard, type Yard } from '../devices/testing.ts'
import { eventually, handlersOf } from '../http/testing.ts'
import type { Asked, BrokerOptions } from './broker.ts'
import { messages, type Look } from './discovery.ts'
import { openHomeAssistant, type HomeAssistant } from './home-assistant.ts'
import { openRequests } from './requests.ts'
import { device, emptyLibrary, mosquitto, MOSQUITTO, outsideAt, remembered, smallHomeAssistant, STATUS, view, type SmallHomeAssistant } from './testing.ts'
import { discoveryTopic, stateTopic } from './topics.ts'

const SCOPE: Scope = { org: 'home', site: 'home', role: 'admin' }
const APPLIANCE = discoveryTopic(SCOPE, null)

const STANDING: CameraStanding = {
  maker: 'VIOFO', addresses: ['192.168.1.254'], address: '192.168.1.254', seen_ms: 0, paused: false, trouble: null, listed: { at_ms: 0, clips: 12 },
  counts: { fetching: 0, waiting: 0, failed: 0, recording: 0, skipped: 0, in: 3 }, waiting_bytes: 0, fetching: [], deletes: false, rules: [],
}

let library: Awaited<ReturnType<typeof emptyLibrary>>
let yard: Yard
let cameras: Cameras
let status: Look['status']
let home: HomeAssistant | null
let onAsked: (asked: Asked) => void
let ends: (() => unknown)[]
beforeAll(async () => {
  library = await emptyLibrary()
})
afterAll(() => library.close())
beforeEach(() => {
  ;[status, home, ends] = [STATUS, null, []]
})
afterEach(async () => {
  home?.close()
  for (const end of ends.toReversed()) await end()
})

/** The yard with Home Assistant's part of core around it, as the appliance puts them together. */
async function open(more: Partial<BrokerOptions> = {}): Promise<void> {
  onAsked = () => undefined
  yard = await openYard((records) => ({ scopeOf: (id) => (records.get(id) ? { ...SCOPE, role: 'device' } : null), onAsked: (asked) => onAsked(asked), onAnnounce: () => home?.changed(), ...more }))
  ends.push(() => yard.close())
  cameras = await openCameras({ log: yard.bench.log, sequence: yard.bench.outcomes.sequence, clock: () => yard.clock.now_ms, announce: () => home?.changed(), warn: (e) => { throw e }, found: async () => null, archived: async () => ({ why: 'nothing is archived here' }), edit: async () => undefined })
  ends.push(() => cameras.close())
  attach()
}
function attach(): void {
  const counts = async () => (await yard.bench.board.counts(SCOPE)).map((count) => ({ ...count, title: count.stage, plugin: 'test', nodes: [] }))
  const acts = handlersOf({ access: yard.access, devices: yard.devices, cameras, desk: yard.bench.board, index: library.index, work: async () => ({ stages: await counts(), events: [], links: [] }) })
  const requests = openRequests({ acts, say: yard.broker.say, log: { error: (fields) => { throw new Error(JSON.stringify(fields)) } } })
  const tasks = async () => {
    const all = await counts()
    const sum = (of: 'pending' | 'running' | 'complete' | 'parked') => all.reduce((total, one) => total + one[of], 0)
    return { pending: sum('pending'), running: sum('running'), complete: sum('complete'), parked: sum('parked') }
  }
  home = openHomeAssistant({ scope: SCOPE, say: yard.broker.say, log: { warn: (fields) => { throw new Error(JSON.stringify(fields)) } }, every_ms: 50, birthSpread_ms: 20, look: async () => ({ status: { ...status, tasks: await tasks() }, per_hour: (await counts()).reduce((sum, { per_hour }) => sum + per_hour, 0), devices: await yard.devices.views(SCOPE), cameras: cameras.views(SCOPE) }) })
  onAsked = (asked) => {
    home!.asked(asked)
    void requests.asked(asked)
  }
}
async function homeAssistant(url: string, options: IClientOptions): Promise<SmallHomeAssistant> {
  const ha = await smallHomeAssistant(url, options)
  ends.push(() => ha.close())
  return ha
}
const withKey = async (name = 'ha') => homeAssistant(yard.mqttUrl, { username: `key/${name}`, password: await yard.access.keys.add(name, 'operator') })
const stateOf = (ha: SmallHomeAssistant, of: string) => Object.fromEntries(ha.entities().filter((one) => one.device === of && one.config.platform !== 'button').map(({ name, state }) => [name, state]))
const modes = () => Object.fromEntries(yard.records.all().map(({ id, settings }) => [id, settings.mode]))
async function agent(id: string): Promise<ReturnType<typeof device>> {
  const password = await yard.join(id)
  const one = device(id, yard.mqttUrl, { username: id, password })
  ends.push(() => one.endAsync(true))
  return one
}

describe('with a key at our own broker', () => {
  beforeEach(() => open())

  test('the appliance and each device are found by themselves, with what there is to know', async () => {
    const gpu = await agent('gpu')
    const ha = await withKey()
    await eventually(() => stateOf(ha, 'gpu').Online).toBe('ON')
    await eventually(() => stateOf(ha, 'Attic')).toEqual({
      'Waiting tasks': '0', 'Running tasks': '0', 'Parked tasks': '0', Throughput: '0', 'Last clip': '2026-01-01T12:00:00.000Z', Problem: 'OFF', Pause: 'off',
      'Free on media': String(Math.round(5_000_000_000 / 2 ** 24) * 2 ** 24), 'Free on second-disk': String(2 ** 24),
    })
    await eventually(() => stateOf(ha, 'gpu')).toEqual({ Online: 'ON', Activity: 'idle', 'Running tasks': '0', Pause: 'off', 'GPU use': null })
    await gpu.publishAsync('viewshed/gpu/state', JSON.stringify({ ...CONDITIONS, gpu_busy_percent: 41.6, temperature_c: 63.2 }), { qos: 1 })
    await eventually(async () => (await yard.devices.view(SCOPE, 'gpu')).conditions?.temperature_c).toBe(63.2)
    home!.changed() // warmth alone is not news: it is looked at twice a minute
    await eventually(() => stateOf(ha, 'gpu')).toMatchObject({ 'GPU use': '42', Temperature: '63' })
    await yard.bench.board.publish(SCOPE, [{ stage: 'clip.probe', input: { clip: 'a' } }])
    const [claim] = await yard.bench.board.claim('gpu', SCOPE, ['clip.probe'], 1)
    home!.changed()
    await eventually(() => [stateOf(ha, 'Attic')['Running tasks'], stateOf(ha, 'gpu').Activity]).toEqual(['1', 'working'])
    await yard.bench.board.fault('gpu', claim!.id, claim!.token, { code: 'clip/unreadable', message: 'no' })
    status = { ...status, volumes: [{ ...STATUS.volumes[0]!, mounted: false, bytes_free: null }, STATUS.volumes[1]!] }
    home!.changed()
    await eventually(() => stateOf(ha, 'Attic')).toMatchObject({ 'Parked tasks': '1', Problem: 'ON', 'Free on media': null })
    gpu.stream.destroy()
    await gpu.endAsync(true)
    yard.pass(15_000)
    await eventually(() => stateOf(ha, 'gpu')).toMatchObject({ Online: 'OFF', Activity: 'away', 'GPU use': 'unavailable', Temperature: 'unavailable' })
  })

  test('its switches and buttons do what they say: pause, resume, drain, retry', async () => {
    for (const id of ['gpu', 'laptop']) await agent(id)
    const ha = await withKey()
    await eventually(() => [stateOf(ha, 'gpu').Online, stateOf(ha, 'laptop').Online]).toEqual(['ON', 'ON'])
    await ha.act('gpu', 'Pause', 'on')
    await eventually(() => [stateOf(ha, 'gpu').Pause, stateOf(ha, 'gpu').Activity, stateOf(ha, 'Attic').Pause]).toEqual(['on', 'resting', 'off'])
    expect(modes()).toEqual({ gpu: 'paused', laptop: 'working' })
    await ha.act('Attic', 'Pause', 'on')
    await eventually(() => [stateOf(ha, 'laptop').Pause, stateOf(ha, 'Attic').Pause]).toEqual(['on', 'on'])
    await ha.act('gpu', 'Pause', 'off')
    await eventually(() => [stateOf(ha, 'gpu').Pause, stateOf(ha, 'Attic').Pause]).toEqual(['off', 'off'])
    await ha.act('laptop', 'Drain')
    await eventually(modes).toEqual({ gpu: 'working', laptop: 'draining' })
    await ha.act('Attic', 'Resume')
    await eventually(modes).toEqual({ gpu: 'working', laptop: 'working' })
    await yard.bench.board.publish(SCOPE, [{ stage: 'clip.probe', input: { clip: 'a' } }])
    const [claim] = await yard.bench.board.claim('gpu', SCOPE, ['clip.probe'], 1)
    await yard.bench.board.fault('gpu', claim!.id, claim!.token, { code: 'clip/unreadable', message: 'no' })
    home!.changed()
    await eventually(() => stateOf(ha, 'Attic')['Parked tasks']).toBe('1')
    await ha.act('Attic', 'Retry parked tasks')
    await eventually(() => {
      home!.changed() // in the appliance the board has it told
      return [stateOf(ha, 'Attic')['Parked tasks'], stateOf(ha, 'Attic')['Waiting tasks']]
    }).toEqual(['0', '1'])
  })

  test('each camera is found, whatever it is called; it is paused, asked and retried; one that is watched no longer is taken out', async () => {
    const word = (more: Partial<CameraStanding>) => ({ standing: { ...STANDING, ...more }, clips: { clips: [], more: 0 } })
    const say = (names: readonly string[], more: Partial<CameraStanding> = {}) => cameras.heard({ plugin: 'camera-viofo', names: [...names], knows: {}, words: names.map((name) => ({ name, ...word(more) })) }, { kind: 'device', id: 'nas', name: 'nas', scope: { ...SCOPE, role: 'device' } })
    const ha = await withKey()
    say(['Blue van +#/'], { counts: { ...STANDING.counts, waiting: 7, failed: 2 }, waiting_bytes: 100 << 20 })
    await eventually(() => stateOf(ha, 'Blue van +#/')).toEqual({
      'In reach': 'ON', Activity: 'fetching', 'Clips to come': '7', 'Failed clips': '2', 'Clips in': '3', 'Data to come': String(6 * (1 << 24)), Speed: '0', Left: null, Problem: 'ON', Pause: 'off',
    })
    await ha.act('Blue van +#/', 'Pause', 'on')
    await eventually(() => [stateOf(ha, 'Blue van +#/').Pause, stateOf(ha, 'Blue van +#/').Activity]).toEqual(['on', 'paused'])
    await ha.act('Blue van +#/', 'Pause', 'off')
    await eventually(() => stateOf(ha, 'Blue van +#/').Pause).toBe('off')
    await ha.act('Blue van +#/', 'Ask now')
    await eventually(() => say(['Blue van +#/']).orders[0]?.order.here).toBe(1)
    say(['Blue van +#/', 'Quad'], { address: null, seen_ms: Date.UTC(2026, 0, 2) })
    await eventually(() => [stateOf(ha, 'Quad').Activity, stateOf(ha, 'Quad').Left]).toEqual(['away', '2026-01-02T00:00:00.000Z'])
    say(['Blue van +#/'])
    await eventually(() => [...ha.discovered.keys()].toSorted()).toEqual([discoveryTopic(SCOPE, { camera: 'Blue van +#/' }), APPLIANCE].toSorted())
  })

  test('a device that is revoked is gone from it, and so are its entities', async () => {
    for (const id of ['gpu', 'laptop']) await agent(id)
    const ha = await withKey()
    await eventually(() => ha.discovered.size).toBe(3)
    await yard.devices.revoke('laptop', yard.ann)
    await eventually(() => [...ha.discovered.keys()].toSorted()).toEqual([discoveryTopic(SCOPE, 'gpu'), APPLIANCE])
    expect(ha.entities().filter((one) => one.device === 'laptop')).toEqual([])
    expect([...(await remembered(yard.mqttUrl, ['viewshed/bridge/home/home/#', 'homeassistant/#'], { username: 'key/eye', password: await yard.access.keys.add('eye', 'operator') })).keys()].filter((topic) => topic.includes('laptop'))).toEqual([])
  })

  test('its birth has all said again; so has every connection to core that was started anew', async () => {
    await agent('gpu')
    const ha = await withKey()
    await eventually(() => ha.discovered.size).toBe(2)
    const heard = new Map<string, number>()
    ha.client.on('message', (topic) => heard.set(topic, (heard.get(topic) ?? 0) + 1))
    await ha.client.publishAsync('homeassistant/status', 'online')
    await eventually(() => [APPLIANCE, discoveryTopic(SCOPE, 'gpu'), stateTopic(SCOPE, 'gpu'), 'viewshed/bridge/home/home/state'].filter((topic) => !heard.has(topic))).toEqual([])
    home!.close()
    await yard.restart()
    attach()
    const again = await homeAssistant(yard.mqttUrl, { username: 'key/late', password: await yard.access.keys.add('late', 'operator') })
    await eventually(() => [...again.discovered.keys()].toSorted()).toEqual([discoveryTopic(SCOPE, 'gpu'), APPLIANCE])
    await eventually(() => stateOf(again, 'gpu').Online).toBe('OFF')
  })
})

describe.skipIf(!MOSQUITTO)('at a Mosquitto (apt-get install mosquitto; elsewhere skipped)', () => {
  test('found there, steered from there; a device that was revoked while core was away is taken out when it comes back', { timeout: 30_000 }, async () => {
    const broker = await mosquitto()
    ends.push(() => broker.remove())
    await broker.start()
    const url = `mqtt://127.0.0.1:${broker.port}`
    const ghosts = [discoveryTopic(SCOPE, 'ghost'), stateTopic(SCOPE, 'ghost'), discoveryTopic({ org: 'home', site: 'garage' }, 'theirs')]
    const before = await mqtt.connectAsync(url)
    for (const topic of ghosts) await before.publishAsync(topic, '{"dev":{"ids":["x"],"name":"x"},"o":{"name":"x"},"cmps":{}}', { qos: 1, retain: true })
    await before.endAsync()
    await open({ port: null, outside: outsideAt(url) })
    await yard.join('gpu')
    const gpu = device('gpu', url)
    ends.push(() => gpu.endAsync(true))
    const ha = await homeAssistant(url, {})
    await eventually(() => stateOf(ha, 'gpu').Online).toBe('ON')
    await eventually(async () => [...(await remembered(url, ['homeassistant/#', 'viewshed/bridge/#'])).keys()].filter((topic) => ghosts.includes(topic))).toEqual([ghosts[2]]) // another site's is not ours to take
    await ha.act('gpu', 'Pause', 'on')
    await eventually(() => [modes(), stateOf(ha, 'gpu').Pause]).toEqual([{ gpu: 'paused' }, 'on'])
  })
})

test('throughput is that of the board, whatever devices did in other hours of the day', () => {
  const rate = (stage: string) => ({ stage, per_hour: 40, took_s: 1 })
  const told = messages(SCOPE, { status: STATUS, per_hour: 12.34, devices: [view('gpu', { rates: [rate('clip.probe'), rate('clip.thumbs')] })], cameras: [] })
  expect(JSON.parse(told.get('viewshed/bridge/home/home/state')!)).toMatchObject({ per_hour: 12.3 })
})

test('whatever there is to tell, each entity has its own id, each template finds its field, and nothing but what is described is asked', () => {
  const name = fc.constantFrom('gpu', 'gpu-1', 'gpu_1', 'a.b', 'GPU')
  const volume = fc.record({ name: fc.stringMatching(/^[a-z][a-z0-9-]{0,31}$/), mounted: fc.boolean(), why: fc.constant(null), beside: fc.constant([]), bytes_free: fc.option(fc.nat()), bytes_total: fc.constant(null) })
  const look = fc.record({
    status: fc.record({ version: fc.string(), box: fc.string(), tasks: fc.record({ pending: fc.nat(), running: fc.nat(), complete: fc.nat(), parked: fc.nat() }), totals: fc.record({ to_ms: fc.option(fc.date({ noInvalidDate: true }).map(Number)) }), flows: fc.record({ running: fc.boolean(), trouble: fc.option(fc.string()), held: fc.nat(), stuck: fc.nat(), faults: fc.nat(), elsewhere: fc.option(fc.webUrl()), last: fc.constant(null) }), volumes: fc.uniqueArray(volume, { selector: (one) => one.name, maxLength: 4 }) }),
    per_hour: fc.nat(), devices: fc.uniqueArray(fc.record({ id: name, online: fc.boolean(), rests: fc.option(fc.string()), capability: fc.constantFrom(null, view('x').capability, { ...view('x').capability!, battery: true, gpus: [{ name: 'g', memory_mib: 1, driver: '1' }] }), conditions: fc.constantFrom(null, CONDITIONS, { ...CONDITIONS, temperature_c: 40 }) }), { selector: (one) => one.id, maxLength: 4 }).map((all) => all.map(({ id, ...change }) => view(id, change))),
    cameras: fc.uniqueArray(fc.record({ id: fc.oneof(fc.constantFrom('gpu', 'Blue van'), fc.string({ minLength: 1, maxLength: 64 })), here: fc.boolean(), watched: fc.boolean(), trouble: fc.option(fc.string()), paused_by: fc.constantFrom(null, 'person' as const, 'settings' as const), seen_ms: fc.option(fc.nat()), waiting: fc.nat() }), { selector: (one) => one.id, maxLength: 4 })
      .map((all) => all.map(({ here, waiting, ...camera }) => ({ ...STANDING, ...camera, device: 'nas', heard_ms: 0, address: here ? 'van' : null, counts: { ...STANDING.counts, waiting } }))),
  })
  fc.assert(fc.property(look, (one) => {
    const told = messages(SCOPE, one)
    const discoveries = [...told].filter(([topic]) => topic.startsWith('homeassistant/')).map(([, text]) => JSON.parse(text) as { state_topic: string; cmps: Record<string, Record<string, string>> })
    const components = discoveries.flatMap(({ state_topic, cmps }) => Object.values(cmps).map((component) => ({ state_topic, ...component }) as Record<string, string>))
    expect(discoveries).toHaveLength(1 + one.devices.length + one.cameras.length)
    expect(new Set(components.map(({ unique_id }) => unique_id)).size).toBe(components.length)
    for (const { state_topic, value_template } of components) {
      const state = JSON.parse(told.get(state_topic!)!) as Record<string, Record<string, unknown>>
      const [, dotted, , quoted] = /value_json\.(\w+)(\['([^']+)'\])?/.exec(value_template ?? 'value_json.none') ?? []
      if (value_template !== undefined) expect(quoted === undefined ? state[dotted!] : state[dotted!]![quoted]).not.toBeUndefined()
    }
  }), { numRuns: 100 })
})
