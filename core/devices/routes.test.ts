/** What comes to the routes of devices and is not what they take: refused with a code, counted, and nothing changes. */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { FAULTS } from '../contract/fault.ts'
import { routes } from '../http/api.ts'
import { CAPABILITY, CONDITIONS, openYard, type Yard } from './testing.ts'

const BOARD = ['/api/board/claim', '/api/board/renew', '/api/board/complete', '/api/board/fault', '/api/board/release'] as const
const OWN = [routes.hello.path, routes.renewToken.path, routes.goodbye.path] as const
const OPEN = [routes.join.path, routes.joinState.path, routes.prove.path] as const
/** Those that take an empty body as it is. */
const BARE: readonly string[] = [routes.renewToken.path, routes.goodbye.path]

let yard: Yard
let token: string
beforeAll(async () => {
  yard = await openYard()
  token = await yard.join('gpu')
  await yard.api(token).hello({ capability: CAPABILITY, conditions: CONDITIONS })
  await yard.bench.board.publish({ org: 'home', site: 'home', role: 'device' }, [{ stage: 'clip.probe', input: { clip: 'a' } }])
})
afterAll(() => yard.close())

const post = async (path: string, body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = { authorization: `Bearer ${token}` }) => {
  const answer = await fetch(yard.url + path, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } })
  return { status: answer.status, ...((await answer.json()) as { code?: string; message?: string }) }
}
const counted = async () => (await yard.metrics.getSingleMetric('viewshed_device_refused_total')!.get()).values.reduce((sum, { value }) => sum + value, 0)
const state = async () => JSON.stringify([
  { ...(await yard.devices.view(yard.ann.scope, 'gpu')), last_seen_ms: 0 }, yard.devices.joining(), await yard.bench.board.counts(yard.ann.scope), yard.bench.board.running(yard.ann.scope),
  (await yard.bench.log.range({ gte: '', lt: '\uffff' })).filter(([key]) => key.startsWith('access!device!')),
])

test.each([...OWN, ...BOARD])('%s is for a device with a good token only', async (path) => {
  const before = [await state(), await counted()] as const
  const good = JSON.stringify({ capability: CAPABILITY, conditions: CONDITIONS, stages: ['clip.probe'], count: 1 })
  const revoked = await yard.join('gone')
  await yard.devices.revoke('gone', yard.ann)
  for (const headers of [{}, { authorization: 'Bearer wrong' }, { authorization: `Bearer ${token}x` }, { authorization: `Bearer ${revoked}` }, { cookie: 'viewshed_session=x' }]) {
    expect(await post(path, good, headers as Record<string, string>)).toMatchObject({ status: 401, code: 'access/unauthenticated' })
  }
  const viewer = yard.access.mint({ ...yard.ann, scope: { ...yard.ann.scope, role: 'viewer' } })
  expect(await post(path, good, { authorization: `Bearer ${viewer}` })).toMatchObject({ status: 403, code: 'access/denied' })
  expect([await state(), await counted()]).toEqual([before[0], before[1] + 6])
})

test('malformed and out-of-schema bodies on every route are refused with a code and counted, and change nothing', async () => {
  const before = await state()
  const good = JSON.stringify({ name: 'x', capability: CAPABILITY, conditions: CONDITIONS, secret: 'x'.repeat(24) })
  const body = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
    fc.json(), fc.constantFrom('[]', 'null', '7', '"x"', '{"__proto__":{"capability":{}}}', '{"constructor":1}'),
    fc.integer({ min: 1, max: good.length - 1 }).map((length) => good.slice(0, length)),
    fc.constantFrom('capability', 'conditions', 'name', 'secret').map((field) => JSON.stringify({ [field]: (JSON.parse(good) as Record<string, unknown>)[field] === undefined ? 1 : [] })),
    fc.record({ capability: fc.record({ ...Object.fromEntries(Object.keys(CAPABILITY).map((field) => [field, fc.jsonValue()])) }), conditions: fc.jsonValue(), name: fc.string(), secret: fc.string({ maxLength: 19 }) }).map((value) => JSON.stringify(value)),
  )
  await fc.assert(fc.asyncProperty(fc.constantFrom(...OPEN, ...OWN, ...BOARD), body, async (path, text) => {
    const isObject = text.trim() === '' || isPlainObject(text)
    fc.pre(!(BARE.includes(path) && isObject)) // they ask for nothing, so whatever else is in there is not looked at
    const seen = await counted()
    const { status, code, message } = await post(path, text)
    expect(code === undefined ? `${status} without a code` : FAULTS[code as keyof typeof FAULTS].status).toBe(status)
    expect([status, message]).toEqual([400, expect.any(String)])
    expect(await counted()).toBe(seen + 1)
  }), { numRuns: 400 })
  expect(await state()).toBe(before)
})

test.each([...OPEN, ...OWN])('more than 256 kB on %s is refused, announced or not, and changes nothing', async (path) => {
  const before = [await state(), await counted()] as const
  const good = JSON.stringify({ name: 'x', capability: CAPABILITY, conditions: CONDITIONS, secret: 'x'.repeat(24) })
  const large = `${good.slice(0, -1)},"more":"${'x'.repeat(256 * 1024)}"}`
  expect(await post(path, large)).toMatchObject({ status: 413, code: 'input/too-large' })
  const dripped = new ReadableStream<Uint8Array>({ start(to) {
    for (let at = 0; at < large.length; at += 65_536) to.enqueue(Buffer.from(large.slice(at, at + 65_536)))
    to.close()
  } })
  const answer = await fetch(yard.url + path, { method: 'POST', body: dripped, duplex: 'half', headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` } } as RequestInit)
  expect([answer.status, await answer.json()]).toEqual([413, { code: 'input/too-large', message: 'The body is larger than 262144 bytes.' }])
  expect([await state(), await counted()]).toEqual([before[0], before[1] + 2])
})

test('a large body on a route of the board is refused too, well below what would hurt', async () => {
  for (const path of BOARD) expect(await post(path, `{"x":"${'x'.repeat(4 << 20)}"}`)).toMatchObject({ status: 413, code: 'input/too-large' })
})

test('another kind of body than JSON, or from a page of another site, is refused', async () => {
  for (const path of [...OPEN, ...OWN, ...BOARD]) {
    expect(await post(path, 'a=b', { authorization: `Bearer ${token}`, 'content-type': 'application/x-www-form-urlencoded' })).toMatchObject({ status: 400, code: 'input/invalid' })
    expect(await post(path, '{}', { authorization: `Bearer ${token}`, origin: 'http://elsewhere.example' })).toMatchObject({ status: 403, code: 'access/denied' })
  }
})

test('whatever is replayed leaves things as they are', async () => {
  const hello = JSON.stringify({ capability: CAPABILITY, conditions: CONDITIONS })
  await post('/api/device/hello', hello)
  const before = await state()
  for (let i = 0; i < 5; i++) expect((await post('/api/device/hello', hello)).status).toBe(200)
  const knock = JSON.stringify({ name: 'again', capability: CAPABILITY })
  for (let i = 0; i < 5; i++) expect((await post('/api/join', knock)).status).toBe(200)
  expect(yard.devices.joining()).toHaveLength(1) // the newest knock takes the former one's place
  yard.clock.now_ms += 11 * 60_000
  expect(yard.devices.joining()).toEqual([])
  await post('/api/device/hello', hello)
  yard.clock.now_ms -= 11 * 60_000
  expect(await state()).toBe(before)
  for (const path of ['/api/board/complete', '/api/board/release', '/api/board/fault', '/api/board/renew']) {
    const lease = { id: 'nothing', token: 'former' }
    const old = JSON.stringify({ completions: [{ ...lease, output: {}, files: [] }], faults: [{ ...lease, report: { code: 'stage/failed', message: 'x' } }], leases: [lease] })
    expect([200, 404]).toContain((await post(path, old)).status)
  }
  expect(await state()).toBe(before)
})

function isPlainObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch {
    return false
  }
}
