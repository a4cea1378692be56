import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { run as filmstrip } from './filmstrip.ts'
import { contextOf, DATA, hasData, makeClip, needsData, refOf } from './testing/probe.ts'
import { run as thumbs } from './thumbs.ts'

let folder: string
let scratch: string
let written: Map<string, string>
beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'pictures-')) })
afterAll(() => rm(folder, { recursive: true }))
beforeEach(async () => {
  scratch = await mkdtemp(join(folder, 'scratch-'))
  written = new Map()
})

const shot = async (path: string, media_kind: 'video' | 'image' | 'track') => {
  const media = await refOf(path)
  return (await thumbs({ media, sha256: media.sha256, media_kind }, contextOf({}, scratch, written))).thumbs
}
const strip = async (path: string, duration_s: number | null) => {
  const media = await refOf(path)
  return (await filmstrip({ media, sha256: media.sha256, duration_s }, contextOf({}, scratch, written))).filmstrip
}
/** Mean colour of a part of a picture. */
const colour = async (path: string, left: number, top: number, size: number) => {
  const { channels } = await sharp(await sharp(path).extract({ left, top, width: size, height: size }).toBuffer()).stats()
  return channels.slice(0, 3).map((c) => Math.round(c.mean))
}

describe('thumbnails', () => {
  test('never wider than the original, under the name of its content', async () => {
    const clip = await makeClip(join(folder, 'wide.mp4'), 2, '-vf', 'scale=700:-2')
    const { sha256 } = await refOf(clip)
    const made = await shot(clip, 'video')
    expect(made.map((t) => [t.width_px, t.media.path.replace(t.media.sha256.slice(0, 8), 'DIGEST')])).toEqual([
      [150, `derived/${sha256.slice(0, 2)}/${sha256}/thumb-150.DIGEST.jpg`], [600, `derived/${sha256.slice(0, 2)}/${sha256}/thumb-600.DIGEST.jpg`],
    ])
    expect(await sharp(written.get(made[1]!.media.path)!).metadata()).toMatchObject({ format: 'jpeg', width: 600, height: 338 })
  })
  test('a picture smaller than the smallest stays as it is', async () => {
    const path = join(folder, 'small.png')
    await sharp({ create: { width: 60, height: 40, channels: 4, background: '#ff000080' } }).png().toFile(path)
    expect((await shot(path, 'image')).map((t) => t.width_px)).toEqual([60])
  })
  test('black at its beginning, a clip is shown by a later frame', async () => {
    const clip = await makeClip(join(folder, 'dark.mp4'), 6, '-vf', 'drawbox=c=black:t=fill:enable=lt(t\\,2)')
    const [thumb] = await shot(clip, 'video')
    expect(Math.max(...(await colour(written.get(thumb!.media.path)!, 10, 10, 60)))).toBeGreaterThan(30)
  })
  test('EXIF turns a picture', async () => {
    const path = join(folder, 'turned.jpg')
    const red = await sharp({ create: { width: 200, height: 300, channels: 3, background: '#f00' } }).png().toBuffer()
    await sharp({ create: { width: 400, height: 300, channels: 3, background: '#00f' } }).composite([{ input: red, left: 0, top: 0 }]).withMetadata({ orientation: 6 }).jpeg().toFile(path) // to be turned clockwise
    const [thumb] = await shot(path, 'image')
    const file = written.get(thumb!.media.path)!
    expect(await sharp(file).metadata()).toMatchObject({ width: 150, height: 200 })
    expect((await colour(file, 60, 10, 20))[0]).toBeGreaterThan(200) // what was left is now above
    expect((await colour(file, 60, 170, 20))[2]).toBeGreaterThan(200)
  })
  test('a track has none', async () => expect(await shot(import.meta.filename, 'track')).toEqual([]))
  test.skipIf(!hasData)(`a HEIC is shown whole, not by one of its tiles${needsData}`, async () => {
    const [, large] = await shot(join(DATA, 'I_heic/grid_960x640.heic'), 'image')
    expect(large?.width_px).toBe(600)
    expect(await sharp(written.get(large!.media.path)!).metadata()).toMatchObject({ width: 600, height: 400 })
  })
  test.skipIf(!hasData)(`a clip that holds telemetry only has none${needsData}`, async () => {
    expect(await shot(join(DATA, 'A_dashcam/novatek/2e-drive-730.mp4'), 'video')).toEqual([])
  })
})

describe('a filmstrip', () => {
  test('has a frame for each second of a short clip, each its own', async () => {
    const made = await strip(await makeClip(join(folder, 'five.mp4'), 5), 5)
    expect(made).toMatchObject({ frames: 5, columns: 5, interval_s: 1, width_px: 160, height_px: 90 })
    const file = written.get(made!.media.path)!
    expect(await sharp(file).metadata()).toMatchObject({ format: 'jpeg', width: 800, height: 90 })
    const cells = await Promise.all([0, 1, 2, 3, 4].map((i) => sharp(file).extract({ left: i * 160, top: 0, width: 160, height: 90 }).raw().toBuffer()))
    expect(new Set(cells.map((c) => c.toString('base64'))).size).toBe(5)
  })
  test('of a long clip has at most sixty, in rows, none of them empty though key frames are rare', async () => {
    const made = await strip(await makeClip(join(folder, 'long.mp4'), 130, '-g', '400', '-r', '5'), 130)
    expect(made).toMatchObject({ frames: 60, columns: 10, width_px: 160, height_px: 90 })
    expect(made!.interval_s).toBeCloseTo(130 / 60, 3)
    const file = written.get(made!.media.path)!
    expect(await sharp(file).metadata()).toMatchObject({ width: 1600, height: 540 })
    expect(Math.max(...(await colour(file, 9 * 160 + 20, 5 * 90 + 20, 40)))).toBeGreaterThan(30)
  })
  test('is none without a length or a picture', async () => {
    expect(await strip(import.meta.filename, 3)).toBeNull()
    expect(await strip(import.meta.filename, null)).toBeNull()
  })
})
