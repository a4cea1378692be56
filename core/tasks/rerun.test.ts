/** What a person has done again, tried again or left out: which tasks are meant, and what becomes of them. */
import { Type } from 'typebox'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { StageRules } from './board.ts'
import type { Claim, Publication, TaskView } from './port.ts'
import { CHUNK } from './which.ts'
import { ELSEWHERE, HOME, inProcess, type Bench } from './testing/bench.ts'
import { rulesOf, STAGES } from './testing/stages.ts'

const A = 'a'.repeat(64)
const B = 'b'.repeat(64)
const C = 'c'.repeat(64)

let bench: Bench
let detect: StageRules | null
beforeEach(async () => {
  detect = { version: 1, lease_s: 60, input: Type.Object({ sha256: Type.String() }), output: Type.Object({ found: Type.Integer() }), records: ({ sha256 }: { sha256: string }, { found }: { found: number }) => [{ _id: `sightings:${sha256}:detect`, kind: 'sightings', found }] }
  const own: Record<string, () => StageRules | null> = { 'model.detect': () => detect }
  bench = await inProcess({ stages: (name) => own[name]?.() ?? rulesOf(name), stageNames: [...Object.keys(STAGES), 'model.detect'] })
})
afterEach(() => bench.close())

const detection = (sha256: string, more: Partial<Publication> = {}): Publication => ({ stage: 'model.detect', input: { sha256 }, waiter: { node: 'detected', root: sha256, message: { payload: { sha256 } } }, ...more })
const work = async (count: number, stage: string, output: (claim: Claim) => Record<string, unknown>): Promise<Claim[]> => {
  const done: Claim[] = []
  while (done.length < count) {
    const claims = await bench.board.claim('nas', HOME, [stage], Math.min(64, count - done.length))
    if (claims.length === 0) break
    await Promise.all(claims.map((claim) => bench.board.complete('nas', { id: claim.id, token: claim.token, output: output(claim), files: [] })))
    done.push(...claims)
  }
  return done
}
const park = async (claim: Claim) => bench.board.fault('nas', claim.id, claim.token, { code: 'clip/empty', message: 'nothing in it' })
const outcomes = () => bench.outcomes.outcomes(null, 10_000, 0)
const audit = async (type: string) => (await bench.events.list(HOME, { type, limit: 100 })).map(({ payload }) => payload)
const named = async (stage: string, filter: (task: TaskView) => boolean = () => true) => (await bench.board.tasks(HOME, { stage, limit: 1_000 })).filter(filter).map(({ input }) => String(input['sha256'] ?? input['clip'])).sort()

describe('which tasks', () => {
  beforeEach(async () => {
    await bench.board.publish(HOME, [detection(A), detection(B), { stage: 'clip.probe', input: { clip: 'a' } }])
    await bench.board.publish(ELSEWHERE, [detection(A)])
  })

  test('are all those of a stage, of some recordings, or both; of one org and site', async () => {
    await work(2, 'model.detect', () => ({ found: 1 }))
    await work(1, 'clip.probe', () => ({ length: 1 }))
    expect(await bench.board.rerun(HOME, { assets: [A, C] }, 'Ann')).toBe(1)
    expect(await named('model.detect', ({ run }) => run === 1)).toEqual([A])
    expect(await bench.board.rerun(HOME, { stage: 'clip.probe', assets: [A] }, 'Ann')).toBe(0)
    expect(await bench.board.rerun(HOME, { stage: 'model.detect' }, 'Ann')).toBe(1)
    expect(await named('model.detect', ({ run }) => run === 1)).toEqual([A, B])
    expect(await named('clip.probe', ({ run }) => run === 1)).toEqual([])
    expect((await bench.board.tasks(ELSEWHERE, { limit: 9 })).map(({ run }) => run)).toEqual([0])
  })

  test('are named by the digest of their media as well', async () => {
    detect = { ...detect!, input: Type.Object({ media: Type.Object({ sha256: Type.String() }) }) }
    await bench.board.publish(HOME, [{ stage: 'model.detect', input: { media: { sha256: C } } }])
    expect(await bench.board.cancel(HOME, { assets: [C] }, 'Ann')).toBe(1)
    expect(await bench.board.cancel(HOME, { assets: [C] }, 'Ann')).toBe(0)
    expect(await bench.log.range({ gte: `a!home!home!${C}`, lt: `a!home!home!${C}~` })).toEqual([])
  })

  test('must be said; none is none', async () => {
    for (const act of ['retry', 'cancel', 'rerun'] as const) {
      await expect(bench.board[act](HOME, {}, 'Ann')).rejects.toMatchObject({ name: 'Fault', code: 'input/invalid', message: expect.stringContaining('Say which tasks') })
      expect([await bench.board[act](HOME, { ids: [] }, 'Ann'), await bench.board[act](HOME, { stage: 'model.detect', assets: [] }, 'Ann')]).toEqual([0, 0])
      expect(await bench.board[act](HOME, { stage: 'no.such' }, 'Ann')).toBe(0)
    }
    expect(await bench.events.list(HOME, { limit: 9 })).toEqual([])
  })

  test('that wait or are parked are left out, and parked ones tried again, by stage and recording', async () => {
    const [a, b] = await bench.board.claim('nas', HOME, ['model.detect'], 2)
    await park(a!)
    await park(b!)
    expect(await bench.board.retry(HOME, { stage: 'model.detect', assets: [B] }, 'Ann')).toBe(1)
    expect(await bench.board.task(HOME, b!.id)).toMatchObject({ state: 'pending', attempts: 0, faults: [{ message: 'nothing in it' }] })
    expect(await bench.board.retry(HOME, { stage: 'model.detect' }, 'Bob')).toBe(1)
    expect(await audit('task.retried')).toEqual([{ by: 'Ann', tasks: [b!.id], stages: ['model.detect'] }, { by: 'Bob', tasks: [a!.id], stages: ['model.detect'] }])
    const [again] = await bench.board.claim('nas', HOME, ['model.detect'], 1)
    await park(again!)
    expect(await bench.board.cancel(HOME, { stage: 'model.detect' }, 'Ann')).toBe(2)
    expect(await named('model.detect')).toEqual([])
    expect((await audit('task.cancelled')).map(({ by, task }) => [by, task]).sort()).toEqual([['Ann', a!.id], ['Ann', b!.id]].sort())
    expect(await named('clip.probe')).toEqual(['a'])
  })
})

test('the message of another run is what the chain took and gave, less what is for the records', async () => {
  const at = (node: string, root: string, payload: object) => ({ node, root, message: { payload, topic: 'gone' } })
  await bench.board.publish(HOME, [{ stage: 'clip.probe', input: { clip: 'a', camera: 'front' }, waiter: at('probe', 'event', { clip: 'a', camera: 'front' }) }])
  await work(1, 'clip.probe', () => ({ length: 7, secret: 'fixes' }))
  const [probed] = await outcomes()
  await bench.board.publish(HOME, [{ stage: 'plate.read', input: probed!.message['payload'] as Record<string, unknown>, waiter: at('plates', probed!.seq, probed!.message['payload'] as object) }])
  await work(1, 'plate.read', () => ({ plates: ['AB12'] }))
  const [, read] = await outcomes()
  await bench.board.publish(HOME, [{ stage: 'lab.exchange', input: { clip: 'a', id: 'x' }, waiter: at('lab', read!.seq, {}) }])
  const [lab] = await work(1, 'lab.exchange', () => ({}))
  await bench.outcomes.acknowledge((await outcomes()).map(({ seq }) => seq))

  expect(await bench.board.rerun(HOME, { ids: [lab!.id] }, 'Ann')).toBe(1)
  await work(1, 'lab.exchange', () => ({}))
  expect((await outcomes()).map(({ node, message }) => ({ node, message }))).toEqual([{ node: 'lab', message: { payload: { clip: 'a', camera: 'front', length: 7, plates: ['AB12'], id: 'x' } } }])
})

test('what follows from an unchanged result is the same work and costs nothing; from a changed one it is new', async () => {
  await bench.board.publish(HOME, [{ stage: 'clip.probe', input: { clip: 'a' }, waiter: { node: 'probe', root: 'event', message: { payload: { clip: 'a' } } } }])
  /** The flow: what was probed is exchanged, told apart by its length. */
  const route = async () => {
    const some = await outcomes()
    const asked = await bench.board.publish(HOME, some.filter(({ node }) => node === 'probe').map(({ seq, message }) => {
      const { clip, length } = message['payload'] as { clip: string; length: number }
      return { stage: 'lab.exchange', input: { clip, id: String(length) }, waiter: { node: 'lab', root: seq, message } }
    }))
    await bench.outcomes.acknowledge(some.map(({ seq }) => seq))
    return asked
  }
  const [first] = await work(1, 'clip.probe', () => ({ length: 1 }))
  await route()
  const [lab] = await work(1, 'lab.exchange', () => ({}))
  await route()

  await bench.board.rerun(HOME, { ids: [first!.id] }, 'Ann')
  const [second] = await work(1, 'clip.probe', () => ({ length: 1 }))
  expect(await route()).toMatchObject([{ id: lab!.id, state: 'complete', created: false }])
  await bench.board.rerun(HOME, { ids: [first!.id] }, 'Ann') // by its first run, the last one is meant
  const [third] = await work(1, 'clip.probe', () => ({ length: 2 }))
  expect(await route()).toMatchObject([{ state: 'pending', created: true }])

  const views = await Promise.all([first, second, third].map((claim) => bench.board.task(HOME, claim!.id)))
  expect(views.map((view) => view?.run)).toEqual([0, 1, 2])
  expect(await bench.board.task(HOME, lab!.id)).toMatchObject({ made_by: [{ id: third!.id, stage: 'clip.probe', state: 'complete' }] })
  expect((await bench.outcomes.projections.pending(9)).map(({ docs }) => docs[0]!['length'])).toEqual([1, 1, 2])
})

test('a node that asked for work after it was run again is on the way of the next run', async () => {
  await bench.board.publish(HOME, [detection(A)])
  const [first] = await work(1, 'model.detect', () => ({ found: 1 }))
  await bench.board.rerun(HOME, { ids: [first!.id] }, 'Ann')
  await bench.board.publish(HOME, [detection(A, { waiter: { node: 'new', root: 'r2', message: { payload: {} } } })])
  await work(1, 'model.detect', () => ({ found: 2 }))
  await bench.outcomes.acknowledge((await outcomes()).map(({ seq }) => seq))
  await bench.board.rerun(HOME, { ids: [first!.id] }, 'Ann')
  await work(1, 'model.detect', () => ({ found: 3 }))
  expect((await outcomes()).map(({ node, message }) => [node, message['payload']]).sort()).toEqual([['detected', { sha256: A, found: 3 }], ['new', { sha256: A, found: 3 }]])
})

test('a run that was left out, or stopped, can be asked for: the one anew, the other by trying it again', async () => {
  await bench.board.publish(HOME, [detection(A)])
  const [first] = await work(1, 'model.detect', () => ({ found: 1 }))
  expect(await bench.board.rerun(HOME, { ids: [first!.id] }, 'Ann')).toBe(1)
  expect(await bench.board.cancel(HOME, { stage: 'model.detect' }, 'Ann')).toBe(1)
  expect(await bench.board.rerun(HOME, { ids: [first!.id] }, 'Ann')).toBe(1)
  const [held] = await bench.board.claim('nas', HOME, ['model.detect'], 9)
  await park(held!)
  expect(await bench.board.rerun(HOME, { ids: [first!.id] }, 'Ann')).toBe(0)
  expect(await bench.board.retry(HOME, { ids: [held!.id] }, 'Ann')).toBe(1)
  await work(1, 'model.detect', () => ({ found: 2 }))
  expect((await outcomes()).map(({ message }) => (message['payload'] as { found: number }).found)).toEqual([1, 2])
})

test('work whose files are not at their place yet is passed over: its records would come after those of the next run', async () => {
  await bench.board.publish(HOME, [{ stage: 'clip.thumb', input: { clip: 'a', length: 1 } }])
  const [held] = await bench.board.claim('nas', HOME, ['clip.thumb'], 1)
  const picture = await bench.folder.stage(held!.id, held!.token, 'a.jpg', 'bytes')
  const { place } = bench.folder
  bench.folder.place = () => Promise.reject(new Error('away for a moment'))
  await bench.board.complete('nas', { id: held!.id, token: held!.token, output: { picture }, files: [picture] })
  expect(await bench.board.rerun(HOME, { stage: 'clip.thumb' }, 'Ann')).toBe(0)
  bench.folder.place = place
  bench.clock.now_ms += 60_000
  await bench.board.sweep()
  expect(await bench.board.rerun(HOME, { stage: 'clip.thumb' }, 'Ann')).toBe(1)
})

describe('a stage whose version was raised', () => {
  test('does it under the new version, and finds what that declares in addition', async () => {
    await bench.board.publish(HOME, [{ stage: 'clip.probe', input: { clip: 'a' }, waiter: { node: 'p', root: 'e', message: { payload: { clip: 'a' } } } }])
    await work(1, 'clip.probe', () => ({ length: 7 }))
    const [probed] = await outcomes()
    await bench.board.publish(HOME, [detection(A, { waiter: { node: 'detected', root: probed!.seq, message: { payload: { sha256: A, length: 7 } } } }), detection(B)])
    const [a] = await work(2, 'model.detect', () => ({ found: 1 }))
    detect = { ...detect!, version: 2, input: Type.Object({ sha256: Type.String(), length: Type.Integer() }) }
    // The same file came once more since: that is the new version's first run, and both have one next run.
    await bench.board.publish(HOME, [{ stage: 'model.detect', input: { sha256: A, length: 7 } }])
    await work(1, 'model.detect', () => ({ found: 2 }))

    expect(await bench.board.rerun(HOME, { stage: 'model.detect' }, 'Ann')).toBe(1) // b knows no length
    const [again] = await bench.board.claim('nas', HOME, ['model.detect'], 9)
    expect(again!.input).toEqual({ sha256: A, length: 7 })
    expect(await bench.board.task(HOME, again!.id)).toMatchObject({ run: 1, made_by: [{ stage: 'clip.probe' }] })
    await bench.board.complete('nas', { id: again!.id, token: again!.token, output: { found: 3 }, files: [] })
    expect(await bench.board.rerun(HOME, { ids: [a!.id] }, 'Ann')).toBe(1)
  })

  test('says so when nothing of what was asked for fits it, or no plugin has it any more', async () => {
    await bench.board.publish(HOME, [detection(A)])
    await work(1, 'model.detect', () => ({ found: 1 }))
    detect = { ...detect!, version: 2, input: Type.Object({ sha256: Type.String(), lens: Type.String() }) }
    await expect(bench.board.rerun(HOME, { stage: 'model.detect' }, 'Ann')).rejects.toMatchObject({ code: 'input/invalid', message: expect.stringMatching(/Nothing was asked for again: .*lens/) })
    detect = null
    await expect(bench.board.rerun(HOME, { stage: 'model.detect' }, 'Ann')).rejects.toMatchObject({ code: 'input/invalid', message: expect.stringContaining('No plugin has a stage model.detect') })
  })
})

test('a whole stage is done again in small batches, others have their turn, and what it finishes meanwhile is not begun anew', async () => {
  const COUNT = 20 * CHUNK + 7
  await bench.board.publish(HOME, Array.from({ length: COUNT }, (_, n) => detection(n.toString(16).padStart(64, '0'))))
  await work(COUNT, 'model.detect', () => ({ found: 1 }))
  await bench.outcomes.acknowledge((await outcomes()).map(({ seq }) => seq))
  const rerun = bench.board.rerun(HOME, { stage: 'model.detect' }, 'Ann')
  let ended = false
  void rerun.then(() => { ended = true })
  let between = 0
  while (!ended) {
    between += (await work(CHUNK, 'model.detect', () => ({ found: 2 }))).length
    await new Promise((turn) => setImmediate(turn))
  }
  expect(await rerun).toBe(COUNT)
  expect(between).toBeGreaterThan(0)
  await work(COUNT, 'model.detect', () => ({ found: 2 }))
  expect((await bench.board.counts(HOME)).find(({ stage }) => stage === 'model.detect')).toMatchObject({ pending: 0, complete: 2 * COUNT })
  expect(new Set((await outcomes()).map(({ message }) => (message['payload'] as { sha256: string }).sha256)).size).toBe(COUNT)
  const events = await audit('task.rerun')
  expect(events.flatMap(({ tasks }) => tasks as string[])).toHaveLength(COUNT)
  expect(events.every(({ by, stages }) => by === 'Ann' && (stages as string[]).join() === 'model.detect')).toBe(true)
  expect(await bench.board.rerun(HOME, { stage: 'model.detect' }, 'Ann')).toBe(COUNT) // once each, though there are two runs of each
})
