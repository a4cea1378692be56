/** A card's folder sent by a browser, as the appliance takes it in with its agent: by the folders of its camera, both lenses of a moment. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { HOME } from '../core/access/scope.ts'
import { client } from '../core/http/client.ts'
import { content } from '../plugins/camera/testing/serve.ts'
import plugins from '../plugins/index.ts'
import type { AgentOrder } from './agent.ts'
import { openCore, type Core } from './core.ts'

const CLI = fileURLToPath(new URL('./cli.ts', import.meta.url))

let dir: string
let core: Core
let agent: ChildProcess
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'inbox-'))
  await mkdir(join(dir, 'inbox'))
  core = await openCore({
    name: 'test', folder: join(dir, 'config'), host: '127.0.0.1', port: 0, mqttPort: 0, mqtt: null, trustProxy: false, tiles: null, volumes: { media: join(dir, 'media') }, inbox: join(dir, 'inbox'),
    plugins: { folder: { inboxes: [{ path: join(dir, 'inbox') }], stable_s: 0.2 } },
  }, plugins, pino({ level: 'silent' }))
  const order: AgentOrder = {
    device: 'nas', ...HOME, core: { socketPath: core.sockets.core, token: core.tokenFor('device', 'nas', 'device') }, mqtt_url: core.mqttUrl,
    scratch: join(dir, 'scratch'), cache: { folder: join(dir, 'cache'), most_bytes: 0 }, mounts: core.volumes.specs, remotes: [], watchers: true,
  }
  agent = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', CLI, 'agent', '--order'], { stdio: ['pipe', 'inherit', 'inherit'], env: { ...process.env, VIEWSHED_LOG: 'silent' } })
  agent.stdin!.write(JSON.stringify(order) + '\n')
})
afterEach(async () => {
  const ended = once(agent, 'exit')
  if (agent.kill('SIGKILL')) await ended
  await core.close()
  await rm(dir, { recursive: true, force: true, maxRetries: 5 })
})

test('what a browser sends comes in as from any card', { timeout: 120_000 }, async () => {
  const key = await core.access.keys.add('page', 'operator')
  const card = { 'Van card/DCIM/Movie/20260302071112_000001F.MP4': 1, 'Van card/DCIM/Movie/20260302071112_000001R.MP4': 2, 'Van card/DCIM/Movie/RO/20260302071212_000002F.MP4': 3 }
  for (const [path, seed] of Object.entries(card)) {
    const bytes = content(seed, 60_000).read(0, 60_000)
    const answer = await fetch(`${core.url}/api/inbox/${path.split('/').map(encodeURIComponent).join('/')}?length=${bytes.length}&modified=${Date.UTC(2026, 2, 2)}`, {
      method: 'PATCH', headers: { authorization: `Bearer ${key}`, 'upload-offset': '0', 'upload-length': String(bytes.length) }, body: new Uint8Array(bytes),
    })
    expect(answer.status).toBe(200)
  }
  const api = client({ baseUrl: core.url, headers: { authorization: `Bearer ${key}` } })
  await vi.waitFor(async () => {
    const { events } = await api.events({ type: 'folder.arrived' })
    expect(events.map(({ payload }) => [payload['camera'], payload['channel'], payload['event'], (payload['media'] as { path: string }).path]).sort()).toEqual([
      ['Van card', 'front', 'locked', 'raw/Van card/2026-03-02/20260302071212_000002F.MP4'],
      ['Van card', 'front', 'normal', 'raw/Van card/2026-03-02/20260302071112_000001F.MP4'],
      ['Van card', 'rear', 'normal', 'raw/Van card/2026-03-02/20260302071112_000001R.MP4'],
    ])
  }, { timeout: 90_000, interval: 200 })
})
