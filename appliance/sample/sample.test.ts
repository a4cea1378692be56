import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { drive } from './drive.ts'
import { ensureSample } from './sample.ts'
import { frame } from './scene.ts'
import { withTrack } from './telemetry.ts'

const exec = promisify(execFile)
let folder: string
beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'viewshed-sample-')) })
afterAll(() => rm(folder, { recursive: true, force: true }))

const exiftool = join(dirname(createRequire(import.meta.url).resolve('exiftool-vendored.pl/package.json')), 'bin', 'exiftool')
const tagsOf = async (path: string) =>
  (JSON.parse((await exec('perl', [exiftool, '-ee3', '-G3', '-a', '-n', '-j', path])).stdout) as Record<string, unknown>[])[0]!

test('the card has the layout of a camera and weighs a few hundred kB', async () => {
  const movies = join(await ensureSample(folder), 'DCIM', 'Movie')
  const names = (await readdir(movies)).sort()
  expect(names).toEqual(['2026_0412_143000_0001F.MP4', '2026_0412_143012_0002F.MP4'])
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(movies, name))).size))
  expect(sizes.reduce((a, b) => a + b)).toBeLessThan(400_000)
})

test('exiftool reads a fix a second from the track, on UTC, three seconds ahead of the camera', async () => {
  const movies = join(await ensureSample(folder), 'DCIM', 'Movie')
  const tags = await tagsOf(join(movies, '2026_0412_143000_0001F.MP4'))
  expect(Object.keys(tags).filter((name) => /^Doc\d+:GPSLatitude$/.test(name))).toHaveLength(12)
  expect(tags).toMatchObject({
    'Main:CreateDate': '2026:04:12 14:30:00', 'Main:ImageWidth': 1280, 'Main:ImageHeight': 720,
    'Doc1:GPSDateTime': '2026:04:12 12:30:03Z', 'Doc12:GPSDateTime': '2026:04:12 12:30:14Z',
  })
  expect(tags['Doc1:GPSLatitude']).toBeCloseTo(47.8624, 4)
  expect(tags['Doc1:GPSLongitude']).toBeCloseTo(9.0931, 4)
  expect(tags['Doc1:GPSSpeed']).toBeCloseTo(29 * 3.6, 3)
})

test('the second clip goes on where the first one ended', () => {
  const [first, second] = drive(2)
  const last = first!.fixes.at(-1)!
  const next = second!.fixes[0]!
  expect(next.at_ms - last.at_ms).toBe(1000)
  const north_m = (next.lat_deg - last.lat_deg) * 111_195
  const east_m = (next.lon_deg - last.lon_deg) * 111_195 * Math.cos((last.lat_deg * Math.PI) / 180)
  expect(Math.hypot(north_m, east_m)).toBeCloseTo(29, 0)
})

test('south and west keep their signs in the telemetry', async () => {
  const box = (type: string, ...content: Buffer[]) => {
    const head = Buffer.alloc(8)
    head.writeUInt32BE(8 + content.reduce((sum, c) => sum + c.length, 0))
    head.write(type, 4, 'latin1')
    return Buffer.concat([head, ...content])
  }
  const bare = Buffer.concat([box('ftyp', Buffer.from('isom\0\0\0\0isom', 'latin1')), box('mdat', Buffer.alloc(64)), box('moov', box('mvhd', Buffer.alloc(100)))])
  const path = join(folder, 'south-west.mp4')
  await writeFile(path, withTrack(bare, [{ at_ms: Date.UTC(2026, 0, 2, 3, 4, 5), lat_deg: -22.5, lon_deg: -43.25, speed_mps: 10, heading_deg: 200 }]))
  expect(await tagsOf(path)).toMatchObject({ 'Doc1:GPSDateTime': '2026:01:02 03:04:05Z', 'Doc1:GPSLatitude': -22.5, 'Doc1:GPSLongitude': -43.25, 'Doc1:GPSTrack': 200 })
})

test('the same second is the same picture', () => {
  const [clip] = drive(1)
  expect(frame(clip!.scene, 3.05)).toBe(frame(clip!.scene, 3.05))
  expect(frame(clip!.scene, 3.05)).not.toBe(frame(clip!.scene, 3.1))
})
