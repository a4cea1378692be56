import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { MediaRef } from '../../core/contract/media.ts'
import type { Sighting } from '../../core/contract/records.ts'
import type { Frame } from './frames.ts'
import { withPictures, type Shown } from './shown.ts'
import { Stills } from './stills.ts'

let scratch: string
beforeAll(async () => { scratch = await mkdtemp(join(tmpdir(), 'shown-')) })
afterAll(() => rm(scratch, { recursive: true }))

const FRAMES = 120
const [WIDTH, HEIGHT] = [64, 48]
/** Each frame is of a grey of its own, so that a picture tells which one it was made of. */
async function* clip(frames = FRAMES): AsyncGenerator<Frame> {
  for (let i = 0; i < frames; i++) yield { at_s: i, picture: { rgb: new Uint8Array(WIDTH * HEIGHT * 3).fill(i), width: WIDTH, height: HEIGHT } }
}

let most_bytes = 0
async function measure(): Promise<void> {
  const sizes = await Promise.all((await readdir(scratch)).map(async (name) => (await stat(join(scratch, name))).size))
  most_bytes = Math.max(most_bytes, sizes.reduce((a, b) => a + b, 0))
}

/** A volume whose files are named by the grey that they show. */
const media = {
  read: () => Promise.reject(new Error('nobody asks for it here')),
  async write(volume: string, _path: string, localPath: string): Promise<MediaRef> {
    await measure()
    const { channels } = await sharp(localPath).stats()
    return { volume, path: String(Math.round(channels[0]!.mean)), bytes: 1, sha256: 'a'.repeat(64) }
  },
}

/** Every frame has something to show; every third one is chosen in the end, the last first. */
async function shownOf(stills: Stills): Promise<Shown[]> {
  let count = 0
  for await (const { picture } of clip()) {
    await stills.keep(count++, picture)
    await measure()
  }
  return Array.from({ length: FRAMES / 3 }, (_, i) => FRAMES - 1 - 3 * i).map((frame) => ({
    frame,
    sighting: async () => ({ at_s: frame, crop: await stills.crop(frame, [0.2, 0.2, 0.5, 0.5]), frame: await stills.frame(frame) }) as Sighting,
  }))
}

test('of a long clip no more lies in scratch than there is room for, and yet each sighting has the pictures of its own frame', async () => {
  most_bytes = 0
  const bytes = 10_000
  const stills = new Stills(scratch, media, 'a'.repeat(64), bytes)
  const shown = await shownOf(stills)
  expect(stills.has(0)).toBe(true)
  expect(stills.has(FRAMES - 1)).toBe(false)
  const sightings = await withPictures(shown, stills, clip)
  expect(sightings.map(({ at_s, crop, frame }) => [at_s, Number(crop!.path), Number(frame!.path)])).toEqual(shown.map(({ frame }) => [frame, frame, frame]))
  expect(most_bytes).toBeLessThan(bytes + 5_000)
  expect(await readdir(scratch)).toEqual([])
})

test('where all frames have room the clip is decoded once', async () => {
  const stills = new Stills(scratch, media, 'a'.repeat(64))
  expect(await withPictures(await shownOf(stills), stills, () => { throw new Error('never') })).toHaveLength(FRAMES / 3)
})

test('a clip that gives less at the second time is a fault', async () => {
  const stills = new Stills(scratch, media, 'a'.repeat(64), 1)
  await expect(withPictures(await shownOf(stills), stills, () => clip(50))).rejects.toMatchObject({ code: 'tool/failed', message: expect.stringContaining('50 frames') })
})
