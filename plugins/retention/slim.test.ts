import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cp, mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { StageMedia } from '../../core/contract/media.ts'
import { similarity } from './encode.ts'
import { slimSize } from './picture.ts'
import { run } from './slim.ts'
import { settings } from './testing.ts'

const exec = promisify(execFile)
let folder: string
beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'viewshed-slim-')) })
afterAll(() => rm(folder, { recursive: true, force: true }))

const SHA = 'c'.repeat(64)
const OPTIONS = { threads: 2, crf: 24, min_ssim: 0.9 }
const CONFIG = settings()

/** A folder stands for every volume. */
const media: StageMedia = {
  read: async (ref) => join(folder, ref.volume, ref.path),
  write: async (volume, path, from) => {
    const to = join(folder, volume, path)
    await mkdir(dirname(to), { recursive: true })
    await cp(from, to)
    return { volume, path, bytes: (await stat(to)).size, sha256: createHash('sha256').update(await readFile(to)).digest('hex') }
  },
  reread: () => Promise.reject(new Error('nobody asks for it here')),
}

async function slim(name: string, args: readonly string[], options: Partial<typeof OPTIONS> = {}, abort = new AbortController(), onProgress = () => undefined as void) {
  await mkdir(join(folder, 'media'), { recursive: true })
  await exec('ffmpeg', ['-nostdin', '-v', 'error', ...args, '-y', join(folder, 'media', name)])
  const scratch = await mkdtemp(join(folder, 'scratch-'))
  const said: number[] = []
  const output = await run({ media: { volume: 'media', path: name, bytes: 1, sha256: SHA }, sha256: SHA, media_kind: 'video' },
    { config: CONFIG, options: { ...OPTIONS, ...options }, media, scratch, attempt: 1, signal: abort.signal, progress: (done) => { said.push(done); onProgress() } })
  return { output, said }
}

const probe = async (path: string) => JSON.parse((await exec('ffprobe', ['-v', 'error', '-of', 'json', '-show_format', '-show_streams', path])).stdout) as
  { streams: { codec_name: string; width?: number; height?: number; duration: string }[]; format: { tags: Record<string, string> } }

test('a large clip gets a 720p copy with its sound and date, and it was compared frame by frame', async () => {
  const { output, said } = await slim('large.mp4', [
    '-f', 'lavfi', '-i', 'testsrc2=size=1920x1080:rate=10:duration=3', '-f', 'lavfi', '-i', 'sine=duration=3',
    '-c:v', 'libx264', '-preset', 'ultrafast', '-c:a', 'aac', '-metadata', 'creation_time=2026-04-12T14:30:00Z',
  ])
  expect(output.note).toBeNull()
  expect(output.slim!.path).toMatch(new RegExp(`^derived/cc/${SHA}/720p\\.[0-9a-f]{12}\\.mp4$`))
  expect(output.checks).toMatchObject({ frames: 30, original_frames: 30, ssim_frames: 10 })
  expect(output.checks!.ssim_min).toBeGreaterThan(0.9)
  expect(said.at(-1)).toBe(0.9)
  const path = join(folder, 'media', output.slim!.path)
  const { streams, format } = await probe(path)
  expect(streams.map((s) => [s.codec_name, s.width, s.height])).toEqual([['h264', 1280, 720], ['aac', undefined, undefined]])
  expect(format.tags.creation_time).toBe('2026-04-12T14:30:00.000000Z')
  const head = (await readFile(path)).subarray(0, 4096).toString('latin1')
  expect(head.indexOf('moov')).toBeGreaterThan(0) // its index comes first, so that it plays while it loads
})

test('frames that come at uneven moments are all kept', async () => {
  const { output } = await slim('uneven.mkv', [
    '-f', 'lavfi', '-i', 'testsrc2=size=1600x900:rate=25:duration=2', '-vf', "select='not(eq(mod(n\\,5)\\,1))+0',setpts=PTS", '-vsync', 'vfr', '-c:v', 'libx264', '-preset', 'ultrafast',
  ])
  expect(output.checks).toMatchObject({ frames: 40, original_frames: 40 })
})

test('a small H.264 original has no second copy', async () => {
  const { output } = await slim('small.mp4', ['-f', 'lavfi', '-i', 'testsrc2=size=640x360:rate=10:duration=1', '-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p'])
  expect(output).toEqual({ slim: null, note: 'the original is small enough and plays everywhere', checks: null, verified_ms: null })
})

test('a small original that browsers do not play gets a copy of its own size', async () => {
  const { output } = await slim('old.avi', ['-f', 'lavfi', '-i', 'testsrc2=size=640x360:rate=10:duration=1', '-c:v', 'mjpeg', '-pix_fmt', 'yuvj420p'])
  expect((await probe(join(folder, 'media', output.slim!.path))).streams[0]).toMatchObject({ codec_name: 'h264', width: 640, height: 360 })
})

test('a copy below the floor is thrown away and nothing is written', async () => {
  const { output } = await slim('noise.mp4', ['-f', 'lavfi', '-i', 'nullsrc=size=1280x960:rate=5:duration=1,geq=random(1)*255:128:128', '-c:v', 'libx264', '-preset', 'ultrafast', '-crf', '5'], { crf: 34, min_ssim: 0.99 })
  expect(output.slim).toBeNull()
  expect(output.note).toMatch(/^the copy is only 0\.\d+ similar; it was thrown away$/)
})

test('another picture in the copy is seen', async () => {
  const [a, b] = [join(folder, 'a.mp4'), join(folder, 'b.mkv')]
  await exec('ffmpeg', ['-nostdin', '-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=size=320x240:rate=5:duration=1', '-pix_fmt', 'yuv420p', '-y', a])
  await exec('ffmpeg', ['-nostdin', '-v', 'error', '-f', 'lavfi', '-i', 'color=gray:size=320x240:rate=5:duration=1', '-pix_fmt', 'yuv420p', '-c:v', 'ffv1', '-y', b])
  const ssim = await similarity(a, b, 1, new AbortController().signal)
  expect(ssim).toHaveLength(5)
  expect(Math.max(...ssim)).toBeLessThan(0.9)
})

test('a lost lease stops the encoder at once', async () => {
  const abort = new AbortController()
  const stopped = slim('stopped.mp4', ['-f', 'lavfi', '-i', 'testsrc2=size=1920x1080:rate=10:duration=8', '-c:v', 'libx264', '-preset', 'ultrafast'], {}, abort, () => abort.abort(new Error('the lease was lost')))
  await expect(stopped).rejects.toThrow('the lease was lost')
})

test.each([
  [1920, 1080, 1280, 720], [2560, 1440, 1280, 720], [1080, 1920, 720, 1280], [3840, 1600, 1728, 720], [641, 361, 642, 362], [640, 360, 640, 360],
])('%i × %i becomes %i × %i', (w, h, width_px, height_px) => {
  expect(slimSize(w, h)).toEqual({ width_px, height_px })
})
