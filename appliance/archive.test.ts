/** The archive as people have it: an appliance with its own agent, a shed behind SFTP, footage that goes there, plays from there, rots and is made good. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { HOME, type Scope } from '../core/access/scope.ts'
import type { MediaRef } from '../core/contract/media.ts'
import { openSshd, whyNoSshd, type Sshd } from '../core/store/volume/testing/sshd.ts'
import plugins from '../plugins/index.ts'
import type { AgentOrder } from './agent.ts'
import { readConfig } from './config.ts'
import { openCore, type Core } from './core.ts'

const CLI = fileURLToPath(new URL('./cli.ts', import.meta.url))
const SAMPLE = fileURLToPath(new URL('./sample/card/DCIM/Movie/2026_0412_143000_0001F.MP4', import.meta.url))
const SCOPE: Scope = { ...HOME, role: 'admin' }
const NONE = whyNoSshd()

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

describe.skipIf(NONE !== null)(NONE ?? 'an archive in the shed', () => {
  let home: string
  let sshd: Sshd
  let core: Core
  let agent: ChildProcess
  let media: MediaRef
  let probe: string
  let env: NodeJS.ProcessEnv
  const headers = () => ({ authorization: `Bearer ${core.tokenFor('person', 'ann', 'admin')}` })
  const far = () => `/media/archive/${media.sha256}/${SAMPLE.slice(SAMPLE.lastIndexOf('/') + 1)}`
  const archived = () => join(home, 'shed', media.sha256, '2026_0412_143000_0001F.MP4')

  async function publish(stage: string, input: Record<string, unknown>): Promise<string> {
    const [published] = await core.board.publish(SCOPE, [{ stage, input, options: {}, waiter: { node: 'test', root: stage, message: { payload: {} } } } as never])
    return published!.id
  }
  const stateOf = async (id: string) => (await core.board.task(SCOPE, id))?.state
  async function viewshed(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', CLI, ...args], { env })
    const said = { out: '', err: '' }
    child.stdout.on('data', (text) => { said.out += String(text) })
    child.stderr.on('data', (text) => { said.err += String(text) })
    const [code] = (await once(child, 'close')) as [number | null]
    return { code, ...said }
  }

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'viewshed-archive-'))
    sshd = await openSshd(join(home, 'sshd'), true)
    env = { ...process.env, VIEWSHED_CONFIG: join(home, 'config'), VIEWSHED_MEDIA: join(home, 'media'), VIEWSHED_HOST: '127.0.0.1', VIEWSHED_PORT: '0', VIEWSHED_MQTT_PORT: '0', VIEWSHED_LOG: 'silent' }
    delete env.VIEWSHED_ARCHIVE
    readConfig(env) // makes the folder
    await writeFile(join(home, 'config/viewshed.yaml'), `volumes:\n  - name: archive\n    url: sftp://${sshd.user}@127.0.0.1:${sshd.port}${join(home, 'shed')}\n    key_file: ${sshd.keyFile}\nplugins: { folder: { inboxes: [] } }\n`)
    const config = readConfig(env)
    core = await openCore(config, plugins, pino({ level: 'silent' }))
    const order: AgentOrder = {
      device: 'nas', ...HOME, core: { baseUrl: core.url, token: core.tokenFor('device', 'nas', 'device') }, mqtt_url: core.mqttUrl,
      scratch: join(home, 'scratch'), cache: { folder: join(home, 'cache'), most_bytes: 0 }, mounts: core.volumes.specs, remotes: config.remotes!, watchers: false,
    }
    agent = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', CLI, 'agent', '--order'], { stdio: ['pipe', 'inherit', 'inherit'], env })
    agent.stdin!.write(`${JSON.stringify(order)}\n`)
    media = await core.volumes.put('media', 'raw/van/2026-04-12/2026_0412_143000_0001F.MP4', SAMPLE)
    probe = await publish('clip.probe', { media, name: '2026_0412_143000_0001F.MP4', camera: 'van', channel: 'front', event: 'normal', sidecars: [] })
  })
  afterAll(async () => {
    if (agent.exitCode === null) {
      const ended = once(agent, 'exit')
      agent.kill('SIGKILL')
      await ended
    }
    await core.close()
    await sshd.close()
    await rm(home, { recursive: true, force: true, maxRetries: 5 })
  })

  test('a clip goes there, is read back, and takes its place whole', async () => {
    await expect.poll(() => stateOf(probe), { timeout: 60_000 }).toBe('complete')
    const task = await publish('archive.copy', { media, sha256: media.sha256 })
    await expect.poll(() => stateOf(task), { timeout: 60_000 }).toBe('complete')
    expect((await core.board.task(SCOPE, task))?.output).toMatchObject({ archive: { volume: 'archive', bytes: media.bytes, sha256: media.sha256 }, reread: expect.stringMatching(/^(disk|cache)$/) })
    await expect.poll(() => readFile(archived()).then((there) => there.length, () => 0)).toBe(media.bytes)
    expect(await readFile(archived())).toEqual(await readFile(SAMPLE))
    await expect.poll(() => readdir(join(home, 'shed/.viewshed/staging'))).toEqual([]) // removed after it is at its place
  })

  test('it plays from there by ranges', async () => {
    const whole = await readFile(SAMPLE)
    for (const [range, status, start, end] of [['bytes=0-', 206, 0, whole.length - 1], ['bytes=100000-170000', 206, 100_000, 170_000], ['bytes=-5', 206, whole.length - 5, whole.length - 1]] as const) {
      const answer = await fetch(`${core.url}${far()}`, { headers: { ...headers(), range } })
      expect([answer.status, answer.headers.get('content-range')]).toEqual([status, `bytes ${start}-${end}/${whole.length}`])
      expect(Buffer.from(await answer.arrayBuffer())).toEqual(whole.subarray(start, end + 1))
    }
    const gone = new AbortController()
    const answer = await fetch(`${core.url}${far()}`, { headers: headers(), signal: gone.signal })
    await answer.body!.getReader().read()
    gone.abort()
    expect((await fetch(`${core.url}${far()}`, { method: 'HEAD', headers: headers() })).headers.get('content-length')).toBe(String(whole.length))
  })

  test('the command line shows it, and what it believes of that machine', async () => {
    const { out, code } = await viewshed('volumes')
    expect(code).toBe(0)
    expect(out).toMatch(/^media +folder +there/)
    expect(out).toMatch(/archive +sftp +there .* sftp:/)
    expect(out).toContain(`host key ${sshd.fingerprint}`)
  })

  test('what rots there is found, made good from the original, and noted', async () => {
    expect(await viewshed('verify', '--rate', '500')).toMatchObject({ code: 0, err: expect.stringMatching(/^1 good, 0 made good, 0 rotten/) })
    const spoilt = await readFile(SAMPLE)
    spoilt[123_456]! ^= 1
    await writeFile(archived(), spoilt)
    const seen = await viewshed('verify', '--report', '--json')
    expect([seen.code, JSON.parse(seen.out)]).toEqual([1, { path: far().slice('/media/'.length), asset: media.sha256, state: 'rotten', why: expect.stringMatching(/reads back as/) }])
    const noted = () => core.volumes && fetch(`${core.url}/api/assets/${media.sha256}`, { headers: headers() }).then(async (answer) => ((await answer.json()) as { copies: { verified_ms: number | null; checks: { rot: string | null } }[] }).copies[0]!)
    await expect.poll(async () => (await noted()).verified_ms).toBeNull() // retention has nothing to go by any more
    expect(await viewshed('verify')).toMatchObject({ code: 0, out: expect.stringMatching(/^mended .*made good from media\/raw/), err: expect.stringMatching(/^0 good, 1 made good/) })
    expect(await readFile(archived())).toEqual(await readFile(SAMPLE))
    await expect.poll(async () => (await noted()).checks.rot).toBeNull()
    expect((await noted()).verified_ms).toBeGreaterThan(Date.now() - 60_000)
  })

  test('its folder there can be read without us, and what rots is made good both ways: pictures and video there, and the original here', async () => {
    for (const stage of ['clip.thumbs', 'inference.plates']) {
      const id = await publish(stage, { media, sha256: media.sha256, media_kind: 'video', ...(stage === 'inference.plates' ? { duration_s: 12 } : {}) })
      await expect.poll(() => stateOf(id), { timeout: 200_000, interval: 500 }).toBe('complete')
    }
    const lacking = async () => ((await (await fetch(`${core.url}/api/plugins/archive/missing`, { method: 'POST', headers: { ...headers(), 'content-type': 'application/json' }, body: '{}' })).json()) as { due: Record<string, unknown>[] }).due
    await expect.poll(async () => (await lacking()).length, { timeout: 20_000 }).toBe(1)
    const folder = await publish('archive.folder', (await lacking())[0]!)
    await expect.poll(() => stateOf(folder), { timeout: 60_000 }).toBe('complete')
    await expect.poll(lacking, { timeout: 20_000 }).toEqual([])

    const there = join(home, 'shed', media.sha256)
    const summary = JSON.parse(await readFile(join(there, 'summary.json'), 'utf8')) as { recording: object; route: { fixes: number }; seen: { plate: string; picture: string }[]; files: { file: string }[] }
    expect(summary).toMatchObject({ recording: { name: '2026_0412_143000_0001F.MP4', camera: 'van' }, start: expect.stringMatching(/^2026-04-12T/), original: { file: '2026_0412_143000_0001F.MP4', sha256: media.sha256 } })
    expect(summary.seen.length).toBeGreaterThan(0)
    expect(summary.route.fixes).toBeGreaterThan(5)
    for (const name of [...summary.files.map(({ file }) => file), summary.seen[0]!.picture]) expect((await readFile(join(there, name))).length).toBeGreaterThan(100)

    const picture = join(there, summary.seen[0]!.picture)
    const whole = await readFile(picture)
    await writeFile(picture, whole.subarray(1))
    const original = join(home, 'media', media.path)
    const spoilt = await readFile(SAMPLE)
    spoilt[99_999]! ^= 1
    await writeFile(original, spoilt)
    await rm(join(there, 'summary.json'))
    expect(await viewshed('verify', '--rate', '500')).toMatchObject({ code: 0, out: expect.stringMatching(/^mended .*plates\/.*made good from media\/derived\//), err: expect.stringContaining('2 made good, 0 rotten') })
    expect(JSON.parse(await readFile(join(there, 'summary.json'), 'utf8'))).toEqual(summary)
    expect(await readFile(picture)).toEqual(whole)
    expect(await viewshed('verify', '--volume', 'media')).toMatchObject({ code: 0, out: expect.stringMatching(/^mended  media\/raw.*made good from archive\//), err: expect.stringContaining('1 made good, 0 rotten') })
    expect(await readFile(original)).toEqual(await readFile(SAMPLE))
  }, 400_000)

  test('while it is away work waits for it at no cost, and what is there twice plays from here', async () => {
    await sshd.kill()
    await expect.poll(async () => (await fetch(`${core.url}${far()}`, { headers: headers() })).status, { timeout: 30_000 }).toBe(503)
    expect(await (await fetch(`${core.url}${far()}`, { headers: headers() })).json()).toMatchObject({ code: 'media/unmounted' })
    expect((await fetch(`${core.url}${far()}?asset=${media.sha256}`, { headers: headers() })).status).toBe(200)
    expect(await viewshed('verify')).toMatchObject({ code: 3, err: expect.stringMatching(/^0 good, 0 made good, 0 rotten, [1-9]/) })

    const local = join(home, 'another.bin')
    await writeFile(local, 'another')
    const other = await core.volumes.put('media', 'raw/van/another.bin', local)
    const task = await publish('archive.copy', { media: other, sha256: other.sha256 })
    await new Promise((some) => setTimeout(some, 6_000))
    expect(await core.board.task(SCOPE, task)).toMatchObject({ state: 'pending', attempts: 0 })
    await sshd.start()
    await expect.poll(() => stateOf(task), { timeout: 90_000, interval: 500 }).toBe('complete')
  })
})
