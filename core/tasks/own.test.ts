import { afterEach, beforeEach, expect, test } from 'vitest'
import { Type } from 'typebox'
import { Fault } from '../contract/fault.ts'
import type { OwnAnswer } from '../contract/plugin.ts'
import type { StageRules } from './board.ts'
import { startOwnWork, type OwnStage, type OwnWork } from './own.ts'
import { HOME, inProcess, type Bench } from './testing/bench.ts'

const rules: StageRules = { version: 1, lease_s: 1e9, each: true, input: Type.Object({ n: Type.Integer() }), output: Type.Object({ way: Type.Optional(Type.String()) }) }
const STAGES: Record<string, StageRules> = { 'flow.wait': rules, 'flow.ask': rules, 'flow.fail': rules, 'flow.hang': rules }
const HOUR_MS = 3_600_000

let bench: Bench
let own: OwnWork
let asked: number[]
let mended: boolean
let hanging: (() => void)[] // ends what does not answer
beforeEach(async () => {
  ;[asked, hanging] = [[], []]
  mended = false
  bench = await inProcess({ stages: (name) => STAGES[name] ?? null, stageNames: Object.keys(STAGES), onWork: () => own?.wake() })
  own = start()
})
afterEach(async () => {
  await own.close()
  await bench.close()
})

/** Each stage waits an hour, asks a person, or fails until it was mended. */
function start(): OwnWork {
  const stage = (answer: (ctx: { asked_ms: number; now_ms: number }) => OwnAnswer<Record<string, unknown>>): OwnStage => async () => ({
    run: async ({ n }: { n: number }, ctx: { asked_ms: number; now_ms: number }) => {
      asked.push(n)
      return answer(ctx)
    },
  }) as never
  return startOwnWork({
    board: bench.board, home: HOME, clock: () => bench.clock.now_ms, warn: () => undefined,
    given: () => ({ config: {}, look: null as never, say: async () => undefined, edit: async () => undefined }),
    stages: {
      'flow.wait': stage(({ asked_ms, now_ms }) => (now_ms >= asked_ms + HOUR_MS ? { output: {} } : { not_before_ms: asked_ms + HOUR_MS, what: 'an hour' })),
      'flow.hang': (async () => ({ run: ({ n }: { n: number }) => new Promise((done) => { asked.push(n); hanging.push(() => done({ output: {} })) }) })) as never,
      'flow.ask': stage(() => ({ not_before_ms: Infinity, what: 'Go on?', asks: true })),
      'flow.fail': stage(() => {
        if (!mended) throw new Fault('notify/failed', 'nobody there')
        return { output: {} }
      }),
    },
  })
}

async function restart(): Promise<void> {
  await own.close()
  await bench.restart()
  own = start()
}

const publish = (stage: string, n: number) => bench.board.publish(HOME, [{ stage, input: { n }, waiter: { node: 'n1', root: `r${n}`, message: { payload: { n } } } }])
const left = async () => (await bench.outcomes.outcomes(null, 10, 0)).map(({ message }) => message['payload'])

test('what waits is done at its moment, told from when it was asked for, whatever restarts meanwhile', async () => {
  await publish('flow.wait', 1)
  await expect.poll(() => asked).toEqual([1])
  bench.clock.now_ms += HOUR_MS / 2
  await restart()
  await publish('flow.wait', 2)
  await expect.poll(() => asked).toEqual([1, 1, 2])
  expect(await left()).toEqual([])
  bench.clock.now_ms += HOUR_MS / 2
  await expect.poll(left).toEqual([{ n: 1 }])
  bench.clock.now_ms += HOUR_MS / 2
  await expect.poll(left).toEqual([{ n: 1 }, { n: 2 }])
})

test('what core has is counted for each node that it is done for, also after a restart', async () => {
  const wait = (node: string, n: number) => ({ stage: 'flow.wait', input: { n }, waiter: { node, root: `r${n}`, message: { payload: { n } } } })
  await bench.board.publish(HOME, [wait('n1', 1), wait('n1', 2), wait('n2', 3)])
  const held = async () => (await bench.board.counts(HOME)).find(({ stage }) => stage === 'flow.wait')!.held
  await expect.poll(held).toEqual({ n1: 2, n2: 1 })
  await restart()
  await expect.poll(held).toEqual({ n1: 2, n2: 1 })
  bench.clock.now_ms += HOUR_MS
  await expect.poll(async () => (await left()).length).toBe(3)
  expect(await held()).toBe(undefined)
})

test('a person is asked, also after a restart, and answers once', async () => {
  const [task] = await publish('flow.ask', 1)
  await expect.poll(() => own.asking()).toMatchObject([{ task: task!.id, stage: 'flow.ask', question: 'Go on?', input: { n: 1 } }])
  await restart()
  await expect.poll(async () => (await own.asking()).length).toBe(1)
  await own.decide(task!.id, { way: 'no' })
  await expect(own.decide(task!.id, { way: 'yes' })).rejects.toMatchObject({ code: 'task/unknown' })
  expect([await own.asking(), await left()]).toEqual([[], [{ n: 1, way: 'no' }]])
})

test('what fails is tried again later like any other work, and parks with its reason', async () => {
  const [task] = await publish('flow.fail', 1)
  for (let attempt = 1; attempt <= 5; attempt++) {
    await expect.poll(async () => (await bench.board.task(HOME, task!.id))?.attempts).toBe(attempt)
    bench.clock.now_ms += 60_000
    await bench.board.sweep()
  }
  expect((await bench.board.task(HOME, task!.id))!.state).toBe('parked')
  expect((await bench.board.task(HOME, task!.id))!.faults.at(-1)).toMatchObject({ code: 'notify/failed', message: 'nobody there', device: 'core' })
  mended = true
  await bench.board.retry(HOME, { ids: [task!.id] }, 'Ada')
  await expect.poll(left).toEqual([{ n: 1 }])
})

test('what does not answer keeps nothing else from its moment, and not the appliance from ending', async () => {
  for (let n = 0; n < 3; n++) await publish('flow.hang', n)
  await publish('flow.wait', 9)
  await expect.poll(() => asked.length).toBe(4)
  bench.clock.now_ms += HOUR_MS
  await expect.poll(left).toEqual([{ n: 9 }])
  await own.close()
  for (const end of hanging) end()
  own = start()
})

test('a question that a person left out is asked nobody any more', async () => {
  const [task] = await publish('flow.ask', 1)
  await expect.poll(async () => (await own.asking()).length).toBe(1)
  await bench.board.cancel(HOME, { ids: [task!.id] }, 'Ada')
  expect(await own.asking()).toEqual([])
  await expect(own.decide(task!.id, { way: 'yes' })).rejects.toMatchObject({ code: 'task/unknown' })
})

test('what ends while the disk is full ends once there is room; an answer that could not be kept can be given again', async () => {
  await publish('flow.wait', 1)
  const [question] = await publish('flow.ask', 2)
  await expect.poll(async () => (await own.asking()).length).toBe(1)
  bench.disk.full = true
  bench.clock.now_ms += HOUR_MS
  await expect.poll(() => asked.length).toBe(3)
  await expect(own.decide(question!.id, { way: 'yes' })).rejects.toMatchObject({ code: 'media/full' })
  bench.disk.full = false
  bench.clock.now_ms += 5_000
  await expect.poll(left).toEqual([{ n: 1 }])
  await own.decide(question!.id, { way: 'yes' })
  expect(await own.asking()).toEqual([])
})
