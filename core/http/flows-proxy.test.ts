import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, request, type IncomingHttpHeaders, type Server } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { verifyFlowToken } from '../access/flow-token.ts'
import { FLOW_MOST_BYTES } from './flows-limit.ts'
import { eventually, openTestDoor, type TestDoor } from './testing.ts'

const SECRET = 'shared'
let dir: string
let socketPath: string
let door: TestDoor
let upstream: Server
let admin: { cookie: string }
const heard: { method: string; url: string; headers: IncomingHttpHeaders; body: string }[] = []
const comms: IncomingHttpHeaders[] = []

/** As Node-RED's editor answers, as far as a proxy can tell. */
function fakeEditor(): Promise<Server> {
  const server = createServer((req, res) => {
    let body = ''
    req.on('data', (chunk) => (body += String(chunk))).on('end', () => {
      heard.push({ method: req.method!, url: req.url!, headers: req.headers, body })
      if (req.url === '/flows/hang') return res.socket!.destroy()
      if (req.url === '/flows/slow') return
      if (req.url === '/flows/flows' && body.length > FLOW_MOST_BYTES) return res.writeHead(413, { 'content-type': 'text/html' }).end('<pre>PayloadTooLargeError</pre>')
      res.writeHead(req.url === '/flows/none' ? 404 : 200, { 'content-type': 'text/html', 'x-editor': 'yes', 'keep-alive': 'timeout=99' })
      res.end(`editor ${body}`)
    })
  })
  const wss = new WebSocketServer({ noServer: true })
  server.on('upgrade', (req, socket, head) => {
    comms.push(req.headers)
    wss.handleUpgrade(req, socket, head, (peer) => {
      peer.send('welcome')
      peer.on('message', (text) => peer.send(`echo ${String(text)}`))
    })
  })
  return new Promise((listening) => server.listen(socketPath, () => listening(server)))
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'viewshed-flows-'))
  socketPath = join(dir, 'flows.sock')
  upstream = await fakeEditor()
  // Real time on both sides: the token's clock is the machine's.
  door = await openTestDoor({ flows: { socketPath, secret: SECRET } })
  admin = await door.admin()
})
afterAll(async () => {
  await door.close()
  upstream.closeAllConnections()
  upstream.close()
  await rm(dir, { recursive: true, force: true })
})

const get = (path: string, headers: Record<string, string> = {}, init: RequestInit = {}) => fetch(door.url + path, { headers, redirect: 'manual', ...init })
const userOf = (headers: IncomingHttpHeaders) => verifyFlowToken(SECRET, String(headers['x-viewshed-flow']), Date.now())

test('the editor comes through, told who asks; cookie, bearer and a forged token stay here', async () => {
  const answer = await get('/flows/?a=1', { ...admin, 'x-viewshed-flow': 'forged' })
  expect([answer.status, answer.headers.get('x-editor'), await answer.text()]).toEqual([200, 'yes', 'editor '])
  const { method, url, headers } = heard.at(-1)!
  expect([method, url]).toEqual(['GET', '/flows/?a=1'])
  expect(userOf(headers)).toEqual({ name: 'Ann', access: 'write' })
  expect(headers.cookie).toBeUndefined()
  const bearer = await get('/flows/', { ...door.bearer('viewer', 'vic') })
  expect(bearer.status).toBe(200)
  expect(heard.at(-1)!.headers.authorization).toBeUndefined()
  expect(userOf(heard.at(-1)!.headers)).toEqual({ name: 'vic', access: 'read' })
})

test('the editor is framed by us alone and keeps its own scripts', async () => {
  expect((await get('/flows/', admin)).headers.get('content-security-policy')).toBe("frame-ancestors 'self'")
})

test('a body goes through, and the status of the answer', async () => {
  const answer = await get('/flows/flows', { ...admin, origin: door.url }, { method: 'POST', body: 'x'.repeat(3_000_000) })
  expect((await answer.text()).length).toBe('editor '.length + 3_000_000)
  // A server that closes when it has answered may be faster than the last write, and its answer is lost.
  expect(heard.at(-1)!.headers.connection).toBe('keep-alive')
  expect((await get('/flows/none', admin)).status).toBe(404)
})

test('a flow that is too large is refused in words that the editor shows as they stand, whether or not it says how long it is', async () => {
  const before = heard.length
  const deploy = (body: NonNullable<RequestInit['body']>, more: RequestInit = {}) => get('/flows/flows', { ...admin, origin: door.url }, { method: 'POST', body, ...more })
  const said = await deploy('x'.repeat(50_000_000))
  expect([said.status, said.headers.get('content-type'), await said.text()]).toEqual([413, 'text/plain; charset=utf-8', 'The flow has 50 MB, and more than 5 MB are not taken. The Viewshed side bar names the node that is too large. What was deployed before runs on.'])
  expect(heard).toHaveLength(before)
  const unsaid = await deploy(new Blob(['x'.repeat(6_000_000)]).stream(), { duplex: 'half' } as RequestInit)
  expect([unsaid.status, await unsaid.text()]).toEqual([413, 'The flow is too large: more than 5 MB are not taken. The Viewshed side bar names the node that is too large. What was deployed before runs on.'])
  expect((await deploy('[]')).status).toBe(200)
})

test('nobody, devices and writes of others than admins do not get there', async () => {
  const before = heard.length
  expect((await get('/flows/')).status).toBe(401)
  expect((await get('/flows/', { cookie: 'viewshed_session=wrong' })).status).toBe(401)
  expect((await get('/flows/', door.bearer('device'))).status).toBe(403)
  expect((await get('/flows/flows', door.bearer('reviewer'), { method: 'POST', body: '[]' })).status).toBe(403)
  expect((await get('/flows/flows', { ...admin, origin: 'http://elsewhere.example' }, { method: 'POST', body: '[]' })).status).toBe(403)
  expect(heard).toHaveLength(before)
  expect((await get('/flowsy', admin)).status).toBe(404)
})

test('who may only look may ask what can be said against a flow, as the editor does every few seconds, and is known for a reader', async () => {
  const answer = await get('/flows/viewshed/check', door.bearer('viewer', 'vic'), { method: 'POST', body: '[]' })
  expect([answer.status, heard.at(-1)!.body, userOf(heard.at(-1)!.headers)]).toEqual([200, '[]', { name: 'vic', access: 'read' }])
  expect((await get('/flows/viewshed/versions/1', door.bearer('viewer'), { method: 'POST', body: '{}' })).status).toBe(403)
})

/** As it stands, chunked; the answer's first line. */
const chunked = (first: string, headers: Record<string, string>, body: string): Promise<string> => new Promise((answered, failed) => {
  const socket = connect(door.port, '127.0.0.1').on('error', failed)
  socket.once('data', (bytes) => {
    answered(String(bytes).split('\r\n', 1)[0]!)
    socket.destroy()
  })
  const lines = Object.entries({ host: `127.0.0.1:${door.port}`, 'transfer-encoding': 'chunked', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`).join('')
  socket.write(`${first} HTTP/1.1\r\n${lines}\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`)
})

test('what comes with a question is no second one behind it, however it is framed', async () => {
  const before = heard.length
  const second = 'POST /flows/flows HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n[]'
  for (const method of ['GET', 'HEAD']) expect(await chunked(`${method} /flows/x`, door.bearer('viewer'), second)).toBe('HTTP/1.1 200 OK')
  const long = await new Promise<number>((answered, failed) => {
    request({ port: door.port, host: '127.0.0.1', path: '/flows/x', headers: { ...door.bearer('viewer'), 'content-length': second.length } }, (answer) => answered(answer.resume().statusCode!)).on('error', failed).end(second)
  })
  expect(long).toBe(200)
  expect(await chunked('DELETE /flows/x', admin, second)).toBe('HTTP/1.1 200 OK')
  expect(heard.slice(before).map(({ method, url, body }) => [method, url, body])).toEqual([['GET', '/flows/x', ''], ['HEAD', '/flows/x', ''], ['GET', '/flows/x', ''], ['DELETE', '/flows/x', second]])
})

const feed = (headers: Record<string, string>) => new WebSocket(`${door.url.replace('http', 'ws')}/flows/comms`, { headers })
const outcome = (peer: WebSocket) => new Promise<string | number>((known) => {
  peer.on('error', () => undefined)
  peer.on('unexpected-response', (_req, answer) => known(answer.statusCode!))
  peer.once('message', (text) => known(String(text)))
})

test('the live feed comes through both ways, told who asks', async () => {
  const peer = feed({ ...admin, origin: door.url, 'x-viewshed-flow': 'forged' })
  expect(await outcome(peer)).toBe('welcome')
  peer.send('hello')
  expect(await new Promise((said) => peer.once('message', (text) => said(String(text))))).toBe('echo hello')
  expect(userOf(comms.at(-1)!)).toEqual({ name: 'Ann', access: 'write' })
  expect(comms.at(-1)!.cookie).toBeUndefined()
  peer.terminate()
})

test('the live feed is refused without a session, to devices and to other sites', async () => {
  expect(await outcome(feed({}))).toBe(401)
  expect(await outcome(feed(door.bearer('device')))).toBe(403)
  expect(await outcome(feed({ ...admin, origin: 'http://elsewhere.example' }))).toBe(403)
})

test('signing out closes the live feed of this session and no other', async () => {
  const other = await door.access.signIn({ name: 'Ann', password: 'correct horse battery' }, 'test')
  const mine = feed({ cookie: `viewshed_session=${other.cookie}` })
  const theirs = feed(admin)
  await Promise.all([outcome(mine), outcome(theirs)])
  const closed = new Promise((done) => mine.once('close', done))
  await door.access.signOut(other.session)
  await closed
  theirs.send('still here')
  expect(await new Promise((said) => theirs.once('message', (text) => said(String(text))))).toBe('echo still here')
  theirs.terminate()
})

test('a key that is revoked loses its live feed, and no other key does', async () => {
  const [mine, theirs] = await Promise.all(['gone', 'stays'].map(async (name) => feed({ authorization: `Bearer ${await door.access.keys.add(name, 'viewer')}` })))
  expect(await Promise.all([outcome(mine!), outcome(theirs!)])).toEqual(['welcome', 'welcome'])
  const closed = new Promise((done) => mine!.once('close', done))
  await door.access.keys.revoke('gone')
  await closed
  theirs!.send('still here')
  expect(await new Promise((said) => theirs!.once('message', (text) => said(String(text))))).toBe('echo still here')
  theirs!.terminate()
})

test('who hangs up while the editor thinks takes the question back', async () => {
  const ask = request({ port: door.port, host: '127.0.0.1', path: '/flows/slow', headers: admin })
  ask.on('error', () => undefined).end()
  await eventually(() => heard.at(-1)!.url).toBe('/flows/slow')
  const count = () => new Promise<number>((known) => upstream.getConnections((_error, n) => known(n)))
  const before = await count()
  ask.destroy()
  await eventually(count).toBeLessThan(before)
})

test('while the flows start again there is a page that looks again, a failure in JSON, and no feed; then they are back', async () => {
  expect((await get('/flows/hang', { ...admin, accept: 'text/html' })).status).toBe(503)
  upstream.closeAllConnections()
  await new Promise((closed) => upstream.close(closed))
  const page = await get('/flows/', { ...admin, accept: 'text/html' })
  expect([page.status, page.headers.get('retry-after')]).toEqual([503, '2'])
  expect(await page.text()).toContain('http-equiv="refresh"')
  const json = await get('/flows/settings', { ...admin, accept: 'application/json' })
  expect([json.status, ((await json.json()) as { code: string }).code]).toEqual([503, 'flows/unavailable'])
  expect(await outcome(feed(admin))).toBe(503)
  upstream = await fakeEditor()
  expect((await get('/flows/', admin)).status).toBe(200)
  expect(await outcome(feed(admin))).toBe('welcome')
  expect(door.lines.filter(({ level }) => level === 'error')).toEqual([])
})
