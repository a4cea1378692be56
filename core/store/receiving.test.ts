import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { appendFile, mkdir, mkdtemp, open, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Fault } from '../contract/fault.ts'
import type { Receiving } from '../contract/media.ts'
import { openReceiving } from './receiving.ts'
import { bytesOf } from './testing/receive-child.ts'
import { openVolumes, RECEIVING } from './volumes.ts'

const CHILD = join(import.meta.dirname, 'testing/receive-child.ts')
const SAID = { bytes: 300_000, time: '2026-03-02T07:43' }
const sha256 = (content: Buffer | string) => createHash('sha256').update(content).digest('hex')
const faultOf = (promise: Promise<unknown>) => promise.then(() => 'no fault', (e: unknown) => (e instanceof Fault ? e.code : e))

let dir: string
let root: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'receiving-'))
  root = join(dir, 'media')
  await mkdir(root)
})
afterEach(async () => {
  for (const into of begun.splice(0)) await into.close()
  await rm(dir, { recursive: true, force: true })
})

const volumes = (ids = new Map<string, string>()) => openVolumes([{ name: 'media', root, org: 'home' }], { get: (name) => ids.get(name), set: async (name, id) => void ids.set(name, id) })
/** A process that begins: it remembers nothing. */
const life = async (boot: string | null = 'monday') => {
  const receive = openReceiving(await volumes(), boot)
  return async (...ask: Parameters<typeof receive>) => {
    const into = await receive(...ask)
    begun.push(into)
    return into
  }
}
const begun: Receiving[] = []
const clip = (of = 'clip') => bytesOf(of, 0, SAID.bytes)
const staged = () => readdir(join(root, RECEIVING)).catch(() => [])

describe('a file that comes in pieces', () => {
  test('takes its place with its digest, and leaves nothing behind', async () => {
    const into = await (await life())('media', 'raw/car/a.mp4', 'car|a')
    await into.says(SAID)
    await into.append(clip().subarray(0, 100_000))
    await into.append(clip().subarray(100_000))
    expect(into.bytes).toBe(SAID.bytes)
    const ref = await into.place()
    expect(ref).toEqual({ volume: 'media', path: 'raw/car/a.mp4', bytes: SAID.bytes, sha256: sha256(clip()) })
    await into.drop()
    expect(sha256(await readFile(join(root, 'raw/car/a.mp4')))).toBe(ref.sha256)
    expect(await staged()).toEqual([])
  })

  test('goes on in another life where it was, and knows its tail', async () => {
    const first = await (await life())('media', 'raw/car/a.mp4', 'car|a')
    await first.says(SAID)
    await first.append(clip().subarray(0, 100_000))
    await first.close()
    const second = await (await life())('media', 'raw/car/a.mp4', 'car|a')
    await second.says(SAID)
    expect([first.unsure_bytes, second.unsure_bytes, second.bytes]).toEqual([0, 0, 100_000])
    expect((await second.tail(1_000)).equals(clip().subarray(99_000, 100_000))).toBe(true)
    expect((await second.tail(1e6)).length).toBe(100_000)
    await second.append(clip().subarray(100_000))
    expect((await second.place()).sha256).toBe(sha256(clip()))
  })

  test.each<[string | null, string | null]>([['monday', 'tuesday'], ['monday', null], [null, 'monday'], [null, null]])('that began in boot %s of its machine is not believed in boot %s before more is appended', async (then, now) => {
    const first = await (await life(then))('media', 'raw/car/a.mp4', 'car|a')
    await first.says(SAID)
    await first.append(clip().subarray(0, 100_000))
    await first.close()
    const second = await (await life(now))('media', 'raw/car/a.mp4', 'car|a')
    await second.says(SAID)
    expect(second.unsure_bytes).toBe(100_000)
    await second.close()
    const third = await (await life(now))('media', 'raw/car/a.mp4', 'car|a')
    expect(third.unsure_bytes).toBe(100_000)
    await third.append(clip().subarray(100_000, 200_000))
    expect(third.unsure_bytes).toBe(0)
    await third.close()
    expect((await (await life(now))('media', 'raw/car/a.mp4', 'car|a')).unsure_bytes).toBe(now === null ? 200_000 : 0)
  })

  test('of a fast source says beforehand how much more may be lost with the power', async () => {
    const first = await (await life('monday'))('media', 'raw/car/a.mp4', 'car|a')
    await first.says({ bytes: 40 << 20, time: null })
    for (let i = 0; i < 320; i++) await first.append(Buffer.alloc(64 << 10, i)) // 20 MiB as fast as it goes
    await first.close()
    const second = await (await life('tuesday'))('media', 'raw/car/a.mp4', 'car|a')
    expect([1 << 20, 16 << 20]).toContain(second.unsure_bytes) // the latter unless this disk is slower than a radio
    expect(second.bytes).toBe(20 << 20)
  })

  test('of a radio stays little behind, though its disk stands still for a while', async () => {
    const handle = await open(root)
    const prototype = Object.getPrototypeOf(handle) as typeof handle
    await handle.close()
    const stall = vi.spyOn(prototype, 'datasync').mockImplementationOnce(() => new Promise((synced) => setTimeout(synced, 600)))
    const first = await (await life('monday'))('media', 'raw/car/a.mp4', 'car|a')
    await first.says({ bytes: 40 << 20, time: null })
    for (let i = 0; i < 160; i++) {
      await first.append(Buffer.alloc(64 << 10, i))
      await new Promise((next) => setTimeout(next, 10))
    }
    await first.close()
    expect(stall.mock.calls.length).toBeGreaterThan(1)
    stall.mockRestore()
    expect((await (await life('tuesday'))('media', 'raw/car/a.mp4', 'car|a')).unsure_bytes).toBeLessThanOrEqual(4 << 20)
  })

  test('of another size or time is another file: what had come is thrown away', async () => {
    for (const said of [{ ...SAID, bytes: 300_001 }, { ...SAID, time: '2026-03-02T07:44' }]) {
      const into = await (await life())('media', 'raw/car/a.mp4', 'car|a')
      await into.says(SAID)
      await into.append(clip().subarray(0, 5))
      await into.says(SAID)
      expect(into.bytes).toBe(5)
      await into.says(said)
      expect(into.bytes).toBe(0)
      await into.append(Buffer.from('other'))
      expect((await into.tail(9)).toString()).toBe('other')
      await into.drop()
    }
  })

  test('of which nothing was said is not believed', async () => {
    const first = await (await life())('media', 'raw/car/a.mp4', 'car|a')
    await first.append(clip().subarray(0, 5))
    await first.close()
    expect((await (await life())('media', 'raw/car/a.mp4', 'car|a')).bytes).toBe(0)
  })

  test('is taken back to where the source agrees', async () => {
    const into = await (await life())('media', 'raw/car/a.mp4', 'car|a')
    await into.says(SAID)
    await into.append(clip('other').subarray(0, 100_000))
    await into.truncate(0)
    await into.append(clip())
    expect((await into.place()).sha256).toBe(sha256(clip()))
  })

  test('never takes the place of other bytes; another name may be given', async () => {
    await mkdir(join(root, 'raw'))
    await writeFile(join(root, 'raw/a.mp4'), 'first')
    const into = await (await life())('media', 'raw/a.mp4', 'car|a')
    await into.says(SAID)
    await into.append(clip())
    expect(await faultOf(into.place())).toBe('media/conflict')
    expect((await into.place('raw/a~1.mp4')).path).toBe('raw/a~1.mp4')
    expect(await readFile(join(root, 'raw/a.mp4'), 'utf8')).toBe('first')
  })

  test('that is there already is the same file', async () => {
    await mkdir(join(root, 'raw'))
    await writeFile(join(root, 'raw/a.mp4'), clip())
    const into = await (await life())('media', 'raw/a.mp4', 'car|a')
    await into.says(SAID)
    await into.append(clip())
    expect((await into.place()).sha256).toBe(sha256(clip()))
  })

  test('is received by one at a time', async () => {
    const receive = await life()
    const into = await receive('media', 'raw/a.mp4', 'car|a')
    expect(await faultOf(receive('media', 'raw/a.mp4', 'car|a'))).toBe('media/busy')
    await into.close()
    await (await receive('media', 'raw/a.mp4', 'car|a')).close()
  })

  test('needs its volume: nothing is written to an empty mount point', async () => {
    const receive = await life()
    await rm(join(root, '.viewshed'), { recursive: true })
    expect(await faultOf(receive('media', 'raw/a.mp4', 'car|a'))).toBe('media/unmounted')
    expect(await faultOf(receive('media', '../a.mp4', 'car|a'))).toBe('media/unmounted')
    expect(await readdir(root)).toEqual([])
  })
})

test('what was placed and not told of is remembered until it is dropped', async () => {
  const first = await (await life())('media', 'raw/a.mp4', 'car|a')
  await first.says(SAID)
  await first.append(clip())
  const ref = await first.place()
  await first.close()
  const second = await (await life())('media', 'raw/a.mp4', 'car|a')
  expect([second.placed, second.bytes, await second.place()]).toEqual([ref, SAID.bytes, ref])
  await second.drop()
  const third = await (await life())('media', 'raw/a.mp4', 'car|a')
  expect([third.placed, third.bytes]).toEqual([null, 0])
})

test('what was placed and then taken away by somebody is fetched again', async () => {
  const first = await (await life())('media', 'raw/a.mp4', 'car|a')
  await first.says(SAID)
  await first.append(clip())
  await first.place()
  await first.close()
  await rm(join(root, 'raw/a.mp4'))
  const second = await (await life())('media', 'raw/a.mp4', 'car|a')
  expect([second.placed, second.bytes]).toEqual([null, 0])
})

test('a sweep keeps what is being received, and drops what nothing came to for a month', async () => {
  for (const key of ['fresh', 'stale', 'stale but for its bytes']) {
    const into = await (await life())('media', `raw/${key}`, key)
    await into.says(SAID)
    await into.append(Buffer.from(key))
    await into.close()
  }
  const old = new Date(Date.now() - 31 * 86_400_000)
  for (const name of await staged()) {
    const folder = join(root, RECEIVING, name)
    const key = await readFile(join(folder, 'bytes'), 'utf8')
    if (key === 'fresh') continue
    for (const part of ['bytes', 'said.json', '.']) await utimes(join(folder, part), old, old)
    if (key !== 'stale') await appendFile(join(folder, 'bytes'), '')
    if (key !== 'stale') await utimes(join(folder, 'bytes'), new Date(), new Date())
  }
  await (await volumes()).sweep((error) => { throw error })
  expect((await Promise.all((await staged()).map((name) => readFile(join(root, RECEIVING, name, 'bytes'), 'utf8')))).sort()).toEqual(['fresh', 'stale but for its bytes'])
})

test('killed at any moment it goes on: what was said to be in is in, and the file is whole', async () => {
  await volumes()
  const bytes = 4_000_000
  let kills = 0
  let least = 0
  let ref: { sha256: string } | null = null
  for (let i = 0; ref === null; i++) {
    const child = spawn(process.execPath, [CHILD, JSON.stringify({ root, bytes })], { stdio: ['ignore', 'pipe', 'inherit'] })
    const ended = once(child, 'exit')
    const most = 8 + (i * 7) % 20 // pieces until it is killed
    let pieces = 0
    for await (const line of createInterface({ input: child.stdout })) {
      const [word, rest] = [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]
      if (word === 'has') expect(Number(rest)).toBeGreaterThanOrEqual(least - 450_000) // of what it took, that much may not have been written
      if (word === 'took') least = Number(rest)
      if (word === 'placed') ref = JSON.parse(rest) as { sha256: string }
      if (word === 'took' && ++pieces === most && child.kill('SIGKILL')) kills++
    }
    await ended
  }
  expect(kills).toBeGreaterThanOrEqual(3)
  expect(ref.sha256).toBe(sha256(bytesOf('clip', 0, bytes)))
  expect((await stat(join(root, 'raw/car/clip.mp4'))).size).toBe(bytes)
}, 120_000)
