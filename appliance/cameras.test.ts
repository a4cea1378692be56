import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { glob, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { RECEIVING } from '../core/store/volumes.ts'
import { fakeBlackvue } from '../plugins/camera-blackvue/testing/fake.ts'
import { fakeViofo, type CardFile, type FakeViofo } from '../plugins/camera-viofo/testing/fake.ts'
import { gpsClip } from '../plugins/camera/testing/gps-clip.ts'
import { content, fixed, type Content, type FakeServer } from '../plugins/camera/testing/serve.ts'
import { beginLife, type Arrived, type LifeOrder } from './test/camera-life.ts'

vi.setConfig({ testTimeout: 60_000 })

const file = (seed: number, over: Partial<CardFile> & { bytes?: number } = {}): CardFile => ({ content: content(seed, over.bytes ?? 150_000 + seed), time: '2026/03/02 07:43:12', ...over })
const name = (n: number, lens = 'F') => `2026_0302_07${String(10 + n).padStart(2, '0')}12_00000${n}${lens}.MP4`
const movie = (n: number, lens = 'F') => `/DCIM/Movie/${name(n, lens)}`
const sha256 = (of: Content) => createHash('sha256').update(of.read(0, of.bytes)).digest('hex')
const pause = (ms: number) => new Promise((next) => setTimeout(next, ms))

/** A volume, cameras and lives of one test: most of a test is waiting, so several are under way at once. */
async function scene(whenDone: (end: () => Promise<void>) => void) {
  const dir = await mkdtemp(join(tmpdir(), 'cameras-'))
  const cameras: FakeServer[] = []
  const lives: Awaited<ReturnType<typeof beginLife>>[] = []
  whenDone(async () => {
    for (const life of lives.splice(0)) await life.end()
    for (const camera of cameras.splice(0)) await camera.off()
    await rm(dir, { recursive: true, force: true, maxRetries: 3 })
  })

  /** A life that goes on until the test ends. */
  async function begin(order: Omit<LifeOrder, 'dir'>) {
    const told = Promise.withResolvers<void>()
    let wake = told
    const life = await beginLife({ dir, ...order }, () => {
      wake.resolve()
      wake = Promise.withResolvers<void>()
    })
    lives.push(life)
    return {
      ...life,
      async end() {
        lives.splice(lives.indexOf(life), 1)
        await life.end()
      },
      async until(clips: number): Promise<readonly Arrived[]> {
        for (;;) {
          const next = wake.promise
          const all = await life.all()
          if (all.length >= clips) return all
          await Promise.race([next, life.running])
        }
      },
    }
  }

  return {
    dir, begin,
    add<C extends FakeServer>(camera: C): C {
      cameras.push(camera)
      return camera
    },
    async viofo(files: readonly (readonly [string, CardFile])[]): Promise<FakeViofo> {
      return this.add(await fakeViofo(files))
    },
    watch: (camera: FakeServer, over: Record<string, unknown> = {}) => begin({ plugin: 'camera-viofo', cameras: [{ name: 'Van', address: camera.address, route_first: false, ...over }] }),
    /** What lies on the volume, by path and digest. */
    async onVolume(): Promise<Record<string, string>> {
      const found: Record<string, string> = {}
      for await (const path of glob('raw/**/*.*', { cwd: join(dir, 'media') })) found[path] = createHash('sha256').update(await readFile(join(dir, 'media', path))).digest('hex')
      return found
    },
    received: () => readdir(join(dir, 'media', RECEIVING)).catch(() => []),
  }
}

describe('a VIOFO', () => {
  test.concurrent('is emptied: every lens, each clip once, byte for byte, and nothing of it is changed', async ({ onTestFinished }) => {
    const at = await scene(onTestFinished)
    const files = [1, 2].flatMap((n) => ['F', 'R'].map((lens) => [movie(n, lens), file(n)] as const))
    const camera = await at.viofo([...files, ['/DCIM/Movie/RO/2026_0302_071312_000003F.MP4', file(3, { attr: 33 })], ['/DCIM/Movie/Parking/2026_0302_071412_000004PF.MP4', file(4)]])
    const life = await at.watch(camera)
    const arrived = await life.until(6)
    expect(Object.fromEntries(arrived.map((a) => [a.name, [a.channel, a.event, a.media.bytes]]))).toEqual({
      [name(1, 'F')]: ['front', 'normal', 150_001], [name(1, 'R')]: ['rear', 'normal', 150_001], [name(2, 'F')]: ['front', 'normal', 150_002], [name(2, 'R')]: ['rear', 'normal', 150_002],
      '2026_0302_071312_000003F.MP4': ['front', 'locked', 150_003], '2026_0302_071412_000004PF.MP4': ['front', 'parking', 150_004],
    })
    expect(arrived[0]!.name).toBe('2026_0302_071312_000003F.MP4') // locked ones come first
    expect(await at.onVolume()).toEqual(Object.fromEntries([...camera.files].map(([path, { content: of }]) => [`raw/Van/2026-03-02/${path.split('/').at(-1)}`, sha256(of)])))
    await vi.waitFor(async () => expect(await at.received()).toEqual([]))
    expect(camera.requests.filter((path) => !/^\/(\?custom=1&cmd=301[456](&par=1)?$|DCIM\/[\w/.]*$)/.test(path))).toEqual([])
    await life.end()
    const before = camera.served.length
    const again = await at.watch(camera)
    await pause(1_000)
    expect(camera.served.length).toBe(before) // a second life fetches nothing twice
    expect((await again.all()).length).toBe(6)
  })

  test.concurrent('is noticed within ten seconds, at whichever of its addresses; never asked by more connections than it may be', async ({ onTestFinished }) => {
    const at = await scene(onTestFinished)
    const camera = await at.viofo([1, 2, 3, 4].map((n) => [movie(n), file(n)]))
    await camera.off()
    const life = await at.begin({ plugin: 'camera-viofo', cameras: [{ name: 'Van', address: '127.0.0.1:1', alternative: camera.address, connections: 2, route_first: false }] })
    await pause(4_000)
    await camera.on()
    const from_ms = performance.now()
    await vi.waitFor(() => expect(camera.requests.length).toBeGreaterThan(0), { timeout: 20_000, interval: 50 })
    expect(performance.now() - from_ms).toBeLessThan(10_000)
    await life.until(4)
    expect(camera.most_open).toBeLessThanOrEqual(2)
  })

  test.concurrent('that drove away in the middle is gone on with when it is back', async ({ onTestFinished }) => {
    const at = await scene(onTestFinished)
    const camera = await at.viofo([[movie(1), file(1, { bytes: 3_000_000 })], [movie(2), file(2)]])
    camera.rate_bytes_s = 4e6
    const life = await at.watch(camera, { order: 'oldest' })
    await vi.waitFor(() => expect(camera.served[0]?.sent).toBeGreaterThan(1_000_000), { timeout: 20_000, interval: 10 })
    await camera.off()
    await pause(1_500)
    await camera.on()
    await life.until(2)
    expect(camera.served.reduce((sum, { sent }) => sum + sent, 0) - 3_000_000 - 150_002).toBeLessThanOrEqual(1 << 20)
    expect(Object.values(await at.onVolume()).sort()).toEqual([...camera.files.values()].map((f) => sha256(f.content)).sort())
  })

  test.concurrent('is left the clip that it is writing, however still its listed size stands', async ({ onTestFinished }) => {
    const at = await scene(onTestFinished)
    let bytes = 50_000
    const growing: Content = { get bytes() { return bytes }, read: (at, length) => content(9, 500_000).read(at, Math.min(length, bytes - at)) }
    const camera = await at.viofo([[movie(1), file(1)], [movie(2), { ...file(2), content: growing, listed_bytes: 50_000 }]])
    camera.recording = true
    const life = await at.watch(camera)
    await life.until(1)
    bytes = 300_000
    await pause(3_000)
    expect((await life.all()).map((a) => a.name)).toEqual([name(1)])
    expect(camera.served.map(({ path }) => path)).toEqual([movie(1)])
  })

  test.concurrent('whose closed clip is longer than the listing says is believed when it says so twice', async ({ onTestFinished }) => {
    const at = await scene(onTestFinished)
    const camera = await at.viofo([[movie(1), file(1, { listed_bytes: 17 })], [movie(2), file(2)]])
    const life = await at.watch(camera)
    const arrived = await life.until(2)
    expect(arrived.map((a) => a.media.bytes).sort()).toEqual([150_001, 150_002])
  })

  test.concurrent('with an empty, broken or absent list is read by its folders; an empty card concludes nothing', async ({ onTestFinished }) => {
    const at = await scene(onTestFinished)
    const camera = await at.viofo([[movie(1), file(1)], ['/DCIM/Movie/RO/2026_0302_071312_000003F.MP4', file(3, { attr: 33 })]])
    camera.xml = 'empty'
    const life = await at.watch(camera)
    expect((await life.until(2)).map((a) => [a.name, a.event]).sort()).toEqual([[name(1), 'normal'], ['2026_0302_071312_000003F.MP4', 'locked']].sort())
    for (const xml of ['sound', 'broken', 'absent'] as const) {
      await life.end()
      camera.xml = xml
      const again = await at.watch(camera)
      await pause(500)
      await again.end()
    }
    expect(camera.served.filter(({ sent }) => sent > 1).length).toBe(2) // the same clips, however they are listed
  })

  test.concurrent('with a full card of 1,400 files and no length to its reply is listed whole', async ({ onTestFinished }) => {
    const at = await scene(onTestFinished)
    const camera = await at.viofo(Array.from({ length: 1_400 }, (_, i) => [`/DCIM/Movie/2026_03${String(1 + Math.floor(i / 100)).padStart(2, '0')}_07${String(i % 60).padStart(2, '0')}12_${String(i).padStart(6, '0')}F.MP4`, file(i, { bytes: 10, ...(i % 100 === 0 ? { attr: 33 as const } : {}) })]))
    const life = await at.watch(camera, { skip: ['normal'] })
    expect((await life.until(14)).every((a) => a.event === 'locked')).toBe(true)
    await vi.waitFor(async () => expect((await life.all('passed')).length).toBe(1_386), { timeout: 40_000, interval: 200 })
  })

  test.concurrent('whose clock was set back gives names again: both recordings are kept', async ({ onTestFinished }) => {
    const at = await scene(onTestFinished)
    const camera = await at.viofo([[movie(1), file(1)]])
    const life = await at.watch(camera)
    await life.until(1)
    camera.files.set(movie(1), file(2, { time: '2015/01/01 00:01:00' }))
    await life.end()
    const [first, second] = await (await at.watch(camera)).until(2)
    expect([first!.media.path, second!.media.path]).toEqual([`raw/Van/2026-03-02/${name(1)}`, expect.stringMatching(/raw\/Van\/2026-03-02\/2026_0302_071112_000001F~[0-9a-f]{8}\.MP4/)])
    expect(Object.values(await at.onVolume()).sort()).toEqual([sha256(content(1, 150_001)), sha256(content(2, 150_002))].sort())
  })

  test.concurrent('that gives a name again within its minute: both recordings are kept, and neither comes twice', async ({ onTestFinished }) => {
    const at = await scene(onTestFinished)
    const camera = await at.viofo([[movie(1), file(1)], [movie(2), file(2)]])
    const lives = [[movie(1), file(3)], [movie(5), file(5)]] as const
    const first = await at.watch(camera)
    await first.until(2)
    await first.end()
    for (const [i, [path, of]] of lives.entries()) {
      camera.files.set(path, of)
      const life = await at.watch(camera)
      await life.until(3 + i)
      await pause(3_000) // it looks once more
      expect((await life.all()).length).toBe(3 + i)
      await life.end()
    }
    expect(Object.values(await at.onVolume()).sort()).toEqual([1, 2, 3, 5].map((n) => sha256(content(n, 150_000 + n))).sort())
  })

  test.concurrent('is believed when it locks a clip that has come in: that is said once, in whichever life; one that came locked is none', async ({ onTestFinished }) => {
    const at = await scene(onTestFinished)
    const ro = '/DCIM/Movie/RO/2026_0302_071312_000003F.MP4'
    const camera = await at.viofo([[movie(1), file(1)], [movie(2), file(2)], [ro, file(3, { attr: 33 })]])
    const first = await at.watch(camera)
    await first.until(3)
    await first.end()
    camera.files.set(movie(1), file(1, { attr: 33 }))
    camera.files.set(movie(4), file(4)) // when it is in, the list has been gone through
    for (const clips of [4, 5]) {
      const life = await at.watch(camera)
      await life.until(clips)
      expect(await life.all('locked')).toEqual([{ name: name(1), camera: 'Van', channel: 'front', event: 'locked' }])
      await life.end()
      camera.files.set(movie(5), file(5))
    }
  })

  test.concurrent('that resets what is one connection too many is emptied all the same', async ({ onTestFinished }) => {
    const at = await scene(onTestFinished)
    const camera = await at.viofo([1, 2, 3, 4].map((n) => [movie(n), file(n, { bytes: 400_000 + n })]))
    camera.most_connections = 1 // a phone has the other one
    camera.rate_bytes_s = 2e6
    const life = await at.watch(camera, { connections: 2 })
    await life.until(4)
    expect(camera.refused).toBeGreaterThan(0)
    expect(Object.values(await at.onVolume()).sort()).toEqual([...camera.files.values()].map((f) => sha256(f.content)).sort())
  })

  test.concurrent('one clip that cannot be had does not hold up the others, and comes when it can', async ({ onTestFinished }) => {
    const at = await scene(onTestFinished)
    const camera = await at.viofo([1, 2, 3].map((n) => [movie(n), file(n)]))
    camera.trouble = ({ path }) => (path === movie(3) ? { kind: 'status', status: 500 } : null)
    const life = await at.watch(camera)
    await life.until(2)
    camera.trouble = null
    expect((await life.until(3)).at(-1)!.name).toBe(name(3))
  })
})

describe('the route before the clip', () => {
  const home = { lat_deg: 52, lon_deg: 13, radius_m: 150 }
  const still = Array.from({ length: 30 }, () => ({ lat_deg: 52.0002, lon_deg: 13.0001, knots: 0 }))
  const drive = [...Array.from({ length: 20 }, () => ({ lat_deg: 52, lon_deg: 13, knots: 0 })), ...Array.from({ length: 40 }, (_, i) => ({ lat_deg: 52 + i * 2e-4, lon_deg: 13, knots: 40 }))]

  test.concurrent('is read by a few ranges; what stood at home stays on the camera, and the clip is not fetched', async ({ onTestFinished }) => {
    const at = await scene(onTestFinished)
    const [parked, driven, locked] = [gpsClip(1, still), gpsClip(2, drive), gpsClip(3, still)]
    const camera = await at.viofo([[movie(1), { content: parked, time: '2026/03/02 07:11:12' }], [movie(2), { content: driven, time: '2026/03/02 07:12:12' }], ['/DCIM/Movie/RO/2026_0302_071312_000003F.MP4', { content: locked, time: '2026/03/02 07:13:12', attr: 33 }]])
    const life = await at.watch(camera, { home, route_first: true, order: 'oldest' })
    await life.until(2)
    await vi.waitFor(async () => expect((await life.all('passed')).length).toBe(1))
    expect((await life.all()).map((a) => a.name).sort()).toEqual([name(2), '2026_0302_071312_000003F.MP4'].sort())
    expect(await life.all('passed')).toEqual([{ name: name(1), camera: 'Van', channel: 'front', event: 'normal', why: 'parked at home' }])
    const sent = camera.served.filter(({ path }) => path === movie(1)).reduce((sum, s) => sum + s.sent, 0)
    expect(sent).toBeLessThan(20_000) // of 1.2 MB

    const routes = await life.all<{ name: string; at_home: boolean; fixes: { t_s: number; lat_deg: number; lon_deg: number }[]; stops: { from_s: number; to_s: number }[] }>('route')
    expect(routes.map((r) => [r.name, r.at_home]).sort()).toEqual([[name(1), true], [name(2), false], ['2026_0302_071312_000003F.MP4', true]].sort())
    const route = routes.find((r) => r.name === name(2))!
    expect(route.fixes.map((f) => f.t_s)).toEqual([0, 5, 11, 16, 21, 27, 32, 38, 43, 48, 54, 59])
    for (const fix of route.fixes) expect([fix.lat_deg, fix.lon_deg]).toEqual([expect.closeTo(drive[fix.t_s]!.lat_deg, 4), expect.closeTo(13, 4)])
    expect(route.stops).toEqual([expect.objectContaining({ from_s: 0, to_s: 16 })])
  })

  test.concurrent('that cannot be read costs nothing: the clip is fetched', async ({ onTestFinished }) => {
    const at = await scene(onTestFinished)
    const camera = await at.viofo([[movie(1), { content: gpsClip(1, still), time: '2026/03/02 07:11:12' }], [movie(2), { content: gpsClip(2, still.map(() => null)), time: '2026/03/02 07:12:12' }]])
    camera.trouble = ({ path }) => (path === movie(1) ? { kind: 'whole' } : null)
    const life = await at.watch(camera, { home, route_first: true })
    expect((await life.until(2)).length).toBe(2)
    expect(await life.all('route')).toEqual([])
  })
})

describe('a BlackVue', () => {
  const GPS = `[1784358211371]$GPRMC,060329.000,A,5200.0000,N,0.0000,W,048.0,145.2,180726,,,A*7A\r\n[1784358212371]$GPRMC,060330.000,A,5200.0100,N,0.0000,W,048.0,145.2,180726,,,A*7A\r\n`

  test.concurrent('gives each recording with its family; a log that is not there is none', async ({ onTestFinished }) => {
    const at = await scene(onTestFinished)
    const moment = (stem: string, lenses: string, log: boolean) => [
      ...[...lenses].flatMap((lens, i) => [[`${stem}${lens}.mp4`, content(i + 1, 90_000)], [`${stem}${lens}.thm`, content(i + 11, 900)]] as const),
      ...(log ? [[`${stem}.gps`, fixed(Buffer.from(GPS))], [`${stem}.3gf`, content(21, 500)]] as const : []),
    ]
    // The last moment of each lens may still be written: it stays where it is.
    const camera = at.add(await fakeBlackvue([...moment('20260718_060329_N', 'FR', true), ...moment('20260718_060429_E', 'F', false), ...moment('20260718_060529_P', 'FR', false)]))
    const life = await at.begin({ plugin: 'camera-blackvue', cameras: [{ name: 'Van', address: camera.address }] })
    const arrived = await life.until(3)
    const log = { media: { volume: 'media', path: 'raw/Van/2026-07-18/20260718_060329_N.gps', bytes: GPS.length, sha256: createHash('sha256').update(GPS).digest('hex') }, format: 'nmea' }
    expect(Object.fromEntries(arrived.map((a) => [a.name, [a.channel, a.event, a.sidecars]]))).toEqual({
      '20260718_060329_NF.mp4': ['front', 'normal', [log]], '20260718_060329_NR.mp4': ['rear', 'normal', [log]], '20260718_060429_EF.mp4': ['front', 'event', []],
    })
    expect(Object.keys(await at.onVolume()).map((path) => path.split('/').at(-1)).sort()).toEqual([
      '20260718_060329_N.3gf', '20260718_060329_N.gps', '20260718_060329_NF.mp4', '20260718_060329_NF.thm', '20260718_060329_NR.mp4', '20260718_060329_NR.thm', '20260718_060429_EF.mp4', '20260718_060429_EF.thm',
    ])
    expect((await life.all<{ name: string }>('route')).map((r) => r.name)).toEqual(['20260718_060329_NF.mp4']) // one for all lenses of the moment
  })
})

test.concurrent('a BlackVue whose clock began anew gives a name again: both recordings are kept, and neither comes twice', async ({ onTestFinished }) => {
  const at = await scene(onTestFinished)
  const camera = at.add(await fakeBlackvue([['20180101_000010_NF.mp4', content(1, 90_000)], ['20180101_000010_N.gps', content(11, 500)], ['20180101_000110_NF.mp4', content(2, 90_000)]]))
  const begin = () => at.begin({ plugin: 'camera-blackvue', cameras: [{ name: 'Van', address: camera.address, order: 'oldest' }] })
  const first = await begin()
  await first.until(1)
  await first.end()
  camera.files.set('20180101_000010_NF.mp4', content(3, 80_000)).set('20180101_000010_N.gps', content(13, 400))
  const second = await begin()
  const [, again] = await second.until(2)
  expect([again!.name, again!.media.path, again!.sidecars.map(({ media }) => media.path)]).toEqual([
    '20180101_000010_NF.mp4', expect.stringMatching(/20180101_000010_NF~[0-9a-f]{8}\.mp4$/), [expect.stringMatching(/20180101_000010_N~[0-9a-f]{8}\.gps$/)],
  ])
  await second.end()
  const before = camera.served.length
  camera.files.set('20180101_000210_NF.mp4', content(4, 90_000)) // so the one before it is whole
  const third = await begin()
  await third.until(3)
  await pause(3_000)
  expect((await third.all()).length).toBe(3)
  expect(camera.served.slice(before).filter(({ path, sent }) => path.endsWith('000010_NF.mp4') && sent > 1)).toEqual([])
  expect(Object.values(await at.onVolume()).filter((digest) => [1, 3].some((n) => sha256(content(n, n === 1 ? 90_000 : 80_000)) === digest)).length).toBe(2)
})

test.concurrent('a BlackVue that takes its time to list a full card is there all the same', async ({ onTestFinished }) => {
  const at = await scene(onTestFinished)
  const camera = at.add(await fakeBlackvue([['20260718_060329_NF.mp4', content(1, 90_000)], ['20260718_060429_NF.mp4', content(2, 90_000)]]))
  camera.text_after_ms = 5_000
  const life = await at.begin({ plugin: 'camera-blackvue', cameras: [{ name: 'Van', address: camera.address }] })
  expect((await life.until(1)).map((a) => a.name)).toEqual(['20260718_060329_NF.mp4'])
})

test.concurrent('whatever a BlackVue answers for the files beside it, a clip comes: without its small picture at once, without its log after some tries', async ({ onTestFinished }) => {
  const at = await scene(onTestFinished)
  const moments = ['20260718_060329_N', '20260718_060429_N', '20260718_060529_N']
  const camera = at.add(await fakeBlackvue(moments.flatMap((stem, i) => [[`${stem}F.mp4`, content(i + 1, 90_000)], [`${stem}F.thm`, content(i + 11, 900)], [`${stem}.3gf`, content(i + 21, 900)], [`${stem}.gps`, content(i + 31, 900)]] as const)))
  camera.trouble = ({ path }) => (path.endsWith('.thm') ? { kind: 'status', status: 500 } : path.endsWith('.3gf') ? { kind: 'page' } : path.endsWith('060429_N.gps') ? { kind: 'status', status: 403 } : null)
  const life = await at.begin({ plugin: 'camera-blackvue', cameras: [{ name: 'Van', address: camera.address, order: 'oldest' }] })
  const arrived = await life.until(2) // the last moment may still be written
  expect(arrived.map((a) => [a.name, a.sidecars.length])).toEqual([['20260718_060329_NF.mp4', 1], ['20260718_060429_NF.mp4', 0]])
  expect(Object.keys(await at.onVolume()).map((path) => path.split('/').at(-1)).sort()).toEqual(['20260718_060329_N.gps', '20260718_060329_NF.mp4', '20260718_060429_NF.mp4'])
})

test.concurrent('a clip comes, though what lies beside it always breaks off at the same place', async ({ onTestFinished }) => {
  const at = await scene(onTestFinished)
  const camera = at.add(await fakeBlackvue([['20260718_060329_NF.mp4', content(1, 90_000)], ['20260718_060329_NF.thm', content(11, 9_000)], ['20260718_060329_N.gps', content(31, 9_000)], ['20260718_060429_NF.mp4', content(2, 90_000)]]))
  camera.trouble = ({ path, from }) => (path.endsWith('.mp4') ? null : { kind: 'cut', after: Math.max(0, 1_000 - from) })
  const life = await at.begin({ plugin: 'camera-blackvue', cameras: [{ name: 'Van', address: camera.address }] })
  expect((await life.until(1)).map((a) => [a.name, a.sidecars])).toEqual([['20260718_060329_NF.mp4', []]])
  expect(Object.keys(await at.onVolume())).toEqual(['raw/Van/2026-07-18/20260718_060329_NF.mp4'])
})

test.concurrent('several cameras are emptied side by side, each into its own folder; one that is paused is left alone', async ({ onTestFinished }) => {
  const at = await scene(onTestFinished)
  const three = await Promise.all([1, 2, 3].map((n) => at.viofo([[movie(n), file(n)]])))
  const life = await at.begin({ plugin: 'camera-viofo', cameras: three.map((camera, i) => ({ name: `Car ${i}`, address: camera.address, route_first: false, paused: i === 2 })) })
  await life.until(2)
  expect(Object.keys(await at.onVolume()).sort()).toEqual([`raw/Car 0/2026-03-02/${name(1)}`, `raw/Car 1/2026-03-02/${name(2)}`])
  expect(three[2]!.requests).toEqual([])
})

test.concurrent('whatever else answers at the address is no camera', async ({ onTestFinished }) => {
  const at = await scene(onTestFinished)
  let asked = 0
  const router = createServer((_, answer) => {
    asked++
    answer.end('<html>router</html>')
  }).listen(0, '127.0.0.1')
  await once(router, 'listening')
  const life = await at.begin({ plugin: 'camera-viofo', cameras: [{ name: 'Van', address: `127.0.0.1:${(router.address() as AddressInfo).port}` }] })
  await vi.waitFor(() => expect(asked).toBeGreaterThan(1), { timeout: 20_000 })
  expect(await life.all()).toEqual([])
  router.close()
})

test.concurrent('two cameras of one name are refused with a word', async ({ onTestFinished }) => {
  const at = await scene(onTestFinished)
  await expect((await beginLife({ dir: at.dir, plugin: 'camera-viofo', cameras: [{ name: 'Van', address: 'a' }, { name: 'Van', address: 'b' }] })).running).rejects.toThrow('two cameras are called Van')
})

test.concurrent('an unplugged disk is waited for: nothing is written to its empty mount point', async ({ onTestFinished }) => {
  const at = await scene(onTestFinished)
  const camera = await at.viofo([[movie(1), file(1)], [movie(2), file(2)]])
  await camera.off()
  const life = await at.watch(camera)
  const marker = await readFile(join(at.dir, 'media/.viewshed/volume.json'))
  await rm(join(at.dir, 'media/.viewshed'), { recursive: true })
  await camera.on()
  await vi.waitFor(() => expect(camera.requests.some((path) => path.includes('3015'))).toBe(true), { timeout: 20_000 })
  await pause(300)
  expect(await readdir(join(at.dir, 'media'))).toEqual([])
  await mkdir(join(at.dir, 'media/.viewshed'))
  await writeFile(join(at.dir, 'media/.viewshed/volume.json'), marker)
  await life.until(2)
})
