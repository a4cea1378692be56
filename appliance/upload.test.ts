import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Fault } from '../core/contract/fault.ts'
import { upload } from './upload.ts'
import type { Patience } from './patience.ts'
import { openLink, type Break } from './test/link.ts'
import { openOrigin, sha256, type Origin } from './test/origin.ts'

const PATIENCE: Patience = { stall_ms: 600, answer_ms: 5_000, first_ms: 1, most_ms: 20 }
const HEADERS_BYTES = 2_000
const TWICE_BYTES = 1 << 20
const CONTENT = randomBytes(3_000_000)

let dir: string
let origin: Origin
const stale = new Set<string>()
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'upload-'))
  origin = await openOrigin(dir, stale)
})
afterAll(async () => {
  await origin.close()
  await rm(dir, { recursive: true, force: true })
})

let count = 0
async function local(content: Buffer): Promise<{ from: string; path: string; name: string }> {
  const name = `derived/${++count} ü#.bin`
  const from = join(dir, `local-${count}`)
  await writeFile(from, content)
  return { from, name, path: `/api/staging/task/token/media/${name.split('/').map(encodeURIComponent).join('/')}` }
}
const staged = (name: string) => origin.volumes.stagedPath('task', 'token', { volume: 'media', path: name })
const put = (baseUrl: string, { from, path }: { from: string; path: string }, signal = new AbortController().signal, patience = PATIENCE) => upload({ core: { baseUrl, token: origin.token }, path, from, signal, patience })
const faultOf = (promise: Promise<unknown>) => promise.then(() => 'no fault', (e: unknown) => (e instanceof Fault ? e.code : e))

test('a file arrives whole, in one request, and is named by its digest', async () => {
  for (const content of [CONTENT, Buffer.alloc(0), Buffer.from('x')]) {
    const file = await local(content)
    const link = await openLink(origin.port, () => null)
    expect(await put(link.url, file)).toEqual({ volume: 'media', path: file.name, bytes: content.length, sha256: sha256(content) })
    expect((await readFile(await staged(file.name))).equals(content)).toBe(true)
    expect(link.up_bytes).toBeLessThan(content.length + HEADERS_BYTES)
    await link.close()
  }
})

describe('over a link that breaks', () => {
  test('wherever and however it breaks, the file is whole, and a cut costs less than a MiB', async () => {
    const breaks = fc.array(fc.record({ after_bytes: fc.integer({ min: 1, max: 2_500_000 }), way: fc.constant('up' as const), how: fc.constantFrom('end' as const, 'reset' as const) }), { maxLength: 6 })
    await fc.assert(fc.asyncProperty(fc.integer({ min: 0, max: CONTENT.length }), breaks, async (bytes, fates) => {
      const file = await local(CONTENT.subarray(0, bytes))
      const link = await openLink(origin.port, (n) => fates[n] ?? null)
      try {
        expect(await put(link.url, file)).toMatchObject({ bytes, sha256: sha256(CONTENT.subarray(0, bytes)) })
        expect((await readFile(await staged(file.name))).equals(CONTENT.subarray(0, bytes))).toBe(true)
        expect(link.up_bytes).toBeLessThanOrEqual(bytes + link.connections * HEADERS_BYTES + link.breaks * TWICE_BYTES)
      } finally {
        await link.close()
      }
    }), { numRuns: 25 })
  })

  test('that lets no word of core through on the way, carries the file all the same', async () => {
    const { from, path } = await local(CONTENT)
    const proxy = createServer((req, res) => {
      const onward = request(`${origin.url}${req.url}`, { method: req.method, headers: req.headers }, (answer) => answer.pipe(res.writeHead(answer.statusCode!, answer.headers)))
      req.pipe(onward)
    }).listen(0, '127.0.0.1')
    await once(proxy, 'listening')
    expect(await put(`http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, { from, path })).toMatchObject({ sha256: sha256(CONTENT) })
    proxy.closeAllConnections()
    await new Promise((closed) => proxy.close(closed))
  })

  test('that loses the answer: it is asked for again, and no byte of the file is', async () => {
    const content = CONTENT.subarray(0, 100_000) // so few that core says nothing on the way
    const file = await local(content)
    const link = await openLink(origin.port, (n) => (n === 0 ? { after_bytes: 1, way: 'down', how: 'reset' } : null))
    expect(await put(link.url, file)).toMatchObject({ sha256: sha256(content) })
    expect(link.up_bytes).toBeLessThan(content.length + 3 * HEADERS_BYTES)
    await link.close()
  })

  test('that falls silent is given up by both sides', async () => {
    const file = await local(CONTENT)
    const fates: Break[] = [{ after_bytes: 1_000_000, way: 'up', how: 'silence' }, { after_bytes: 1, way: 'down', how: 'reset' }]
    const link = await openLink(origin.port, (n) => fates[n] ?? null)
    expect(await put(link.url, file, undefined, { ...PATIENCE, answer_ms: 600 })).toMatchObject({ sha256: sha256(CONTENT) })
    await link.close()
  })

  test('it ends with the lease', async () => {
    const file = await local(CONTENT)
    const link = await openLink(origin.port, () => ({ after_bytes: 1_000_000, way: 'up', how: 'silence' }))
    const lease = new AbortController()
    const put_ = faultOf(put(link.url, file, lease.signal, { ...PATIENCE, stall_ms: 60_000, answer_ms: 60_000 }))
    await expect.poll(() => link.breaks, { timeout: 10_000 }).toBe(1)
    lease.abort(new Fault('task/cancelled', 'the lease was lost'))
    expect(await put_).toBe('task/cancelled')
    await link.close()
  })
})

describe('core', () => {
  const ask = (method: string, path: string, headers: Record<string, string> = {}, body: Buffer | string = '') => new Promise<{ status: number; offset: string | undefined; length: string | undefined; text: string }>((answered, failed) => {
    const req = request(`${origin.url}${path}`, { method, headers: { authorization: `Bearer ${origin.token}`, ...headers } }, (answer) => {
      let text = ''
      answer.on('data', (part) => (text += String(part))).on('end', () => answered({ status: answer.statusCode!, offset: answer.headers['upload-offset'] as string | undefined, length: answer.headers['upload-length'] as string | undefined, text }))
    })
    req.on('error', failed).end(body)
  })
  const patch = (path: string, offset: number | string, length: number | string, body: Buffer) => ask('PATCH', path, { 'upload-offset': String(offset), 'upload-length': String(length), 'content-length': String(body.length) }, body)
  const codeOf = ({ status, text }: { status: number; text: string }) => [status, (JSON.parse(text) as { code: string }).code]

  test('says how much it has, and takes the rest in pieces', async () => {
    const { path, name } = await local(CONTENT)
    expect(await ask('HEAD', path)).toMatchObject({ status: 200, offset: '0', length: undefined })
    expect(await patch(path, 0, CONTENT.length, CONTENT.subarray(0, 1_000))).toMatchObject({ status: 204, offset: '1000' })
    expect(await ask('HEAD', path)).toMatchObject({ status: 200, offset: '1000', length: '3000000' })
    const last = await patch(path, 1_000, CONTENT.length, CONTENT.subarray(1_000))
    expect([last.status, last.offset, JSON.parse(last.text)]).toEqual([200, '3000000', { volume: 'media', path: name, bytes: 3_000_000, sha256: sha256(CONTENT) }])
    expect(await patch(path, 3_000_000, 3_000_000, Buffer.alloc(0))).toMatchObject({ status: 200, text: last.text }) // for whoever lost the answer
    const back = await fetch(`${origin.url}${path}`, { headers: { authorization: `Bearer ${origin.token}`, range: 'bytes=10-19' } })
    expect([back.status, Buffer.from(await back.arrayBuffer())]).toEqual([206, CONTENT.subarray(10, 20)])
  })

  test('that has started anew reads again what it has, and goes on', async () => {
    const { path } = await local(CONTENT)
    await patch(path, 0, CONTENT.length, CONTENT.subarray(0, 1_000_000))
    origin.forget()
    expect(await ask('HEAD', path)).toMatchObject({ offset: '1000000', length: undefined })
    const last = await patch(path, 1_000_000, CONTENT.length, CONTENT.subarray(1_000_000))
    expect(JSON.parse(last.text)).toMatchObject({ sha256: sha256(CONTENT) })
    origin.forget()
    expect(JSON.parse((await patch(path, 3_000_000, 3_000_000, Buffer.alloc(0))).text)).toMatchObject({ sha256: sha256(CONTENT) })
  })

  test('refuses another offset with the true one, and another length; nothing changes', async () => {
    const { path, name } = await local(CONTENT)
    await patch(path, 0, 100, CONTENT.subarray(0, 10))
    const wrong = await patch(path, 5, 100, CONTENT.subarray(5, 20))
    expect([codeOf(wrong), wrong.offset]).toEqual([[409, 'media/offset'], '10'])
    expect(codeOf(await patch(path, 10, 99, CONTENT.subarray(10, 20)))).toEqual([400, 'input/invalid'])
    expect((await readFile(await staged(name))).equals(CONTENT.subarray(0, 10))).toBe(true)
    expect((await ask('DELETE', path)).status).toBe(204)
    expect((await ask('DELETE', path)).status).toBe(204)
    expect(await ask('HEAD', path)).toMatchObject({ offset: '0', length: undefined })
  })

  test.each([['', '10'], ['0', ''], ['-1', '10'], ['0', '1e3'], ['0.5', '10'], ['0', '99999999999999999999'], ['0', '4'], ['11', '10']])('refuses Upload-Offset %j with Upload-Length %j', async (offset, length) => {
    const { path, name } = await local(CONTENT)
    const answer = await ask('PATCH', path, { ...(offset ? { 'upload-offset': offset } : {}), ...(length ? { 'upload-length': length } : {}), 'content-length': '5' }, CONTENT.subarray(0, 5))
    expect(codeOf(answer)).toEqual([400, 'input/invalid'])
    await expect(stat(await staged(name))).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('refuses more than was declared, and keeps nothing of it', async () => {
    const { path, name } = await local(CONTENT)
    const answer = await ask('PATCH', path, { 'upload-offset': '0', 'upload-length': '1000000', 'transfer-encoding': 'chunked' }, CONTENT)
    expect(codeOf(answer)).toEqual([400, 'input/invalid'])
    await expect(stat(await staged(name))).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('refuses what the disk cannot hold, before it takes a byte', async () => {
    const { path, name } = await local(CONTENT)
    expect(codeOf(await patch(path, 0, 9e14, CONTENT))).toEqual([507, 'media/full'])
    await expect(stat(await staged(name))).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('lets only one send at a time; when its connection is gone, the next goes on', async () => {
    const { path, name } = await local(CONTENT)
    const file = await staged(name)
    const first = request(`${origin.url}${path}`, { method: 'PATCH', headers: { authorization: `Bearer ${origin.token}`, 'upload-offset': '0', 'upload-length': String(CONTENT.length), 'content-length': String(CONTENT.length) } }).on('error', () => undefined)
    first.write(CONTENT.subarray(0, 600_000))
    await expect.poll(() => stat(file).then(({ size }) => size, () => 0), { timeout: 10_000 }).toBeGreaterThan(0)
    expect((await ask('HEAD', path)).status).toBe(423)
    expect(codeOf(await patch(path, 0, CONTENT.length, CONTENT))).toEqual([423, 'media/busy'])
    expect(codeOf(await ask('DELETE', path))).toEqual([423, 'media/busy'])
    first.destroy()
    await expect.poll(async () => Number((await ask('HEAD', path)).offset), { timeout: 10_000 }).toBe(600_000)
    expect(JSON.parse((await patch(path, 600_000, CONTENT.length, CONTENT.subarray(600_000))).text)).toMatchObject({ sha256: sha256(CONTENT) })
  })

  test('takes nothing under a lease that has ended, nor for a name that is a folder', async () => {
    expect(codeOf(await patch('/api/staging/task/dead/media/a', 0, 5, CONTENT.subarray(0, 5)))).toEqual([200, undefined])
    stale.add('dead')
    expect(codeOf(await patch('/api/staging/task/dead/media/b', 0, 5, CONTENT.subarray(0, 5)))).toEqual([409, 'task/stale'])
    await patch('/api/staging/task/token/media/folder/a', 0, 5, CONTENT.subarray(0, 5))
    expect(codeOf(await patch('/api/staging/task/token/media/folder', 0, 5, CONTENT.subarray(0, 5)))).toEqual([409, 'media/conflict'])
    expect(codeOf(await patch('/api/staging/task/token/media/folder/a/b', 0, 5, CONTENT.subarray(0, 5)))).toEqual([409, 'media/conflict'])
  })

  test('forgets what the board has dropped meanwhile', async () => {
    const { path } = await local(CONTENT)
    await patch(path, 0, CONTENT.length, CONTENT.subarray(0, 1_000))
    await origin.volumes.drop('task', 'token')
    expect(codeOf(await patch(path, 1_000, CONTENT.length, CONTENT.subarray(1_000)))).toEqual([409, 'media/offset'])
    expect(JSON.parse((await patch(path, 0, CONTENT.length, CONTENT)).text)).toMatchObject({ sha256: sha256(CONTENT) })
  })
})

test('a stage that writes one path twice has the second there', async () => {
  const file = await local(CONTENT)
  await put(origin.url, file)
  expect(await put(origin.url, file)).toMatchObject({ sha256: sha256(CONTENT) })
  for (const content of [Buffer.from(CONTENT).fill(0, 0, 10), CONTENT.subarray(5)]) {
    await writeFile(file.from, content)
    expect(await put(origin.url, file)).toMatchObject({ bytes: content.length, sha256: sha256(content) })
    expect((await readFile(await staged(file.name))).equals(content)).toBe(true)
  }
})

test('what lies there after a power cut may be something else than was sent: it is sent anew', async () => {
  const file = await local(CONTENT)
  const fate: Break = { after_bytes: 1_500_000, way: 'up', how: 'reset' }
  const link = await openLink(origin.port, (n) => {
    if (n === 0) return fate
    if (n === 1) void staged(file.name).then(async (path) => {
      const there = await readFile(path)
      await writeFile(path, Buffer.alloc(there.length))
      origin.forget()
    })
    return n === 1 ? { after_bytes: 1, way: 'down', how: 'reset' } : null
  })
  expect(await put(link.url, file, undefined, { ...PATIENCE, first_ms: 200, most_ms: 400 })).toMatchObject({ sha256: sha256(CONTENT) })
  expect((await readFile(await staged(file.name))).equals(CONTENT)).toBe(true)
  await link.close()
})

test('a file that grows while it is sent is not taken', async () => {
  const file = await local(CONTENT)
  const link = await openLink(origin.port, (n) => {
    if (n === 0) void appendFile(file.from, 'more')
    return n === 0 ? { after_bytes: 1_000_000, way: 'up', how: 'reset' } : null
  })
  expect(await faultOf(put(link.url, file))).toBe('media/changed')
  await expect(stat(await staged(file.name))).rejects.toMatchObject({ code: 'ENOENT' })
  await link.close()
})

test('what core refuses is a fault at once, also in the middle of much', async () => {
  const file = await local(randomBytes(20 << 20))
  stale.add('gone')
  expect(await faultOf(upload({ core: { baseUrl: origin.url, token: origin.token }, path: '/api/staging/task/gone/media/a', from: file.from, signal: new AbortController().signal, patience: PATIENCE }))).toBe('task/stale')
  expect(await faultOf(put(origin.url, { from: join(dir, 'nowhere'), path: file.path }))).toBe('media/missing')
})
