import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer, type Server } from 'node:http'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { boardClient, type BoardClient } from './board-client.ts'
import { ELSEWHERE, HOME, inProcess, serve, type Bench } from './testing/bench.ts'

let bench: Bench
let server: Server
let base: string
const clients: BoardClient[] = []
beforeEach(async () => {
  bench = await inProcess()
  server = serve(bench).listen(0, '127.0.0.1')
  await once(server, 'listening')
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  server.closeAllConnections()
  server.close()
  await bench.close()
})

const as = (token: string, baseUrl = base) => {
  const client = boardClient({ baseUrl, token })
  clients.push(client)
  return client
}
const post = async (path: string, token: string, body: string, type = 'application/json') => {
  const answer = await fetch(base + path, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': type }, body })
  return { status: answer.status, body: await answer.json() as unknown }
}

test('everybody may do what is theirs, and nobody else', async () => {
  const calls: [string, string, object][] = [
    ['flows', '/api/board/publish', { calls: [{ scope: { org: 'home', site: 'home' }, publications: [] }] }],
    ['flows', '/api/outcomes/ack', { seqs: [] }],
    ['flows', '/api/outcomes/gone', { seqs: [], why: 'a deploy' }],
    ['device', '/api/board/claim', { stages: ['clip.probe'], count: 1 }],
    ['device', '/api/board/renew', { leases: [] }],
    ['device', '/api/board/release', { leases: [{ id: 'x', token: 'y' }] }],
    ['device', '/api/board/complete', { completions: [] }],
    ['device', '/api/board/fault', { faults: [{ id: 'x', token: 'y', report: { code: 'tool/failed', message: 'no' } }] }],
    ['device, flows', '/api/events', { type: 'folder.arrived', key: 'k', payload: {} }],
    ['device', '/api/events/known', { type: 'folder.arrived', key: 'k' }],
  ]
  for (const [kind, path, body] of calls) {
    for (const who of ['flows', 'device', 'person', 'nobody']) {
      const { status } = await post(path, `${who} x home home`, JSON.stringify(body))
      expect([path, who, status]).toEqual([path, who, kind.split(', ').includes(who) ? 200 : who === 'nobody' ? 401 : 403])
    }
  }
  const pull = async (who: string) => (await fetch(`${base}/api/outcomes`, { headers: { authorization: `Bearer ${who} x home home` } })).status
  expect([await pull('flows'), await pull('device'), await pull('nobody')]).toEqual([200, 403, 401])
})

test('failures travel as a code and a sentence with its status, and arrive as the fault they were', async () => {
  expect(await post('/api/board/claim', 'device nas home home', '{"stages":"all","count":1}')).toEqual({ status: 400, body: { code: 'input/invalid', message: expect.stringContaining('/stages') } })
  expect(await post('/api/board/claim', 'device nas home home', '{"stages":')).toMatchObject({ status: 400, body: { code: 'input/invalid' } })
  expect(await post('/api/board/publish', 'flows f home home', JSON.stringify({ calls: [{ scope: { org: 'home', site: 'home' }, publications: [{ stage: 'no.such', input: {} }] }] }))).toMatchObject({ status: 400, body: { code: 'stage/unknown' } })
  await expect(as('flows f home home').publish(HOME, [{ stage: 'no.such', input: {} }])).rejects.toMatchObject({ name: 'Fault', code: 'stage/unknown', message: 'No plugin has a stage no.such' })
  await expect(as('device nas home home').acknowledge(['x'])).rejects.toMatchObject({ code: 'access/denied' })
  await expect(as('who').known(HOME, 'a', 'b')).rejects.toMatchObject({ code: 'access/unauthenticated' })
})

test('a publication of nearly 4 MiB is taken, a larger body refused; where no body needs that, one over 256 kB is', async () => {
  const publish = (bytes: number) => as('flows f home home').publish(HOME, [{ stage: 'clip.probe', input: { clip: 'x'.repeat(bytes) } }])
  await publish((4 << 20) - 1_000)
  await expect(publish(4 << 20)).rejects.toMatchObject({ code: 'input/too-large' })
  expect(await bench.board.counts(HOME)).toContainEqual(expect.objectContaining({ stage: 'clip.probe', pending: 1 }))

  const emit = (bytes: number) => as('device nas home home').emit(HOME, 'folder.arrived', 'k', { text: 'x'.repeat(bytes) })
  await emit((256 << 10) - 1_000)
  await expect(emit(256 << 10)).rejects.toMatchObject({ code: 'input/too-large' })
  expect(await bench.events.list(HOME, { limit: 9 })).toHaveLength(1)
})

test('what a tool said at length is said in short, and counts', async () => {
  await as('flows f home home').publish(HOME, [{ stage: 'clip.probe', input: { clip: 'a' } }])
  const device = as('device nas home home')
  const [held] = await device.claim('', HOME, ['clip.probe'], 1)
  expect(await device.fault('', held!.id, held!.token, { code: 'tool/failed', message: 'm'.repeat(1 << 20), log: `${'x'.repeat(1 << 20)}the end` })).toBe('counted')
  expect((await bench.board.task(HOME, held!.id))?.faults).toEqual([{ code: 'tool/failed', message: 'm'.repeat(2_000), log: `${'x'.repeat(8_192 - 7)}the end`, device: 'nas', at_ms: bench.clock.now_ms }])
})

test('queries are checked', async () => {
  const ask = async (query: string) => (await fetch(`${base}/api/outcomes?${query}`, { headers: { authorization: 'Bearer flows f home home' } })).status
  expect(await Promise.all(['limit=0', 'limit=many', 'wait_ms=-1', 'wait_ms=99999999', 'limit=5&wait_ms=0'].map(ask))).toEqual([400, 400, 400, 400, 200])
})

test('a device reaches no task of another org, whatever it knows of it', async () => {
  const flow = as('flows f home home')
  await flow.publish(ELSEWHERE, [{ stage: 'clip.probe', input: { clip: 'a' } }])
  const [held] = await as('device yard other yard').claim('', HOME, ['clip.probe'], 1)
  const spy = as('device nas home home')
  expect(await spy.renew('', [held!])).toEqual([])
  expect(await spy.fault('', held!.id, held!.token, { code: 'tool/failed', message: 'x' })).toBe('stale')
  await expect(spy.complete('', { id: held!.id, token: held!.token, output: { length: 1 }, files: [] })).rejects.toMatchObject({ code: 'task/unknown' })
  await spy.release('', held!.id, held!.token)
  expect(bench.board.running(ELSEWHERE)).toHaveLength(1)
})

test('a person of the house who is no device cannot take the name of one', async () => {
  await as('flows f home home').publish(HOME, [{ stage: 'clip.probe', input: { clip: 'a' } }])
  await as('device nas home home').claim('somebody else', ELSEWHERE, ['clip.probe'], 1)
  expect(bench.board.running(HOME)).toMatchObject([{ device: 'nas' }])
})

test('a code that this core does not know is a stage that failed', async () => {
  await as('flows f home home').publish(HOME, [{ stage: 'clip.probe', input: { clip: 'a' } }])
  const [held] = await as('device nas home home').claim('', HOME, ['clip.probe'], 1)
  const { body } = await post('/api/board/fault', 'device nas home home', JSON.stringify({ faults: [{ id: held!.id, token: held!.token, report: { code: 'from/tomorrow', message: 'new' } }] }))
  expect(body).toEqual({ answers: ['counted'] })
  expect((await bench.board.task(HOME, held!.id))?.faults).toMatchObject([{ code: 'stage/failed', message: 'new' }])
})

test('a core that is down is a fault of its own, and one that comes back is used again', async () => {
  const client = as('device nas home home')
  expect(await client.known(HOME, 'a', 'b')).toBe(false)
  const { port } = server.address() as AddressInfo
  server.closeAllConnections()
  await new Promise((closed) => server.close(closed))
  await expect(client.known(HOME, 'a', 'b')).rejects.toMatchObject({ name: 'Fault', code: 'core/unreachable' })
  server = serve(bench).listen(port, '127.0.0.1')
  await once(server, 'listening')
  expect(await client.known(HOME, 'a', 'b')).toBe(false)
})

test('an answer that is not ours is no answer', async () => {
  const proxy = createServer((_, response) => response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad gateway</h1>')).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  await expect(as('x', `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`).known(HOME, 'a', 'b')).rejects.toMatchObject({ code: 'core/unreachable', message: expect.stringContaining('502') })
  proxy.closeAllConnections()
  proxy.close()
})
