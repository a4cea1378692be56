import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { HOME } from '../core/access/scope.ts'
import type { CopyDoc } from '../core/contract/records.ts'
import { client } from '../core/http/client.ts'
import plugins from '../plugins/index.ts'
import { openCore } from './core.ts'

const CLI = fileURLToPath(new URL('./cli.ts', import.meta.url))

test('a disk that is no more is replaced by an empty one, from the command line: no copy counts any more until it was written there anew', { timeout: 180_000 }, async () => {
  const dir = await mkdtemp(join(tmpdir(), 'adopt-'))
  await mkdir(join(dir, 'config'))
  await writeFile(join(dir, 'config/viewshed.yaml'), `volumes: { archive: ${join(dir, 'archive')} }\n`)
  const core = await openCore({
    name: 'shelf', folder: join(dir, 'config'), host: '127.0.0.1', port: 0, mqttPort: 0, mqtt: null, trustProxy: false, tiles: null, volumes: { media: join(dir, 'media'), archive: join(dir, 'archive') }, inbox: join(dir, 'inbox'),
    plugins: { folder: { inboxes: [] } },
  }, plugins, pino({ level: 'silent' }))
  const viewshed = (...args: string[]) => new Promise<{ code: number; said: string }>((done) => {
    execFile(process.execPath, ['--disable-warning=ExperimentalWarning', CLI, ...args], { env: { ...process.env, VIEWSHED_CONFIG: join(dir, 'config'), VIEWSHED_MEDIA: join(dir, 'media') } }, (error, stdout, stderr) =>
      done({ code: error === null ? 0 : Number(error.code), said: stdout + stderr }))
  })
  try {
    await writeFile(join(dir, 'clip'), 'a recording')
    const media = await core.volumes.put('media', 'raw/1.MP4', join(dir, 'clip'))
    const { sha256 } = media
    await core.board.publish({ ...HOME, role: 'admin' }, [{ stage: 'clip.probe', input: { media, name: '1.MP4', camera: 'van', channel: 'front', event: 'normal', sidecars: [] }, waiter: { node: 'a', message: {}, root: 'a' } }])
    const asset = {
      _id: `asset:${sha256}`, kind: 'asset', sha256, media_kind: 'video', media, name: '1.MP4', camera: 'van', channel: 'front', event: 'normal', start_ms: 0, duration_s: 60, clock: { offset_s: 0, from: 'gps' },
      width_px: 2560, height_px: 1440, fps: 30, codec: 'h264', audio: false, playable: true, fixes: 0, dropped_fixes: { no_fix: 0, zero: 0, static: 0, jump: 0, no_time: 0, invalid: 0 }, notes: [],
    }
    const complete = async (stage: string, output: Record<string, unknown>) => {
      const [claim] = await core.board.claim('nas', { ...HOME, role: 'device' }, [stage], 1)
      await core.board.complete('nas', { id: claim!.id, token: claim!.token, output, files: [] })
    }
    await complete('clip.probe', { outcome: 'asset', media_kind: 'video', sha256, duration_s: 60, width_px: 2560, height_px: 1440, start_ms: 0, asset, track: null, refusal: null })
    await core.board.publish({ ...HOME, role: 'admin' }, [{ stage: 'archive.copy', input: { media, sha256 }, waiter: { node: 'b', message: {}, root: 'b' } }])
    await complete('archive.copy', { archive: await core.volumes.put('archive', `${sha256}/1.MP4`, join(dir, 'clip')), note: null, verified_ms: Date.now(), reread: 'disk' })
    const admin = client({ baseUrl: core.url, headers: { authorization: `Bearer ${(JSON.parse(await readFile(join(dir, 'config/run/door.json'), 'utf8')) as { token: string }).token}` } })
    const copy = async (): Promise<CopyDoc | undefined> => (await admin.asset({ id: sha256 }).catch(() => null))?.copies[0]
    await expect.poll(async () => (await copy())?.verified_ms ?? null, { timeout: 60_000 }).not.toBeNull()

    expect(await viewshed('volumes', 'adopt', 'archive')).toMatchObject({ code: 1, said: expect.stringContaining('there is nothing to adopt') })
    await rename(join(dir, 'archive'), join(dir, 'broken'))
    await mkdir(join(dir, 'archive'))
    expect((await viewshed('volumes')).said).toContain('Was it replaced? Then viewshed volumes adopt archive')
    expect(await viewshed('volumes', 'adopt', 'archive')).toMatchObject({ code: 0, said: expect.stringMatching(/it is empty\.\n[^]*One copy is known[^]*viewshed volumes adopt archive --yes\n$/) })
    expect((await core.volumes.states())[1]?.mounted).toBe(false)
    expect(await viewshed('volumes', 'adopt', 'archive', '--yes')).toMatchObject({ code: 0, said: expect.stringContaining('It lies on the same disk as media') })
    expect((await core.volumes.states())[1]?.mounted).toBe(true)
    await expect.poll(async () => (await copy())?.verified_ms, { timeout: 60_000 }).toBeNull()

    expect((await viewshed('verify', '--volume', 'archive')).said).toContain('1 made good')
    expect(await readFile(join(dir, 'archive', sha256, '1.MP4'), 'utf8')).toBe('a recording')
    expect(await readFile(join(dir, 'broken', sha256, '1.MP4'), 'utf8')).toBe('a recording')
    await expect.poll(async () => (await copy())?.verified_ms ?? null, { timeout: 60_000 }).not.toBeNull()
  } finally {
    await core.close()
    await rm(dir, { recursive: true, force: true, maxRetries: 5 })
  }
})
