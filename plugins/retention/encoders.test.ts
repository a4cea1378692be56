import { execFile, execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { choose, encoders } from './encoders.ts'
import { budget } from './ffmpeg.ts'
import { run } from './slim.ts'
import { folderMedia, settings, slimOptions } from './testing.ts'

const exec = promisify(execFile)
vi.setConfig({ testTimeout: 120_000 }) // encoders run twice in some, on whatever machine
const linux = process.platform === 'linux'
const { signal } = new AbortController()

let folder: string
const path = process.env.PATH!
beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'viewshed-encoders-')) })
afterAll(() => rm(folder, { recursive: true, force: true }))

test.runIf(linux)('hardware is tried before software, each card that is there, and what this system cannot have is left out', () => {
  const names = (codec: 'h264' | 'hevc' | 'av1', nodes: readonly string[]) => encoders(codec, 24, 300, nodes).map(({ name, before }) => [name, ...before.filter((arg) => arg.startsWith('/dev/'))].join(' '))
  expect(names('h264', ['/dev/dri/renderD128', '/dev/dri/renderD129'])).toEqual(['h264_nvenc', 'h264_qsv', 'h264_vaapi /dev/dri/renderD128', 'h264_vaapi /dev/dri/renderD129', 'h264_v4l2m2m', 'libx264'])
  expect(names('hevc', [])).toEqual(['hevc_nvenc', 'hevc_qsv', 'hevc_v4l2m2m', 'libx265'])
  expect(names('av1', [])).toEqual(['av1_nvenc', 'av1_qsv', 'libsvtav1'])
})

test('what is chosen has encoded something here; a card that was asked for and is not there is said, with what to do', async () => {
  expect((await choose('h264', 'software', 24, 300, signal)).name).toBe('libx264')
  const { way } = await choose('h264', 'auto', 24, 300, signal)
  if (!existsSync('/dev/dri') && !existsSync('/dev/nvidia0') && !existsSync('/dev/video0')) expect(way).toBe('software')
  if (!existsSync('/dev/dri')) await expect(choose('h264', 'vaapi', 24, 300, signal)).rejects.toMatchObject({ code: 'tool/missing', message: expect.stringContaining('no vaapi encoder for h264') })
})

test('half of the cores are left to whoever owns the machine, and never more are taken than there are', () => {
  expect([[0, 8], [0, 1], [3, 8], [64, 8]].map(([wanted, cores]) => budget(wanted!, cores))).toEqual([4, 1, 3, 8])
})

/** An ffmpeg whose card passes the trial and gives up in the middle of the work, as one that is too hot does. */
const FLAKY = `#!/bin/sh
REAL=$0.real
case " $* " in
  *testsrc2*" hevc_nvenc "*) exit 0 ;;
  *" hevc_nvenc "*) echo "Error submitting the frame: device lost" >&2; exit 1 ;;
esac
exec "$(cat "$REAL")" "$@"
`

test.runIf(linux)('a card that gives up on the way is not the end: software does the whole, and says so', async () => {
  const media = join(folder, 'media')
  for (const own of [media, join(folder, 'bin'), join(folder, 'scratch')]) await mkdir(own)
  await exec('ffmpeg', ['-nostdin', '-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=size=1280x960:rate=5:duration=2', '-c:v', 'libx264', '-preset', 'ultrafast', '-y', join(media, 'a.mp4')])
  const fake = join(folder, 'bin', 'ffmpeg')
  await writeFile(`${fake}.real`, execFileSync('which', ['ffmpeg']).toString().trim())
  await writeFile(fake, FLAKY)
  await chmod(fake, 0o755)
  process.env.PATH = join(folder, 'bin') + delimiter + path
  try {
    const sha256 = 'd'.repeat(64)
    const ctx = { config: settings(), media: folderMedia(folder), scratch: join(folder, 'scratch'), attempt: 1, signal, progress: () => undefined }
    const input = { media: { volume: 'media', path: 'a.mp4', bytes: (await stat(join(media, 'a.mp4'))).size, sha256 }, sha256, media_kind: 'video' as const }
    const { checks } = await run(input, { ...ctx, options: slimOptions({ codec: 'hevc' }) })
    expect(checks).toMatchObject({ encoder: 'libx265', frames: 10, original_frames: 10 })
    await expect(run(input, { ...ctx, options: slimOptions({ codec: 'hevc', encoder: 'nvenc' }) })).rejects.toMatchObject({ code: 'tool/failed', message: expect.stringContaining('device lost') })
  } finally {
    process.env.PATH = path
  }
})
