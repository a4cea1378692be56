import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { HOME } from '../core/access/scope.ts'
import type { MediaRef } from '../core/contract/media.ts'
import { client } from '../core/http/client.ts'
import plugins from '../plugins/index.ts'
import { openCore, type Core } from './core.ts'

const CLI = fileURLToPath(new URL('./cli.ts', import.meta.url))
const SCOPE = { ...HOME, role: 'device' } as const
const GOOD = { duration_s: 60, original_duration_s: 60, frames: 1800, original_frames: 1800, ssim_min: 0.96, ssim_mean: 0.97, ssim_frames: 12, vmaf_mean: null, encoder: 'libx264', bytes: 5, original_bytes: 16 }

let dir: string
let core: Core
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'retention-'))
  core = await openCore({
    name: 'shelf', folder: join(dir, 'config'), host: '127.0.0.1', port: 0, mqttPort: 0, mqtt: null, trustProxy: false, tiles: null, volumes: { media: join(dir, 'media'), archive: join(dir, 'archive') }, inbox: join(dir, 'inbox'),
    plugins: { folder: { inboxes: [] }, retention: { wait_for_reader: false, most_part: 0.5, keep_days: 0 } },
  }, plugins, pino({ level: 'silent' }))
})
afterAll(async () => {
  await core.close()
  await rm(dir, { recursive: true, force: true, maxRetries: 5 })
})

const viewshed = (...args: string[]): Promise<{ code: number; said: string }> => new Promise((done) => {
  execFile(process.execPath, ['--disable-warning=ExperimentalWarning', CLI, 'retention', ...args], { env: { ...process.env, VIEWSHED_CONFIG: join(dir, 'config'), VIEWSHED_MEDIA: join(dir, 'media') } }, (error, stdout, stderr) =>
    done({ code: error === null ? 0 : Number(error.code), said: stdout + stderr }))
})

/** As a device would have done it. */
async function done(stage: string, input: Record<string, unknown>, output: Record<string, unknown>): Promise<void> {
  await core.board.publish({ ...HOME, role: 'admin' }, [{ stage, input, waiter: { node: `n ${stage}`, message: {}, root: `${stage} ${JSON.stringify(input).length}` } }])
  const [claim] = await core.board.claim('nas', SCOPE, [stage], 1)
  await core.board.complete('nas', { id: claim!.id, token: claim!.token, output, files: [] })
}

async function put(volume: string, path: string, content: string): Promise<MediaRef> {
  await mkdir(join(dir, 'sources'), { recursive: true })
  const local = join(dir, 'sources', 'file')
  await writeFile(local, content)
  return core.volumes.put(volume, path, local)
}

test('a recording with its small and its archived copy: reported, switched on, removed, brought back, all from the command line', { timeout: 180_000 }, async () => {
  const media = await put('media', 'raw/van/2024-01-01/1.MP4', 'a long recording')
  const { sha256 } = media
  const asset = {
    _id: `asset:${sha256}`, kind: 'asset', sha256, media_kind: 'video', media, name: '1.MP4', camera: 'van', channel: 'front', event: 'normal', start_ms: Date.now() - 100 * 86_400_000, duration_s: 60, clock: { offset_s: 0, from: 'gps' },
    width_px: 2560, height_px: 1440, fps: 30, codec: 'h264', audio: false, playable: true, fixes: 0, dropped_fixes: { no_fix: 0, zero: 0, static: 0, jump: 0, no_time: 0, invalid: 0 }, notes: [],
  }
  await done('clip.probe', { media, name: '1.MP4', camera: 'van', channel: 'front', event: 'normal', sidecars: [] }, { outcome: 'asset', media_kind: 'video', sha256, duration_s: 60, width_px: 2560, height_px: 1440, start_ms: asset.start_ms, asset, track: null, refusal: null })
  await done('archive.copy', { media, sha256 }, { archive: await put('archive', `${sha256}/1.MP4`, 'a long recording'), note: null, verified_ms: Date.now(), reread: 'disk' })
  const admin = client({ baseUrl: core.url, headers: { authorization: `Bearer ${(JSON.parse(await readFile(join(dir, 'config', 'run', 'door.json'), 'utf8')) as { token: string }).token}` } })
  await expect.poll(async () => (await admin.asset({ id: sha256 }).catch(() => null))?.copies.length ?? 0, { timeout: 20_000 }).toBe(1)

  expect((await viewshed()).said).toMatch(/^Retention is off: this is a report only\. 0 files would go \(0 B\), 1 smaller copies are yet to be made\./)
  await done('retention.slim', { media, sha256, media_kind: 'video' }, { slim: await put('media', `derived/${sha256.slice(0, 2)}/${sha256}/720p.mp4`, 'small'), rung: '720p', note: null, checks: GOOD, verified_ms: Date.now() })
  await expect.poll(async () => (await admin.asset({ id: sha256 })).copies.length, { timeout: 20_000 }).toBe(2)
  expect((await viewshed('run')).said).toContain('Retention only reports')
  expect(await viewshed('on', 'another-box')).toMatchObject({ code: 1, said: expect.stringContaining('type shelf') })
  expect(await viewshed('on', 'shelf')).toMatchObject({ code: 0 })
  const { groups } = await admin.retention({ reason: 'steps' })
  expect(groups).toContainEqual({ reason: 'steps', goes: true, files: 1, bytes: 16, wins_bytes: 16 })

  expect((await viewshed('run')).said).toBe('1 files to the trash (16 B), 0 gone for good (0 B), 0 smaller copies asked for.\n')
  expect(existsSync(join(dir, 'media', media.path))).toBe(false)
  await expect.poll(async () => (await admin.asset({ id: sha256 })).removed, { timeout: 20_000 }).toMatchObject([{ role: 'original', state: 'trash', left: ['720p', 'archive'] }])
  const report = (await viewshed()).said
  expect(report).toContain('1.MP4, original, 16 B, until ')
  const id = /^([0-9a-z]{26}) {2}1\.MP4/m.exec(report)![1]!
  expect((await viewshed('undo', id)).said).toBe('1 back at its place, and marked keep.\n')
  expect(await readFile(join(dir, 'media', media.path), 'utf8')).toBe('a long recording')
  expect((await viewshed('report', 'kept')).said).toContain('stays  original  1.MP4  16 B  somebody marked it keep')
  expect(await viewshed('off')).toMatchObject({ code: 0 })
  for (const wrong of [['fly'], ['on'], ['undo'], ['run', 'now']]) expect((await viewshed(...wrong)).said).toContain('viewshed retention [report')
})

test('a viewer may look, and no more', async () => {
  const token = core.access.mint({ kind: 'person', id: 'eve', name: 'eve', scope: { ...HOME, role: 'viewer' } })
  const eve = client({ baseUrl: core.url, headers: { authorization: `Bearer ${token}` } })
  expect((await eve.retention({})).on).toBe(false)
  for (const wish of [() => eve.runRetention({}), () => eve.undoRetention({}), () => eve.setRetention({ on: true, name: 'shelf' })]) await expect(wish()).rejects.toMatchObject({ code: 'access/denied' })
})
