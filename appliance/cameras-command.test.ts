/** The appliance as it runs, with its agent, beside a camera: what the command line, a key's webhook and a killed agent see of it. */
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { HOME } from '../core/access/scope.ts'
import { client } from '../core/http/client.ts'
import { fakeViofo, type FakeViofo } from '../plugins/camera-viofo/testing/fake.ts'
import { content } from '../plugins/camera/testing/serve.ts'
import plugins from '../plugins/index.ts'
import type { AgentOrder } from './agent.ts'
import { openCore, type Core } from './core.ts'

const CLI = fileURLToPath(new URL('./cli.ts', import.meta.url))
const CLIP = '2026_0302_071112_000001F.MP4'

vi.setConfig({ testTimeout: 180_000 })

let dir: string
let camera: FakeViofo
let core: Core
let agent: ChildProcess
const config = () => ({
  name: 'test', folder: join(dir, 'config'), host: '127.0.0.1', port: 0, mqttPort: 0, mqtt: null, trustProxy: false, tiles: null, volumes: { media: join(dir, 'media') }, inbox: join(dir, 'inbox'),
  plugins: { folder: { inboxes: [] }, 'camera-viofo': { cameras: [{ name: 'Blue van', address: camera.address, route_first: false }] } },
})
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cameras-command-'))
  camera = await fakeViofo([[`/DCIM/Movie/${CLIP}`, { content: content(1, 6_000_000), time: '2026/03/02 07:12:12' }], ['/DCIM/Movie/2026_0302_071212_000002F.MP4', { content: content(2, 90_000), time: '2026/03/02 07:13:12' }]])
  camera.rate_bytes_s = 1e5 // the first takes a minute: it is still coming when somebody skips it
  core = await openCore(config(), plugins, pino({ level: 'silent' }))
  agent = start()
})
afterEach(async () => {
  await end(agent)
  await core.close()
  await camera.off()
  await rm(dir, { recursive: true, force: true, maxRetries: 5 })
})

/** As the appliance starts it. */
function start(): ChildProcess {
  const order: AgentOrder = {
    device: 'nas', ...HOME, core: { socketPath: core.sockets.core, token: core.tokenFor('device', 'nas', 'device') }, mqtt_url: core.mqttUrl,
    scratch: join(dir, 'scratch'), cache: { folder: join(dir, 'cache'), most_bytes: 0 }, mounts: core.volumes.specs, remotes: [], watchers: true,
  }
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', CLI, 'agent', '--order'], { stdio: ['pipe', 'inherit', 'inherit'], env: { ...process.env, VIEWSHED_LOG: 'silent' } })
  child.stdin!.write(JSON.stringify(order) + '\n')
  return child
}
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

const viewshed = (...args: string[]): Promise<{ code: number; said: string }> => new Promise((done) => {
  execFile(process.execPath, ['--disable-warning=ExperimentalWarning', CLI, 'cameras', ...args], { env: { ...process.env, VIEWSHED_CONFIG: join(dir, 'config'), VIEWSHED_MEDIA: join(dir, 'media') } }, (error, stdout, stderr) =>
    done({ code: error === null ? 0 : Number(error.code), said: stdout + stderr }))
})
const within = async (check: () => unknown) => vi.waitFor(check, { timeout: 60_000, interval: 100 })
const key = async (role: 'viewer' | 'operator') => client({ baseUrl: core.url, headers: { authorization: `Bearer ${await core.access.keys.add(role, role)}` } })

test('a camera is listed, paused for good, resumed, and its clips are skipped and asked for again', async () => {
  await within(async () => expect((await viewshed()).said).toMatch(/^Blue van {2}VIOFO {2}fetches 2026_0302_071212_000002F.MP4|^Blue van {2}VIOFO {2}fetches 2026_0302_071112_000001F.MP4, \d+ %/))
  expect((await viewshed('Blue van')).said).toContain(CLIP)
  expect(await viewshed('pause', 'Blue van')).toEqual({ code: 0, said: 'Blue van is paused: it is left alone until you resume it.\n' })
  await within(async () => expect((await viewshed()).said).toContain('paused'))
  await within(() => expect(camera.served.length > 0 && camera.most_open).toBe(1))
  // Both processes are started again.
  await end(agent)
  await core.close()
  core = await openCore(config(), plugins, pino({ level: 'silent' }))
  const asked = camera.requests.length
  agent = start()
  await within(async () => expect(JSON.parse((await viewshed('--json')).said)).toMatchObject({ cameras: [{ id: 'Blue van', watched: true, paused_by: 'person', listed: { clips: 2 } }] }))
  expect(camera.requests.length).toBe(asked)

  expect(await viewshed('skip', 'Blue van', CLIP)).toEqual({ code: 0, said: '1 stay on the camera.\n' })
  expect((await viewshed('resume', 'Blue van')).code).toBe(0)
  await within(async () => expect(JSON.parse((await viewshed('--json')).said)).toMatchObject({ cameras: [{ counts: { skipped: 1 } }] }))
  expect((await viewshed('Blue van')).said).toMatch(new RegExp(`${CLIP} .*skipped +skipped by hand`))
  camera.rate_bytes_s = Infinity
  expect(await viewshed('retry', 'Blue van', CLIP)).toEqual({ code: 0, said: '1 are tried now.\n' })
  camera.recording = false
  await within(async () => expect(JSON.parse((await viewshed('--json')).said)).toMatchObject({ cameras: [{ counts: { in: 2, skipped: 0 } }] }))

  expect((await viewshed('pause', 'Bus')).said).toContain('There is no camera Bus. There are: Blue van.')
  for (const wrong of [['pause'], ['skip', 'Blue van'], ['list', 'x'], ['--colour']]) expect((await viewshed(...wrong)).said).toContain('viewshed cameras [list')
})

test('a webhook with a key says that a camera has come; a key that only looks may not', async () => {
  await within(() => expect(camera.requests.length).toBeGreaterThan(0))
  await camera.off()
  const [operator, viewer] = [await key('operator'), await key('viewer')]
  await within(async () => expect((await viewer.cameras()).cameras).toMatchObject([{ address: null, watched: true }]))
  await new Promise((next) => setTimeout(next, 8_000)) // it is asked every few seconds only
  await camera.on()
  const before = camera.requests.length
  const from_ms = performance.now()
  await operator.cameraHere({ id: 'Blue van' })
  await within(() => expect(camera.requests.length).toBeGreaterThan(before))
  expect(performance.now() - from_ms).toBeLessThan(3_000)
  await expect(viewer.cameraHere({ id: 'Blue van' })).rejects.toMatchObject({ code: 'access/denied' })
})
