import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, statSync } from 'node:fs'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Fault } from '../core/contract/fault.ts'
import { areTooMany } from './process.ts'
import { bench, tokenOf, type Bench } from './testing/start.ts'
import type { FlowEntry } from './red.ts'

let shared: Bench
beforeAll(async () => {
  shared = await bench([])
  await shared.until(() => shared.flows.ready())
})
afterAll(() => shared.close())

let red: Bench | null = null
afterEach(async () => {
  await red?.close()
  red = null
})

const node = (id: string, type: string, wires: readonly string[], more: Partial<FlowEntry> = {}): FlowEntry => ({ id, type, z: 'tab', x: 0, y: 0, wires: [wires], ...more })
const fn = (id: string, func: string, wires: readonly string[], more: Partial<FlowEntry> = {}) => node(id, 'function', wires, { func, outputs: 1, initialize: '', finalize: '', ...more })
const TAB: FlowEntry = { id: 'tab', type: 'tab', label: 'Test' }
const CHAIN = [TAB, node('came', 'test.came', ['first']), node('first', 'test.first', ['second']), node('second', 'test.second', [], { width_px: '640' })]

/** In the process that all share, with a core that remembers nothing. */
async function deployed(flow: readonly FlowEntry[]): Promise<Bench> {
  shared.core.forget()
  await shared.deploy(flow)
  return shared
}

/** In a process of its own. */
async function open(flow: readonly FlowEntry[], options: Parameters<typeof bench>[1] = {}): Promise<Bench> {
  red = await bench(flow, options)
  await red.until(() => red!.flows.state().running && red!.flows.ready())
  return red
}

test('an event passes two stages; options come from the form in the types of the schema, and all three outcomes are acknowledged', async () => {
  const { core } = await deployed(CHAIN)
  const came = core.emit('test.came', { n: 1, extra: 'kept' })
  await core.settled()
  expect(core.published).toEqual([
    { seq: came, stage: 'test.first', work: '["test.first",{"n":1},{}]', node: 'first', input: { n: 1 } },
    { seq: expect.any(String), stage: 'test.second', work: '["test.second",{"n":1},{"width_px":640}]', node: 'second', input: { n: 1 } },
  ])
  expect([...core.acknowledged.values()]).toEqual([1, 1, 1])
})

test('Node-RED killed again and again: nothing is lost, and the same work always has the same name', async () => {
  const { core, flows, until } = await open([
    TAB, node('came', 'test.came', ['fresh', 'switch']),
    fn('fresh', 'await new Promise((r) => setTimeout(r, 5)); return { payload: { n: msg.payload.n } }', ['first']),
    node('switch', 'switch', ['change'], { property: 'payload.n', propertyType: 'msg', rules: [{ t: 'lte', v: '100', vt: 'num' }], checkall: 'true', repair: false, outputs: 1 }),
    node('change', 'change', ['second'], { rules: [{ t: 'set', p: 'payload.n', pt: 'msg', to: 'payload.n + 1000', tot: 'jsonata' }] }),
    node('first', 'test.first', ['second']), node('second', 'test.second', []),
  ])
  const emitted = new Set<string>()
  let n = 0
  for (let kill = 0; kill < 8; kill++) {
    for (let i = 0; i < 25; i++) emitted.add(core.emit('test.came', { n: ++n }))
    const before = core.published.length
    await core.until(() => core.published.length >= before + 1 + kill) // somewhere in the middle of it
    const starts = flows.state().starts
    process.kill(flows.state().pid!, 'SIGKILL')
    await until(() => flows.state().starts > starts)
    await until(() => flows.state().running)
  }
  await core.settled()
  expect([...emitted].filter((seq) => core.acknowledged.get(seq) !== 1)).toEqual([])
  expect(core.early).toEqual([])
  const works = new Set(core.published.map(({ work }) => work))
  const wanted = new Set(Array.from({ length: 200 }, (_, i) => i + 1).flatMap((n) => [
    `["test.first",{"n":${n}},{}]`, `["test.second",{"n":${n}},{"width_px":320}]`, ...(n <= 100 ? [`["test.second",{"n":${n + 1000}},{"width_px":320}]`] : []),
  ]))
  expect(works).toEqual(wanted)
}, 120_000)

test('a build that acknowledges as it sends loses what was under way: these tests would see it', async () => {
  process.env['VIEWSHED_BREAK'] = 'ack-early'
  try {
    const { core, flows, until } = await open([TAB, node('came', 'test.came', ['delay']), node('delay', 'delay', ['first'], { pauseType: 'delay', timeout: '60', timeoutUnits: 'seconds', outputs: 1 }), node('first', 'test.first', [])])
    core.emit('test.came', { n: 1 })
    await core.settled()
    process.kill(flows.state().pid!, 'SIGKILL')
    await until(() => flows.state().starts === 2 && flows.state().running)
    expect(core.published).toEqual([])
  } finally {
    delete process.env['VIEWSHED_BREAK']
  }
})

test('deploys during a run: each outcome leaves by the wires of the moment, and nothing is lost', async () => {
  const { core, deploy } = await deployed(CHAIN)
  const direct = [TAB, node('came', 'test.came', ['second']), node('first', 'test.first', []), node('second', 'test.second', [])]
  const seqs: string[] = []
  for (let i = 0; i < 12; i++) {
    for (let n = 0; n < 10; n++) seqs.push(core.emit('test.came', { n: i * 10 + n }))
    await deploy(i % 2 ? CHAIN : direct, i % 3 === 0 ? 'full' : 'nodes')
  }
  await core.settled()
  expect(seqs.filter((seq) => core.acknowledged.get(seq) !== 1)).toEqual([])
  const second = new Set(core.published.filter(({ stage, seq }) => stage === 'test.second' && seqs.includes(seq!)).map(({ input }) => input['n']))
  const first = new Set(core.published.filter(({ stage }) => stage === 'test.first').map(({ input }) => input['n']))
  expect(new Set([...first, ...second]).size).toBe(120)
})

test('an outcome whose node was removed is gone, with the reason; one whose node is disabled waits until it is enabled', async () => {
  const { core, deploy, flows, until } = await deployed(CHAIN)
  await deploy([TAB, node('came', 'test.came', ['first']), node('first', 'test.first', ['second'], { d: true }), node('second', 'test.second', [])])
  const removed = core.finish('removed', 'test.first', { n: 4 })
  const disabled = core.finish('first', 'test.first', { n: 5 })
  core.emit('test.unknown', {}) // no node of its type: nothing to do
  await core.until(() => core.gone.size === 1 && core.unrouted.size === 1)
  expect([...core.gone]).toEqual([[removed, 'node removed (test.first) is no longer in the flow']])
  await until(() => flows.held().total === 1)
  expect(flows.held().oldest[0]).toMatchObject({ seq: disabled, node: 'first', why: 'node not running' })
  await deploy(CHAIN)
  await core.settled()
  expect(core.published.at(-1)).toMatchObject({ stage: 'test.second', input: { n: 5 } })
})

test('what happens while the tab that takes it is disabled waits until it is enabled; with no such node in the flow it ends', async () => {
  const { core, deploy, flows, until } = await deployed([{ ...TAB, disabled: true }, ...CHAIN.slice(1)])
  const seq = core.emit('test.came', { n: 1 })
  await until(() => flows.held().oldest.some((held) => held.seq === seq && held.why === 'node not running'))
  await deploy(CHAIN)
  await core.settled()
  expect(core.published.map(({ stage, seq }) => [stage, seq])).toEqual([['test.first', seq], ['test.second', expect.any(String)]])
  await deploy([TAB])
  core.emit('test.came', { n: 2 })
  await core.settled()
  expect(core.published.length).toBe(2)
})

test('a function that loops: the process is killed, begun in safe mode where the editor answers, and the mended flow drains the queue', async () => {
  const { core, flows, ask, deploy, until } = await open([TAB, node('came', 'test.came', ['loop']), fn('loop', 'while (true) {}', ['first'], { name: 'Count up' }), node('first', 'test.first', [])], { hang_ms: 2_500 })
  const seq = core.emit('test.came', { n: 1 })
  await until(() => flows.safeMode && flows.ready())
  expect(flows.state()).toMatchObject({ running: false, safe: { why: 'stalled', last: { id: 'loop', name: 'Count up', tab: 'Test' } } })
  expect((await ask('GET', '/flows/flows')).status).toBe(200)
  expect(core.acknowledged.size).toBe(0)
  await deploy([TAB, node('came', 'test.came', ['loop']), fn('loop', 'return msg', ['first']), node('first', 'test.first', [])])
  await core.settled()
  expect(core.acknowledged.get(seq)).toBe(1)
  expect(flows.safeMode).toBe(false)
}, 120_000)

test('flows that crash it again and again end in safe mode', async () => {
  const { core, flows, until } = await open([TAB, node('came', 'test.came', ['bomb']), fn('bomb', 'Promise.reject(new Error("bomb"))', [])])
  core.emit('test.came', { n: 1 })
  await until(() => flows.safeMode && flows.ready())
  expect(flows.state()).toMatchObject({ running: false, safe: { why: 'crashing', last: { id: 'bomb', name: 'function', tab: 'Test' } } })
  expect(flows.said().map(({ text }) => text).join('\n')).toMatch(/Error: bomb/) // of the process that is gone
  await flows.restart() // a person says: once more
  expect(flows.safeMode).toBe(false)
}, 120_000)

test('crashes are too many: three within a minute, or ten within an hour, however far apart', () => {
  const every = (apart_ms: number, crashes: number) => areTooMany(Array.from({ length: crashes }, (_, i) => i * apart_ms + 1), (crashes - 1) * apart_ms + 1)
  expect([every(29_000, 2), every(29_000, 3), every(31_000, 9), every(31_000, 10), every(360_000, 10), every(400_001, 20)]).toEqual([false, true, false, true, true, false])
})

test('a flow with a node that nobody installed runs nothing, says why, and calls nothing gone', async () => {
  red = await bench([...CHAIN, node('odd', 'somebody-elses', [])])
  await red.until(() => red!.flows.ready() && red!.flows.state().stopped !== null)
  expect(red.flows.state().stopped).toBe('It has nodes of types that are not installed: somebody-elses. Take them out in the editor and deploy.')
  red.core.finish('first', 'test.first', { n: 1 })
  await red.deploy(CHAIN)
  await red.core.settled()
  expect(red.core.published.map(({ stage }) => stage)).toEqual(['test.second'])
})

test('a refused message is an error of its node: caught, with code and sentence; others in the same batch go through', async () => {
  const { core } = await deployed([TAB, node('came', 'test.came', ['mix']), fn('mix', 'return [[{ payload: {} }, { payload: "text" }, { payload: { n: 1 } }, { payload: { n: 2n } }]]', ['first']),
    node('first', 'test.first', []), node('catch', 'catch', ['note'], { scope: ['first'], uncaught: false }), fn('note', 'return { payload: { n: `${msg.error.code}: ${msg.error.message}` } }', ['second']), node('second', 'test.second', [])])
  core.emit('test.came', { n: 0 })
  await core.settled()
  expect(core.published.map(({ stage, input }) => [stage, input['n']]).sort()).toEqual([
    ['test.first', 1],
    ['test.second', 'input/invalid: Fault: msg.payload cannot be stored: Do not know how to serialize a BigInt. Remove it with a change node before this stage.'],
    ['test.second', 'input/invalid: Fault: test.first needs n'],
    ['test.second', 'input/invalid: Fault: test.first takes an object as msg.payload, and got a string.'],
  ])
})

test('what a function throws is in the log in its words', async () => {
  const { core, log } = await deployed([TAB, node('came', 'test.came', ['odd']), fn('odd', 'return msg.payload.nobody.length', [], { name: 'Odd' })])
  core.emit('test.came', { n: 1 })
  await core.settled()
  await expect.poll(() => log.some((line) => line.includes('[function:Odd] TypeError: Cannot read properties of undefined')), { timeout: 20_000 }).toBe(true)
})

test('what no catch took is said with the acknowledgement, by the node and its words: thrown, said, refused by a stage, and inside a subflow', async () => {
  const { core } = await deployed([TAB, node('came', 'test.came', ['throws', 'later', 'says', 'first', 'sub1', 'guarded']),
    fn('throws', 'return msg.payload.nobody.length', [], { name: 'Odd' }),
    fn('later', 'await new Promise((r) => setTimeout(r, 20)); throw new Error("too late")', []),
    fn('says', 'node.error("no plate", msg); return null', []), node('first', 'test.second', []),
    { id: 'sub', type: 'subflow', name: 'Sub', in: [{ x: 0, y: 0, wires: [{ id: 'inner' }] }], out: [] }, node('sub1', 'subflow:sub', []), { ...fn('inner', 'throw new Error("deep")', []), z: 'sub' },
    fn('guarded', 'throw new Error("caught")', []), node('catch', 'catch', [], { scope: ['guarded'], uncaught: false })])
  const seq = core.emit('test.came', {})
  await core.settled()
  const [of_came, more] = [core.faults.filter((fault) => fault.seq === seq), core.faults.filter((fault) => fault.seq !== seq)]
  expect(more).toEqual([])
  expect(of_came.map(({ node, name, words }) => [node, name, words]).sort()).toEqual([
    ['first', 'test.second', 'test.second needs n'],
    ['inner', 'function', 'deep'],
    ['later', 'function', expect.stringContaining('too late')],
    ['says', 'function', 'no plate'],
    ['throws', 'Odd', expect.stringMatching(/^TypeError: Cannot read properties of undefined \(reading 'length'\)/)],
  ])
})

test('while core is away nothing is acknowledged and nothing is forgotten', async () => {
  const { core, log, until } = await deployed([TAB, node('came', 'test.came', ['delay']), node('delay', 'delay', ['first'], { pauseType: 'delay', timeout: '50', timeoutUnits: 'milliseconds', outputs: 1 }), node('first', 'test.first', [])])
  const seq = core.emit('test.came', { n: 1 })
  core.away = true
  await until(() => log.some((line) => line.startsWith('core does not answer')))
  expect(core.acknowledged.size).toBe(0)
  core.away = false
  await core.settled()
  expect(core.acknowledged.get(seq)).toBe(1)
})

test('what does not end is held and shown, never acknowledged by time; a person sends it again or says that it has ended', async () => {
  const { core, flows, until } = await deployed([TAB, node('came', 'test.came', ['count']),
    fn('count', 'const n = (context.get("n") || 0) + 1; context.set("n", n); return n > 2 ? [null, msg] : [msg, null]', []),
    node('call', 'link call', ['first'], { links: ['lost'], linkType: 'static', timeout: '30' }), node('lost', 'link in', [], { links: [] }), node('first', 'test.first', [])]
    .map((entry) => (entry.id === 'count' ? { ...entry, outputs: 2, wires: [['call'], ['first']] } : entry)))
  const one = core.emit('test.came', { n: 1 })
  const two = core.emit('test.came', { n: 2 })
  await until(() => flows.held().total === 2)
  expect(flows.held().oldest).toMatchObject([{ seq: one, type: 'test.came', last: 'link in:lost', why: 'not ended' }, { seq: two }])
  expect(core.acknowledged.size).toBe(0)
  flows.resend([one])
  flows.dismiss([two])
  await core.settled()
  expect(core.published.map(({ input }) => input['n'])).toEqual([1])
})

test('a call asks with what the message says, else with its form, and goes on with the answer', async () => {
  const { core } = await deployed([TAB, node('came', 'test.came', ['ask']), node('ask', 'test.twice', ['pick'], { n: '99', by: '3' }), fn('pick', 'return { payload: { n: msg.payload.product } }', ['first']), node('first', 'test.first', [])])
  core.calls.set('test.twice', ({ n, by }) => ({ product: (n as number) * (by as number) }))
  core.emit('test.came', { n: 5 })
  await core.settled()
  expect(core.published.map(({ input }) => input['n'])).toEqual([15])
})

test('a call that core was away for is asked until it is answered; what the plugin says against it is an error of the node', async () => {
  const { core, log, until } = await deployed([TAB, node('came', 'test.came', ['delay']), node('delay', 'delay', ['ask'], { pauseType: 'delay', timeout: '50', timeoutUnits: 'milliseconds', outputs: 1 }), node('ask', 'test.twice', ['pick'], { n: '', by: '' }),
    fn('pick', 'return { payload: { n: msg.payload.product } }', ['first']), node('catch', 'catch', ['note'], { scope: ['ask'], uncaught: false }), fn('note', 'return { payload: { n: msg.error.code } }', ['first']), node('first', 'test.first', [])])
  core.calls.set('test.twice', ({ n }) => {
    if (n === 2) throw new Fault('not-found', 'There is no two.')
    return { product: 2 * (n as number) }
  })
  core.emit('test.came', { n: 2 })
  await core.settled()
  const said = log.length
  core.emit('test.came', { n: 1 })
  core.away = true
  await until(() => log.slice(said).some((line) => line.startsWith('core does not answer')))
  await new Promise((resolve) => setTimeout(resolve, 500)) // the call was asked by now
  core.away = false
  await core.settled()
  expect(core.published.map(({ input }) => input['n'])).toEqual(['not-found', 2])
})

test('the button of a node repeats its last work, its last question, its last event; only of a node that runs, and only for who may change flows', async () => {
  const { core, ask } = await deployed([...CHAIN.map((entry) => (entry.id === 'came' ? { ...entry, wires: [['first', 'ask']] } : entry)), node('ask', 'test.twice', ['keep'], { n: '', by: '' }), fn('keep', 'return { payload: { n: msg.payload.product } }', ['first'])])
  core.calls.set('test.twice', ({ n, by }) => ({ product: (n as number) * (by as number) }))
  const again = async (id: string, token = tokenOf('write')) => {
    const { status, text } = await ask('POST', `/flows/viewshed/again/${id}`, { token })
    return [status, status < 300 ? (JSON.parse(text) as { what: string }).what : status]
  }
  await expect.poll(() => again('ask')).toEqual([200, 'nothing to repeat']) // the deploy was answered; its nodes begin a moment later
  core.emit('test.came', { n: 5 })
  await core.settled()
  core.published.length = 0
  core.repeated.length = 0
  expect(await again('second')).toEqual([200, 'done again'])
  expect(core.repeated).toEqual([{ stage: 'test.second', task: expect.stringContaining('"width_px":640'), node: 'second' }])
  expect(await again('ask')).toEqual([200, 'done again'])
  await core.until(() => core.published.some(({ input }) => input['n'] === 10))
  expect(await again('came')).toEqual([200, 'done again'])
  await core.until(() => core.published.some(({ input }) => input['n'] === 5))
  expect(await again('nowhere')).toEqual([404, 404])
  expect((await again('second', tokenOf('read')))[0]).toBe(401)
})

describe('the editor', () => {
  test('lets in whom core vouches for, admins to change and others to look; strangers and old words stay outside', async () => {
    const { ask } = await deployed(CHAIN)
    const status = async (method: string, path: string, token: string | null) => (await ask(method, path, { token, body: method === 'POST' ? CHAIN : undefined })).status
    expect(await status('GET', '/flows/flows', null)).toBe(401)
    expect(await status('GET', '/flows/flows', tokenOf('write', 'another secret'))).toBe(401)
    expect(await status('GET', '/flows/flows', tokenOf('write', undefined, Date.now() - 3_600_000))).toBe(401)
    expect(await status('GET', '/flows/flows', tokenOf('read'))).toBe(200)
    expect(await status('POST', '/flows/flows', tokenOf('read'))).toBe(401)
    expect(await status('POST', '/flows/flows', tokenOf('write'))).toBe(204)
    expect((await ask('POST', '/flows/nodes', { body: { module: 'node-red-node-random' } })).status).toBe(404) // no installing
    const nodes = await ask('GET', '/flows/nodes', { headers: { accept: 'application/json' } })
    expect((JSON.parse(nodes.text) as { types: string[]; module: string }[]).find(({ module }) => module === 'node-red-contrib-viewshed')).toMatchObject({ types: ['test.came', 'test.first', 'test.second', 'test.twice'], enabled: true })
    expect((await ask('GET', '/flows/')).text).toContain('Viewshed flows')
  })

  test('secrets are in neither arguments nor environment, and the socket is its owner’s alone', async () => {
    const { flows, ask } = await deployed(CHAIN)
    const pid = flows.state().pid!
    const seen = readFileSync(`/proc/${pid}/cmdline`, 'utf8') + readFileSync(`/proc/${pid}/environ`, 'utf8')
    expect(seen).not.toContain('between core and node-red')
    expect(seen).not.toContain('of the process')
    expect((await ask('GET', '/flows/settings')).text).not.toContain('between core')
    expect(statSync(shared.socketPath).mode & 0o777).toBe(0o600)
  })
})

test('a flow file that is no flow is kept aside, and nothing that waits is called gone', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'viewshed-flows-'))
  await writeFile(join(folder, 'flows.json'), '[{"id": "first", "type": "test.fi')
  red = await bench(CHAIN, { userDir: folder })
  await red.until(() => red!.flows.ready())
  const { aside } = red.flows.state()
  expect(red.flows.state()).toMatchObject({ running: false, safe: { why: 'broken flow file' }, aside: expect.stringMatching(/^flows\.broken-\d+\.json$/) })
  expect(readFileSync(join(folder, aside!), 'utf8')).toBe('[{"id": "first", "type": "test.fi')
  red.core.emit('test.came', { n: 1 })
  await red.deploy(CHAIN)
  await red.core.settled()
  expect(red.core.gone.size).toBe(0)
  expect(red.core.published.length).toBe(2)
  expect(red.flows.state()).toMatchObject({ running: true, safe: null, aside: null })
  await rm(folder, { recursive: true })
})

test('where a deploy before it is known, that one runs instead, and it is said until the next deploy', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'viewshed-flows-'))
  red = await bench(CHAIN, { userDir: folder })
  await red.until(() => red!.flows.state().running)
  await expect.poll(async () => (await readdir(join(folder, 'versions')).catch(() => [])).filter((name) => name.endsWith('.json'))).toHaveLength(1)
  await red.close()
  await writeFile(join(folder, 'flows.json'), '{"id": "not a list"}')
  red = await bench([], { userDir: folder })
  await red.until(() => red!.flows.state().running)
  const { aside, safe } = red.flows.state()
  expect([safe, readFileSync(join(folder, aside!), 'utf8')]).toEqual([null, '{"id": "not a list"}'])
  red.core.emit('test.came', { n: 1 })
  await red.core.settled()
  expect(red.core.published.length).toBe(2)
  await red.until(() => red!.flows.ready())
  await red.deploy(CHAIN)
  await red.until(() => red!.flows.state().aside === null)
  await rm(folder, { recursive: true })
})

test('when its parent is killed it is gone, too', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'viewshed-flows-'))
  const parent = spawn(process.execPath, [fileURLToPath(new URL('./testing/parent.ts', import.meta.url)), folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = await once(parent.stdout!, 'data') as [Buffer]
  const pid = Number(String(line))
  expect(isAlive(pid)).toBe(true)
  parent.kill('SIGKILL')
  await once(parent, 'exit')
  while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 20))
  await rm(folder, { recursive: true })
})

test('a core that itself stood still, and longer than it lets Node-RED be silent, goes on with the Node-RED that it had', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'viewshed-flows-'))
  const parent = spawn(process.execPath, [fileURLToPath(new URL('./testing/parent.ts', import.meta.url)), folder, '6000'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const pids: number[] = []
  parent.stdout!.on('data', (line: Buffer) => pids.push(Number(String(line))))
  try {
    await expect.poll(() => pids.length, { timeout: 60_000 }).toBe(1)
    for (let i = 0; i < 2; i++) {
      parent.kill('SIGSTOP')
      await new Promise((resolve) => setTimeout(resolve, 7_500))
      parent.kill('SIGCONT')
      await new Promise((resolve) => setTimeout(resolve, 2_000))
    }
    expect([pids.length, isAlive(pids[0]!)]).toEqual([1, true])
  } finally {
    parent.kill('SIGKILL')
    await once(parent, 'exit')
  }
  while (pids.some(isAlive)) await new Promise((resolve) => setTimeout(resolve, 20))
  await rm(folder, { recursive: true, force: true })
}, 120_000)

function isAlive(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}
