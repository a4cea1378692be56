import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { client } from '../core/http/client.ts'
import { CAPABILITY, CONDITIONS } from '../core/devices/testing.ts'
import { SETTINGS } from '../core/devices/settings.ts'
import plugins from '../plugins/index.ts'
import { openCore, type Core } from './core.ts'
import { codeOf, table } from './devices.ts'

const CLI = fileURLToPath(new URL('./cli.ts', import.meta.url))

let dir: string
let core: Core
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'devices-'))
  core = await openCore({
    name: 'test', folder: join(dir, 'config'), host: '127.0.0.1', port: 0, mqttPort: 0, mqtt: null, trustProxy: false, tiles: null, volumes: { media: join(dir, 'media') }, inbox: join(dir, 'inbox'),
    plugins: { folder: { inboxes: [] } },
  }, plugins, pino({ level: 'silent' }))
  core.tokenFor('device', 'nas', 'device')
})
afterAll(async () => {
  await core.close()
  await rm(dir, { recursive: true, force: true, maxRetries: 5 })
})

/** As somebody types it, beside the running appliance. */
const viewshed = (...args: string[]): Promise<{ code: number; said: string }> => new Promise((done) => {
  execFile(process.execPath, ['--disable-warning=ExperimentalWarning', CLI, 'devices', ...args], { env: { ...process.env, VIEWSHED_CONFIG: join(dir, 'config'), VIEWSHED_MEDIA: join(dir, 'media') } }, (error, stdout, stderr) =>
    done({ code: error === null ? 0 : Number(error.code), said: stdout + stderr }))
})

test('a device is accepted, steered and revoked from the command line', { timeout: 180_000 }, async () => {
  const { code, secret } = await client({ baseUrl: core.url }).join({ name: 'gpu', capability: { ...CAPABILITY, stages: ['clip.probe'] } })
  expect((await viewshed()).said).toContain(`${code}  gpu at 127.0.0.1`)
  expect(await viewshed('accept', code.toLowerCase().replace('-', ''), '--name', 'attic', '--stages', 'clip.probe,clip.thumbs')).toEqual({ code: 0, said: 'attic joined. It may run clip.probe, clip.thumbs.\n' })
  const answer = await client({ baseUrl: core.url }).joinState({ secret })
  if (answer.state !== 'accepted') throw new Error(answer.state)
  const attic = client({ baseUrl: core.url, headers: { authorization: `Bearer ${answer.token}` } })
  expect(await attic.hello({ capability: CAPABILITY, conditions: CONDITIONS })).toMatchObject({
    device: 'attic', allowed: ['clip.probe', 'clip.thumbs'], mqtt: { url: null, port: core.mqttPort, username: 'attic' }, volumes: [{ name: 'media', id: expect.stringMatching(/^[0-9a-f-]{36}$/) }],
  })
  expect(await viewshed('pause', 'attic')).toEqual({ code: 0, said: 'attic is paused.\n' })
  const { devices } = JSON.parse((await viewshed('--json')).said) as { devices: { id: string }[] }
  expect(devices).toMatchObject([{ id: 'nas', own: true, online: false }, { id: 'attic', own: false, online: true, rests: 'paused', settings: { ...SETTINGS, mode: 'paused' } }])
  expect(await viewshed('resume', 'attic')).toEqual({ code: 0, said: 'attic is working.\n' })
  expect((await viewshed('revoke', 'attic')).code).toBe(0)
  await expect(attic.hello({ capability: CAPABILITY, conditions: CONDITIONS })).rejects.toMatchObject({ code: 'access/unauthenticated' })
})

test('what cannot be done says why', { timeout: 180_000 }, async () => {
  expect(await viewshed('revoke', 'nas')).toEqual({ code: 1, said: 'viewshed: nas is started by the appliance itself. Pause it to keep it from working. (access/denied)\n' })
  expect((await viewshed('accept', 'AAA-AAA')).said).toContain('No device waits with the code AAA-AAA')
  expect((await viewshed('pause', 'nobody')).said).toContain('There is no device nobody.')
  for (const wrong of [['accept'], ['fly', 'nas'], ['pause', 'a', 'b'], ['--colour']]) expect((await viewshed(...wrong)).said).toContain('viewshed devices [--json] |')
})

test('the list in words', () => {
  const now_ms = Date.UTC(2026, 5, 1, 12)
  const device = {
    id: 'gpu', own: false, online: true, last_seen_ms: now_ms, capability: CAPABILITY, conditions: CONDITIONS, allowed: null, settings: SETTINGS, rests: null, token_ends_ms: null,
    running: [{ task: 't', stage: 'clip.probe', progress: null, what: null, since_ms: now_ms }], waiting: 0, done: 12, failed: 1, rates: [], strip: [],
  }
  expect(table([device, { ...device, id: 'shed-nas', online: false, last_seen_ms: now_ms - 3 * 3_600_000, running: [], waiting: 40, done: 0, failed: 0, capability: null }], [{ code: '7Q4-K2M', name: 'laptop', address: '192.0.2.7', capability: CAPABILITY, ends_ms: now_ms + 61_000 }], now_ms)).toBe([
    'gpu       works         8 cores, 16 GB, RTX 4070  1 running  12 done  1 failed',
    'shed-nas  away for 3 h  -                         0 running  0 done   0 failed  40 wait for it',
    '',
    'Wait to be accepted:',
    '7Q4-K2M  laptop at 192.0.2.7, for another 2 min',
  ].join('\n'))
})

test.each([['7q4k2m', '7Q4-K2M'], ['7Q4-K2M', '7Q4-K2M'], [' 7q4 k2m ', '7Q4-K2M'], ['x', 'X']])('%j is the code %s', (typed, code) => {
  expect(codeOf(typed)).toBe(code)
})
