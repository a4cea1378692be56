import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Fault } from '../core/contract/fault.ts'
import type { MediaRef } from '../core/contract/media.ts'
import { doomed, openCache, type Cache, type Entry, type Fill } from './cache.ts'
import { download } from './download.ts'
import type { FetchOrder } from './test/fetch-child.ts'
import { openLink, type Link } from './test/link.ts'
import { openOrigin, sha256, type Origin } from './test/origin.ts'

const CHILD = fileURLToPath(new URL('./test/fetch-child.ts', import.meta.url))
const BIG = randomBytes(6 << 20)
const HEADERS_BYTES = 2_000
const never = new AbortController().signal

let dir: string
let folder: string
let into: string
let link: Link
let origin: Origin
let home: string
const children: ChildProcess[] = []
const mounts: string[] = []
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'cache-origin-'))
  origin = await openOrigin(home)
})
afterAll(async () => {
  await origin.close()
  await rm(home, { recursive: true, force: true })
})
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cache-'))
  folder = join(dir, 'cache')
  into = join(dir, 'inputs')
  link = await openLink(origin.port, () => null)
})
afterEach(async () => {
  for (const child of children.splice(0)) if (child.exitCode === null && child.signalCode === null) {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  await link.close()
  for (const at of mounts.splice(0)) spawnSync('umount', [at])
  await rm(dir, { recursive: true, force: true })
})

let count = 0
const put = (content: Buffer): Promise<MediaRef> => origin.put(`raw/${++count}.bin`, content)
const open = (most_bytes = 2 ** 40) => openCache({ folder, most_bytes })
const from = (ref: MediaRef, url = link.url): Fill => (to, makeRoom) => download({ core: { baseUrl: url, token: origin.token }, path: `/media/media/${ref.path}`, ref, to, signal: never, makeRoom })
const take = (cache: Cache, ref: MediaRef, where = into) => cache.take(ref, where, from(ref), never)
const untouched: Fill = () => Promise.reject(new Error('it was fetched'))
const faultOf = (promise: Promise<unknown>) => promise.then(() => 'no fault', (e: unknown) => (e instanceof Fault ? e.code : e))
const present = async () => (await readdir(folder)).sort()
/** So long ago was it used. */
const age = (ref: MediaRef, s: number) => utimes(join(folder, ref.sha256), Date.now() / 1000 - s, Date.now() / 1000 - s)

function child(order: Partial<FetchOrder> & { reads: readonly MediaRef[] }, name: string, flags: readonly string[] = []) {
  const full: FetchOrder = { core: { baseUrl: link.url, token: origin.token }, cache: { folder, most_bytes: 2 ** 40 }, scratch: join(dir, name), ...order }
  const started = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...flags, CHILD, JSON.stringify(full)], { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(started)
  const lines: string[] = []
  createInterface(started.stdout!).on('line', (line) => lines.push(line))
  return { process: started, lines, ended: once(started, 'exit') as Promise<[number | null, string | null]> }
}

describe('an input', () => {
  test('is fetched once, and is there for the next task, the next process and the next agent', async () => {
    const ref = await put(BIG)
    const cache = open()
    const path = await take(cache, ref)
    expect((await readFile(path)).equals(BIG)).toBe(true)
    expect(await take(cache, ref)).toBe(path)
    await rm(into, { recursive: true }) // the task has ended
    const again = open()
    await again.settle()
    expect((await readFile(await again.take(ref, join(dir, 'next'), untouched, never))).equals(BIG)).toBe(true)
    expect(link.down_bytes).toBeLessThan(BIG.length + HEADERS_BYTES)
    expect(again.holds()).toEqual([ref.sha256])
  })

  test('that two processes want at once is fetched once', async () => {
    const ref = await put(BIG)
    const both = [child({ reads: [ref] }, 'a'), child({ reads: [ref] }, 'b')]
    for (const { ended } of both) expect(await ended).toEqual([0, null])
    for (const { lines } of both) expect((await readFile(lines[1]!)).equals(BIG)).toBe(true)
    expect(link.down_bytes).toBeLessThan(BIG.length + 2 * HEADERS_BYTES)
  })

  test('whose process is killed in the middle is gone on with by the one that waits, and by the next agent', async () => {
    const ref = await put(BIG)
    const slow = await openLink(origin.port, () => ({ after_bytes: 3 << 20, way: 'down', how: 'silence' }))
    const first = child({ reads: [ref], core: { baseUrl: slow.url, token: origin.token } }, 'a')
    await expect.poll(() => slow.breaks, { timeout: 30_000 }).toBe(1)
    const second = child({ reads: [ref] }, 'b')
    await expect.poll(() => second.lines, { timeout: 30_000 }).toEqual(['ready'])
    await new Promise((go) => setTimeout(go, 300)) // it waits
    expect(link.down_bytes).toBe(0)
    first.process.kill('SIGKILL')
    expect(await second.ended).toEqual([0, null])
    expect((await readFile(second.lines[1]!)).equals(BIG)).toBe(true)
    expect(link.down_bytes).toBeLessThan(BIG.length - (3 << 20) + (1 << 20) + HEADERS_BYTES)
    await slow.close()

    const [part, whole] = [join(folder, ref.sha256, 'part'), join(folder, ref.sha256, 'whole')]
    await rename(whole, part) // as an agent leaves it that is killed just before the end
    await rename(join(folder, ref.sha256, 'owner.free'), join(folder, ref.sha256, `owner.${process.pid}-dead`))
    const next = open()
    await next.settle()
    const before = link.down_bytes
    await take(next, ref)
    expect(link.down_bytes - before).toBe(0)
  })

  test('of the right size whose bytes are not, as after a power cut, is not used', async () => {
    const ref = await put(BIG)
    await rm(await take(open(), ref))
    await writeFile(join(folder, ref.sha256, 'whole'), Buffer.alloc(BIG.length))
    const path = await take(open(), ref)
    expect((await readFile(path)).equals(BIG)).toBe(true)
    expect((await readFile(join(folder, ref.sha256, 'whole'))).equals(BIG)).toBe(true)
    await writeFile(path, 'a stage that writes where it should not', { flag: 'r+' })
    expect((await readFile(await take(open(), ref))).equals(BIG)).toBe(true)
  })

  test('is fetched again when the cache or the scratch is deleted, whenever that is', async () => {
    const ref = await put(BIG)
    const cache = open()
    const path = await take(cache, ref)
    await rm(folder, { recursive: true })
    expect(await take(cache, ref)).toBe(path) // the task has it still
    await rm(into, { recursive: true })
    expect((await readFile(await take(cache, ref))).equals(BIG)).toBe(true)
    await rm(into, { recursive: true })
    await rm(folder, { recursive: true })
    let times = 0
    const wiped = await cache.take(ref, into, async (to, makeRoom) => {
      await from(ref)(to, makeRoom)
      if (times++ === 0) await rm(folder, { recursive: true })
    }, never)
    expect((await readFile(wiped)).equals(BIG)).toBe(true)
    expect(times).toBe(2)
  })

  test('stays with the task that has it, whatever is thrown out meanwhile', async () => {
    const refs = await Promise.all([1, 2, 3].map((n) => put(Buffer.alloc(1 << 20, n))))
    const cache = open(1 << 20)
    const paths: string[] = []
    for (const ref of refs) paths.push(await take(cache, ref))
    for (const [n, path] of paths.entries()) expect((await readFile(path)).equals(Buffer.alloc(1 << 20, n + 1))).toBe(true)
  })

  test('that does not come is a fault, and what has come of it stays for the next try', async () => {
    const ref = await put(BIG)
    await expect(open().take(ref, into, async (to) => {
      await writeFile(to, BIG.subarray(0, 5 << 20))
      throw new Fault('media/missing', 'gone')
    }, never)).rejects.toMatchObject({ code: 'media/missing' })
    await take(open(), ref)
    expect(link.down_bytes).toBeLessThan((1 << 20) + HEADERS_BYTES)
  })
})

describe('an entry whose owner', () => {
  const owned = async (owner: string) => {
    const ref = await put(Buffer.from(`content ${count}`))
    await mkdir(join(folder, ref.sha256), { recursive: true })
    await writeFile(join(folder, ref.sha256, owner), '')
    return ref
  }

  test('is another live process is waited for, as long as the lease lives', async () => {
    const other = spawn('sleep', ['60'])
    children.push(other)
    const ref = await owned(`owner.${other.pid}-x`)
    const lease = new AbortController()
    const taken = faultOf(open().take(ref, into, untouched, lease.signal))
    setTimeout(() => lease.abort(new Fault('task/cancelled', 'lost')), 400)
    expect(await taken).toBe('task/cancelled')
  })

  test('is dead, or nobody at all, is taken over', async () => {
    const dead = spawn('true')
    await once(dead, 'exit')
    for (const owner of [`owner.${dead.pid}-x`, 'nobody']) expect((await readFile(await take(open(), await owned(owner)))).toString()).toMatch(/^content/)
  })
})

test('what was not used for longest goes first, until there is room; nothing that a task has', () => {
  const entries = fc.array(fc.record({ name: fc.string(), bytes: fc.nat(100), used_ms: fc.nat(50), in_use: fc.boolean() }), { maxLength: 20 })
  fc.assert(fc.property(entries, fc.integer({ min: -50, max: 1_000 }), (all: Entry[], over_bytes) => {
    const gone = doomed(all, over_bytes)
    const sum = (of: Entry[]) => of.reduce((bytes, entry) => bytes + entry.bytes, 0)
    const kept = all.filter((entry) => !gone.includes(entry) && !entry.in_use)
    expect(gone.some((entry) => entry.in_use)).toBe(false)
    for (const entry of gone) for (const other of kept) expect(entry.used_ms).toBeLessThanOrEqual(other.used_ms)
    if (kept.length > 0) expect(sum(gone)).toBeGreaterThanOrEqual(over_bytes)
    if (gone.length > 0) expect(sum(gone.slice(0, -1))).toBeLessThan(over_bytes)
  }))
})

test('over its cap the cache throws out the oldest; what it holds is told with the last used first', async () => {
  const refs = await Promise.all([1, 2, 3].map((n) => put(Buffer.alloc(1000, n))))
  const cache = open(2_500)
  for (const [n, ref] of refs.slice(0, 2).entries()) {
    await rm(await take(cache, ref))
    await age(ref, 100 - n)
  }
  await rm(await take(cache, refs[0]!)) // used again: the other is older now
  await rm(await take(cache, refs[2]!))
  await age(refs[0]!, 10)
  expect(await present()).toEqual([refs[0]!.sha256, refs[2]!.sha256].sort())
  expect(open().holds()).toEqual([refs[2]!.sha256, refs[0]!.sha256])
  expect(open().holds(1)).toEqual([refs[2]!.sha256])
  const smaller = open(1_000)
  await smaller.settle()
  expect(smaller.holds()).toEqual([refs[2]!.sha256])
})

test('a cache that is not there holds nothing', () => {
  expect(open().holds()).toEqual([])
})

test('an agent that starts removes what the last one left half done', async () => {
  await mkdir(join(folder, 'new.1'), { recursive: true })
  await mkdir(join(folder, 'gone.1'))
  await open().settle()
  expect(await present()).toEqual([])
})

const isMounted = (at: string) => {
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', at])
  if (status === 0) mounts.push(at)
  return status === 0
}
describe('on a disk that is full', () => {
  test('what is older makes room; what others have filled is a fault that says so', async ({ skip }) => {
    await mkdir(folder)
    if (!isMounted(folder)) return skip('a file system of a few MiB is needed, and mounting is not allowed here')
    const refs = await Promise.all([0, 1].map((n) => put(Buffer.concat([Buffer.from([n]), BIG]).subarray(0, 5 << 20))))
    const cache = open()
    const scratch = join(folder, 'scratch') // on the same disk
    await rm(await take(cache, refs[0]!, scratch))
    const path = await take(cache, refs[1]!, scratch)
    expect((await stat(path)).size).toBe(5 << 20)
    expect(cache.holds()).toEqual([refs[1]!.sha256])

    const before = link.down_bytes
    expect(await faultOf(take(cache, refs[0]!, scratch))).toBe('media/full') // a task has the other
    expect(link.down_bytes).toBe(before)

    await rm(scratch, { recursive: true })
    await rm(join(folder, refs[1]!.sha256), { recursive: true })
    await writeFile(join(folder, 'of-others'), Buffer.alloc(3.5 * 2 ** 20))
    expect(await faultOf(take(cache, refs[0]!, scratch))).toBe('media/full')
    await rm(join(folder, 'of-others'))
    expect((await stat(await take(cache, refs[0]!, scratch))).size).toBe(5 << 20)
  })

  test('that fills up in the middle: the rest comes when there is room again', async ({ skip }) => {
    await mkdir(folder)
    if (!isMounted(folder)) return skip('a file system of a few MiB is needed, and mounting is not allowed here')
    const [old, ref] = [await put(Buffer.alloc(1 << 20, 1)), await put(BIG)]
    const cache = open()
    await rm(await take(cache, old))
    await writeFile(join(folder, 'of-others'), Buffer.alloc(0.75 * 2 ** 20))
    const greedy: Fill = async (to, makeRoom) => {
      await mkdir(join(folder, 'more'))
      await writeFile(join(folder, 'more', 'of-others'), Buffer.alloc(1.5 * 2 ** 20))
      await from(ref)(to, makeRoom)
    }
    expect(await faultOf(cache.take(ref, into, greedy, never))).toBe('media/full')
    expect(cache.holds()).toEqual([]) // the old one had to go first
    await rm(join(folder, 'more'), { recursive: true })
    const before = link.down_bytes
    const path = await take(cache, ref, join(folder, 'scratch'))
    expect((await readFile(path)).equals(BIG)).toBe(true)
    expect(link.down_bytes - before).toBeLessThan(2 << 20)
  })
})

test('a process that may write in its scratch and the cache alone can read and write', async () => {
  const ref = await put(BIG)
  const local = join(dir, 'local')
  await writeFile(local, BIG.subarray(7))
  const may = ['--permission', '--allow-fs-read=*', '--disable-warning=SecurityWarning', ...[folder, join(dir, 'a')].flatMap((at) => [`--allow-fs-write=${at}`, `--allow-fs-write=${join(at, '*')}`])]
  const held = child({ reads: [ref], write: { path: 'derived/x', from: local } }, 'a', may)
  expect(await held.ended).toEqual([0, null])
  expect((await readFile(held.lines[1]!)).equals(BIG)).toBe(true)
  expect((await readFile(held.lines[2]!)).equals(BIG.subarray(7))).toBe(true)
  expect(sha256(BIG)).toBe(ref.sha256)
})
