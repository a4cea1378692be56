import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Principal } from '../access/scope.ts'
import { NO_ORDER, type CameraClip, type CameraStanding } from '../contract/camera.ts'
import { Fault } from '../contract/fault.ts'
import type { Ask } from '../http/api.ts'
import { openCatalogue, type OpenCatalogue } from '../store/catalogue.ts'
import { asset, media, sha } from '../store/index/testing/sample.ts'
import { openLog, type Log } from '../store/log.ts'
import { openEvents, type Events } from '../tasks/events.ts'
import { openOutcomes } from '../tasks/outcomes.ts'
import { openCameras, ORDERS, type Cameras } from './cameras.ts'

const HOME = { org: 'home', site: 'home' }
const ann: Principal = { kind: 'person', id: 'ann', name: 'Ann', scope: { ...HOME, role: 'operator' } }
const nas: Principal = { kind: 'device', id: 'nas', name: 'nas', scope: { ...HOME, role: 'device' } }
const NOW = Date.UTC(2026, 2, 2, 8)

const clip = (id: string, over: Partial<CameraClip> = {}): CameraClip => ({ id, name: id, time: null, channel: 'front', event: 'normal', bytes: 10, state: 'waiting', why: null, again_ms: null, ...over })
const standing = (over: Partial<CameraStanding> = {}): CameraStanding => ({
  maker: 'VIOFO', addresses: ['van.lan'], address: 'van.lan', seen_ms: NOW, paused: false, trouble: null, listed: { at_ms: NOW, clips: 2 },
  counts: { fetching: 0, waiting: 2, failed: 0, recording: 0, skipped: 0, in: 0 }, waiting_bytes: 20, fetching: [], deletes: false, rules: [], ...over,
})
const says = (words: Ask<'sayCameras'>['words'] = [{ name: 'Van', standing: standing(), clips: { clips: [clip('a'), clip('b')], more: 0 } }], over: Partial<Ask<'sayCameras'>> = {}): Ask<'sayCameras'> => ({ plugin: 'camera-viofo', names: ['Van'], words, knows: {}, ...over })
const faultOf = (act: () => unknown) => {
  try {
    act()
  } catch (e) {
    return e instanceof Fault ? `${e.code}: ${e.message}` : e
  }
}

let dir: string
let log: Log
let events: Events
let catalogue: OpenCatalogue
let cameras: Cameras
let now_ms: number
let announced: string[]
let audit: () => Promise<unknown[]>
async function open() {
  log = await openLog(join(dir, 'log'))
  const outcomes = await openOutcomes({ log, clock: () => now_ms })
  events = openEvents({ log, outcomes, clock: () => now_ms })
  catalogue = await openCatalogue({ dir: join(dir, 'catalogue'), groupings: [], clock: () => now_ms })
  audit = async () => (await events.list({ ...HOME, role: 'admin' }, { limit: 100 })).map(({ type, payload }) => [type, payload])
  cameras = await openCameras({ log, sequence: outcomes.sequence, clock: () => now_ms, announce: (_, kinds) => void announced.push(...kinds), warn: (e) => { throw e }, found: events.find, archived: async () => ({ why: 'nothing is archived here' }), edit: catalogue.edit })
}
async function close() {
  await cameras.close()
  await catalogue.close()
  await log.close()
}
async function restart() {
  await close()
  await open()
}
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cameras-'))
  now_ms = NOW
  announced = []
  await open()
})
afterEach(async () => {
  await close()
  await rm(dir, { recursive: true })
})

describe('what a watcher says', () => {
  test('is what people see; nothing of it when another site asks', () => {
    cameras.heard(says(), nas)
    const view = cameras.view(ann.scope, 'Van')
    expect(view).toMatchObject({ id: 'Van', device: 'nas', watched: true, paused_by: null, address: 'van.lan', counts: { waiting: 2 }, clips: [{ id: 'a' }, { id: 'b' }], more: 0 })
    expect(cameras.views(ann.scope).map(({ id }) => id)).toEqual(['Van'])
    const other = { ...ann.scope, site: 'garage' }
    expect(cameras.views(other)).toEqual([])
    expect(faultOf(() => cameras.view(other, 'Van'))).toMatch(/^not-found/)
  })

  test('stays over a restart of the appliance: a car that is away keeps its list, also when its watcher begins anew', async () => {
    cameras.heard(says(), nas)
    await restart()
    expect(cameras.view(ann.scope, 'Van')).toMatchObject({ watched: false, heard_ms: null, address: null, seen_ms: NOW, listed: { clips: 2 }, clips: [{ id: 'a' }, { id: 'b' }] })
    now_ms += 3_600_000
    cameras.heard(says([{ name: 'Van', standing: standing({ address: null, seen_ms: null, listed: null, counts: { fetching: 0, waiting: 0, failed: 0, recording: 0, skipped: 0, in: 0 }, waiting_bytes: 0 }), clips: { clips: [], more: 0 } }]), nas)
    expect(cameras.view(ann.scope, 'Van')).toMatchObject({ watched: true, address: null, seen_ms: NOW, listed: { clips: 2 }, counts: { waiting: 2 }, waiting_bytes: 20, clips: [{ id: 'a' }, { id: 'b' }] })
  })

  test('that falls silent says nothing of now', () => {
    cameras.heard(says(), nas)
    now_ms += 31_000
    expect(cameras.view(ann.scope, 'Van')).toMatchObject({ watched: false, address: null, fetching: [], heard_ms: NOW })
    cameras.heard(says([]), nas)
    expect(cameras.view(ann.scope, 'Van')).toMatchObject({ watched: true, address: 'van.lan' })
  })

  test('of a camera that is no longer in its settings is forgotten, for good', async () => {
    cameras.heard(says(), nas)
    cameras.heard(says([], { names: [] }), nas)
    expect(cameras.views(ann.scope)).toEqual([])
    await restart()
    expect(cameras.views(ann.scope)).toEqual([])
  })

  test('of a name that another one watches is refused, until that one is silent', () => {
    cameras.heard(says(), nas)
    expect(faultOf(() => cameras.heard(says(undefined, { plugin: 'camera-blackvue' }), nas))).toMatch(/^config\/invalid: a camera called Van is watched already/)
    expect(faultOf(() => cameras.heard(says(), { ...nas, id: 'shed' }))).toMatch(/^config\/invalid/)
    now_ms += 31_000
    cameras.heard(says(), { ...nas, id: 'shed' })
    expect(cameras.view(ann.scope, 'Van').device).toBe('shed')
  })
})

describe('what people decide', () => {
  const orderOf = (knows: Record<string, string> = {}) => cameras.heard(says([], { knows }), nas).orders

  test('is told to the watcher once, noted with a name, and stays over a restart', async () => {
    cameras.heard(says(), nas)
    const [first] = orderOf()
    expect(first).toMatchObject({ name: 'Van', order: NO_ORDER })
    expect(orderOf({ Van: first!.version })).toEqual([])
    announced.length = 0
    await cameras.steer({ id: 'Van', mode: 'paused' }, ann)
    await cameras.skip({ id: 'Van', clips: ['a'] }, ann)
    await cameras.retry({ id: 'Van', clips: ['b'] }, ann)
    expect(new Set(announced)).toEqual(new Set(['cameras', ORDERS]))
    await restart()
    expect(orderOf({ Van: first!.version })).toMatchObject([{ name: 'Van', order: { paused: true, skip: ['a'], again: { b: NOW } } }])
    expect(cameras.view(ann.scope, 'Van').paused_by).toBe('person')
    expect(await audit()).toEqual([
      ['camera.steered', { camera: 'Van', by: 'Ann', mode: 'paused' }], ['camera.skipped', { camera: 'Van', by: 'Ann', clips: ['a'] }], ['camera.retried', { camera: 'Van', by: 'Ann', clips: ['b'] }],
    ])
  })

  test('shows before the watcher has followed it', async () => {
    cameras.heard(says([{ name: 'Van', standing: standing(), clips: { clips: [clip('a'), clip('b', { state: 'skipped', why: 'parked at home' }), clip('c', { state: 'in' })], more: 0 } }]), nas)
    await cameras.skip({ id: 'Van', clips: ['a', 'c'] }, ann)
    await cameras.retry({ id: 'Van', clips: ['b'] }, ann)
    expect(cameras.view(ann.scope, 'Van').clips.map(({ id, state, why }) => [id, state, why])).toEqual([['a', 'skipped', 'skipped by hand'], ['b', 'waiting', null], ['c', 'in', null]])
  })

  test('retry without names is for all that failed', async () => {
    cameras.heard(says([{ name: 'Van', standing: standing(), clips: { clips: [clip('a', { state: 'failed', why: 'no' }), clip('b'), clip('c', { state: 'failed', why: 'no' })], more: 0 } }]), nas)
    expect(await cameras.retry({ id: 'Van' }, ann)).toBe(2)
    expect(orderOf()[0]!.order.again).toEqual({ a: NOW, c: NOW })
  })

  test('may call a clip by its name; one that nobody has heard of is refused', async () => {
    const two = ['2026_0302_071112_000001F.MP4|2026-03-02T07:11', '2026_0302_071112_000001F.MP4|2015-01-01T00:01']
    cameras.heard(says([{ name: 'Van', standing: standing(), clips: { clips: two.map((id) => clip(id, { name: '2026_0302_071112_000001F.MP4' })), more: 5 } }]), nas)
    expect(await cameras.skip({ id: 'Van', clips: ['2026_0302_071112_000001F.MP4', 'beyond.MP4|2026-03-02T07:12'] }, ann)).toBe(3)
    expect(orderOf()[0]!.order.skip).toEqual([...two, 'beyond.MP4|2026-03-02T07:12'])
    await expect(cameras.retry({ id: 'Van', clips: ['nothing.MP4'] }, ann)).rejects.toMatchObject({ code: 'not-found' })
  })

  test('that it has come is a new order each time, and nothing that stays', async () => {
    cameras.heard(says(), nas)
    const versions = [orderOf()[0]!.version]
    for (const _ of [1, 2]) {
      cameras.here('Van', ann)
      versions.push(orderOf()[0]!.version)
    }
    expect(new Set(versions).size).toBe(3)
    expect(announced).toContain(ORDERS)
    await restart()
    expect(orderOf()[0]!.version).toBe(versions[0])
  })

  test('of a camera that is not there is refused', async () => {
    await expect(async () => cameras.steer({ id: 'Bus', mode: 'paused' }, ann)).rejects.toMatchObject({ code: 'not-found' })
    await expect(async () => cameras.skip({ id: 'Bus', clips: ['a'] }, ann)).rejects.toMatchObject({ code: 'not-found' })
    expect(faultOf(() => cameras.here('Bus', ann))).toMatch(/^not-found/)
    expect(await audit()).toEqual([])
  })
})

test('a clip that is locked in its camera after it came in is locked in the library, as soon as that knows it', async () => {
  const [A, B] = [sha('a'), sha('b')]
  const of = (sha256: string, event: string) => ({ media: { ...media('raw/Van/clip.mp4'), sha256 }, camera: 'Van', event })
  const lock = (key: string) => cameras.lock({ type: 'camera-viofo.arrived', key }, nas)
  const known = async (sha256: string) => (await catalogue.reader(ann.scope).get<{ event: string }>(`asset:${sha256}`))!.event
  await events.emit(HOME, 'camera-viofo.arrived', 'Van|one', of(A, 'normal'))
  await events.emit(HOME, 'camera-viofo.arrived', 'Van|two', of(B, 'locked'))
  expect([await lock('Van|one'), await lock('Van|two'), await lock('Van|never came')]).toEqual(['later', 'before', 'later'])
  await catalogue.apply([{ seq: '1', ...HOME, docs: [asset(A), asset(B)] }])
  expect([await lock('Van|one'), await lock('Van|two')]).toEqual(['now', 'before'])
  expect([await known(A), await known(B)]).toEqual(['locked', 'normal']) // what came locked is left to whoever read it
})
