import { execFile } from 'node:child_process'
import { mkdtemp, rm, truncate, stat, writeFile, copyFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { frames, interval_s, type Frame } from './frames.ts'

const run = promisify(execFile)
let folder: string
let clip: string // 3 s of 10 frames a second, 64 × 48; a grey that grows with time
const never = new AbortController().signal

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'frames-'))
  clip = join(folder, 'grey.mp4')
  await run('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', 'color=black:size=64x48:rate=10:duration=3,geq=lum=40+60*T:cb=128:cr=128', '-pix_fmt', 'yuv420p', clip])
})
afterAll(() => rm(folder, { recursive: true }))

async function all(path: string, every_s: number): Promise<Frame[]> {
  const list: Frame[] = []
  for await (const frame of frames(path, every_s, never)) list.push(frame)
  return list
}

test('frames come with their exact time, the first and then one each interval', async () => {
  const found = await all(clip, 0.5)
  expect(found.map(({ at_s }) => at_s)).toEqual([0, 0.5, 1, 1.5, 2, 2.5])
  expect(found[0]!.picture).toMatchObject({ width: 64, height: 48 })
  const level = ({ picture }: Frame) => picture.rgb[picture.rgb.length / 2]!
  for (const frame of found) expect(Math.abs(level(frame) - ((40 + 60 * frame.at_s - 16) * 255) / 219)).toBeLessThan(6) // it is the picture of that time
})

test('a clip filmed upright comes upright', async () => {
  const turned = join(folder, 'turned.mp4')
  await run('ffmpeg', ['-v', 'error', '-display_rotation', '90', '-i', clip, '-c', 'copy', turned]).catch(() =>
    run('ffmpeg', ['-v', 'error', '-i', clip, '-metadata:s:v', 'rotate=90', '-c', 'copy', turned]))
  expect((await all(turned, 5))[0]!.picture).toMatchObject({ width: 48, height: 64 })
})

test('the names of files are no options, protocols or patterns', async () => {
  const odd = join(folder, '-i;whoami;#%03d: "x".mp4')
  await copyFile(clip, odd)
  expect(await all(odd, 5)).toHaveLength(1)
})

test('of a clip that breaks off what could be read counts', async () => {
  const stream = join(folder, 'broken.ts')
  await run('ffmpeg', ['-v', 'error', '-i', clip, '-c', 'copy', stream])
  await truncate(stream, Math.floor((await stat(stream)).size / 2))
  const found = await all(stream, 0.1)
  expect(found.length).toBeGreaterThan(3)
  expect(found.length).toBeLessThan(30)
})

test('what is no clip is a fault that says so', async () => {
  const rubbish = join(folder, 'rubbish.mp4')
  await writeFile(rubbish, 'this is no film')
  await expect(all(rubbish, 1)).rejects.toMatchObject({ code: 'clip/unreadable', message: expect.stringContaining('rubbish.mp4') })
})

test('a clip without a picture is a fault', async () => {
  const sound = join(folder, 'sound.wav')
  await run('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', 'sine=duration=1', sound])
  await expect(all(sound, 1)).rejects.toMatchObject({ code: 'clip/unreadable' })
})

test('a machine without ffmpeg is told', async () => {
  const without = frames(clip, 1, never, join(folder, 'no-such-ffmpeg'))
  await expect(without.next()).rejects.toMatchObject({ code: 'tool/missing' })
})

describe('stopping', () => {
  test('an abort ends it with the reason that was given', async () => {
    const stop = new AbortController()
    const reason = new Error('the lease was lost')
    const list = frames(clip, 0.1, stop.signal)
    await list.next()
    stop.abort(reason)
    await expect((async () => { for await (const _ of list); })()).rejects.toBe(reason)
  })

  test('one who looks away early leaves no ffmpeg behind', async () => {
    for await (const frame of frames(clip, 0.1, never)) {
      expect(frame.at_s).toBe(0)
      break
    }
  })
})

test('long clips are looked at less often, but never too rarely for a car that passes', () => {
  expect(interval_s(60, 2)).toBe(0.5)
  expect(interval_s(null, 2)).toBe(0.5)
  expect(interval_s(600, 2)).toBe(1)
  expect(interval_s(36_000, 2)).toBe(1.5)
  expect(interval_s(36_000, 0.5)).toBe(2)
})
