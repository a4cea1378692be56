import { createHash } from 'node:crypto'
import { mkdtemp, open, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Fault } from '../core/contract/fault.ts'
import type { Receiving } from '../core/contract/media.ts'
import { openReceiving } from '../core/store/receiving.ts'
import { openVolumes, RECEIVING } from '../core/store/volumes.ts'
import { openDoor, type Patience } from '../plugins/camera/door.ts'
import { pull } from '../plugins/camera/pull.ts'
import { content, serve, type Content, type FakeServer, type Trouble } from '../plugins/camera/testing/serve.ts'
import { watcherMedia } from './media.ts'

/** Silences are short here; everything else takes as long as it takes. */
const QUICK: Patience = { connect_ms: 5_000, answer_ms: 5_000, stall_ms: 400 }
const MIB = 1 << 20
/** What a connection's buffers may hold when it is cut was sent, and did not come. */
const UNDER_WAY = MIB / 4
const PATH = '/DCIM/Movie/clip.MP4'

let dir: string
let camera: FakeServer
let clip: Content
const begun: Receiving[] = []
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pull-'))
  clip = content(7, 3 * MIB + 77)
  camera = await serve((url) => (url.pathname === PATH ? { content: clip, type: 'video/mp4' } : 404))
})
afterEach(async () => {
  for (const into of begun.splice(0)) await into.close()
  await camera.off()
  await rm(dir, { recursive: true, force: true })
})

/** In a process that has just begun. @param boot of its machine */
async function receive(key = 'clip', boot: string | null = 'monday'): Promise<Receiving> {
  const volumes = await openVolumes([{ name: 'media', root: join(dir, 'media'), org: 'home' }], { get: () => ids.get('media'), set: async (_, id) => void ids.set('media', id) })
  const media = watcherMedia(volumes, undefined, openReceiving(volumes, boot))
  const into = await media.receive('media', 'raw/clip.MP4', key)
  begun.push(into)
  return into
}
const ids = new Map<string, string>()
const fetch = (into: Receiving, over: { bytes?: number | null; time?: string; agrees?: (total: number | null) => boolean; signal?: AbortSignal } = {}) => pull({
  door: openDoor(camera.address, 1, QUICK), into, signal: over.signal ?? new AbortController().signal,
  file: { path: PATH, bytes: over.bytes === undefined ? clip.bytes : over.bytes, time: over.time ?? '2026-03-02T07:43' }, ...(over.agrees ? { agrees: over.agrees } : {}),
})
const sha256 = (of: Content) => createHash('sha256').update(of.read(0, of.bytes)).digest('hex')
const faultOf = (promise: Promise<unknown>) => promise.then(() => 'no fault', (e: unknown) => (e instanceof Fault ? e.code : e))
/** Bytes that were sent more than once. */
const again = () => camera.served.reduce((sum, { sent }) => sum + sent, 0) - clip.bytes
const first = (trouble: Trouble, times = 1) => { camera.trouble = ({ n }) => (n < times ? trouble : null) }

beforeEach(() => ids.clear())

describe('a clip arrives byte for byte', () => {
  test.each<[string, Trouble, number, number]>([
    ['over a cut', { kind: 'cut', after: 1_500_000 }, 1, UNDER_WAY],
    ['over cuts that bring little each', { kind: 'cut', after: 200_000 }, 12, 12 * UNDER_WAY],
    ['over a connection that falls silent', { kind: 'stall', after: 1_500_000 }, 1, UNDER_WAY],
    ['when the connection breaks off before the first byte', { kind: 'cut', after: 0 }, 2, 0],
    ['when a page came in its place at first', { kind: 'page' }, 1, 0],
    ['when the camera said that it is busy', { kind: 'status', status: 503 }, 1, 0],
    ['when more was promised than there is', { kind: 'claims', bytes: 4 * MIB }, 1, 4 * MIB],
  ])('%s', async (_, trouble, times, most) => {
    first(trouble, times)
    const into = await receive()
    await fetch(into)
    expect((await into.place()).sha256).toBe(sha256(clip))
    expect(again()).toBeLessThanOrEqual(most)
  })

  test.each<[string, Trouble]>([
    ['whole', { kind: 'whole' }],
    ['another part, honestly', { kind: 'elsewhere', by: -200_000 }],
    ['a later part, honestly', { kind: 'elsewhere', by: 100_000 }],
    ['another part, as if it were the right one', { kind: 'lies', by: 4096 }],
  ])('when the camera answers a range with the %s', async (_, trouble) => {
    camera.trouble = ({ n }) => (n === 0 ? { kind: 'cut', after: 1_000_000 } : n === 1 ? trouble : null)
    const into = await receive()
    await fetch(into)
    expect((await into.place()).sha256).toBe(sha256(clip))
  })

  test('from a camera that never listens to ranges, over cuts', async () => {
    camera.trouble = ({ n }) => (n === 0 ? { kind: 'cut', after: 1_000_000 } : { kind: 'whole' })
    const into = await receive()
    await fetch(into)
    expect((await into.place()).sha256).toBe(sha256(clip))
  })

  test('of a size that the listing does not know, or that is another one', async () => {
    for (const bytes of [null, 17]) {
      const into = await receive(`clip ${bytes}`)
      await fetch(into, { bytes })
      expect((await into.place()).sha256).toBe(sha256(clip))
    }
  })

  test.each<[string, string | null, number]>([
    ['of the process alone', 'monday', 64 << 10],
    ['of the machine', 'tuesday', MIB],
    ['of a machine that does not say whether it was on all the time', null, MIB],
  ])('in another life %s, from where the last one was', async (_, boot, compared) => {
    const stop = new AbortController()
    const cutAt = await receive('other')
    camera.rate_bytes_s = 4e6
    const running = fetch(cutAt, { signal: stop.signal })
    while (cutAt.bytes < 1_300_000) await new Promise((next) => setTimeout(next, 5))
    stop.abort()
    await expect(running).rejects.toThrow()
    await cutAt.close()
    camera.rate_bytes_s = Infinity
    const before = camera.served.length
    const into = await receive('other', boot)
    const had = into.bytes
    await fetch(into)
    expect(had).toBeGreaterThan(0)
    expect(camera.served[before]!.from).toBeLessThanOrEqual(had - compared) // the end of it is compared before anything is added
    expect(camera.served[before]!.from).toBeGreaterThanOrEqual(had - 4 * compared) // more of it when this disk made it wait
    expect((await into.place()).sha256).toBe(sha256(clip))
  })

  test('after a power cut that left other bytes at its end than were written: at most a MiB is fetched again', async () => {
    const before = await receive()
    await before.says({ bytes: clip.bytes, time: '2026-03-02T07:43' })
    await before.append(clip.read(0, 2_000_000))
    await before.close()
    const [folder] = await readdir(join(dir, 'media', RECEIVING))
    const file = await open(join(dir, 'media', RECEIVING, folder!, 'bytes'), 'r+')
    await file.write(Buffer.alloc(400_000), 0, 400_000, 1_600_000)
    await file.close()
    const into = await receive('clip', 'tuesday')
    await fetch(into)
    expect((await into.place()).sha256).toBe(sha256(clip))
    expect(camera.served.at(-1)!.from).toBeGreaterThanOrEqual(2_000_000 - MIB - (64 << 10))
  })

  test('when nothing was left to fetch but the last word', async () => {
    const into = await receive()
    await into.says({ bytes: clip.bytes, time: '2026-03-02T07:43' })
    await into.append(clip.read(0, clip.bytes))
    await fetch(into)
    expect((await into.place()).sha256).toBe(sha256(clip))
    expect(camera.served.map(({ sent }) => sent)).toEqual([64 << 10])
  })
})

describe('what had come is thrown away', () => {
  test.each<[string, { time?: string }, () => Content]>([
    ['of another size', {}, () => content(7, 2 * MIB)],
    ['of another time', { time: '2026-03-02T07:44' }, () => content(7, 3 * MIB + 77)],
    ['with another end', {}, () => content(8, 3 * MIB + 77)],
  ])('when the clip is now one %s', async (_, over, other) => {
    const before = await receive()
    await before.says({ bytes: clip.bytes, time: '2026-03-02T07:43' })
    await before.append(clip.read(0, 1_900_000))
    await before.close()
    clip = other()
    const into = await receive()
    await fetch(into, over)
    expect((await into.place()).sha256).toBe(sha256(clip))
  })
})

describe('nothing is placed', () => {
  test('of a clip that is still growing', async () => {
    expect(await faultOf(fetch(await receive(), { bytes: 17, agrees: (total) => total === 17 }))).toBe('media/changed')
  })
  test('of a clip that vanished; what came of it stays for when it is back', async () => {
    camera.trouble = ({ n }) => (n === 0 ? { kind: 'cut', after: 1_000_000 } : { kind: 'status', status: 404 })
    const into = await receive()
    expect(await faultOf(fetch(into))).toBe('media/missing')
    expect(into.bytes).toBe(1_000_000)
  })
  test('when a camera only ever sends pages', async () => {
    camera.trouble = () => ({ kind: 'page' })
    expect(await faultOf(fetch(await receive()))).toBe('camera/invalid')
  })
  test('when it went away in the middle', async () => {
    camera.trouble = () => ({ kind: 'cut', after: 500_000 })
    const into = await receive()
    const running = faultOf(fetch(into))
    while (into.bytes < 400_000) await new Promise((next) => setTimeout(next, 5))
    await camera.off()
    expect(await running).toBe('camera/unreachable')
  })
  test('when the camera promises more than it ever sends', async () => {
    camera.trouble = ({ n }) => (n % 2 === 0 ? { kind: 'claims', bytes: 9 * MIB } : { kind: 'cut', after: 0 })
    expect(await faultOf(fetch(await receive()))).toMatch(/camera\//)
  })
})

test('connections are asked one after another, and each that is done makes room', async () => {
  const door = openDoor(camera.address, 1, QUICK)
  const signal = new AbortController().signal
  const sizes = await Promise.all([1, 2, 3].map(async () => {
    const answer = await door.ask(PATH, { signal })
    let bytes = 0
    for await (const chunk of answer.body()) bytes += chunk.length
    return bytes
  }))
  expect(sizes).toEqual([clip.bytes, clip.bytes, clip.bytes])
  expect(camera.most_open).toBe(1)
})
