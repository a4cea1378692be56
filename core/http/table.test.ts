import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Role } from '../contract/plugin.ts'
import type { Index } from '../store/port.ts'
import { ApiError, client } from './client.ts'
import { openTestDoor, PASSWORD, type TestDoor } from './testing.ts'

/** As promised to the pages; by hand, so that a change of the table is a change here. */
const PROMISED: readonly [method: string, path: string, role: Role | null][] = [
  ['GET', '/healthz', null],
  ['GET', '/api/setup', null],
  ['POST', '/api/setup', null],
  ['POST', '/api/session', null],
  ['GET', '/api/session', 'viewer'],
  ['DELETE', '/api/session', 'viewer'],
  ['GET', '/api/status', 'viewer'],
  ['GET', '/api/drives', 'viewer'],
  ['GET', '/api/drives/d1', 'viewer'],
  ['GET', '/api/assets', 'viewer'],
  ['GET', '/api/assets/a1', 'viewer'],
  ['GET', '/api/plates', 'viewer'],
  ['GET', '/api/plates/AB12', 'viewer'],
  ['GET', '/api/view', 'viewer'],
  ['GET', '/api/histogram', 'viewer'],
  ['GET', '/api/refusals', 'viewer'],
  ['GET', '/api/work', 'viewer'],
  ['GET', '/api/tasks', 'viewer'],
  ['GET', '/api/tasks/t1', 'viewer'],
  ['POST', '/api/tasks/retry', 'operator'],
  ['POST', '/api/tasks/cancel', 'operator'],
  ['POST', '/api/tasks/rerun', 'operator'],
  ['GET', '/api/reviews', 'viewer'],
  ['POST', '/api/reviews/t1', 'reviewer'],
  ['GET', '/api/devices', 'viewer'],
  ['GET', '/api/devices/v1', 'viewer'],
  ['POST', '/api/join', null],
  ['POST', '/api/join/state', null],
  ['POST', '/api/join/proof', null],
  ['POST', '/api/joining/accept', 'admin'],
  ['POST', '/api/joining/refuse', 'admin'],
  ['POST', '/api/devices/v1/mode', 'operator'],
  ['POST', '/api/devices/v1', 'admin'],
  ['DELETE', '/api/devices/v1', 'admin'],
  ['POST', '/api/device/hello', 'device'],
  ['POST', '/api/device/goodbye', 'device'],
  ['POST', '/api/device/token', 'device'],
  ['GET', '/api/cameras', 'viewer'],
  ['GET', '/api/cameras/v1', 'viewer'],
  ['POST', '/api/cameras/v1/mode', 'operator'],
  ['POST', '/api/cameras/v1/skip', 'operator'],
  ['POST', '/api/cameras/v1/retry', 'operator'],
  ['POST', '/api/cameras/v1/here', 'operator'],
  ['GET', '/api/cameras/v1/clock', 'viewer'],
  ['POST', '/api/cameras/v1/clock', 'reviewer'],
  ['POST', '/api/cameras/v1/clock/undo', 'reviewer'],
  ['POST', '/api/device/cameras', 'device'],
  ['GET', '/api/device/file', 'device'],
  ['POST', '/api/device/archived', 'device'],
  ['POST', '/api/device/came', 'device'],
  ['POST', '/api/device/locked', 'device'],
  ['GET', '/api/retention', 'viewer'],
  ['POST', '/api/retention/run', 'admin'],
  ['POST', '/api/retention/undo', 'operator'],
  ['POST', '/api/retention/settings', 'admin'],
  ['GET', '/api/flows', 'admin'],
  ['GET', '/api/flows/held', 'viewer'],
  ['POST', '/api/flows/held/resend', 'operator'],
  ['POST', '/api/flows/held/dismiss', 'operator'],
  ['GET', '/api/flows/faults', 'viewer'],
  ['POST', '/api/flows/faults/dismiss', 'operator'],
  ['POST', '/api/flows/restart', 'admin'],
  ['POST', '/api/flows/palettes', 'admin'],
  ['POST', '/api/flows/palettes/remove', 'admin'],
  ['GET', '/api/events', 'viewer'],
  ['POST', '/api/edits', 'reviewer'],
  ['GET', '/api/openapi.json', 'viewer'],
]

const asked: unknown[] = []
const note = <T>(name: string, answer: T) => async (...args: unknown[]) => {
  asked.push([name, ...args])
  return answer
}
const index = {
  plates: note('plates', { hits: [], counts: { exact: 1, part: 2, fuzzy: 3 } }), newestPlates: note('newestPlates', []), plate: note('plate', []),
  asset: note('asset', null), assets: note('assets', []), drives: note('drives', []), drive: note('drive', null),
  view: note('view', { hits: [], cells: [] }), histogram: note('histogram', []), refusals: note('refusals', []),
} as unknown as Index

let door: TestDoor
beforeAll(async () => {
  door = await openTestDoor({
    rooms: {
      index: (scope) => {
        asked.push(['index', scope])
        return index
      },
      desk: { counts: note('counts', []), tasks: note('tasks', []), task: note('task', null), retry: note('retry', 2), cancel: note('cancel', 1), rerun: note('rerun', 3) },
      catalogue: { edit: note('edit', undefined), reader: () => { throw new Error('the index answers here') } }, events: note('events', []),
    },
  })
})
afterAll(() => door.close())

const ask = (path: string, init: RequestInit = {}) => fetch(door.url + path, init)
const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  ask(path, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: typeof body === 'string' ? body : JSON.stringify(body) })
const told = async (response: Response) => [response.status, ((await response.json()) as { code?: string }).code]
/** What the last call was asked, by name. */
const lastAsked = (name: string) => (asked as unknown[][]).findLast(([of]) => of === name)?.slice(1)

test.each(PROMISED.filter(([, , role]) => role !== null))('%s %s without a session is 401, whatever it carries', async (method, path) => {
  const wrong = [undefined, { authorization: 'Bearer nonsense' }, { cookie: 'viewshed_session=nonsense' }, { authorization: 'Basic YTpi' }]
  for (const headers of wrong) {
    expect(await told(await ask(path, { method, headers: headers ?? {}, ...(method === 'POST' ? { body: '{"not json' } : {}) }))).toEqual([401, 'access/unauthenticated'])
  }
})

const LADDER: readonly Role[] = ['viewer', 'operator', 'reviewer', 'admin']
test.each(PROMISED.filter(([, , role]) => role !== null))('%s %s below %s is 403, for a device too, and what is a device’s is for nobody else', async (method, path, role) => {
  const tooLow: readonly Role[] = role === 'device' ? LADDER : [...LADDER.slice(0, LADDER.indexOf(role!)), 'device']
  for (const low of tooLow) expect(await told(await ask(path, { method, headers: door.bearer(low) }))).toEqual([403, 'access/denied'])
  const enough = await ask(path, { method, headers: door.bearer(role!) })
  await enough.text()
  expect([401, 403]).not.toContain(enough.status)
})

const FLOWS = ['GET /api/tasks', 'GET /api/tasks/t1', 'POST /api/tasks/retry', 'POST /api/tasks/rerun', 'GET /api/events']
test('the flows may look at tasks and events and have work done again, and nothing else', async () => {
  const open: string[] = []
  for (const [method, path, role] of PROMISED) {
    if (role === null) continue
    const answer = await ask(path, { method, headers: door.bearer('flows') })
    await answer.text()
    if (answer.status !== 403) open.push(`${method} ${path}`)
  }
  expect(open).toEqual(FLOWS)
})

test('the table has no route that was not promised', async () => {
  const { paths } = (await (await ask('/api/openapi.json', { headers: door.bearer('viewer') })).json()) as { paths: Record<string, Record<string, unknown>> }
  const described = Object.entries(paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`))
  const promised = PROMISED.map(([method, path]) => `${method} ${path.replace(/\/(d1|a1|AB12|t1|v1)(?=\/|$)/, '/{id}')}`).filter((route) => !route.endsWith('openapi.json'))
  expect(described.sort()).toEqual(promised.sort())
})

test('health is for everybody', async () => {
  const answer = await ask('/healthz')
  expect([answer.status, await answer.json(), answer.headers.get('cache-control')]).toEqual([200, { ok: true }, 'no-store'])
})

test.each([
  ['/api/drives?limit=0', 'limit: expected integer, at least 1, at most 1000.'],
  ['/api/drives?limit=1001', 'limit: expected integer, at least 1, at most 1000.'],
  ['/api/drives?limit=ten', 'limit: expected integer, at least 1, at most 1000.'],
  ['/api/drives?limit=1.5', 'limit: expected integer, at least 1, at most 1000.'],
  ['/api/drives?limit=', 'limit: expected integer, at least 1, at most 1000.'],
  ['/api/drives?limit=1&limit=2', 'limit: expected integer, at least 1, at most 1000.'],
  ['/api/drives?from=NaN', 'from: expected number.'],
  ['/api/drives?from=0x10', 'from: expected number.'],
  ['/api/drives?bbox=1,2,3', 'bbox: expected string, south,west,north,east in degrees.'],
  ['/api/drives?bbox=1.2.3,2,3,4', 'bbox: expected south,west,north,east in degrees, south not above north.'],
  ['/api/drives?bbox=9,0,1,0', 'bbox: expected south,west,north,east in degrees, south not above north.'],
  ['/api/view', 'bbox: is missing; expected string, south,west,north,east in degrees.'],
  ['/api/plates?mode=near', 'mode: expected "exact" or "part" or "fuzzy".'],
  ['/api/histogram?from=1&to=2&by=week', 'by: expected "hour" or "day" or "month".'],
  ['/api/histogram?from=2&to=1&by=day', 'to: expected a time not before `from`.'],
  ['/api/tasks?state=lost', 'state: expected "pending" or "running" or "complete" or "parked".'],
  ['/api/plates/-', 'id: expected a plate, letters and digits.'],
])('%s: %s', async (path, message) => {
  const answer = await ask(path, { headers: door.bearer('viewer') })
  expect([answer.status, await answer.json()]).toEqual([400, { code: 'input/invalid', message }])
})

test.each([
  ['{"ids":"t1"}', 'ids: expected array, at most 1000 of them.'],
  ['{"ids":[1]}', 'ids.0: expected string, at most 100 characters.'],
  ['{"stage":7}', 'stage: expected string, at most 100 characters.'],
  ['{"from":"June"}', 'from: expected number.'],
  ['{"ids":', 'The body is not JSON.'],
])('POST /api/tasks/retry with %s: %s', async (body, message) => {
  const answer = await post('/api/tasks/retry', body, door.bearer('operator'))
  expect([answer.status, await answer.json()]).toEqual([400, { code: 'input/invalid', message }])
})

test('a body that is a form, or too large, is refused', async () => {
  const form = await ask('/api/session', { method: 'POST', body: new URLSearchParams({ name: 'a', password: 'b' }) })
  expect(await told(form)).toEqual([400, 'input/invalid'])
  expect(await told(await post('/api/session', JSON.stringify({ name: 'a', password: 'x'.repeat(1 << 20) })))).toEqual([413, 'input/too-large'])
})

test('a body that does not say how long it is, is refused when it is too long, and the client hears it', async () => {
  const body = new ReadableStream({
    pull(controller) {
      controller.enqueue(new Uint8Array(1 << 18).fill(32))
      if (++chunks === 20) controller.close()
    },
  })
  let chunks = 0
  const answer = await ask('/api/tasks/retry', { method: 'POST', body, duplex: 'half', headers: { 'content-type': 'application/json', ...door.bearer('operator') } } as RequestInit)
  expect(await told(answer)).toEqual([413, 'input/too-large'])
})

test('numbers of a query arrive as numbers, and everything within who asks', async () => {
  const viewer = client({ baseUrl: door.url, headers: door.bearer('viewer') })
  expect(await viewer.drives({ from: 5, bbox: '-1.5,2,3,4', limit: 7 })).toEqual({ drives: [] })
  expect(lastAsked('drives')).toEqual([{ period: { from_ms: 5, to_ms: Number.MAX_SAFE_INTEGER }, bounds: { south: -1.5, west: 2, north: 3, east: 4 }, limit: 7 }])
  expect(lastAsked('index')).toEqual([{ org: 'home', site: 'home', role: 'viewer' }])
  await viewer.view({ bbox: '0,0,1,1', min: 0.5 })
  expect(lastAsked('view')).toEqual([{ bounds: { south: 0, west: 0, north: 1, east: 1 }, period: null, min_confidence: 0.5, limit: 1000 }])
  await viewer.plates({ q: 'ab1', mode: 'fuzzy' })
  expect(lastAsked('plates')).toEqual([{ text: 'ab1', mode: 'fuzzy', limit: 100 }])
  await viewer.plates()
  expect(lastAsked('newestPlates')).toEqual([100])
  expect(await viewer.plate({ id: 'ab 12/x' })).toEqual({ plate: 'AB12X', hits: [], near: [] })
  await viewer.tasks({ state: 'parked', stage: 'clip.probe' })
  expect(lastAsked('tasks')).toEqual([{ org: 'home', site: 'home', role: 'viewer' }, { state: 'parked', stage: 'clip.probe', before: undefined, limit: 100 }])
  expect(await client({ baseUrl: door.url, headers: door.bearer('operator') }).retry({ ids: ['a', 'b'] })).toEqual({ changed: 2 })
  expect(lastAsked('retry')).toEqual([{ org: 'home', site: 'home', role: 'operator' }, { ids: ['a', 'b'] }, 'operator'])
  await client({ baseUrl: door.url, headers: door.bearer('reviewer', 'rita') }).edit({ target: 'asset:1', set: { keep: true } })
  expect(lastAsked('edit')).toEqual([{ org: 'home', site: 'home', role: 'reviewer' }, 'rita', 'asset:1', { keep: true }])
})

test('what is not there is 404, with a sentence', async () => {
  const viewer = client({ baseUrl: door.url, headers: door.bearer('viewer') })
  for (const call of [() => viewer.drive({ id: 'no/such' }), () => viewer.asset({ id: 'x' }), () => viewer.task({ id: 't' })]) {
    const error = await call().catch((e: unknown) => e)
    expect(error).toBeInstanceOf(ApiError)
    expect(error).toMatchObject({ code: 'not-found', status: 404, message: expect.stringContaining('There is no') })
  }
  expect(await told(await ask('/api/nothing', { headers: door.bearer('admin') }))).toEqual([404, 'not-found'])
  expect(await told(await ask('/api/drives', { method: 'PUT', headers: door.bearer('admin') }))).toEqual([404, 'not-found'])
})

test('what nobody foresaw tells nothing of itself, and the log everything', async () => {
  const before = door.lines.length
  const answer = await ask('/api/status', { headers: door.bearer('viewer') })
  expect([answer.status, await answer.json()]).toEqual([500, { code: 'internal', message: 'Internal Server Error. The log of the appliance says more.' }])
  expect(door.lines.slice(before)).toEqual([{ level: 'error', message: 'a request failed in a way that nobody foresaw' }])
})

test('the client says when nobody answers', async () => {
  const error = await client({ baseUrl: 'http://127.0.0.1:1' }).status().catch((e: unknown) => e)
  expect(error).toMatchObject({ code: 'core/unreachable', status: 0 })
})

test('set up, look, sign out, sign in: the way of a person', async () => {
  const anybody = client({ baseUrl: door.url })
  expect(await anybody.setupState()).toEqual({ needed: true })
  const token = await door.access.setupToken()
  expect(await told(await post('/api/setup', { token, name: 'Ann', password: 'too short' }))).toEqual([400, 'input/invalid'])
  const setup = await post('/api/setup', { token, name: 'Ann', password: PASSWORD }, { origin: door.url })
  expect(await setup.json()).toMatchObject({ name: 'Ann', role: 'admin', mqtt: { username: '@ann' } })
  const header = setup.headers.get('set-cookie')!
  expect(header).toMatch(/^viewshed_session=[\w-]{43}; path=\/; expires=[^;]+; samesite=lax; httponly$/)
  expect(await anybody.setupState()).toEqual({ needed: false })
  expect(await told(await post('/api/setup', { token, name: 'Eve', password: PASSWORD }))).toEqual([403, 'access/denied'])

  const ann = client({ baseUrl: door.url, headers: { cookie: header.split(';')[0]! } })
  expect(await ann.session()).toMatchObject({ name: 'Ann', role: 'admin' })
  await ann.signOut()
  expect(await ann.session().catch((e: ApiError) => e.code)).toBe('access/unauthenticated')

  expect(await told(await post('/api/session', { name: 'Ann', password: 'wrong' }))).toEqual([401, 'access/unauthenticated'])
  const again = await post('/api/session', { name: 'ann', password: PASSWORD })
  expect(again.status).toBe(200)
  const cookie = again.headers.get('set-cookie')!.split(';')[0]!
  const kept = await ask('/api/session', { headers: { cookie } })
  expect(kept.headers.get('set-cookie')).toContain(cookie)
  const gone = await ask('/api/session', { method: 'DELETE', headers: { cookie } })
  expect(gone.headers.get('set-cookie')).toMatch(/^viewshed_session=; path=\/; expires=Thu, 01 Jan 1970/)
})

test('too many tries are 429, with how long to wait', async () => {
  let answer = await post('/api/session', { name: 'bob', password: 'wrong' })
  for (let i = 0; i < 10; i++) answer = await post('/api/session', { name: 'bob', password: 'wrong' })
  expect([answer.status, answer.headers.get('retry-after'), ((await answer.json()) as { code: string }).code]).toEqual([429, '60', 'access/limited'])
})
