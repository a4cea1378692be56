/** A smaller copy whose stage process is killed in the middle: what was whole is not encoded again, and the end is that of an undisturbed one. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Value } from 'typebox/value'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { SlimOptions, RetentionConfig } from '../plugins/retention/plugin.ts'
import { openVolumes } from '../core/store/volumes.ts'
import { openChildren, type Children } from './children.ts'
import { KEPT } from './scratch.ts'

const exec = promisify(execFile)
const CLIP_S = 35
const FPS = 10
const SEGMENT_FRAMES = 10 * FPS

let dir: string
let children: Children
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'resume-'))
  children = openChildren({ scratch: join(dir, 'scratch'), writes: [join(dir, 'media')], onGroup: () => undefined })
})
afterAll(async () => {
  children.stop()
  await rm(dir, { recursive: true, force: true, maxRetries: 5 })
})

const segments = async (task: string) => {
  const folder = join(dir, 'scratch', KEPT, task, 'segments')
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.nut')).sort()
  return Promise.all(names.map(async (name) => { const { ino, mtimeMs } = await stat(join(folder, name)); return `${name} ${ino} ${mtimeMs}` }))
}
const frameTimes = async (path: string) => (await exec('ffprobe', ['-v', 'error', '-select_streams', 'v', '-show_entries', 'packet=pts_time', '-of', 'csv=p=0', path])).stdout.trim().split('\n').map(Number).sort((a, b) => a - b)

test('after a SIGKILL whole segments stay as they are, and the copy has the same frames, moments and likeness', { timeout: 180_000 }, async () => {
  await mkdir(join(dir, 'media', 'raw'), { recursive: true })
  const clip = join(dir, 'media', 'raw', 'a.mp4')
  await exec('ffmpeg', ['-nostdin', '-v', 'error', '-f', 'lavfi', '-i', `testsrc2=size=1280x960:rate=${FPS}:duration=${CLIP_S}`, '-f', 'lavfi', '-i', `sine=duration=${CLIP_S}`, '-c:v', 'libx264', '-preset', 'ultrafast', '-c:a', 'aac', '-y', clip])
  const ids = new Map<string, string>()
  const volumes = await openVolumes([{ name: 'media', root: join(dir, 'media'), org: 'home' }], { get: (name) => ids.get(name), set: async (name, id) => void ids.set(name, id) })
  const sha256 = createHash('sha256').update(await readFile(clip)).digest('hex')
  const media = { volume: 'media', path: 'raw/a.mp4', bytes: (await stat(clip)).size, sha256 }
  const slim = (task: string, token: string) => {
    const said: number[] = []
    const running = children.run('retention', 768, {
      kind: 'run', task, token, stage: 'retention.slim', input: { media, sha256, media_kind: 'video' }, options: { ...Value.Default(SlimOptions, {}) as object, threads: 1 }, config: Value.Default(RetentionConfig, {}), attempt: 1,
      mounts: [{ name: 'media', root: join(dir, 'media'), org: 'home', id: ids.get('media')! }], far: { specs: [], known: {} }, cache: { folder: join(dir, 'cache'), most_bytes: 0 }, core: { token: '' },
    }, (done) => said.push(done))
    return { ...running, said }
  }
  const copyOf = async ({ result }: ReturnType<typeof slim>, task: string, token: string) => {
    const { output } = await result
    const { slim: ref, checks } = output as { slim: typeof media; checks: Record<string, number> }
    return { path: await volumes.stagedPath(task, token, ref), checks }
  }

  const undisturbed = await copyOf(slim('calm', 'one'), 'calm', 'one')

  const killed = slim('killed', 'one')
  await vi.waitFor(async () => expect((await segments('killed')).length).toBeGreaterThanOrEqual(3), { timeout: 60_000, interval: 20 }) // the third is being written
  process.kill(children.pids()[0]!, 'SIGKILL')
  await expect(killed.result).rejects.toMatchObject({ code: 'stage/killed' })
  const whole = (await segments('killed')).slice(0, 2)

  const again = slim('killed', 'two')
  const copy = await copyOf(again, 'killed', 'two')
  expect((await segments('killed')).slice(0, 2)).toEqual(whole) // not a byte of them was written again
  expect(await segments('killed')).toHaveLength(Math.ceil((CLIP_S * FPS) / SEGMENT_FRAMES))
  expect(again.said[0]).toBeGreaterThanOrEqual((0.9 * 2 * SEGMENT_FRAMES) / (CLIP_S * FPS) - 0.001)

  expect(copy.checks).toMatchObject({ frames: CLIP_S * FPS, original_frames: CLIP_S * FPS, ssim_frames: undisturbed.checks.ssim_frames })
  expect(copy.checks.ssim_mean).toBeCloseTo(undisturbed.checks.ssim_mean!, 3)
  expect(copy.checks.ssim_min).toBeCloseTo(undisturbed.checks.ssim_min!, 2)
  expect(copy.checks.duration_s).toBeCloseTo(undisturbed.checks.duration_s!, 3)
  expect(await frameTimes(copy.path)).toEqual(await frameTimes(undisturbed.path))
})
