import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { hasFilter } from './ffmpeg.ts'
import { likeness, vmafIn } from './likeness.ts'
import { slimSize } from './picture.ts'
import { run } from './slim.ts'
import { folderMedia, settings, slimOptions } from './testing.ts'

const exec = promisify(execFile)
const GOPRO = fileURLToPath(new URL('../../../shared/data/A_dashcam/gopro/hero5-trimmed.mp4', import.meta.url))
const SHA = 'c'.repeat(64)

let folder: string
beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'viewshed-slim-')) })
afterAll(() => rm(folder, { recursive: true, force: true }))

type Given = Parameters<typeof slimOptions>[0] & { readonly input?: { readonly rung?: '1080p' | '720p' | '540p' } }

async function slimOf(name: string, { input = {}, ...options }: Given = {}, abort = new AbortController(), onProgress = () => undefined as void) {
  const scratch = await mkdtemp(join(folder, 'scratch-'))
  const said: number[] = []
  const output = await run({ media: { volume: 'media', path: name, bytes: (await stat(join(folder, 'media', name))).size, sha256: SHA }, sha256: SHA, media_kind: 'video', ...input },
    { config: settings(), options: slimOptions({ threads: 2, ...options }), media: folderMedia(folder), scratch, attempt: 1, signal: abort.signal, progress: (done) => { said.push(done); onProgress() } })
  return { output, said }
}

async function slim(name: string, args: readonly string[], ...more: [Given?, AbortController?, (() => void)?]) {
  await mkdir(join(folder, 'media'), { recursive: true })
  await exec('ffmpeg', ['-nostdin', '-v', 'error', ...args, '-y', join(folder, 'media', name)])
  return slimOf(name, ...more)
}

interface Stream { readonly codec_name?: string; readonly codec_type: string; readonly codec_tag_string: string; readonly width?: number; readonly height?: number; readonly start_time: string }
const probe = async (path: string) => JSON.parse((await exec('ffprobe', ['-v', 'error', '-of', 'json', '-show_format', '-show_streams', path])).stdout) as { streams: Stream[]; format: { tags: Record<string, string> } }
const pathOf = ({ slim: made }: { slim: { path: string } | null }) => join(folder, 'media', made!.path)

test('a large clip gets a 720p copy with its sound, its date and its place, and it was compared frame by frame', async () => {
  const { output, said } = await slim('large.mp4', [
    '-f', 'lavfi', '-i', 'testsrc2=size=1920x1080:rate=10:duration=3', '-f', 'lavfi', '-i', 'sine=duration=3',
    '-c:v', 'libx264', '-preset', 'ultrafast', '-c:a', 'aac', '-metadata', 'creation_time=2026-04-12T14:30:00Z', '-metadata', 'location=+52.4000+004.0700/',
  ])
  expect(output).toMatchObject({ note: null, rung: '720p', verified_ms: expect.any(Number) })
  expect(output.slim!.path).toMatch(new RegExp(`^derived/cc/${SHA}/720p\\.[0-9a-f]{12}\\.mp4$`))
  expect(output.checks).toMatchObject({ frames: 30, original_frames: 30, ssim_frames: 12, bytes: output.slim!.bytes, original_bytes: (await stat(join(folder, 'media', 'large.mp4'))).size })
  expect(output.checks!.ssim_min).toBeGreaterThan(0.9)
  expect(said.at(-1)).toBe(0.9)
  const { streams, format } = await probe(pathOf(output))
  expect(streams.map((s) => [s.codec_name, s.width, s.height])).toEqual([['h264', 1280, 720], ['aac', undefined, undefined]])
  expect(format.tags).toMatchObject({ creation_time: '2026-04-12T14:30:00.000000Z', location: '+52.4000+004.0700/' })
  const head = (await readFile(pathOf(output))).subarray(0, 4096).toString('latin1')
  expect(head.indexOf('moov')).toBeGreaterThan(0) // its index comes first, so that it plays while it loads
})

test.each([['1080p', 1920, 1080], ['720p', 1280, 720], ['540p', 960, 540]] as const)('what a message asks for comes before what the node says: %s', async (rung, width, height) => {
  const { output } = await slim(`${rung}.mp4`, ['-f', 'lavfi', '-i', 'testsrc2=size=2560x1440:rate=5:duration=1', '-c:v', 'libx264', '-preset', 'ultrafast'], { rung: '720p', input: { rung } })
  expect(output).toMatchObject({ rung, note: null, checks: { frames: 5, original_frames: 5 } })
  expect(output.slim!.path).toContain(`/${rung}.`)
  expect((await probe(pathOf(output))).streams.map((s) => [s.width, s.height])).toEqual([[width, height]])
})

test('sound may be dropped, and what MP4 cannot hold is made AAC', async () => {
  const source = ['-f', 'lavfi', '-i', 'testsrc2=size=1920x1080:rate=5:duration=1', '-f', 'lavfi', '-i', 'sine=duration=1', '-c:v', 'libx264', '-preset', 'ultrafast', '-c:a', 'pcm_s16le']
  const kept = await slim('loud.mov', source)
  expect((await probe(pathOf(kept.output))).streams.map((s) => s.codec_name)).toEqual(['h264', 'aac'])
  const dropped = await slimOf('loud.mov', { audio: 'drop' })
  expect((await probe(pathOf(dropped.output))).streams.map((s) => s.codec_name)).toEqual(['h264'])
})

test.each([['hevc', 'hvc1'], ['av1', 'av01']] as const)('%s comes out whole as well, over the borders of its segments', async (codec, tag) => {
  const { output } = await slim(`${codec}.mp4`, ['-f', 'lavfi', '-i', 'testsrc2=size=320x240:rate=5:duration=24', '-c:v', 'mpeg4', '-q:v', '2'], { codec, encoder: 'software' })
  expect(output).toMatchObject({ note: null, checks: { frames: 120, original_frames: 120 } })
  expect((await probe(pathOf(output))).streams[0]).toMatchObject({ codec_name: codec, codec_tag_string: tag })
}, 60_000)

test('lines of text over the picture, as some cameras write their position, are carried over with their times', async () => {
  await mkdir(join(folder, 'media'), { recursive: true })
  const lines = join(folder, 'rmc.srt')
  await exec('sh', ['-c', `printf '1\\n00:00:00,500 --> 00:00:01,500\\n$GPRMC,143000,A,5224.0,N,00404.2,E\\n' > ${lines}`])
  const { output } = await slim('text.mp4', ['-f', 'lavfi', '-i', 'testsrc2=size=1920x1080:rate=5:duration=2', '-i', lines, '-c:v', 'libx264', '-preset', 'ultrafast', '-c:s', 'mov_text'])
  expect((await probe(pathOf(output))).streams.map((s) => s.codec_name)).toEqual(['h264', 'mov_text'])
  const { stdout } = await exec('ffmpeg', ['-v', 'error', '-i', pathOf(output), '-map', '0:s', '-f', 'srt', '-'])
  expect(stdout.trim()).toBe('1\n00:00:00,500 --> 00:00:01,500\n$GPRMC,143000,A,5224.0,N,00404.2,E')
})

test.skipIf(!existsSync(GOPRO))('the telemetry of a GoPro is carried over byte by byte', async () => {
  const bytesOf = async (path: string) => {
    const index = (await probe(path)).streams.findIndex((s) => s.codec_tag_string === 'gpmd')
    return (await exec('ffmpeg', ['-v', 'error', '-i', path, '-map', `0:${index}`, '-c', 'copy', '-f', 'data', '-'], { encoding: 'buffer', maxBuffer: 64 << 20 })).stdout
  }
  const index = (await probe(GOPRO)).streams.findIndex((s) => s.codec_tag_string === 'gpmd')
  const { output } = await slim('gopro.mp4', ['-i', GOPRO, '-map', '0:v', '-map', '0:a', '-map', `0:${index}`, '-c', 'copy', '-c:v', 'libx264', '-preset', 'ultrafast', '-vf', 'scale=1280:-2'], { input: { rung: '540p' } })
  expect(output.note).toBeNull()
  const wanted = await bytesOf(GOPRO)
  expect(wanted.length).toBeGreaterThan(1000)
  expect(await bytesOf(pathOf(output))).toEqual(wanted)
}, 60_000)

test('frames that come at uneven moments are all kept, at their moments', async () => {
  const { output } = await slim('uneven.mkv', [
    '-f', 'lavfi', '-i', 'testsrc2=size=1600x900:rate=25:duration=2', '-vf', "select='not(eq(mod(n\\,5)\\,1))+0',setpts=PTS", '-vsync', 'vfr', '-c:v', 'libx264', '-preset', 'ultrafast',
  ])
  expect(output.checks).toMatchObject({ frames: 40, original_frames: 40 })
  const times = async (path: string) => (await exec('ffprobe', ['-v', 'error', '-select_streams', 'v', '-show_entries', 'frame=pts_time', '-of', 'csv=p=0', path])).stdout.trim().split('\n').map((t) => Number.parseFloat(t).toFixed(2))
  expect(await times(pathOf(output))).toEqual(await times(join(folder, 'media', 'uneven.mkv')))
})

test('a small H.264 original has no second copy', async () => {
  const { output } = await slim('small.mp4', ['-f', 'lavfi', '-i', 'testsrc2=size=640x360:rate=10:duration=1', '-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p'])
  expect(output).toEqual({ slim: null, rung: '720p', note: 'the original is small enough and plays everywhere', checks: null, verified_ms: null })
})

test('a small original that browsers do not play gets a copy of its own size', async () => {
  const { output } = await slim('old.avi', ['-f', 'lavfi', '-i', 'testsrc2=size=640x360:rate=10:duration=1', '-c:v', 'mjpeg', '-pix_fmt', 'yuvj420p'])
  expect((await probe(pathOf(output))).streams[0]).toMatchObject({ codec_name: 'h264', width: 640, height: 360 })
})

test('a copy below the floor is thrown away and nothing is written', async () => {
  const { output } = await slim('noise.mp4', ['-f', 'lavfi', '-i', 'nullsrc=size=1280x960:rate=5:duration=1,geq=random(1)*255:128:128', '-c:v', 'libx264', '-preset', 'ultrafast', '-crf', '5'], { crf: 34, min_ssim: 0.99 })
  expect(output.slim).toBeNull()
  expect(output.note).toMatch(/^the copy is only 0\.\d+ similar; it was thrown away$/)
})

test('another picture in the copy is seen', async () => {
  const copy = join(folder, 'a.mp4')
  const raw = [1, 2, 3, 4, 5].map((n) => join(folder, `b-${n}.yuv`))
  await exec('ffmpeg', ['-nostdin', '-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=size=320x240:rate=5:duration=1', '-pix_fmt', 'yuv420p', '-y', copy])
  await exec('ffmpeg', ['-nostdin', '-v', 'error', '-f', 'lavfi', '-i', 'color=gray:size=320x240:rate=5:duration=1', '-pix_fmt', 'yuv420p', '-c:v', 'rawvideo', '-f', 'image2', '-y', join(folder, 'b-%d.yuv')])
  const { signal } = new AbortController()
  const { ssim, vmaf } = await likeness(copy, { files: raw, size: { width_px: 320, height_px: 240 }, windows: [{ at: 0, frames: [0, 1, 2, 3, 4] }], picture: { times_s: [0, 0.2, 0.4, 0.6, 0.8], start_s: 0 }, scratch: join(folder, 'samples.yuv'), threads: 2 }, signal)
  expect(ssim).toHaveLength(5)
  expect(Math.max(...ssim)).toBeLessThan(0.9)
  expect(vmaf !== null).toBe(await hasFilter('libvmaf', signal))
})

test('VMAF is read in the words of ffmpeg', () => {
  expect(['[Parsed_libvmaf_5 @ 0x55] VMAF score: 93.817523', '[libvmaf @ 0x55] VMAF score = 93.8', 'frame= 3'].map(vmafIn)).toEqual([93.817523, 93.8, null])
})

test('a lost lease stops the encoder at once', async () => {
  const abort = new AbortController()
  const stopped = slim('stopped.mp4', ['-f', 'lavfi', '-i', 'testsrc2=size=1920x1080:rate=10:duration=8', '-c:v', 'libx264', '-preset', 'ultrafast'], {}, abort, () => abort.abort(new Error('the lease was lost')))
  await expect(stopped).rejects.toThrow('the lease was lost')
})

test.each([
  [1920, 1080, 720, 1280, 720], [2560, 1440, 1080, 1920, 1080], [2560, 1440, 540, 960, 540], [1080, 1920, 720, 720, 1280], [3840, 1600, 720, 1728, 720], [641, 361, 720, 642, 362], [640, 360, 540, 640, 360],
])('%i × %i at %i lines becomes %i × %i', (w, h, lines_px, width_px, height_px) => {
  expect(slimSize(w, h, lines_px)).toEqual({ width_px, height_px })
})
