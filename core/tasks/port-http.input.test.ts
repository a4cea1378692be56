/** What comes to the routes of the board and of events and is not what they take: refused with a code, and the log is as it was. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Server } from 'node:http'
import fc from 'fast-check'
import { Type } from 'typebox'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { FAULTS, isFaultCode } from '../contract/fault.ts'
import { past } from '../store/log.ts'
import { openEvents } from './events.ts'
import type { Claim, Published } from './port.ts'
import { HOME, inProcess, serve, type Bench } from './testing/bench.ts'

const SHA256 = 'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb'
const SCHEMAS: ReadonlyMap<string, ReturnType<typeof Type.Object>> = new Map([['folder.arrived', Type.Object({ name: Type.String(), size_bytes: Type.Integer({ minimum: 0 }) })]])

type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }
type Step = string | number

/** A route, who may ask it, a body that it takes, and what of that may be absent or is not looked at by the route itself. */
interface Asked { readonly path: string; readonly who: string; readonly good: () => Json; readonly optional?: readonly string[]; readonly most_bytes?: number }

const FLOWS = 'flows flow home home'
const DEVICE = 'device nas home home'

let bench: Bench
let server: Server
let base: string
let held: Claim // by the device, as long as all that comes is refused
beforeAll(async () => {
  bench = await inProcess()
  const events = openEvents({ log: bench.log, outcomes: bench.outcomes, clock: () => bench.clock.now_ms, schemas: (type) => SCHEMAS.get(type) ?? null })
  server = serve({ board: bench.board, outcomes: bench.outcomes, events }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  await bench.board.publish(HOME, [{ stage: 'clip.probe', input: { clip: 'held' }, waiter: { node: 'n', root: 'r', message: { payload: {} } } }, { stage: 'clip.probe', input: { clip: 'open' } }])
  held = (await bench.board.claim('nas', HOME, ['clip.probe'], 1))[0]!
})
afterAll(async () => {
  server.closeAllConnections()
  server.close()
  await bench.close()
})

const file = { volume: 'media', path: 'raw/a.mp4', sha256: SHA256, size_bytes: 1, mime: 'video/mp4' }
const ROUTES: readonly Asked[] = [
  { path: '/api/board/publish', who: FLOWS, most_bytes: 4 << 20, optional: ['options', 'priority', 'waiter', 'root', 'part'], good: () => ({ calls: [{ scope: { org: 'home', site: 'home' }, publications: [{ stage: 'clip.probe', input: { clip: 'new' }, options: {}, priority: 5, waiter: { node: 'n', message: {}, root: 'r', part: 0 } }] }] }) },
  { path: '/api/board/claim', who: DEVICE, optional: ['holds'], good: () => ({ stages: ['clip.probe'], count: 1, holds: [SHA256] }) },
  { path: '/api/board/renew', who: DEVICE, good: () => ({ leases: [{ id: held.id, token: held.token }] }) },
  { path: '/api/board/complete', who: DEVICE, most_bytes: 4 << 20, optional: ['mime'], good: () => ({ completions: [{ id: held.id, token: held.token, output: { length: 1 }, files: [file] }] }) },
  { path: '/api/board/fault', who: DEVICE, optional: ['log'], good: () => ({ faults: [{ id: held.id, token: held.token, report: { code: 'tool/failed', message: 'no', log: 'x' } }] }) },
  { path: '/api/board/release', who: DEVICE, good: () => ({ leases: [{ id: held.id, token: held.token }] }) },
  { path: '/api/outcomes/ack', who: FLOWS, good: () => ({ seqs: ['0000000001'] }) },
  { path: '/api/outcomes/gone', who: FLOWS, good: () => ({ seqs: ['0000000001'], why: 'a deploy' }) },
  { path: '/api/events', who: DEVICE, good: () => ({ type: 'folder.arrived', key: 'k', payload: { name: 'a', size_bytes: 1 } }) },
  { path: '/api/events/known', who: DEVICE, good: () => ({ type: 'folder.arrived', key: 'k' }) },
]
const route = fc.constantFrom(...ROUTES)

interface Said { readonly status: number; readonly body: { readonly code?: string; readonly message?: string; readonly answers?: readonly unknown[] } }
const post = async ({ path, who }: Pick<Asked, 'path' | 'who'>, body: string | ReadableStream<Uint8Array>): Promise<Said> => {
  const answer = await fetch(base + path, { method: 'POST', headers: { authorization: `Bearer ${who}`, 'content-type': 'application/json' }, body, duplex: 'half' } as RequestInit)
  return { status: answer.status, body: await answer.json() as Said['body'] }
}
const state = async () => JSON.stringify([await bench.log.range({ gte: '', lt: past('') }), bench.board.running(HOME)])

/** It says why, with the status that belongs to the code, and nothing is written. */
async function refuses(asked: Asked, body: string | ReadableStream<Uint8Array>, codes: readonly string[]): Promise<void> {
  const before = await state()
  const { status, body: { code, message } } = await post(asked, body)
  expect(codes).toContain(code)
  expect([status, message]).toEqual([isFaultCode(code!) ? FAULTS[code].status : 0, expect.stringMatching(/\S/)])
  expect(await state()).toBe(before)
}

test('what is no JSON, or cut off', async () => {
  const text = fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
    fc.constantFrom('', 'null', '[]', '7', '"x"', '{}', '{"__proto__":{"calls":[]}}', '['.repeat(50_000), '\ufeff{}', '{"calls":[],}'),
    fc.json(),
  )
  await fc.assert(fc.asyncProperty(route, text, (asked, body) => refuses(asked, body, ['input/invalid'])), { numRuns: 200 })
  await fc.assert(fc.asyncProperty(route, fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), (asked, part) => {
    const good = JSON.stringify(asked.good())
    return refuses(asked, good.slice(0, Math.floor(part * good.length)), ['input/invalid'])
  }), { numRuns: 100 })
})

test('a field of another type than its schema says, or none', async () => {
  const others: readonly Json[] = [null, true, -1, 1.5, 'x', [], [7], {}, { a: 1 }]
  await fc.assert(fc.asyncProperty(route, fc.nat(), fc.option(fc.constantFrom(...others), { nil: undefined }), async (asked, nth, other) => {
    const good = asked.good()
    const steps = paths(good).filter((path) => other !== undefined || (typeof path.at(-1) === 'string' && !(asked.optional ?? []).includes(path.at(-1) as string)))
    const path = steps[nth % steps.length]!
    fc.pre(other === undefined || kind(other) !== kind(at(good, path)))
    await refuses(asked, JSON.stringify(replaced(good, path, other)), ['input/invalid', 'output/invalid'])
  }), { numRuns: 400 })
})

test('more of something than may be', async () => {
  const many = (length: number, item: Json) => Array.from({ length }, () => item)
  const [publish, claim, renew, complete, fault, release, ack, gone, emit] = ROUTES as readonly [Asked, Asked, Asked, Asked, Asked, Asked, Asked, Asked, Asked]
  const bodies: readonly (readonly [Asked, Json])[] = [
    [publish, { calls: many(257, { scope: { org: 'home', site: 'home' }, publications: [] }) }],
    [publish, { calls: [{ scope: { org: 'home', site: 'home' }, publications: many(1_001, { stage: 'clip.probe', input: { clip: 'new' } }) }] }],
    [publish, { calls: [{ scope: { org: 'home', site: 'home' }, publications: [{ stage: 'clip.probe', input: { clip: 'new' }, priority: 10 }] }] }],
    [claim, { stages: ['clip.probe'], count: 257 }], [claim, { stages: ['clip.probe'], count: 0 }], [claim, { stages: many(1_001, 'x'), count: 1 }],
    [claim, { stages: ['clip.probe'], count: 1, holds: many(2_001, SHA256) }], [claim, { stages: ['clip.probe'], count: 1, holds: ['no digest'] }],
    [renew, { leases: many(1_001, { id: 'x', token: 'y' }) }], [renew, { leases: [{ id: 'x'.repeat(201), token: 'y' }] }],
    [complete, { completions: many(257, { id: 'x', token: 'y', output: {}, files: [] }) }],
    [fault, { faults: many(257, { id: 'x', token: 'y', report: { code: 'tool/failed', message: '' } }) }], [release, { leases: many(257, { id: 'x', token: 'y' }) }],
    [ack, { seqs: many(10_001, '0000000001') }], [gone, { seqs: [], why: 'x'.repeat(1_001) }], [emit, { type: 'folder.arrived', key: 'k'.repeat(4_097), payload: {} }],
  ]
  for (const [asked, body] of bodies) await refuses(asked, JSON.stringify(body), ['input/invalid'])
})

test('what no stage and no event declares, and what does not fit their declaration', async () => {
  const [publish, , , complete, , , , , emit] = ROUTES as readonly [Asked, Asked, Asked, Asked, Asked, Asked, Asked, Asked, Asked]
  const call = (publication: Json) => JSON.stringify({ calls: [{ scope: { org: 'home', site: 'home' }, publications: [{ stage: 'clip.probe', input: { clip: 'new' } }, publication] }] })
  const wrong = fc.jsonValue().filter((value) => typeof value !== 'string')
  await fc.assert(fc.asyncProperty(fc.oneof(fc.stringMatching(/^[a-z.]{1,30}$/), fc.constantFrom('constructor', '__proto__', 'toString')), wrong, async (name, value) => {
    fc.pre(!['clip.probe', 'clip.thumb', 'plate.read', 'lab.exchange', 'folder.arrived'].includes(name))
    await refuses(publish, call({ stage: name, input: { clip: 'new' } }), ['stage/unknown'])
    await refuses(publish, call({ stage: 'clip.probe', input: { clip: value as Json } }), ['input/invalid'])
    await refuses(publish, call({ stage: 'plate.read', input: { clip: 'new' }, options: { size_px: 63 } }), ['input/invalid'])
    await refuses(complete, JSON.stringify({ completions: [{ id: held.id, token: held.token, output: { length: Number.isInteger(value) ? 'x' : value }, files: [] }] }), ['output/invalid'])
    await refuses(emit, JSON.stringify({ type: name, key: name, payload: { name: 'a', size_bytes: 1 } }), ['input/invalid'])
    await refuses(emit, JSON.stringify({ type: 'folder.arrived', key: name, payload: { name: value, size_bytes: 1 } }), ['input/invalid'])
  }), { numRuns: 25 })
})

test.each(ROUTES)('a body that is too large for $path, announced or not', async (asked) => {
  const good = JSON.stringify(asked.good())
  const large = `${good.slice(0, -1)},"more":"${'x'.repeat(asked.most_bytes ?? 256 * 1024)}"}`
  await refuses(asked, large, ['input/too-large'])
  const dripped = new ReadableStream<Uint8Array>({ start(to) {
    for (let from = 0; from < large.length; from += 65_536) to.enqueue(Buffer.from(large.slice(from, from + 65_536)))
    to.close()
  } })
  await refuses(asked, dripped, ['input/too-large'])
})

test('one of several that is refused takes none of the others with it', async () => {
  const [clip] = await bench.board.publish(HOME, [{ stage: 'plate.read', input: { clip: 'b' } }])
  const [claim] = await bench.board.claim('nas', HOME, ['plate.read'], 1)
  const { status, body } = await post(ROUTES[3]!, JSON.stringify({ completions: [
    { id: held.id, token: held.token, output: { length: 'long' }, files: [] }, { id: clip!.id, token: claim!.token, output: { plates: [] }, files: [] }, { id: 'nothing', token: 'y', output: {}, files: [] },
  ] }))
  expect([status, body.answers]).toEqual([200, [expect.objectContaining({ code: 'output/invalid' }), 'complete', expect.objectContaining({ code: 'task/unknown' })]])
  expect(await bench.board.task(HOME, held.id)).toMatchObject({ state: 'pending', running: { device: 'nas' } })
})

test('whatever is sent once more changes nothing, in any order and however often', async () => {
  const [publish, , renew, complete, fault, release, ack, gone, emit, known] = ROUTES as readonly [Asked, Asked, Asked, Asked, Asked, Asked, Asked, Asked, Asked, Asked]
  let history = 0
  await fc.assert(fc.asyncProperty(fc.array(fc.nat({ max: 8 }), { minLength: 1, maxLength: 20 }), async (order) => {
    const h = history++
    const publication = JSON.stringify({ calls: [{ scope: { org: 'home', site: 'home' }, publications: [{ stage: 'plate.read', input: { clip: `again ${h}` }, waiter: { node: 'n', root: `r${h}`, message: { payload: {} } } }] }] })
    const { body } = await post(publish, publication)
    const [[{ id }]] = body.answers as [[Published]]
    const [{ token: lost }] = await bench.board.claim('nas', HOME, ['plate.read'], 1) as [Claim]
    const failure = JSON.stringify({ faults: [{ id, token: lost, report: { code: 'tool/failed', message: 'no' } }] })
    expect((await post(fault, failure)).body.answers).toEqual(['counted'])
    bench.clock.now_ms += 60_000
    held = (await bench.board.claim('nas', HOME, ['clip.probe'], 1))[0] ?? held
    const [{ token }] = await bench.board.claim('nas', HOME, ['plate.read'], 1) as [Claim]
    const answer = JSON.stringify({ completions: [{ id, token, output: { plates: [] }, files: [] }] })
    expect((await post(complete, answer)).body.answers).toEqual(['complete'])
    const seq = (await bench.outcomes.outcomes(null, 10_000, 0)).find(({ task }) => task === id)!.seq
    const taken = JSON.stringify({ seqs: [seq] })
    await post(ack, taken)
    const event = JSON.stringify({ type: 'folder.arrived', key: `k${h}`, payload: { name: 'a', size_bytes: 1 } })
    await post(emit, event)

    const before = await state()
    const again: readonly (readonly [Asked, string, unknown])[] = [
      [publish, publication, { answers: [[{ id, state: 'complete', created: false }]] }],
      [complete, answer, { answers: ['already'] }], [complete, answer.replace('"plates":[]', '"plates":["other"]'), { answers: ['already'] }],
      [fault, failure, { answers: ['stale'] }], [release, JSON.stringify({ leases: [{ id, token }] }), { answers: [null] }], [renew, JSON.stringify({ leases: [{ id, token }] }), { tokens: [] }],
      [ack, taken, {}], [gone, JSON.stringify({ seqs: [seq], why: 'a deploy' }), {}], [emit, event, {}],
    ]
    for (const nth of order) {
      const [asked, text, expected] = again[nth]!
      expect(await post(asked, text)).toEqual({ status: 200, body: expected })
    }
    expect(await post(known, JSON.stringify({ type: 'folder.arrived', key: `k${h}` }))).toEqual({ status: 200, body: { known: true } })
    expect(await state()).toBe(before)
  }), { numRuns: 25 })
})

const kind = (value: Json) => (Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value)
const at = (value: Json, path: readonly Step[]): Json => path.reduce<Json>((inner, step) => (inner as Record<Step, Json>)[step]!, value)

/** Of every part that the route's own schema or that of a stage or event speaks of. */
function paths(value: Json, from: readonly Step[] = []): readonly (readonly Step[])[] {
  if (value === null || typeof value !== 'object') return []
  return Object.entries(value as Record<string, Json>).flatMap(([name, inner]) => {
    const path = [...from, Array.isArray(value) ? Number(name) : name]
    return [path, ...paths(inner, path)]
  })
}

function replaced(value: Json, [step, ...rest]: readonly Step[], by: Json | undefined): Json | undefined {
  if (step === undefined) return by
  const copy = structuredClone(value) as Record<Step, Json>
  const inner = replaced(copy[step]!, rest, by)
  if (inner === undefined) delete copy[step]
  else copy[step] = inner
  return copy as Json
}
