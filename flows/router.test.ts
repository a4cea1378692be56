/** Every shape of flow that people build, in a real Node-RED: each event ends exactly once, and not before its last work was asked for. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { bench, type Bench } from './testing/start.ts'
import type { FlowEntry } from './red.ts'

let red: Bench
beforeAll(async () => {
  red = await bench([])
  await red.until(() => red.flows.ready())
})
afterAll(() => red.close())

/** Nodes on one tab: the source `came`, whose wires lead to `in`, and the stage `first`, that most end at. */
const tab = (nodes: readonly FlowEntry[]): FlowEntry[] => [
  { id: 'tab', type: 'tab', label: 'Test' },
  { id: 'came', type: 'test.came', wires: [['in']] },
  ...(nodes.some(({ id }) => id === 'first') ? [] : [{ id: 'first', type: 'test.first', wires: [[]] }]),
  ...nodes,
].map((node) => (node.type === 'tab' || node.type === 'subflow' ? node : { z: 'tab', x: 0, y: 0, ...node }))
const fn = (func: string, more: Partial<FlowEntry> = {}): FlowEntry => ({ id: 'in', type: 'function', func, outputs: 1, initialize: '', finalize: '', wires: [['first']], ...more })

/** Deploys, lets it happen `count` times with n = 1, 2, …, and gives the works that were asked for, sorted. */
async function run(nodes: readonly FlowEntry[], count = 10): Promise<number[]> {
  const { core } = red
  await red.deploy(tab(nodes))
  await red.until(() => red.flows.state().running)
  const seqs = Array.from({ length: count }, (_, i) => core.emit('test.came', { n: i + 1 }))
  await core.settled()
  expect(seqs.map((seq) => core.acknowledged.get(seq))).toEqual(seqs.map(() => 1))
  expect(core.early).toEqual([])
  return core.published.map(({ input }) => input['n'] as number).sort((a, b) => a - b)
}

beforeEach(() => {
  red.core.published.length = 0
})

const oneToTen = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]

describe('a function', () => {
  test('that returns', async () => expect(await run([fn('return msg')])).toEqual(oneToTen))
  test('that returns a fresh object', async () => expect(await run([fn('return { payload: { n: msg.payload.n } }')])).toEqual(oneToTen))
  test('that awaits and returns a fresh object', async () =>
    expect(await run([fn('await new Promise((r) => setTimeout(r, 30)); return { payload: { n: msg.payload.n } }')])).toEqual(oneToTen))
  test('that sends a fresh object from a timer', async () =>
    expect(await run([fn('setTimeout(() => node.send({ payload: { n: msg.payload.n } }), 80); return null')])).toEqual(oneToTen))
  test('that says done itself, twice, before it sends', async () =>
    expect(await run([fn('setTimeout(() => { node.send({ payload: msg.payload }) }, 30); node.done(); node.done()')])).toEqual(oneToTen))
  test('that drops', async () => expect(await run([fn('return msg.payload.n % 2 ? msg : null')])).toEqual([1, 3, 5, 7, 9]))
  test('that sends many', async () => expect(await run([fn('return [[msg, { payload: { n: 100 + msg.payload.n } }]]')], 3)).toEqual([1, 2, 3, 101, 102, 103]))
  test('that throws, with nobody to catch it', async () => expect(await run([fn('throw new Error("no")')])).toEqual([]))
  test('that throws, and is caught', async () =>
    expect(await run([fn('throw new Error("no")'), { id: 'catch', type: 'catch', scope: null, uncaught: false, wires: [['first']] }])).toEqual(oneToTen))
})

describe('nodes that do not say done', () => {
  test('switch', async () =>
    expect(await run([{ id: 'in', type: 'switch', property: 'payload.n', propertyType: 'msg', rules: [{ t: 'lte', v: '4', vt: 'num' }], checkall: 'true', repair: false, outputs: 1, wires: [['first']] }])).toEqual([1, 2, 3, 4]))
  test('filter', async () =>
    expect(await run([fn('msg.even = msg.payload.n % 2; return msg', { wires: [['rbe']] }), { id: 'rbe', type: 'rbe', func: 'rbe', gap: '', start: '', inout: 'out', septopics: false, property: 'even', topi: 'topic', wires: [['first']] }], 3)).toEqual([1, 2, 3]))
  test('subflow with a function inside', async () =>
    expect(await run([
      { id: 'sub', type: 'subflow', name: 'Sub', z: '', in: [{ x: 0, y: 0, wires: [{ id: 'inner' }] }], out: [{ x: 0, y: 0, wires: [{ id: 'inner', port: 0 }] }] },
      { ...fn('return { payload: { n: -msg.payload.n } }', { id: 'inner', wires: [[]] }), z: 'sub' },
      { id: 'in', type: 'subflow:sub', wires: [['first']] },
    ], 3)).toEqual([-3, -2, -1]))
})

describe('nodes that hold a message', () => {
  test('delay', async () => expect(await run([{ id: 'in', type: 'delay', pauseType: 'delay', timeout: '60', timeoutUnits: 'milliseconds', outputs: 1, wires: [['first']] }])).toEqual(oneToTen))
  test('rate limit that drops', async () =>
    expect((await run([{ id: 'in', type: 'delay', pauseType: 'rate', rate: '1', nbRateUnits: '1', rateUnits: 'minute', drop: true, allowrate: false, outputs: 1, wires: [['first']] }])).length).toBe(1))
  test('rate limit that queues', async () =>
    expect(await run([{ id: 'in', type: 'delay', pauseType: 'rate', rate: '50', nbRateUnits: '1', rateUnits: 'second', drop: false, outputs: 1, wires: [['first']] }])).toEqual(oneToTen))
  test('trigger: now and again later', async () =>
    expect(await run([fn('msg.topic = String(msg.payload.n); return msg', { wires: [['trigger']] }), { id: 'trigger', type: 'trigger', op1: '', op1type: 'pay', op2: '', op2type: 'payl', duration: '60', extend: false, units: 'ms', bytopic: 'topic', topic: 'topic', outputs: 1, wires: [['first']] }], 3)).toEqual([1, 1, 2, 2, 3, 3]))
  test('batch: one message of five stands for all five', async () =>
    expect(await run([{ id: 'in', type: 'batch', mode: 'count', count: 5, overlap: 0, interval: 10, allowEmptySequence: false, topics: [], wires: [['first']] }])).toEqual(oneToTen))
})

describe('sequences', () => {
  const split: FlowEntry = { id: 'split', type: 'split', splt: '\\n', spltType: 'str', arraySplt: 1, arraySpltType: 'len', stream: false, addname: '', property: 'payload', wires: [['each']] }
  const join: FlowEntry = { id: 'join', type: 'join', mode: 'auto', build: 'object', property: 'payload', propertyType: 'msg', key: 'topic', joiner: '\\n', joinerType: 'str', accumulate: false, timeout: '', count: '', wires: [['after']] }
  const each = fn('return msg', { id: 'each', wires: [['join']] })
  test('split and join within one event', async () =>
    expect(await run([fn('msg.payload = [msg.payload.n, 10, 20]; return msg', { wires: [['split']] }), split, each, join, fn('msg.payload = { n: msg.payload.reduce((a, b) => a + b) }; return msg', { id: 'after' })], 3)).toEqual([31, 32, 33]))
  test.each([
    ['join', { ...join, id: 'in', mode: 'custom', build: 'array', count: '5', wires: [['after']] }],
    ['batch', { id: 'in', type: 'batch', mode: 'count', count: 5, overlap: 0, interval: 10, allowEmptySequence: false, topics: [], wires: [['gather']] }],
  ])('a %s over several events ends none of them before what it made of them', async (_, gathering: FlowEntry) => {
    const acknowledged: number[] = []
    const before = red.core.acknowledged.size
    red.core.complete.set('test.first', () => {
      acknowledged.push(red.core.acknowledged.size - before)
      return null
    })
    const works = await run([
      gathering,
      { ...join, id: 'gather', mode: 'auto', wires: [['after']] },
      fn('await new Promise((r) => setTimeout(r, 50)); return { payload: { n: msg.payload.length ?? 1 } }', { id: 'after' }),
    ], 5)
    red.core.complete.clear()
    expect([works, acknowledged]).toEqual([[5], [0]])
  })
})

describe('links', () => {
  test('out and in', async () =>
    expect(await run([{ id: 'in', type: 'link out', mode: 'link', links: ['there'], wires: [] }, { id: 'there', type: 'link in', links: ['in'], wires: [['first']] }])).toEqual(oneToTen))
  test('a call that returns', async () =>
    expect(await run([
      { id: 'in', type: 'link call', links: ['there'], linkType: 'static', timeout: '30', wires: [['first']] },
      { id: 'there', type: 'link in', links: [], wires: [['body']] },
      fn('await new Promise((r) => setTimeout(r, 30)); msg.payload.n += 100; return msg', { id: 'body', wires: [['back']] }),
      { id: 'back', type: 'link out', mode: 'return', links: [], wires: [] },
    ], 3)).toEqual([101, 102, 103]))
  test('a call with a stage in it waits no longer than for the stage to take the message, and returns with what comes of that', async () => {
    const calling: readonly FlowEntry[] = [
      { id: 'in', type: 'link call', links: ['there'], linkType: 'static', timeout: '0.3', wires: [['first']] },
      { id: 'there', type: 'link in', links: [], wires: [['second']] },
      { id: 'second', type: 'test.second', wires: [['body']] },
      fn('await new Promise((r) => setTimeout(r, 600)); msg.payload.n += 100; return msg', { id: 'body', wires: [['back']] }),
      { id: 'back', type: 'link out', mode: 'return', links: [], wires: [] },
      { id: 'catch', type: 'catch', scope: ['in'], uncaught: false, wires: [['late']] },
      fn('return { payload: { n: -1 } }', { id: 'late', wires: [['first']] }),
    ]
    expect(await run(calling, 3)).toEqual([1, 2, 3, 101, 102, 103])
    red.core.complete.set('test.second', () => null)
    red.core.published.length = 0
    expect(await run(calling, 1)).toEqual([1]) // the stage is still at it
    red.core.complete.clear()
  })
})

test('complete and status nodes carry the event on', async () =>
  expect(await run([
    fn('node.status({ text: "now" }); return null', { wires: [[]] }),
    { id: 'complete', type: 'complete', scope: ['in'], uncaught: false, wires: [['first']] },
    { id: 'status', type: 'status', scope: ['in'], wires: [['after']] },
    fn('return { payload: { n: 0 } }', { id: 'after' }),
  ], 3)).toEqual([0, 0, 0, 1, 2, 3]))

test('change, template, json and two wires', async () =>
  expect(await run([
    { id: 'in', type: 'change', rules: [{ t: 'set', p: 'payload.n', pt: 'msg', to: 'payload.n * 2', tot: 'jsonata' }], wires: [['first', 'template']] },
    { id: 'template', type: 'template', field: 'payload', fieldType: 'msg', format: 'json', syntax: 'mustache', template: '{ "n": 10{{payload.n}} }', output: 'json', wires: [['json']] },
    { id: 'json', type: 'json', property: 'payload', action: 'str', pretty: false, wires: [['back']] },
    { id: 'back', type: 'json', property: 'payload', action: 'obj', pretty: false, wires: [['first']] },
  ], 3)).toEqual([2, 4, 6, 102, 104, 106]))

test('a message that was kept, and is sent again by a later event, counts towards the later', async () => {
  const { core } = red
  await run([fn('if (msg.payload.n === 1) flow.set("kept", msg); return flow.get("kept")')], 1)
  const later = core.emit('test.came', { n: 2 })
  await core.settled()
  expect(core.published.map(({ input }) => input['n'])).toEqual([1, 1])
  expect([core.published[1]!.seq, core.acknowledged.get(later)]).toEqual([later, 1])
})

test('a message sent on by a stage has all that it had, and what the stage found', async () => {
  red.core.complete.set('test.first', ({ n }) => ({ n: (n as number) + 1000 }))
  const works = await run([fn('msg.mine = "kept"; return msg'), { id: 'first', type: 'test.first', wires: [['after']] }, fn('msg.payload.n += msg.mine === "kept" ? 1 : 0; return msg', { id: 'after', wires: [['second']] }), { id: 'second', type: 'test.second', wires: [[]] }], 2)
  red.core.complete.clear()
  expect(works).toEqual([1, 2, 1002, 1003])
})

test('a function that a deploy left alone speaks for the outcome that it had, also with a fresh object', async () => {
  const { core } = red
  const slow = fn('node.status({}); await new Promise((r) => setTimeout(r, 600)); return { payload: { n: msg.payload.n } }')
  await red.deploy(tab([slow]))
  await red.until(() => red.flows.state().running)
  core.forget()
  const seq = core.emit('test.came', { n: 1 })
  await new Promise((resolve) => setTimeout(resolve, 200))
  await red.deploy(tab([slow, { id: 'beside', type: 'debug', wires: [] }]), 'nodes')
  await core.settled()
  await new Promise((resolve) => setTimeout(resolve, 600))
  expect(core.published.filter(({ node }) => node === 'first').map((one) => one.seq)).toEqual([seq, seq]) // once by the function that was at it, once sent again: one work
})
