/** Cameras as people see and steer them: the watcher, the agent's line to core, and core, beside cameras that are fake. */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { HOME, type Principal } from '../core/access/scope.ts'
import { openCameras, ORDERS } from '../core/cameras/cameras.ts'
import type { ClipState } from '../core/contract/camera.ts'
import { openLog } from '../core/store/log.ts'
import { RECEIVING } from '../core/store/volumes.ts'
import { openOutcomes } from '../core/tasks/outcomes.ts'
import { fakeViofo, type CardFile, type FakeViofo } from '../plugins/camera-viofo/testing/fake.ts'
import { content } from '../plugins/camera/testing/serve.ts'
import { openCameraLink } from './camera-link.ts'
import { beginLife } from './test/camera-life.ts'

vi.setConfig({ testTimeout: 60_000 })

const ann: Principal = { kind: 'person', id: 'ann', name: 'Ann', scope: { ...HOME, role: 'operator' } }
const nas: Principal = { kind: 'device', id: 'nas', name: 'nas', scope: { ...HOME, role: 'device' } }
const file = (seed: number, bytes = 100_000, over: Partial<CardFile> = {}): CardFile => ({ content: content(seed, bytes), time: '2026/03/02 07:43:12', ...over })
const name = (n: number, kind = 'F') => `2026_0302_07${String(10 + n).padStart(2, '0')}12_00000${n}${kind}.MP4`
const movie = (n: number) => `/DCIM/Movie/${name(n)}`
const within = async (check: () => unknown) => vi.waitFor(check, { timeout: 20_000, interval: 30 })

async function scene(whenDone: (end: () => Promise<void>) => void, files: readonly (readonly [string, CardFile])[], settings: Record<string, unknown> = {}) {
  const dir = await mkdtemp(join(tmpdir(), 'camera-steer-'))
  const camera: FakeViofo = await fakeViofo(files)
  let wake: () => void = () => undefined
  const open = async () => {
    const log = await openLog(join(dir, 'core'))
    const { sequence } = await openOutcomes({ log, clock: Date.now })
    const cameras = await openCameras({ log, sequence, clock: Date.now, announce: (_, kinds) => { if (kinds.includes(ORDERS)) wake() }, warn: (e) => { throw e }, found: async () => null, archived: async () => ({ why: 'nothing is archived here' }), edit: async () => undefined })
    return { cameras, close: async () => { await cameras.close(); await log.close() } }
  }
  let core = await open()
  const stop = new AbortController()
  const link = openCameraLink(async (ask) => core.cameras.heard(ask, nas))
  wake = link.wake
  const running = link.run(stop.signal).catch((e: unknown) => { if (!stop.signal.aborted) throw e })
  const life = await beginLife({ dir, plugin: 'camera-viofo', cameras: [{ name: 'Van', address: camera.address, route_first: false, order: 'oldest', ...settings }] }, undefined, (names) => link.desks('camera-viofo', names))
  whenDone(async () => {
    await life.end()
    stop.abort()
    await running
    await core.close()
    await camera.off()
    await rm(dir, { recursive: true, force: true, maxRetries: 3 })
  })
  const view = () => core.cameras.view(ann.scope, 'Van')
  return {
    camera, life, dir, view,
    get core() { return core.cameras },
    states: (): Record<string, ClipState> => Object.fromEntries(view().clips.map((clip) => [clip.name, clip.state])),
    arrived: async () => (await life.all()).map((one) => one.name),
    async restart() {
      await core.close()
      core = await open()
    },
  }
}

describe('a camera', () => {
  test.concurrent('is seen as it is: away, listed, fetching with how far, done', async ({ onTestFinished }) => {
    const at = await scene(onTestFinished, [[movie(1), file(1, 3_000_000)], [movie(2), file(2)]])
    at.camera.rate_bytes_s = 1.5e6
    await within(() => expect(at.view().fetching).toMatchObject([{ name: name(1), bytes: 3_000_000 }]))
    await within(() => expect(at.view().fetching).toMatchObject([{ bytes_s: expect.any(Number) as unknown }]))
    expect(at.view().fetching[0]!.done_bytes).toBeGreaterThan(500_000)
    expect(at.view().fetching[0]!.bytes_s).toBeGreaterThan(500_000)
    expect(at.view()).toMatchObject({ maker: 'VIOFO', address: at.camera.address, watched: true, paused_by: null, trouble: null, listed: { clips: 2 }, counts: { fetching: 1, recording: 1 } }) // the last one may still be written
    await within(() => expect(at.states()).toEqual({ [name(1)]: 'in', [name(2)]: 'in' }))
    await at.camera.off()
    await within(() => expect(at.view()).toMatchObject({ address: null, listed: { clips: 2 } }))
    expect(Math.abs(at.view().seen_ms! - Date.now())).toBeLessThan(60_000)
  })

  test.concurrent('that is paused is let go of in the middle of a clip, also over a restart of core; resumed it goes on from there', async ({ onTestFinished }) => {
    const at = await scene(onTestFinished, [[movie(1), file(1, 4_000_000)]])
    at.camera.rate_bytes_s = 2e6
    await within(() => expect(at.camera.served[0]?.sent).toBeGreaterThan(1_000_000))
    await at.core.steer({ id: 'Van', mode: 'paused' }, ann)
    await within(() => expect(at.view()).toMatchObject({ paused_by: 'person', address: null, fetching: [] }))
    const [asked, sent] = [at.camera.requests.length, at.camera.served[0]!.sent]
    expect(sent).toBeLessThan(4_000_000)
    await at.restart()
    await new Promise((next) => setTimeout(next, 2_000))
    expect(at.camera.requests.length).toBe(asked)
    await at.core.steer({ id: 'Van', mode: 'working' }, ann)
    await within(async () => expect(await at.arrived()).toEqual([name(1)]))
    expect(at.camera.served.reduce((sum, one) => sum + one.sent, 0) - 4_000_000).toBeLessThan(1 << 20)
  })

  test.concurrent('in whose place something else answers is not believed, and it is said what', async ({ onTestFinished }) => {
    const at = await scene(onTestFinished, [[movie(1), file(1)]])
    await within(() => expect(at.view().address).not.toBeNull())
    await at.camera.off()
    const router = createServer((_, answer) => void answer.end('<html>router</html>')).listen(Number(at.camera.address.split(':')[1]), '127.0.0.1')
    onTestFinished(() => void router.close())
    await within(() => expect(at.view()).toMatchObject({ address: null, trouble: `what answers at ${at.camera.address} is no VIOFO` }))
  })

  test.concurrent('that is said to have come is asked at once', async ({ onTestFinished }) => {
    const at = await scene(onTestFinished, [[movie(1), file(1)], [movie(2), file(2)]])
    await at.camera.off()
    await new Promise((next) => setTimeout(next, 12_000)) // by now it is asked every few seconds only
    await at.camera.on()
    const from_ms = performance.now()
    const before = at.camera.requests.length
    at.core.here('Van', ann)
    await within(() => expect(at.camera.requests.length).toBeGreaterThan(before))
    expect(performance.now() - from_ms).toBeLessThan(2_000)
  })
})

describe('a clip', () => {
  test.concurrent('that is skipped while it comes makes way at once, and comes whole when it is wanted again', async ({ onTestFinished }) => {
    const at = await scene(onTestFinished, [[movie(1), file(1, 6_000_000)], [movie(2), file(2)], [movie(3), file(3)]])
    at.camera.rate_bytes_s = 1e6
    await within(() => expect(at.view().fetching).toMatchObject([{ name: name(1) }]))
    await within(() => expect(at.camera.served[0]?.sent).toBeGreaterThan(300_000))
    await at.core.skip({ id: 'Van', clips: [name(1)] }, ann)
    await within(async () => expect((await at.arrived()).sort()).toEqual([name(2), name(3)]))
    expect(at.view().clips.find((clip) => clip.name === name(1))).toMatchObject({ state: 'skipped', why: 'skipped by hand' })
    await within(async () => expect(await readdir(join(at.dir, 'media', RECEIVING))).toEqual([])) // what had come of it is gone
    at.camera.rate_bytes_s = Infinity
    await at.core.retry({ id: 'Van', clips: [name(1)] }, ann)
    await within(async () => expect(await at.arrived()).toContain(name(1)))
    await within(() => expect(Object.values(at.states())).toEqual(['in', 'in', 'in']))
  })

  test.concurrent('that was left on the card comes once somebody has locked it there', async ({ onTestFinished }) => {
    const at = await scene(onTestFinished, [[movie(1), file(1)], [movie(2), file(2)]], { skip: ['normal'] })
    await within(() => expect(at.states()).toEqual({ [name(1)]: 'skipped', [name(2)]: 'skipped' }))
    at.camera.files.set(movie(1), file(1, 100_000, { attr: 33 }))
    await at.core.steer({ id: 'Van', mode: 'paused' }, ann)
    await within(() => expect(at.view()).toMatchObject({ paused_by: 'person', address: null }))
    await at.core.steer({ id: 'Van', mode: 'working' }, ann) // it is listed again
    await within(async () => expect(await at.arrived()).toEqual([name(1)]))
    await within(() => expect(at.states()).toEqual({ [name(1)]: 'in', [name(2)]: 'skipped' }))
    expect((await at.life.all<{ name: string; event: string }>('passed')).map(({ name: of, event }) => [of, event]).sort()).toEqual([[name(1), 'normal'], [name(2), 'normal']])
  })

  test.concurrent('that fails says why and when it is tried again; asked for, it is tried at once', async ({ onTestFinished }) => {
    const at = await scene(onTestFinished, [[movie(1), file(1)], [movie(2), file(2)], [movie(3), file(3)]])
    at.camera.trouble = ({ path }) => (path === movie(1) ? { kind: 'status', status: 500 } : null)
    const failed = () => at.view().clips.find((clip) => clip.name === name(1))!
    // Until its rests are long.
    await within(() => expect(failed()).toMatchObject({ state: 'failed', why: expect.stringContaining('answered with 500') as unknown }))
    await within(() => expect(failed().again_ms! - Date.now()).toBeGreaterThan(6_000))
    at.camera.trouble = null
    const from_ms = performance.now()
    expect(await at.core.retry({ id: 'Van' }, ann)).toBe(1)
    await within(async () => expect(await at.arrived()).toContain(name(1)))
    expect(performance.now() - from_ms).toBeLessThan(4_000)
  })

  test.concurrent('that the settings leave on the camera is fetched when a person wants it', async ({ onTestFinished }) => {
    const parked = `/DCIM/Movie/Parking/${name(4, 'PF')}`
    const at = await scene(onTestFinished, [[parked, file(4)], [movie(5), file(5)], [movie(6), file(6)]], { skip: ['parking'] })
    await within(async () => expect((await at.arrived()).length).toBe(2))
    await within(() => expect(at.view().clips.find((clip) => clip.event === 'parking')).toMatchObject({ state: 'skipped', why: 'parking recordings are skipped' }))
    await at.core.retry({ id: 'Van', clips: [name(4, 'PF')] }, ann)
    await within(async () => expect(await at.arrived()).toContain(name(4, 'PF')))
    expect(at.view().rules).toContain('Parking recordings stay on the camera.')
  })
})
