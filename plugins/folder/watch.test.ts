import { createHash } from 'node:crypto'
import { appendFile, mkdir, mkdtemp, readFile, rm, stat, symlink, unlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Fault } from '../../core/contract/fault.ts'
import { World } from './testing/world.ts'
import { run } from './watch.ts'

let folder: string
let inbox: string
let world: World
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'folder-'))
  inbox = join(folder, 'inbox')
  await mkdir(inbox)
  world = new World(join(folder, 'volume'))
})
afterEach(async () => {
  world.stop.abort()
  await rm(folder, { recursive: true })
})

/** Written long ago. */
const put = async (name: string, content: string | Buffer) => {
  const path = join(inbox, name)
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, content)
  await utimes(path, 1_700_000_000, 1_700_000_000)
  return path
}
const takeOnce = (path = inbox, stable_s = 60) => run(world.ctx([{ path, once: true }], stable_s))

describe('a folder that is taken once', () => {
  test('comes in by camera and day, and is only read', async () => {
    const clip = await put('card/Normal/Front/NO20260101-120000-000001F.MP4', 'front')
    await put('card/GPSData1.txt', '$V02\n1,')
    const before = await stat(clip)
    await takeOnce()
    const log = { volume: 'media', path: 'raw/card/2023-11-14/GPSData1.txt', bytes: 7, sha256: createHash('sha256').update('$V02\n1,').digest('hex') }
    expect(world.arrived).toContainEqual({
      media: { volume: 'media', path: 'raw/card/2026-01-01/NO20260101-120000-000001F.MP4', bytes: 5, sha256: createHash('sha256').update('front').digest('hex') },
      name: 'NO20260101-120000-000001F.MP4', camera: 'card', channel: 'front', event: 'normal', sidecars: [{ media: log, format: '70mai' }], source: clip,
    })
    expect(world.arrived.map((a) => a.name).sort()).toEqual(['GPSData1.txt', 'NO20260101-120000-000001F.MP4'])
    expect(world.written.filter((w) => w.endsWith('GPSData1.txt')).length).toBe(1) // read once, though two events speak of it
    expect((await stat(clip)).mtimeMs).toBe(before.mtimeMs)
    expect(await readFile(clip, 'utf8')).toBe('front')
  })
  test('in order, in a second life nothing twice', async () => {
    for (const name of ['c.mp4', 'a.mp4', 'b.mp4']) await put(name, name)
    await takeOnce()
    expect(world.arrived.map((a) => a.name).sort()).toEqual(['a.mp4', 'b.mp4', 'c.mp4'])
    world.written.length = 0
    await takeOnce()
    expect(world.arrived.length).toBe(3)
    expect(world.written).toEqual([])
  })
  test('a name is only a name', async () => {
    const names = [';whoami;#.mp4', '$(id).mp4', '-i.mp4', 'a b%20.mp4', "it's.mp4", 'ünï.mp4']
    for (const name of names) await put(name, name)
    await takeOnce()
    expect(world.arrived.map((a) => a.name).sort()).toEqual(names.sort())
    expect(world.refused).toEqual([])
  })
  test('what cannot be taken is refused with a word, and the rest goes through', async () => {
    await put('empty.mp4', '')
    await put('program.bin', '\x7fELF')
    await put('good.mp4', 'good')
    await put('listing.xml', '<LIST/>')
    await writeFile(join(folder, 'secret.mp4'), 'secret')
    await symlink(join(folder, 'secret.mp4'), join(inbox, 'out.mp4'))
    await symlink(folder, join(inbox, 'up'))
    await symlink('nowhere.mp4', join(inbox, 'dead.mp4'))
    await symlink('good.mp4', join(inbox, 'alias.mp4'))
    await takeOnce()
    expect(world.arrived.map((a) => a.name)).toEqual(['good.mp4'])
    expect(world.refused.sort()).toEqual([['dead.mp4', 'media/unreadable'], ['empty.mp4', 'clip/empty'], ['out.mp4', 'media/outside'], ['program.bin', 'clip/unsupported'], ['up', 'media/outside']])
    for (const e of world.emitted.filter((x) => x.event === 'refused')) expect(e.payload).toMatchObject({ name: expect.stringContaining(inbox), camera: 'inbox', message: expect.stringMatching(/^[A-Z].*\.$/) })
  })
  test('a folder that is not there is refused', async () => {
    await takeOnce(join(folder, 'missing'))
    expect(world.refused).toEqual([['missing', 'media/missing']])
  })
  test('a full disk refuses that file', async () => {
    await put('a.mp4', 'a')
    await put('b.mp4', 'b')
    world.fault = (path) => (path.endsWith('a.mp4') ? new Fault('media/full', 'The disk is full.') : null)
    await takeOnce()
    expect(world.arrived.map((a) => a.name)).toEqual(['b.mp4'])
    expect(world.refused).toEqual([['a.mp4', 'media/full']])
  })
  test('a file that changed while it was read is read again', async () => {
    await put('a.mp4', 'a')
    let times = 0
    world.fault = () => (times++ === 0 ? new Fault('media/changed', 'It grew.') : null)
    await takeOnce()
    expect(world.arrived.map((a) => a.name)).toEqual(['a.mp4'])
    expect(world.refused).toEqual([])
  })
  test('two files of one name and day both come in', async () => {
    await put('card/DCIM/100GOPRO/GX010001.MP4', 'one')
    await put('card/DCIM/101GOPRO/GX010001.MP4', 'two')
    await takeOnce()
    const paths = world.arrived.map((a) => (a.media as { path: string }).path).sort()
    expect(paths[0]).toBe('raw/card/2023-11-14/GX010001.MP4')
    expect(paths[1]).toMatch(/^raw\/card\/2023-11-14\/GX010001~[0-9a-f]{8}\.MP4$/)
  })
  test('a file of just now is waited for', async () => {
    await writeFile(join(inbox, 'now.mp4'), 'now')
    await takeOnce(inbox, 0.3)
    expect(world.arrived.map((a) => a.name)).toEqual(['now.mp4'])
  })
  test('of a single file, only what belongs to it', async () => {
    const path = await put('clip.mp4', 'clip')
    await put('clip.gpx', '<gpx >')
    await put('clip.jpg', 'photo')
    await put('other.mp4', 'other')
    await takeOnce(path)
    expect(world.arrived.map((a) => [a.name, a.camera, (a.sidecars as { format: string }[]).map((s) => s.format)])).toEqual([['clip.mp4', 'inbox', ['gpx']]])
  })
  test('the camera may be given', async () => {
    await put('card/DCIM/a.mp4', 'a')
    await run(world.ctx([{ path: inbox, once: true, camera: 'Dad’s van' }], 60))
    expect(world.arrived[0]).toMatchObject({ camera: 'Dad’s van', media: { path: 'raw/Dad’s van/2023-11-14/a.mp4' } })
  })
})

describe.each([false, true])('a folder that is watched (polling: %s)', (poll) => {
  test('takes what is there and what comes, once it is whole', async () => {
    await put('old.mp4', 'old')
    const watching = run(world.ctx([{ path: inbox, poll }], 0.3))
    await world.until(() => world.arrived.length === 1)
    const path = join(inbox, 'new.mp4')
    await writeFile(path, 'part')
    const growing = setInterval(() => void appendFile(path, 'x'), 100)
    await new Promise((resolve) => setTimeout(resolve, 800))
    expect(world.arrived.length).toBe(1)
    clearInterval(growing)
    if (!poll) await world.until(() => world.arrived.length === 2)
    world.stop.abort()
    await watching
    if (!poll) expect(world.arrived[1]).toMatchObject({ name: 'new.mp4', media: { bytes: (await stat(path)).size } })
  })
})

describe('a watched folder', () => {
  test('a side-car that comes later brings its clip again', async () => {
    await put('clip.mp4', 'clip')
    const watching = run(world.ctx([{ path: inbox }], 0.1))
    await world.until(() => world.arrived.length === 1)
    await put('clip.nmea', '$GPRMC,1')
    await world.until(() => world.arrived.length === 2)
    expect(world.arrived.map((a) => [a.name, (a.sidecars as unknown[]).length])).toEqual([['clip.mp4', 0], ['clip.mp4', 1]])
    expect(world.written.filter((w) => w.endsWith('clip.mp4')).length).toBe(1)
    world.stop.abort()
    await watching
  })
  test('a full disk is waited out', async () => {
    await put('a.mp4', 'a')
    let full = true
    let tried = 0
    world.fault = () => {
      tried++
      world.changes.emit('change')
      return full ? new Fault('media/full', 'The disk is full.') : null
    }
    const watching = run(world.ctx([{ path: inbox }], 0.1))
    await world.until(() => tried > 0)
    full = false
    await world.until(() => world.arrived.length === 1)
    expect(world.refused).toEqual([])
    world.stop.abort()
    await watching
  })
  test('a file that went away again is nobody’s fault', async () => {
    const path = await put('a.mp4', 'a')
    await put('b.mp4', 'b')
    world.fault = (source) => (source === path ? new Fault('media/missing', 'Gone.') : null)
    const watching = run(world.ctx([{ path: inbox }], 0.1))
    await world.until(() => world.arrived.length === 1)
    await unlink(path)
    expect(world.refused).toEqual([])
    world.stop.abort()
    await watching
  })
})
