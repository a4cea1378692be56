import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { HOME, type Principal, type Scope } from '../core/access/scope.ts'
import { SETTINGS } from '../core/devices/settings.ts'
import plugins from '../plugins/index.ts'
import { openCore, type Core } from './core.ts'
import { announce, choose, discover } from './discover.ts'
import { foundAgain } from './find-again.ts'

const CLI = fileURLToPath(new URL('./cli.ts', import.meta.url))
const SCOPE: Scope = { ...HOME, role: 'admin' }
const ANNA: Principal = { kind: 'person', id: 'anna', name: 'anna', scope: SCOPE }
const LONG = { timeout: 40_000, interval: 50 }

/** A machine with a terminal: what its agent says can be read. */
function machine(...args: string[]): { readonly agent: ChildProcess; readonly said: () => string } {
  const agent = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', CLI, 'agent', ...args], { stdio: ['ignore', 'inherit', 'pipe'], env: { ...process.env, VIEWSHED_LOG: 'silent' } })
  let said = ''
  agent.stderr!.setEncoding('utf8').on('data', (text: string) => { said += text })
  return { agent, said: () => said }
}
const code = (said: string) => /accept ([0-9A-Z]{3}-[0-9A-Z]{3})/.exec(said)?.[1]

describe('a machine joins an appliance', () => {
  let dir: string
  let core: Core
  const running = new Set<ChildProcess>()
  const start = (...args: string[]) => {
    const one = machine(...args)
    running.add(one.agent)
    return one
  }
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'join-'))
    core = await open(0)
  })
  const open = (port: number) => openCore({
    name: 'test', folder: join(dir, 'config'), host: '127.0.0.1', port, mqttPort: 0, mqtt: null, trustProxy: false, tiles: null, volumes: { media: join(dir, 'media') }, inbox: join(dir, 'inbox'),
    plugins: { folder: { inboxes: [] } },
  }, plugins, pino({ level: 'silent' }))
  afterAll(async () => {
    for (const agent of running) if (agent.exitCode === null && agent.signalCode === null) {
      const ended = once(agent, 'exit')
      agent.kill('SIGKILL')
      await ended
    }
    await core.close()
    await rm(dir, { recursive: true, force: true, maxRetries: 5 })
  })
  const folder = () => join(dir, 'gpu-pc')
  const view = async () => core.devices.view(SCOPE, 'gpu-pc')
  let shots = 0
  async function work(): Promise<string> {
    const local = join(dir, `${++shots}.jpg`)
    await sharp({ create: { width: 800, height: 600, channels: 3, background: { r: shots * 20, g: 80, b: 90 } } }).jpeg().toFile(local)
    const media = await core.volumes.put('media', `raw/test/${shots}.jpg`, local)
    const [task] = await core.board.publish(SCOPE, [{ stage: 'clip.thumbs', input: { media, sha256: media.sha256, media_kind: 'image' } }])
    return task!.id
  }
  const state = async (id: string) => (await core.board.task(SCOPE, id))?.state
  const done = (id: string) => vi.waitFor(async () => expect(await state(id)).toBe('complete'), LONG)

  test('a typed address shows a code; a wrong code joins nobody, the right one does; it works, and says what it can do', async () => {
    const { said } = start('--join', core.url, '--folder', folder(), '--name', 'gpu-pc')
    const shown = await vi.waitFor(() => code(said()) ?? expect.fail('no code yet'), LONG)
    await expect(core.devices.accept({ code: shown === '222-222' ? '333-333' : '222-222' }, ANNA)).rejects.toMatchObject({ code: 'not-found' })
    const task = await work()
    await core.devices.accept({ code: shown }, ANNA)
    await done(task)
    expect(said()).toContain('has joined')
    expect((await stat(join(folder(), 'device.json'))).mode & 0o777).toBe(0o600)
    await vi.waitFor(async () => expect(await view()).toMatchObject({ online: true, own: false, rests: null, done: 1, capability: { stages: expect.arrayContaining(['clip.thumbs']) as string[], host: expect.any(String) as string } }), LONG)
  }, 120_000)

  test('it rests while it is paused, and goes on when it may', async () => {
    await core.devices.steer({ id: 'gpu-pc', mode: 'paused' }, ANNA)
    const task = await work()
    await new Promise((later) => setTimeout(later, 2_000))
    expect(await state(task)).toBe('pending')
    expect((await view()).rests).toBe('paused')
    await core.devices.steer({ id: 'gpu-pc', mode: 'working' }, ANNA)
    await done(task)
  }, 60_000)

  test('what it may not run waits, and nobody counts that against the work', async () => {
    await core.devices.set({ id: 'gpu-pc', stages: ['clip.probe'], settings: SETTINGS }, ANNA)
    const task = await work()
    await new Promise((later) => setTimeout(later, 1_500))
    expect(await core.board.task(SCOPE, task)).toMatchObject({ state: 'pending', attempts: 0, interruptions: 0 })
    await core.devices.set({ id: 'gpu-pc', stages: null }, ANNA)
    await done(task)
  }, 60_000)

  test('SIGTERM is a goodbye; the next start shows no code, though it is given the address once more, and brings a fresh token', async () => {
    const before = await readFile(join(folder(), 'device.json'), 'utf8')
    const [agent] = running
    const ended = once(agent!, 'exit')
    agent!.kill('SIGTERM')
    expect((await ended)[0]).toBe(0)
    await vi.waitFor(async () => expect((await view()).online).toBe(false), LONG)
    const task = await work()
    const { said } = start('--join', `${core.url}/`, '--folder', folder())
    await done(task)
    expect(code(said())).toBeUndefined()
    await vi.waitFor(async () => expect(await readFile(join(folder(), 'device.json'), 'utf8')).not.toBe(before), LONG)
  }, 120_000)

  test('the broker is elsewhere when the appliance comes back: the device meets it there', async () => {
    const { mqttPort } = core
    await core.close()
    core = await open(Number(new URL(core.url).port))
    expect(core.mqttPort).not.toBe(mqttPort)
    await vi.waitFor(async () => expect(await (await fetch(`${core.url}/metrics`)).text()).toContain('viewshed_mqtt_clients 1'), LONG)
  }, 60_000)

  test('the appliance has another address: it is found again by what it proves, and no stranger is shown the token', async () => {
    const heard: string[] = []
    const stranger: Server = createServer((request, response) => {
      heard.push(JSON.stringify(request.headers))
      request.setEncoding('utf8').on('data', (part: string) => heard.push(part)).on('end', () => response.end(JSON.stringify({ proof: 'x'.repeat(43) })))
    }).listen(0, '127.0.0.1')
    await once(stranger, 'listening')
    const { token } = await core.access.signDevice({ id: 'gpu-pc', org: HOME.org, site: HOME.site, generation: 'g' })
    const found = [`http://127.0.0.1:${(stranger.address() as AddressInfo).port}`, 'http://127.0.0.1:9', core.url].map((address) => ({ name: 'nas', address }))
    const { signal } = new AbortController()
    expect(await foundAgain({ token }, found, signal)).toBe(core.url)
    expect(await foundAgain({ token: `${token.slice(0, -4)}AAAA` }, found, signal)).toBeNull() // of another appliance
    stranger.close()
    expect(heard.length).toBeGreaterThan(0)
    expect(heard.join()).not.toContain(token.split('.')[2])
  }, 60_000)

  test('revoked, it ends with exit code 3 and says how to come back; its token is worth nothing', async () => {
    const [, agent] = running
    const ended = once(agent!, 'exit')
    await core.devices.revoke('gpu-pc', ANNA)
    expect((await ended)[0]).toBe(3)
    const again = start('--folder', folder())
    expect((await once(again.agent, 'exit'))[0]).toBe(1)
    expect(again.said()).toMatch(/has not joined an appliance any more: .* does not know it\. viewshed agent --join/)
  }, 120_000)

  test('refused, it says so and ends; Ctrl-C at the code ends it without a word; an appliance that does not answer is waited for', async () => {
    const refused = start('--join', core.url, '--folder', join(dir, 'other'), '--name', 'other')
    const shown = await vi.waitFor(() => code(refused.said()) ?? expect.fail('no code yet'), LONG)
    const ended = once(refused.agent, 'exit')
    await core.devices.refuse({ code: shown }, ANNA)
    expect((await ended)[0]).toBe(1)
    expect(refused.said()).toContain('refused other')
    const gone = start('--join', core.url, '--folder', join(dir, 'gone'), '--name', 'gone')
    await vi.waitFor(() => code(gone.said()) ?? expect.fail('no code yet'), LONG)
    const left = once(gone.agent, 'exit')
    gone.agent.kill('SIGINT')
    expect((await left)[0]).toBe(0)
    expect(gone.said()).not.toContain('AbortError')
    const lost = start('--join', 'http://127.0.0.1:9', '--folder', join(dir, 'lost'), '--name', 'lost')
    await vi.waitFor(() => expect(lost.said()).toContain('It is tried again every'), LONG)
    expect(lost.agent.exitCode).toBeNull()
  }, 120_000)
})

describe('an appliance is found by multicast DNS', () => {
  const HERE = { interface: '127.0.0.1', bind: '0.0.0.0', port: 15_353 } // loopback's own group and a port of ours: never the real network

  test('the one that announces itself is found with its port; when it is gone it is not', async () => {
    const quiet = await announce({ name: 'shed-nas', port: 8081 }, HERE)
    const found = await vi.waitFor(async () => {
      const some = await discover(HERE, 500)
      expect(some).toHaveLength(1)
      return some
    }, { timeout: 20_000 })
    expect(found[0]).toMatchObject({ name: 'shed-nas', address: 'http://127.0.0.1:8081' })
    await quiet()
    expect(await discover(HERE, 500)).toEqual([])
  }, 40_000)

  test('one is taken, of several the one that was named; otherwise it says what there is', () => {
    const [a, b] = [{ name: 'nas', address: 'http://10.0.0.1:8080' }, { name: 'shed', address: 'http://10.0.0.2:8080' }]
    expect(choose([a], null)).toBe(a)
    expect(choose([a, b], 'Shed')).toBe(b)
    expect(() => choose([a, b], null)).toThrow(/Several appliances answer[\s\S]*nas {2}http:\/\/10\.0\.0\.1/)
    expect(() => choose([], null)).toThrow(/No appliance answers/)
    expect(() => choose([a], 'attic')).toThrow(/No appliance is called attic/)
  })
})
