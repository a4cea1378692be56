import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, globSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Fault } from '../../core/contract/fault.ts'
import { APPEAR_MS, cardsBelow } from './cards.ts'
import { World } from './testing/world.ts'
import { run } from './watch.ts'

const DATA = new URL('../../../shared/data/A_dashcam/', import.meta.url).pathname
const canMount = process.platform === 'linux' && process.getuid?.() === 0 && spawnSync('unshare', ['--mount', 'true']).status === 0

let folder: string
let media: string // where cards are mounted
let world: World
let reading: Promise<void>
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'viewshed-cards-'))
  media = join(folder, 'media')
  await mkdir(media)
  world = new World(join(folder, 'volume'))
})
afterEach(async () => {
  world.stop.abort()
  await reading
  for (const card of globSync(`${media}/*`)) spawnSync('umount', ['-l', card])
  await rm(folder, { recursive: true })
})

/** A card of its own file system; once it is filled it cannot be written to. */
async function plugIn(label: string, files: Readonly<Record<string, string>>, from: string | null = null): Promise<string> {
  const at = join(media, label)
  await mkdir(at, { recursive: true })
  const filling = join(folder, `filling ${label}`)
  await mkdir(filling, { recursive: true })
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', filling])
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(filling, path)), { recursive: true })
    if (from === null) {
      await writeFile(join(filling, path), text)
      await utimes(join(filling, path), 1_700_000_000, 1_700_000_000)
    } else await cp(join(from, text), join(filling, path), { recursive: true })
  }
  execFileSync('mount', ['-o', 'remount,ro', filling])
  execFileSync('mount', ['--move', filling, at])
  return at
}
const pullOut = (at: string) => execFileSync('umount', ['-l', at])
/** Until it is noticed that a card is gone: the kernel may give its number to the next. */
const noticed = () => setTimeout(APPEAR_MS + 500)
const read = () => { reading = run(world.ctx([], 0, [media])) }
const told = () => world.emitted.filter(({ event }) => event === 'card').map(({ payload: { name, recordings, refused, bytes } }) => ({ name, recordings, refused, bytes }))
const digestOf = async (files: readonly string[]) => Promise.all(files.map(async (file) => createHash('sha256').update(await readFile(file)).digest('hex')))

test.skipIf(process.platform !== 'linux')('a folder that is not there, or in which nothing is mounted, has no cards', async () => {
  await mkdir(join(media, 'DCIM'))
  expect([await cardsBelow(media), await cardsBelow(join(folder, 'nowhere'))]).toEqual([[], []])
})

describe.skipIf(!canMount)('cards (need root, to mount)', () => {
  test('each that appears is read and told of once; a disk that no camera wrote is left alone', async () => {
    read()
    await plugIn('Van', { 'DCIM/Movie/2026_0101_120000_0001F.MP4': 'front', 'DCIM/Movie/RO/2026_0101_120100_0002F.MP4': 'locked', 'DCIM/Movie/2026_0101_120200_0003F.MP4': '' })
    await plugIn('Backup', { 'Films/holiday.mp4': 'film' })
    await world.until(() => told().length === 1)
    expect(told()).toEqual([{ name: 'Van', recordings: 2, refused: 1, bytes: 11 }])
    expect(world.arrived.map(({ name, camera, event }) => [name, camera, event]).sort()).toEqual([['2026_0101_120000_0001F.MP4', 'Van', 'normal'], ['2026_0101_120100_0002F.MP4', 'Van', 'locked']])
    expect(world.refused).toEqual([['2026_0101_120200_0003F.MP4', 'clip/empty']])
  })

  test('a card that was read before is told of again when something is new on it, and in a second life not at all', async () => {
    read()
    const van = await plugIn('Van', { 'DCIM/a.mp4': 'a' })
    await world.until(() => told().length === 1)
    pullOut(van)
    await noticed()
    await plugIn('Van', { 'DCIM/a.mp4': 'a', 'DCIM/b.mp4': 'b' })
    await world.until(() => told().length === 2)
    world.stop.abort()
    await reading
    const second = new AbortController()
    reading = run({ ...world.ctx([], 0, [media]), signal: second.signal })
    await expect.poll(() => world.asked.filter(([event]) => event === 'card').length).toBe(3)
    second.abort()
    expect(told().map(({ recordings }) => recordings)).toEqual([1, 2])
  })

  test('one that is pulled out before its end is no fault of its files: they come when it is back, the others not twice', async () => {
    const files = Object.fromEntries(Array.from({ length: 12 }, (_, n) => [`DCIM/100GOPRO/GX0100${n + 10}.MP4`, `clip ${n}`]))
    const card = await plugIn('Helmet', files)
    let read_files = 0
    world.fault = () => {
      if (++read_files <= 5) return null
      if (read_files === 6) pullOut(card)
      return new Fault('media/unreadable', 'The disk or card cannot read it (EIO).')
    }
    read()
    await expect.poll(() => read_files).toBeGreaterThan(5)
    await noticed()
    world.fault = () => null
    await plugIn('Helmet', files)
    await world.until(() => told().length === 1)
    expect([world.refused, world.arrived.length, new Set(world.written).size, told()[0]!.recordings]).toEqual([[], 12, 12, 12])
  })

  test.skipIf(!existsSync(DATA))('cards of the known makers come in by camera, channel and event, with their logs, and are not changed (needs ../shared/data)', async () => {
    read()
    await plugIn('Kaiser', { DCIM: 'kaiserbaas-sdcard/DCIM', gps: 'kaiserbaas-sdcard/gps' }, DATA)
    await plugIn('Mai', { Normal: '70mai-multichannel/Normal', 'GPSData000001.txt': '70mai-multichannel/GPSData000001.txt' }, DATA)
    await plugIn('Hero', { 'DCIM/100GOPRO/GH010042.MP4': 'gopro/hero5-trimmed.mp4' }, DATA)
    await plugIn('SD1', { 'BlackVue/Record/20260718_060329_EF.mp4': 'blackvue/synthetic.mp4', 'BlackVue/Record/20260718_060329_E.gps': 'blackvue/real-anonymized.gps', 'BlackVue/Record/20260718_060329_E.3gf': 'blackvue/real-anonymized.3gf' }, DATA)
    await plugIn('U1000', { 'evt_rec/EVT_2026_07_18_06_03_29_F.MP4': 'thinkware/real-anonymized-front.mp4' }, DATA)
    await plugIn('A129', { 'DCIM/Movie/Parking/2026_0718_060329_0001PF.MP4': 'novatek/synthetic-viofo.mp4' }, DATA)
    const files = globSync(`${media}/**/*`, { withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
    const before = await digestOf(files)
    await world.until(() => told().length === 6)
    const rows = world.arrived.map(({ camera, name, channel, event, sidecars }) => `${camera} ${name} ${channel} ${event} ${(sidecars as { format: string }[]).map(({ format }) => format).join()}`.trim())
    expect(rows.sort()).toEqual([
      'A129 2026_0718_060329_0001PF.MP4 front parking',
      'BlackVue 20260718_060329_EF.mp4 front event nmea',
      'Hero GH010042.MP4 unknown normal',
      'Kaiser 20240112.dat unknown normal', 'Kaiser 20240112181119_180.MP4 unknown normal kaiserbaas', 'Kaiser 20240112181419_180.MP4 unknown normal kaiserbaas',
      'Kaiser 20240113.dat unknown normal', 'Kaiser 20240113175633_163.MP4 unknown normal kaiserbaas', 'Kaiser 20240113175916_10.MP4 unknown normal kaiserbaas',
      'Mai GPSData000001.txt unknown normal',
      ...['000001', '000002'].flatMap((n, i) => [`Mai NO20260101-12000${2 * i}-${n}B.MP4 rear normal 70mai`, `Mai NO20260101-12000${2 * i}-${n}F.MP4 front normal 70mai`, `Mai NO20260101-12000${2 * i}-${n}I.MP4 interior normal 70mai`]),
      'U1000 EVT_2026_07_18_06_03_29_F.MP4 front event',
    ].sort())
    expect(world.refused).toEqual([])
    expect(await digestOf(files)).toEqual(before)
  })
})
