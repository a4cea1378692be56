import { stat } from 'node:fs/promises'
import { request, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { openTestDoor, type TestDoor } from './testing.ts'

let dir: string
let socketPath: string
let door: TestDoor
let proxied: TestDoor
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'viewshed-socket-'))
  socketPath = join(dir, 'core.sock')
  door = await openTestDoor({
    socketPath, tileUrl: () => 'https://{s}.tile.example.org/{z}/{x}/{y}.png',
    routers: [(ctx: { path: string; state: unknown; body: unknown }, next: () => Promise<void>) => {
      if (ctx.path !== '/api/who') return next()
      ctx.body = ctx.state
    }],
  })
  proxied = await openTestDoor({ trustProxy: true })
})
afterAll(async () => {
  await door.close()
  await proxied.close()
  await rm(dir, { recursive: true, force: true })
})

const get = (options: object): Promise<IncomingMessage & { text: string }> => new Promise((answered, failed) => {
  request(options, (answer) => {
    let text = ''
    answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk)).on('end', () => answered(Object.assign(answer, { text })))
  }).on('error', failed).end()
})

test('the unix socket is for this user alone, and asks for a token like the port', async () => {
  expect((await stat(socketPath)).mode & 0o777).toBe(0o600)
  expect((await get({ socketPath, path: '/healthz' })).text).toBe('{"ok":true}')
  expect((await get({ socketPath, path: '/api/drives' })).statusCode).toBe(401)
})

test('routes of others find who asks', async () => {
  const known = await (await fetch(`${door.url}/api/who`, { headers: door.bearer('device', 'nas') })).json()
  expect(known).toEqual({ principal: { kind: 'device', id: 'nas', name: 'nas', scope: { org: 'home', site: 'home', role: 'device' } }, session: null, key: null })
  expect(await (await fetch(`${door.url}/api/who`)).json()).toEqual({ principal: null, session: null, key: null })
  const { cookie } = await door.admin()
  expect(await (await fetch(`${door.url}/api/who`, { headers: { cookie } })).json()).toMatchObject({ principal: { name: 'Ann' }, session: expect.stringMatching(/^[0-9a-f]{64}$/) })
  const wrongBearer = await (await fetch(`${door.url}/api/who`, { headers: { cookie, authorization: 'Bearer wrong' } })).json()
  expect(wrongBearer).toEqual({ principal: null, session: null, key: null })
})

test.each([
  [{ origin: 'http://elsewhere.example' }, 403],
  [{ origin: 'null' }, 403],
  [{ 'sec-fetch-site': 'cross-site' }, 403],
  [{ 'sec-fetch-site': 'same-site' }, 403],
  [{ 'sec-fetch-site': 'same-origin' }, 401],
  [{}, 401],
])('a write from %o is %i', async (headers, status) => {
  const { port } = door
  const answer = await get({ port, host: '127.0.0.1', method: 'DELETE', path: '/api/session', headers })
  expect(answer.statusCode).toBe(status)
})

test('a write from our own page goes through, a look from elsewhere too', async () => {
  expect((await fetch(`${door.url}/api/session`, { method: 'DELETE', headers: { ...door.bearer('viewer'), origin: door.url } })).status).toBe(200)
  expect((await fetch(`${door.url}/healthz`, { headers: { origin: 'http://elsewhere.example' } })).status).toBe(200)
})

test('every answer carries what a browser must know', async () => {
  for (const path of ['/healthz', '/api/drives', '/nothing']) {
    const { headers } = await fetch(door.url + path)
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    const policy = headers.get('content-security-policy')!.split('; ')
    expect(policy).toContain("script-src 'self'")
    expect(policy).toContain("frame-ancestors 'self'")
    expect(policy).toContain("img-src 'self' data: blob: https://*.tile.example.org")
    expect(policy).toContain(`connect-src 'self' ws://127.0.0.1:${door.port} wss://127.0.0.1:${door.port}`)
  }
})

test('without tiles no foreign picture is allowed, and a strange Host does not get into the policy', async () => {
  const answer = await get({ port: proxied.port, host: '127.0.0.1', path: '/healthz', headers: { host: 'a; script-src *' } })
  expect(answer.headers['content-security-policy']).toContain("img-src 'self' data: blob:;")
  expect(answer.headers['content-security-policy']).not.toContain('script-src *')
})

test('behind a proxy of its own the cookie is Secure and the limit counts the true address; without one X-Forwarded-* counts for nothing', async () => {
  const token = await proxied.access.setupToken()
  const answer = await fetch(`${proxied.url}/api/setup`, {
    method: 'POST', body: JSON.stringify({ token, name: 'Ann', password: 'correct horse battery' }),
    headers: { 'content-type': 'application/json', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'box.example', origin: 'https://box.example' },
  })
  expect(answer.status).toBe(200)
  expect(answer.headers.get('set-cookie')).toContain('; secure')

  const wrong = (url: string, forged: string, i: number) => fetch(`${url}/api/session`, { method: 'POST', body: JSON.stringify({ name: `n${i}`, password: 'wrong' }), headers: { 'content-type': 'application/json', 'x-forwarded-for': forged } })
  const direct = await Promise.all(Array.from({ length: 31 }, (_, i) => wrong(door.url, `192.0.2.${i}`, i)))
  expect(direct.filter(({ status }) => status === 429)).toHaveLength(1)
  const forged = await Promise.all(Array.from({ length: 31 }, (_, i) => wrong(proxied.url, `192.0.2.${i}, 198.51.100.1`, i)))
  expect(forged.filter(({ status }) => status === 429)).toHaveLength(1)
  expect((await wrong(proxied.url, '198.51.100.2', 99)).status).toBe(401)
})

test('metrics are for a scraper on this machine or an admin', async () => {
  const near = await fetch(`${door.url}/metrics`)
  expect(near.status).toBe(200)
  expect(await near.text()).toMatch(/viewshed_http_request_seconds_count\{method="GET",area="healthz",status="200"\} \d+/)
  const far = { 'x-forwarded-for': '192.0.2.1' }
  expect((await fetch(`${door.url}/metrics`, { headers: far })).status).toBe(401)
  expect((await fetch(`${door.url}/metrics`, { headers: { ...far, ...door.bearer('reviewer') } })).status).toBe(403)
  expect((await fetch(`${door.url}/metrics`, { headers: { ...far, ...door.bearer('admin') } })).status).toBe(200)
})

test.each(['/nope', '/api/drives', '/', '/__proto__', '/flows/comms', '/mqtt'])('an upgrade at %s, where nobody listens, is 404', async (path) => {
  const peer = new WebSocket(door.url.replace('http', 'ws') + path)
  const status = await new Promise((answered) => peer.on('unexpected-response', (_req, answer) => answered(answer.statusCode)))
  expect(status).toBe(404)
  peer.on('error', () => undefined).terminate()
})

test('it closes while pages are still connected', async () => {
  const server = new WebSocketServer({ noServer: true })
  const own = await openTestDoor({ broker: { upgrade: (req, socket, head) => server.handleUpgrade(req, socket, head, () => undefined) } })
  const peer = new WebSocket(`${own.url.replace('http', 'ws')}/mqtt`)
  await new Promise((done) => peer.once('open', done))
  const gone = new Promise((done) => peer.on('error', () => undefined).once('close', done))
  await own.close()
  await gone
})

test('nonsense on the wire hurts nobody', async () => {
  for (const bytes of ['\x16\x03\x01\x02\x00', 'GET /%00%ff HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n', 'GET //// HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n', 'GET http://[ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n', 'GET /#[ HTTP/1.1\r\nhost: [\r\nconnection: close\r\n\r\n', 'OPTIONS * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n', 'GET / HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n']) {
    const answer = await new Promise<string>((ended) => {
      let text = ''
      const socket = connect(door.port, '127.0.0.1', () => socket.end(bytes))
      socket.on('data', (chunk) => (text += String(chunk))).on('error', () => ended(text)).on('close', () => ended(text))
    })
    expect(answer).toMatch(/^(HTTP\/1\.1 40\d|$)/)
  }
  expect((await fetch(`${door.url}/healthz`)).status).toBe(200)
  expect(door.lines.filter(({ level }) => level === 'error')).toEqual([])
})

test('a socket path that the kernel would cut off is refused', async () => {
  await expect(openTestDoor({ socketPath: join(dir, 'x'.repeat(100)) })).rejects.toMatchObject({ code: 'config/invalid' })
})

test('closing the door closes every connection', async () => {
  const short = await openTestDoor()
  const socket = connect(short.port, '127.0.0.1')
  await new Promise((open) => socket.once('connect', open))
  const closed = new Promise((done) => socket.on('error', () => undefined).once('close', done))
  await short.close()
  await closed
  await expect(fetch(`${short.url}/healthz`)).rejects.toThrow()
})
