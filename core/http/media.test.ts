import { createHash, randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Fault } from '../contract/fault.ts'
import { openUploads } from '../store/uploads.ts'
import { openVolumes } from '../store/volumes.ts'
import { disposition } from './send.ts'
import { eventually, openTestDoor, type TestDoor } from './testing.ts'

const CLIP = randomBytes(300_000)
const NAMES = { clip: 'raw/front/2026-01-02/clip.mp4', odd: 'raw/front/;whoami;#.mp4', thumb: 'derived/ab/abcd/thumb.webp', page: 'raw/x/page.html', empty: 'raw/x/empty.mp4', big: 'raw/x/big.bin' }
const BIG_BYTES = 200 << 20

let dir: string
let root: string
let door: TestDoor
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'viewshed-media-'))
  root = join(dir, 'media')
  await mkdir(root)
  const ids = new Map<string, string>()
  const volumes = await openVolumes([{ name: 'media', root, org: 'home' }], { get: (name) => ids.get(name), set: async (name, id) => void ids.set(name, id) })
  for (const name of Object.values(NAMES)) {
    await mkdir(dirname(join(root, name)), { recursive: true })
    await writeFile(join(root, name), name === NAMES.empty ? '' : CLIP)
    await utimes(join(root, name), 1767323045, 1767323045)
  }
  await truncate(join(root, NAMES.big), BIG_BYTES)
  await writeFile(join(dir, 'secret.txt'), 'secret')
  await symlink(join(dir, 'secret.txt'), join(root, 'raw/leak.txt'))
  await symlink(dir, join(root, 'raw/out'))
  door = await openTestDoor({
    media: { open: async (scope, volume, path) => {
      if (scope.org !== 'home') throw new Fault('access/denied', 'not yours')
      return volumes.resolve(volume, path)
    } },
    staging: { ...openUploads(volumes), admit: () => undefined },
  })
})
afterAll(async () => {
  await door.close()
  await rm(dir, { recursive: true, force: true })
})

const url = (path: string) => `${door.url}/media/media/${path.split('/').map(encodeURIComponent).join('/')}`
const get = (path: string, headers: Record<string, string> = {}, method = 'GET') => fetch(url(path), { method, headers: { ...door.bearer('viewer'), ...headers } })
const bytesOf = async (answer: Response) => Buffer.from(await answer.arrayBuffer())
const code = async (answer: Response) => [answer.status, ((await answer.json()) as { code: string }).code]
/** As typed: fetch would tidy the path up. */
const raw = (path: string): Promise<[number, string]> => new Promise((answered, failed) => {
  request({ port: door.port, host: '127.0.0.1', path, headers: door.bearer('viewer') }, (answer) => {
    let text = ''
    answer.on('data', (chunk) => (text += String(chunk))).on('end', () => answered([answer.statusCode!, text]))
  }).on('error', failed).end()
})

test('a whole file, with what a player needs', async () => {
  const answer = await get(NAMES.clip)
  expect(answer.status).toBe(200)
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    'accept-ranges': 'bytes', 'content-length': '300000', 'content-type': 'video/mp4', 'last-modified': 'Fri, 02 Jan 2026 03:04:05 GMT',
    'content-disposition': `inline; filename="clip.mp4"; filename*=UTF-8''clip.mp4`, 'cache-control': 'private, no-cache', etag: expect.stringMatching(/^"[\w-]+"$/),
  })
  expect((await bytesOf(answer)).equals(CLIP)).toBe(true)
})

test('any part of it is the same part of the file', async () => {
  const headers = door.bearer('viewer')
  await fc.assert(fc.asyncProperty(fc.nat(CLIP.length - 1), fc.option(fc.nat(CLIP.length + 10)), async (start, length) => {
    const answer = await fetch(url(NAMES.clip), { headers: { ...headers, range: `bytes=${start}-${length === null ? '' : start + length}` } })
    const expected = CLIP.subarray(start, length === null ? undefined : start + length + 1)
    expect([answer.status, answer.headers.get('content-range'), answer.headers.get('content-length')]).toEqual([206, `bytes ${start}-${start + expected.length - 1}/300000`, String(expected.length)])
    expect((await bytesOf(answer)).equals(expected)).toBe(true)
  }), { numRuns: 40 })
})

test('the last bytes', async () => {
  const answer = await get(NAMES.clip, { range: 'bytes=-5' })
  expect([answer.status, answer.headers.get('content-range')]).toEqual([206, 'bytes 299995-299999/300000'])
  expect((await bytesOf(answer)).equals(CLIP.subarray(-5))).toBe(true)
})

test('a part beyond the end is 416, and says how long the file is', async () => {
  const answer = await get(NAMES.clip, { range: 'bytes=300000-' })
  expect(answer.headers.get('content-range')).toBe('bytes */300000')
  expect(answer.headers.get('etag')).toBeNull()
  expect(await code(answer)).toEqual([416, 'media/range'])
})

test('several parts, or nonsense, get the whole', async () => {
  for (const range of ['bytes=0-1,5-6', 'bytes=9-2', 'lines=1-2']) expect((await get(NAMES.clip, { range })).status).toBe(200)
})

test('If-Range: a part of the same file, the whole of another', async () => {
  const { headers } = await get(NAMES.clip, {}, 'HEAD')
  const ask = async (ifRange: string) => (await get(NAMES.clip, { range: 'bytes=0-9', 'if-range': ifRange })).status
  expect(await ask(headers.get('etag')!)).toBe(206)
  expect(await ask(headers.get('last-modified')!)).toBe(206)
  expect(await ask('"other"')).toBe(200)
  expect(await ask('Thu, 01 Jan 2026 00:00:00 GMT')).toBe(200)
})

test('what the browser holds is not sent again', async () => {
  const { headers } = await get(NAMES.clip, {}, 'HEAD')
  for (const condition of [{ 'if-none-match': headers.get('etag')! }, { 'if-modified-since': headers.get('last-modified')! }] as Record<string, string>[]) {
    const answer = await get(NAMES.clip, condition)
    expect([answer.status, answer.headers.get('etag'), (await bytesOf(answer)).length]).toEqual([304, headers.get('etag'), 0])
  }
  expect((await get(NAMES.clip, { 'if-none-match': '"other"' })).status).toBe(200)
})

test('HEAD says the same without the bytes, and leaves the connection usable', async () => {
  const answer = await get(NAMES.clip, {}, 'HEAD')
  expect([answer.status, answer.headers.get('content-length'), (await bytesOf(answer)).length]).toEqual([200, '300000', 0])
  expect((await get(NAMES.clip, { range: 'bytes=0-0' })).status).toBe(206)
})

test('an empty file is empty, whatever part of it is wanted', async () => {
  for (const headers of [{}, { range: 'bytes=0-' }, { range: 'bytes=-4' }] as Record<string, string>[]) {
    const answer = await get(NAMES.empty, headers)
    expect([answer.status, answer.headers.get('content-length'), (await bytesOf(answer)).length]).toEqual([200, '0', 0])
  }
})

test('derived files never change; a page among the files is saved, not shown', async () => {
  expect((await get(NAMES.thumb, {}, 'HEAD')).headers.get('cache-control')).toBe('private, max-age=31536000, immutable')
  const page = await get(NAMES.page, {}, 'HEAD')
  expect(page.headers.get('content-type')).toBe('application/octet-stream')
  expect(page.headers.get('content-disposition')).toMatch(/^attachment;/)
  expect(page.headers.get('content-security-policy')).toContain('sandbox')
})

test('an odd name is served, named safely, and can be saved', async () => {
  const answer = await fetch(`${url(NAMES.odd)}?download`, { headers: door.bearer('viewer') })
  expect([answer.status, answer.headers.get('content-disposition')]).toEqual([200, `attachment; filename="_whoami__.mp4"; filename*=UTF-8''%3Bwhoami%3B%23.mp4`])
})

test('no name gets out of its header', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (name) => {
    expect(disposition(name, true)).toMatch(/^attachment; filename="[\w. ()+-]*"; filename\*=UTF-8''[\w.~%-]*$/)
  }))
})

test.each([
  ['/media/media/../secret.txt', 'media/outside'],
  ['/media/media/raw/../../secret.txt', 'media/outside'],
  ['/media/media/..%2fsecret.txt', 'media/outside'],
  ['/media/media/%2e%2e/secret.txt', 'media/outside'],
  ['/media/media/raw%2f..%2f..%2fsecret.txt', 'media/outside'],
  ['/media/media/%2fetc%2fpasswd', 'media/outside'],
  ['/media/media//etc/passwd', 'media/outside'],
  ['/media/media/raw/x/empty.mp4%00.jpg', 'media/outside'],
  ['/media/media/raw/leak.txt', 'media/outside'],
  ['/media/media/raw/out/secret.txt', 'media/outside'],
  ['/media/media/.viewshed/volume.json', 'media/outside'],
  ['/media/..%2f/secret.txt', 'media/outside'],
  ['/media/media/%ff', 'input/invalid'],
  ['/media/media/raw/none.mp4', 'media/missing'],
  ['/media/media/raw/x/page.html/y', 'media/missing'],
  ['/media/media/raw', 'media/missing'],
  ['/media/other/x.mp4', 'media/unmounted'],
  ['/media/media', 'not-found'],
])('%s is refused: %s', async (path, refusal) => {
  const [status, text] = await raw(path)
  expect(JSON.parse(text)).toMatchObject({ code: refusal })
  expect(text).not.toContain(dir)
  expect(status).toBeGreaterThanOrEqual(400)
})

test('no path that anybody can write gets at what lies outside', async () => {
  const part = fc.oneof(fc.constantFrom('..', '.', '', 'raw', 'out', 'secret.txt', '%2e%2e', '..%2f', '%2f', '%5c..', 'leak.txt', '%00', '..%00', '.viewshed', '%252e%252e'), fc.webSegment())
  await fc.assert(fc.asyncProperty(fc.array(part, { maxLength: 6 }), async (parts) => {
    const [status, text] = await raw(`/media/media/${parts.join('/')}`)
    expect(status).toBeGreaterThanOrEqual(400)
    expect(text).not.toContain('secret"')
    expect(JSON.parse(text)).toHaveProperty('code')
  }), { numRuns: 100 })
})

test('nobody, the flows and another org see nothing; a device and a browser see', async () => {
  expect(await code(await fetch(url(NAMES.clip)))).toEqual([401, 'access/unauthenticated'])
  for (const flows of [door.bearer('flows'), { authorization: `Bearer ${await door.access.keys.add('red', 'flows')}` }]) expect(await code(await fetch(url(NAMES.clip), { headers: flows }))).toEqual([403, 'access/denied'])
  const foreign = door.access.mint({ kind: 'person', id: 'x', name: 'x', scope: { org: 'other', site: 'home', role: 'admin' } })
  expect(await code(await fetch(url(NAMES.clip), { headers: { authorization: `Bearer ${foreign}` } }))).toEqual([403, 'access/denied'])
  expect((await fetch(url(NAMES.clip), { method: 'HEAD', headers: door.bearer('device') })).status).toBe(200)
  const { cookie } = await door.admin()
  expect((await fetch(url(NAMES.clip), { method: 'HEAD', headers: { cookie } })).status).toBe(200)
  expect(await code(await get(NAMES.clip, {}, 'DELETE'))).toEqual([404, 'not-found'])
})

test('a player that hangs up lets the file go; one that does not read gets no more than fits in between', async () => {
  const descriptors = async () => (await import('node:fs')).readdirSync('/proc/self/fd').length
  const before = await descriptors()
  const rss = process.memoryUsage().rss
  const sockets = Array.from({ length: 4 }, () => {
    const socket = connect(door.port, '127.0.0.1')
    socket.write(`GET /media/media/${NAMES.big} HTTP/1.1\r\nhost: x\r\nauthorization: ${door.bearer('viewer').authorization}\r\n\r\n`)
    return socket
  })
  for (const socket of sockets) {
    await new Promise((readable) => socket.once('readable', readable))
    expect(String(socket.read(12))).toBe('HTTP/1.1 200')
  }
  expect(process.memoryUsage().rss - rss).toBeLessThan(100 << 20)
  for (const socket of sockets) socket.destroy()
  await eventually(descriptors).toBeLessThanOrEqual(before)
  expect(door.lines.filter(({ level }) => level === 'error')).toEqual([])
})

test('a file that shrinks while it is sent breaks the connection off: half a clip is never taken for a whole one', async () => {
  const name = 'raw/x/shrinks.bin'
  await writeFile(join(root, name), '')
  await truncate(join(root, name), BIG_BYTES)
  const answer = await get(name)
  expect(answer.headers.get('content-length')).toBe(String(BIG_BYTES))
  const reader = answer.body!.getReader()
  await reader.read()
  await truncate(join(root, name), 1000)
  await expect((async () => {
    while (!(await reader.read()).done) continue
  })()).rejects.toThrow()
  await eventually(() => door.lines.at(-1)).toEqual({ level: 'warn', message: 'an answer was broken off' })
})

const staging = (path: string, { headers, body = '' }: { headers?: Record<string, string>; body?: string | Buffer<ArrayBuffer> }) =>
  fetch(`${door.url}/api/staging/${path}`, { method: 'PATCH', headers: { 'upload-offset': '0', 'upload-length': String(body.length), ...headers }, body })

test('a device puts a file of its task; its path arrives decoded', async () => {
  const answer = await staging('task1/token1/media/derived/ab/%3Bx%20%23.mp4', { headers: door.bearer('device', 'gpu'), body: CLIP })
  const sha256 = createHash('sha256').update(CLIP).digest('hex')
  expect([answer.status, await answer.json()]).toEqual([200, { volume: 'media', path: 'derived/ab/;x #.mp4', bytes: 300_000, sha256 }])
  expect((await readFile(join(root, '.viewshed/staging/task1/token1/derived/ab/;x #.mp4'))).equals(CLIP)).toBe(true)
})

test('nobody else does, and nowhere else', async () => {
  expect(await code(await staging('t/k/media/a', { body: 'x' }))).toEqual([401, 'access/unauthenticated'])
  expect(await code(await staging('t/k/media/a', { body: 'x', headers: door.bearer('admin') }))).toEqual([403, 'access/denied'])
  expect(await code(await staging('t/k/media', { body: 'x', headers: door.bearer('device') }))).toEqual([404, 'not-found'])
  expect(await code(await staging('t/k/media/..%2f..%2fx', { body: 'x', headers: door.bearer('device') }))).toEqual([400, 'media/outside'])
  expect(await code(await staging('..%2f/k/media/x', { body: 'x', headers: door.bearer('device') }))).toEqual([400, 'media/outside'])
})

test('a device that sends much hears why it was refused', async () => {
  const much = Buffer.alloc(12 << 20)
  expect(await code(await staging('t/k/media/a', { headers: { ...door.bearer('device'), 'upload-offset': '5', 'upload-length': String(much.length + 5) }, body: much }))).toEqual([409, 'media/offset'])
  expect(await code(await staging('t/k/media/..%2fx', { headers: door.bearer('device'), body: much }))).toEqual([400, 'media/outside'])
  expect(await code(await staging('t/k/media/a', { body: much }))).toEqual([401, 'access/unauthenticated'])
})

test('nothing else is asked of a staged file', async () => {
  const answer = await fetch(`${door.url}/api/staging/t/k/media/a`, { method: 'PUT', headers: door.bearer('device'), body: 'x' })
  expect(await code(answer)).toEqual([404, 'not-found'])
})

test('what is on the disk is what was written', async () => {
  expect((await readFile(join(root, NAMES.clip))).equals(CLIP)).toBe(true)
  expect(await bytesOf(await get(NAMES.big, { range: `bytes=${BIG_BYTES - 3}-` }))).toEqual(Buffer.alloc(3))
})
