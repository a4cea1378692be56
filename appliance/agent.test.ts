import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import sharp from 'sharp'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { HOME, type Scope } from '../core/access/scope.ts'
import type { MediaRef } from '../core/contract/media.ts'
import { hashFile } from '../core/store/durable.ts'
import plugins from '../plugins/index.ts'
import type { AgentOrder } from './agent.ts'
import type { Config } from './config.ts'
import { openCore, type Core } from './core.ts'
import { KEPT } from './scratch.ts'

const CLI = fileURLToPath(new URL('./cli.ts', import.meta.url))
const SCOPE: Scope = { ...HOME, role: 'admin' }

vi.setConfig({ testTimeout: 120_000 }) // each starts a machine, which first finds out what it can do

let dir: string
let core: Core
const agents: ChildProcess[] = []
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'agent-'))
  core = await openCore(config(), plugins, pino({ level: 'silent' }))
})
const config = (): Config => ({
  name: 'test', folder: join(dir, 'config'), host: '127.0.0.1', port: 0, mqttPort: 0, mqtt: null, trustProxy: false, tiles: null, volumes: { media: join(dir, 'media') }, inbox: join(dir, 'inbox'),
  plugins: { folder: { inboxes: [] }, command: { scripts: join(dir, 'scripts') } },
})
afterEach(async () => {
  for (const agent of agents.splice(0)) if (agent.exitCode === null && agent.signalCode === null) {
    const ended = once(agent, 'exit')
    agent.kill('SIGKILL')
    await ended
  }
  await core.close()
  await rm(dir, { recursive: true, force: true, maxRetries: 5 })
})

/** @param mounted whether it has the volumes as folders; otherwise everything comes and goes over HTTP */
function start(device: string, mounted: boolean, watchers = false): ChildProcess {
  const order: AgentOrder = {
    device, ...HOME, core: { baseUrl: core.url, token: core.tokenFor('device', device, 'device') }, mqtt_url: `mqtt://127.0.0.1:${core.mqttPort}`,
    scratch: join(dir, `scratch-${device}`), cache: { folder: join(dir, `cache-${device}`), most_bytes: 1e9 }, mounts: mounted ? core.volumes.specs : [], remotes: [], watchers,
  }
  const agent = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', CLI, 'agent', '--order'], { stdio: ['pipe', 'inherit', 'inherit'], env: { ...process.env, VIEWSHED_LOG: 'silent' } })
  agent.stdin!.write(JSON.stringify(order) + '\n')
  agents.push(agent)
  return agent
}

async function photo(name: string, hue: number): Promise<MediaRef> {
  const local = join(dir, name)
  await sharp({ create: { width: 800, height: 600, channels: 3, background: { r: hue, g: 80, b: 90 } } }).jpeg().toFile(local)
  return core.volumes.put('media', `raw/test/${name}`, local)
}

const publish = (media: MediaRef) => core.board.publish(SCOPE, [{ stage: 'clip.thumbs', input: { media, sha256: media.sha256, media_kind: 'image' } }])
const done = (id: string) => vi.waitFor(async () => {
  const task = await core.board.task(SCOPE, id)
  expect(task?.state).toBe('complete')
  return task!
}, { timeout: 80_000, interval: 50 })

describe.each([['with the volume mounted', true], ['over HTTP alone', false]] as const)('a device %s', (_, mounted) => {
  test('does the work, and its files lie where they belong', async () => {
    const media = await photo('a.jpg', 200)
    start('gpu-pc', mounted)
    const [task] = await publish(media)
    const { output, device } = await done(task!.id)
    expect(device).toBe('gpu-pc')
    const thumbs = (output as { thumbs: { width_px: number; media: MediaRef }[] }).thumbs
    expect(thumbs.map((thumb) => thumb.width_px)).toEqual([150, 600])
    await vi.waitFor(() => expect(core.board.unplaced()).toBe(0))
    for (const thumb of thumbs) expect(await hashFile(await core.volumes.resolve('media', thumb.media.path))).toBe(thumb.media.sha256)
    expect((await readdir(join(dir, 'media/.viewshed/staging'), { recursive: true })).filter((name) => name !== 'put')).toEqual([])
    await vi.waitFor(async () => expect((await readdir(join(dir, 'scratch-gpu-pc'), { recursive: true })).filter((name) => name !== 'lock' && !/^stage-\d+$/.test(name))).toEqual([KEPT]))
  })
})

test('a device that is killed loses its tasks to the next one; nothing is parked for it', async () => {
  const first = start('shed', true)
  const media = await Promise.all([1, 2, 3, 4, 5, 6].map((n) => photo(`${n}.jpg`, n * 40)))
  const tasks = (await Promise.all(media.map(publish))).flat()
  await vi.waitFor(async () => expect(core.board.running(SCOPE).length).toBeGreaterThan(0), { timeout: 20_000, interval: 10 })
  first.kill('SIGKILL')
  start('gpu-pc', true)
  await core.board.gone('shed') // its leases still run; whoever knows that it is gone need not wait for them
  for (const task of tasks) expect((await done(task.id)).faults).toEqual([])
})

test('what core had given up for lost goes on where it was, once, when its device is heard again', async () => {
  await mkdir(join(dir, 'scripts'))
  await writeFile(join(dir, 'scripts', 'long.sh'), `#!/bin/sh\necho begun >> ${join(dir, 'log')}\nsleep 6\necho ended >> ${join(dir, 'log')}\n`, { mode: 0o755 })
  const log = () => readFile(join(dir, 'log'), 'utf8').catch(() => '')
  start('gpu-pc', true)
  const [task] = await core.board.publish(SCOPE, [{ stage: 'command.run', input: {}, options: { script: 'long.sh' }, waiter: { node: 'n', root: 'r', message: {} } }])
  await vi.waitFor(async () => expect(await log()).toBe('begun\n'), { timeout: 40_000, interval: 50 })
  await core.board.gone('gpu-pc') // its link was cut for a while; it is the only one, so it is offered the same work again
  expect(await done(task!.id)).toMatchObject({ interruptions: 1, attempts: 0, faults: [] })
  expect(await log()).toBe('begun\nended\n')
})

test('a folder that cannot be read has the watchers of the others begin again, and not a second time beside themselves', async () => {
  await core.close()
  for (const name of ['good', 'odd']) await mkdir(join(dir, name))
  await rm(join(dir, 'odd'), { recursive: true })
  await symlink(join(dir, 'odd'), join(dir, 'odd')) // round in a circle
  core = await openCore({ ...config(), plugins: { folder: { inboxes: [{ path: join(dir, 'good') }, { path: join(dir, 'odd') }] } } }, plugins, pino({ level: 'silent' }))
  start('nas', true, true)
  await new Promise((resolve) => setTimeout(resolve, 12_000)) // it begins again after 1, 2 and 4 s
  await sharp({ create: { width: 80, height: 60, channels: 3, background: '#345' } }).jpeg().toFile(join(dir, 'good', 'a.jpg'))
  const puts = () => readdir(join(dir, 'media/raw'), { recursive: true }).then((names) => names.filter((name) => name.endsWith('.jpg')), () => [])
  await vi.waitFor(async () => expect(await puts()).toHaveLength(1), { timeout: 40_000 })
  await new Promise((resolve) => setTimeout(resolve, 3_000))
  const answer = await fetch(`${core.url}/api/events?type=folder.arrived`, { headers: { authorization: `Bearer ${core.tokenFor('person', 'ann', 'admin')}` } })
  const { events } = (await answer.json()) as { events: unknown[] }
  expect([await puts(), events.length]).toEqual([[expect.stringContaining('.jpg')], 1])
})

test('an agent whose parent is gone ends', async () => {
  const agent = start('nas', true)
  await vi.waitFor(async () => expect((await readdir(join(dir, 'scratch-nas')).catch(() => [])).length).toBeGreaterThan(0), { timeout: 15_000 })
  const ended = once(agent, 'exit')
  agent.stdin!.end()
  expect((await ended)[0]).toBe(0)
})
