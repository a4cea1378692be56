import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Fault } from '../core/contract/fault.ts'
import type { MediaRef } from '../core/contract/media.ts'
import { download } from './download.ts'
import type { Patience } from './patience.ts'
import { openLink, type Break } from './test/link.ts'
import { openOrigin, sha256, type Origin } from './test/origin.ts'

const PATIENCE: Patience = { stall_ms: 400, answer_ms: 5_000, first_ms: 1, most_ms: 20 }
const HEADERS_BYTES = 2_000 // of an answer, at most
const TWICE_BYTES = 1 << 20 // a cut may cost so much
const CONTENT = randomBytes(3_000_000)

let dir: string
let to: string
let origin: Origin
beforeAll(async () => { origin = await openOrigin(await mkdtemp(join(tmpdir(), 'download-'))) })
afterAll(async () => {
  await origin.close()
  await rm(join(origin.root, '..'), { recursive: true, force: true })
})
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'download-'))
  to = join(dir, 'part')
})
afterEach(() => rm(dir, { recursive: true, force: true }))

const core = (baseUrl: string) => ({ baseUrl, token: origin.token })
const get = (url: string, ref: MediaRef, signal = new AbortController().signal, patience = PATIENCE) => download({ core: core(url), path: `/media/media/${ref.path}`, ref, to, signal, patience })
const faultOf = (promise: Promise<unknown>) => promise.then(() => 'no fault', (e: unknown) => (e instanceof Fault ? e.code : e))

describe('over a link that breaks', () => {
  test('wherever and however it breaks, the file is whole, and a cut costs less than a MiB', async () => {
    const breaks = fc.array(fc.record({ after_bytes: fc.integer({ min: 1, max: 2_500_000 }), way: fc.constant('down' as const), how: fc.constantFrom('end' as const, 'reset' as const) }), { maxLength: 6 })
    await fc.assert(fc.asyncProperty(fc.integer({ min: 0, max: CONTENT.length }), breaks, async (bytes, fates) => {
      const ref = await origin.put(`raw/${bytes}.bin`, CONTENT.subarray(0, bytes))
      const link = await openLink(origin.port, (n) => fates[n] ?? null)
      try {
        await rm(to, { force: true })
        await get(link.url, ref)
        expect((await readFile(to)).equals(CONTENT.subarray(0, bytes))).toBe(true)
        expect(link.down_bytes).toBeLessThanOrEqual(bytes + link.connections * HEADERS_BYTES + link.breaks * TWICE_BYTES)
      } finally {
        await link.close()
      }
    }), { numRuns: 15 })
  }, 120_000)

  test('one that falls silent is given up, and the rest comes over another', async () => {
    const ref = await origin.put('raw/silent.bin', CONTENT)
    const fates: Break[] = [{ after_bytes: 1_000_000, way: 'down', how: 'silence' }, { after_bytes: 1, way: 'down', how: 'silence' }]
    const link = await openLink(origin.port, (n) => fates[n] ?? null)
    await get(link.url, ref)
    expect((await readFile(to)).equals(CONTENT)).toBe(true)
    expect([link.breaks, link.connections]).toEqual([2, 3])
    expect(link.down_bytes).toBeLessThanOrEqual(CONTENT.length + 3 * HEADERS_BYTES + 2 * TWICE_BYTES)
    await link.close()
  })

  test('a core that is away for a while is waited for; what was there before is not fetched', async () => {
    const ref = await origin.put('raw/away.bin', CONTENT)
    await writeFile(to, CONTENT.subarray(0, 2_900_000))
    const link = await openLink(origin.port, (n) => (n < 5 ? { after_bytes: 1, way: 'up', how: 'reset' } : null))
    await get(link.url, ref)
    expect((await readFile(to)).equals(CONTENT)).toBe(true)
    expect(link.down_bytes).toBeLessThan(100_000 + HEADERS_BYTES)
    await link.close()
  })

  test('it ends with the lease, whatever it is waiting for', async () => {
    const ref = await origin.put('raw/lease.bin', CONTENT)
    const why = new Fault('task/cancelled', 'the lease was lost')
    for (const [fate, stall_ms] of [[{ after_bytes: 1_000_000, way: 'down', how: 'silence' }, 60_000], [{ after_bytes: 1, way: 'up', how: 'silence' }, 60_000], [{ after_bytes: 1, way: 'up', how: 'reset' }, 100]] as [Break, number][]) {
      const link = await openLink(origin.port, () => fate)
      const lease = new AbortController()
      const got = faultOf(get(link.url, ref, lease.signal, { ...PATIENCE, stall_ms, first_ms: 60_000, most_ms: 60_000 }))
      await expect.poll(() => link.breaks, { timeout: 10_000 }).toBe(1)
      lease.abort(why)
      expect(await got).toBe('task/cancelled')
      await link.close()
    }
  })
})

test('what core refuses is a fault at once', async () => {
  expect(await faultOf(get(origin.url, { volume: 'media', path: 'raw/none', bytes: 10, sha256: 'a'.repeat(64) }))).toBe('media/missing')
})

describe('a server that is not as it should be', () => {
  const asked: (string | undefined)[] = []
  let count = 0
  let close: () => Promise<void>
  let url: string
  async function serve(answer: (...args: [...Parameters<RequestListener>, n: number, from: number]) => void): Promise<void> {
    count = 0
    asked.length = 0
    const server = createServer((req, res) => {
      asked.push(req.headers.range)
      answer(req, res, count++, Number(/^bytes=(\d+)-$/.exec(req.headers.range ?? '')?.[1] ?? 0))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    close = async () => {
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
    }
  }
  afterEach(() => close())
  const part = (from: number, content = CONTENT, etag = '"a"') => ({ 'content-range': `bytes ${from}-${content.length - 1}/${content.length}`, 'content-length': content.length - from, etag })
  const ref: MediaRef = { volume: 'media', path: 'raw/a.bin', bytes: CONTENT.length, sha256: sha256(CONTENT) }

  test('that knows no ranges: the whole is taken from its beginning', async () => {
    await serve((_req, res, n) => {
      res.writeHead(200, { 'content-length': CONTENT.length })
      if (n > 0) res.end(CONTENT)
      else res.write(CONTENT.subarray(0, 1_000_000), () => setTimeout(() => res.destroy(), 50))
    })
    await get(url, ref)
    expect((await readFile(to)).equals(CONTENT)).toBe(true)
    expect(asked).toHaveLength(2)
  })

  test('that ends early, without a word about how long it will be', async () => {
    await serve((_req, res, _n, from) => {
      res.writeHead(206, { 'content-range': `bytes ${from}-${CONTENT.length - 1}/*` })
      res.end(CONTENT.subarray(from, from + 500_000))
    })
    await get(url, ref)
    expect(asked).toEqual(['bytes=0-', 'bytes=500000-', 'bytes=1000000-', 'bytes=1500000-', 'bytes=2000000-', 'bytes=2500000-'])
  })

  test('that sends more than was asked for: no byte too many is taken', async () => {
    await serve((_req, res) => res.writeHead(200).end(Buffer.concat([CONTENT, Buffer.alloc(100)])))
    await get(url, ref)
    expect((await stat(to)).size).toBe(CONTENT.length)
  })

  test('whose file changes in between: nothing of the first is kept', async () => {
    const other = Buffer.from(CONTENT).fill(1, 0, 1_000_000)
    await serve((req, res, n, from) => {
      if (n === 0) return void res.writeHead(206, part(0, other, '"old"')).write(other.subarray(0, 1_000_000), () => setTimeout(() => res.destroy(), 50))
      expect(req.headers['if-range']).toBe(n === 1 ? '"old"' : undefined)
      res.writeHead(206, part(from, CONTENT, '"new"')).end(CONTENT.subarray(from)) // it does not know If-Range either
    })
    await get(url, ref)
    expect((await readFile(to)).equals(CONTENT)).toBe(true)
    expect(asked).toEqual(['bytes=0-', 'bytes=1000000-', 'bytes=0-'])
  })

  test('that sends another part than it was asked for, now and then', async () => {
    await serve((_req, res, n, from) => {
      if (n === 0) return void res.writeHead(206, part(0)).write(CONTENT.subarray(0, 1_000_000), () => setTimeout(() => res.destroy(), 50))
      if (n === 1) return void res.writeHead(206, part(5)).end(CONTENT.subarray(5))
      res.writeHead(206, part(from)).end(CONTENT.subarray(from))
    })
    await get(url, ref)
    expect((await readFile(to)).equals(CONTENT)).toBe(true)
  })

  test.each([
    ['another size', 'media/digest', { 'content-range': `bytes 0-9/10`, 'content-length': 10 }],
    ['parts without saying which', 'media/changed', {}],
  ] as const)('that answers with %s, always, is a fault', async (_, code, headers) => {
    await serve((_req, res) => res.writeHead(206, headers).end(Buffer.alloc(10)))
    expect(await faultOf(get(url, ref))).toBe(code)
    expect(count).toBe(6)
  })

  test('that has fewer bytes of it than are here already', async () => {
    await writeFile(to, CONTENT.subarray(0, 1_000_000))
    await serve((_req, res, n, from) => (n === 0 ? res.writeHead(416, { 'content-type': 'application/json' }).end('{"code":"media/range","message":"short"}') : res.writeHead(206, part(from)).end(CONTENT.subarray(from))))
    await get(url, ref)
    expect(asked).toEqual(['bytes=1000000-', 'bytes=0-'])
  })

  test('other bytes of the same size are thrown away, and fetched once more', async () => {
    const other = Buffer.from(CONTENT).fill(0, 2_000_000, 2_000_001)
    await serve((_req, res, n, from) => {
      const content = n === 0 ? other : CONTENT
      res.writeHead(206, part(from, content, `"${n}"`)).end(content.subarray(from))
    })
    await get(url, ref)
    expect((await readFile(to)).equals(CONTENT)).toBe(true)
    expect(asked).toEqual(['bytes=0-', 'bytes=0-'])
  })

  test('and when they come again, that is a fault, and nothing of them stays', async () => {
    await writeFile(to, randomBytes(1_000_000)) // as after a power cut: the right size, other bytes
    const other = Buffer.from(CONTENT).fill(0, 2_000_000, 2_000_001)
    await serve((_req, res, _n, from) => res.writeHead(206, part(from, other)).end(other.subarray(from)))
    expect(await faultOf(get(url, ref))).toBe('media/digest')
    expect(asked).toEqual(['bytes=1000000-', 'bytes=0-'])
    expect((await stat(to)).size).toBe(0)
  })

  test('that sends byte by byte, each after a rest shorter than our patience', async () => {
    await serve((_req, res) => {
      res.writeHead(206, { 'content-range': 'bytes 0-4/5' })
      let n = 0
      const timer = setInterval(() => (n < 5 ? res.write(CONTENT.subarray(n, ++n)) : (clearInterval(timer), res.end())), 120)
    })
    const small = CONTENT.subarray(0, 5)
    await get(url, { ...ref, bytes: 5, sha256: sha256(small) }, undefined, { ...PATIENCE, stall_ms: 3_000 })
    expect(asked).toEqual(['bytes=0-'])
  })

  test('and a proxy without words for it is asked again', async () => {
    await serve((_req, res, n, from) => (n < 3 ? res.writeHead(502).end('<h1>Bad gateway</h1>') : res.writeHead(206, part(from)).end(CONTENT.subarray(from))))
    await get(url, ref)
    expect(asked).toHaveLength(4)
  })
})
