import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Claim } from './port.ts'
import { STAGES } from './testing/stages.ts'
import { HOME, inProcess, type Bench } from './testing/bench.ts'

let bench: Bench
beforeEach(async () => { bench = await inProcess() })
afterEach(() => bench.close())

const probe = (clip: string) => ({ stage: 'clip.probe', input: { clip } })
const exchange = (clip: string, id: string) => ({ stage: 'lab.exchange', input: { clip, id } })
const waiter = (node: string, root: string) => ({ node, root, message: { payload: {} } })
const claim = (count: number, ...stages: string[]) => bench.board.claim('nas', HOME, stages, count)
const complete = ({ id, token }: Claim, output: Record<string, unknown> = { length: 1 }) => bench.board.complete('nas', { id, token, output, files: [] })
const clips = (claims: readonly Claim[]) => claims.map(({ input }) => input['clip'])

test('counts follow every change and outlive a restart', async () => {
  await bench.board.publish(HOME, ['a', 'b', 'c', 'd'].map(probe))
  const [a, b] = await claim(3, 'clip.probe')
  await complete(a!)
  await bench.board.fault('nas', b!.id, b!.token, { code: 'clip/empty', message: 'nothing in it' })
  const probeCount = async () => (await bench.board.counts(HOME)).find(({ stage }) => stage === 'clip.probe')
  expect(await probeCount()).toEqual({ stage: 'clip.probe', pending: 1, running: 1, complete: 1, parked: 1, per_hour: 360 }) // of ten seconds at the least
  expect((await bench.board.counts(HOME)).map(({ stage }) => stage)).toEqual(Object.keys(STAGES))
  await bench.restart()
  expect(await probeCount()).toEqual({ stage: 'clip.probe', pending: 2, running: 0, complete: 1, parked: 1, per_hour: 0 })
})

test('tasks are listed newest first, by state and stage, page by page', async () => {
  await bench.board.publish(HOME, ['a', 'b', 'c', 'd', 'e'].map(probe))
  await bench.board.publish(HOME, [{ stage: 'plate.read', input: { clip: 'p' } }])
  const [a, b] = await claim(3, 'clip.probe')
  await complete(a!)
  await complete(b!)
  const list = async (filter: Parameters<typeof bench.board.tasks>[1]) => (await bench.board.tasks(HOME, filter)).map(({ input }) => input['clip'])
  expect(await list({ limit: 9 })).toEqual(['p', 'e', 'd', 'c', 'b', 'a'])
  expect(await list({ limit: 9, state: 'complete' })).toEqual(['b', 'a'])
  expect(await list({ limit: 9, state: 'running' })).toEqual(['c'])
  expect(await list({ limit: 9, state: 'pending', stage: 'clip.probe' })).toEqual(['e', 'd', 'c'])
  const [, second] = await bench.board.tasks(HOME, { limit: 2 })
  expect(await list({ limit: 3, before: second!.id })).toEqual(['d', 'c', 'b'])
})

test('tasks are listed by the node that waited for them, answered or not, also one that was asked for by several', async () => {
  await bench.board.publish(HOME, [['a', 'n1'], ['b', 'n2'], ['c', 'n1'], ['c', 'n2'], ['d', 'n3']].map(([clip, node]) => ({ ...probe(clip!), waiter: waiter(node!, 'r') })))
  await complete((await claim(1, 'clip.probe'))[0]!)
  await bench.restart()
  const list = async (node: string, limit = 9) => (await bench.board.tasks(HOME, { stage: 'clip.probe', node, limit })).map(({ input }) => input['clip'])
  expect([await list('n1'), await list('n2'), await list('n2', 1), await list('n4')]).toEqual([['c', 'a'], ['c', 'b'], ['c'], []])
})

test('progress is shown while the task runs, from its own device only', async () => {
  await bench.board.publish(HOME, [probe('a')])
  const [held] = await claim(1, 'clip.probe')
  bench.board.progress('nas', held!.id, 0.5, 'fixes')
  bench.board.progress('pc', held!.id, 0.9)
  const running = { device: 'nas', since_ms: bench.clock.now_ms, progress: 0.5, what: 'fixes' }
  expect((await bench.board.task(HOME, held!.id))?.running).toEqual(running)
  expect(bench.board.running(HOME)).toEqual([{ task: held!.id, stage: 'clip.probe', ...running }])
  await complete(held!)
  expect((await bench.board.task(HOME, held!.id))?.running).toBeNull()
  expect(bench.board.running(HOME)).toEqual([])
})

test('a task knows which task asked for it, and which it asked for', async () => {
  await bench.board.publish(HOME, [{ ...probe('a'), waiter: waiter('n1', 'event') }])
  const [parent] = await claim(1, 'clip.probe')
  await complete(parent!)
  const [outcome] = await bench.outcomes.outcomes(null, 1, 0)
  const [child] = await bench.board.publish(HOME, [{ stage: 'plate.read', input: { clip: 'a' }, waiter: waiter('n2', outcome!.seq) }])
  expect(await bench.board.task(HOME, child!.id)).toMatchObject({ made_by: [{ id: parent!.id, stage: 'clip.probe', state: 'complete' }], made: [] })
  expect(await bench.board.task(HOME, parent!.id)).toMatchObject({ made_by: [], made: [{ id: child!.id, stage: 'plate.read', state: 'pending' }] })
  await bench.board.cancel(HOME, { ids: [child!.id] }, 'Ann')
  expect(await bench.board.task(HOME, parent!.id)).toMatchObject({ made: [] })
})

test('a cancelled task is gone with all that is staged for it; asked for again it is new', async () => {
  await bench.board.publish(HOME, [{ ...probe('a'), waiter: waiter('n1', 'r1') }, probe('b')])
  const [held] = await claim(1, 'clip.probe')
  await bench.folder.stage(held!.id, held!.token, 'half.jpg', 'half')
  expect(await bench.board.cancel(HOME, { ids: [held!.id, 'unknown'] }, 'Ann')).toBe(1)
  expect(await bench.board.renew('nas', [held!])).toEqual([])
  expect(await bench.folder.staged()).toEqual([])
  await expect(complete(held!)).rejects.toMatchObject({ code: 'task/unknown' })
  expect(await bench.board.fault('nas', held!.id, held!.token, { code: 'tool/failed', message: 'killed' })).toBe('stale')
  expect(await bench.events.list(HOME, { limit: 9 })).toMatchObject([{ type: 'task.cancelled', payload: { by: 'Ann', task: held!.id, stage: 'clip.probe', input: { clip: 'a' } } }])

  await bench.board.publish(HOME, [{ ...probe('a'), waiter: waiter('n1', 'r1') }])
  const both = await claim(9, 'clip.probe')
  expect(clips(both)).toEqual(['b', 'a'])
  await complete(both[1]!)
  expect(await bench.outcomes.outcomes(null, 9, 0)).toHaveLength(1)
  expect(await bench.board.cancel(HOME, { ids: [both[1]!.id] }, 'Ann')).toBe(0)
})

test('a task that was cancelled while it waited for its time is offered at once when it is asked for again', async () => {
  await bench.board.publish(HOME, [probe('a')])
  const [held] = await claim(1, 'clip.probe')
  await bench.board.fault('nas', held!.id, held!.token, { code: 'tool/failed', message: 'no' })
  await claim(1, 'clip.probe')
  await bench.board.cancel(HOME, { ids: [held!.id] }, 'Ann')
  await bench.board.publish(HOME, [probe('a')])
  expect(clips(await claim(1, 'clip.probe'))).toEqual(['a'])
})

describe('an exclusive resource', () => {
  test('is held by one task at a time', async () => {
    await bench.board.publish(HOME, [exchange('a', 'X'), exchange('b', 'X'), exchange('c', 'Y'), exchange('d', 'X')])
    const first = await claim(9, 'lab.exchange')
    expect(clips(first)).toEqual(['a', 'c'])
    expect(clips(await claim(9, 'lab.exchange'))).toEqual([])
    await complete(first[0]!, {})
    const second = await claim(9, 'lab.exchange')
    expect(clips(second)).toEqual(['b'])
    await bench.board.fault('nas', second[0]!.id, second[0]!.token, { code: 'tool/failed', message: 'no' })
    const third = await claim(9, 'lab.exchange')
    expect(clips(third)).toEqual(['d'])
    await bench.board.release('nas', third[0]!.id, third[0]!.token)
    bench.clock.now_ms += 31_000
    await bench.board.sweep()
    expect(clips(await claim(9, 'lab.exchange'))).toEqual(['b', 'c']) // c's holder fell silent
  })

  test('is not given away after a restart until its holder had the time to speak', async () => {
    await bench.board.publish(HOME, [exchange('a', 'X'), exchange('b', 'X')])
    const [held] = await claim(1, 'lab.exchange')
    await bench.restart()
    expect(await claim(9, 'lab.exchange')).toEqual([])
    expect(await bench.board.renew('nas', [held!])).toEqual([held!.token])
    bench.clock.now_ms += 29_999
    expect(await claim(9, 'lab.exchange')).toEqual([])
    await bench.board.renew('nas', [held!])
    bench.clock.now_ms += 1
    expect(await claim(9, 'lab.exchange')).toEqual([])
    await complete(held!, {})
    expect(clips(await claim(9, 'lab.exchange'))).toEqual(['b'])
  })
})

describe('a volume that goes away', () => {
  test('after the answer was taken holds the outcome back until it is there again', async () => {
    await bench.board.publish(HOME, [{ stage: 'clip.thumb', input: { clip: 'a', length: 1 }, waiter: waiter('n1', 'r1') }])
    const [held] = await claim(1, 'clip.thumb')
    const picture = await bench.folder.stage(held!.id, held!.token, 'a.jpg', 'bytes')
    const { verify } = bench.folder
    bench.folder.verify = async (...args) => {
      await verify(...args)
      bench.folder.away = true
    }
    expect(await bench.board.complete('nas', { id: held!.id, token: held!.token, output: { picture }, files: [picture] })).toBe('complete')
    await bench.board.publish(HOME, [{ stage: 'clip.thumb', input: { clip: 'a', length: 1 }, waiter: waiter('n2', 'r1') }, { stage: 'clip.thumb', input: { clip: 'a', length: 1 }, waiter: waiter('n3', 'r1') }])
    await bench.board.publish(HOME, [{ stage: 'clip.thumb', input: { clip: 'a', length: 1 }, waiter: waiter('n2', 'r1') }])
    expect(bench.troubles).toMatchObject([{ code: 'media/unmounted' }])
    expect(bench.board.unplaced()).toBe(1)
    await bench.restart()
    expect([bench.outcomes.unrouted(), bench.outcomes.projections.waiting(), bench.board.unplaced()]).toEqual([0, 0, 1])
    expect(await bench.board.complete('nas', { id: held!.id, token: held!.token, output: { picture }, files: [picture] })).toBe('already')

    bench.folder.away = false
    bench.clock.now_ms += 60_000
    await bench.board.sweep()
    expect(await bench.folder.files()).toEqual({ 'a.jpg': 'bytes' })
    expect((await bench.outcomes.outcomes(null, 9, 0)).map(({ node }) => node)).toEqual(['n1', 'n2', 'n3'])
    expect(await bench.outcomes.projections.pending(9)).toHaveLength(1)
    expect(bench.board.unplaced()).toBe(0)
  })

  test('keeps what the winner staged, though the winner asks again', async () => {
    await bench.board.publish(HOME, [{ stage: 'clip.thumb', input: { clip: 'a', length: 1 } }])
    const [held] = await claim(1, 'clip.thumb')
    const picture = await bench.folder.stage(held!.id, held!.token, 'a.jpg', 'bytes')
    const { place } = bench.folder
    bench.folder.place = () => Promise.reject(new Error('read-only for a moment'))
    const again = () => bench.board.complete('nas', { id: held!.id, token: held!.token, output: { picture }, files: [picture] })
    expect([await again(), await again()]).toEqual(['complete', 'already'])
    bench.folder.place = place
    bench.clock.now_ms += 60_000
    await bench.board.sweep()
    expect(await bench.folder.files()).toEqual({ 'a.jpg': 'bytes' })
    expect(await bench.folder.staged()).toEqual([])
  })

  test('costs nobody who lets go of a task the task', async () => {
    await bench.board.publish(HOME, [probe('a')])
    const [held] = await claim(1, 'clip.probe')
    bench.folder.away = true
    await bench.board.release('nas', held!.id, held!.token)
    expect(clips(await claim(1, 'clip.probe'))).toEqual(['a'])
    expect(bench.troubles).toMatchObject([{ code: 'media/unmounted' }])
  })
})

test('devices are told of work that is new, let go of, or due', async () => {
  await bench.board.publish(HOME, [probe('a'), probe('b'), { stage: 'plate.read', input: { clip: 'a' } }])
  await bench.board.publish(HOME, [probe('a')])
  const [a, b] = await claim(2, 'clip.probe')
  await bench.board.release('nas', a!.id, a!.token)
  await bench.board.fault('nas', b!.id, b!.token, { code: 'tool/failed', message: 'no' })
  await bench.board.sweep()
  bench.clock.now_ms += 5_000
  await bench.board.sweep()
  expect(bench.work).toEqual([['clip.probe', 'plate.read'], ['clip.probe'], ['clip.probe']])
})

test('events are listed from a cursor or from the end, all or of one type', async () => {
  for (const n of [1, 2, 3]) {
    await bench.events.emit(HOME, 'folder.arrived', `a${n}`, { n })
    await bench.events.emit(HOME, 'folder.refused', `r${n}`, { n: -n })
  }
  const list = async (filter: Parameters<typeof bench.events.list>[1]) => (await bench.events.list(HOME, filter)).map(({ payload }) => payload['n'])
  expect(await list({ limit: 4 })).toEqual([2, -2, 3, -3])
  expect(await list({ type: 'folder.arrived', limit: 2 })).toEqual([2, 3])
  const [first] = await bench.events.list(HOME, { type: 'folder.arrived', limit: 9 })
  expect(await list({ after: first!.seq, limit: 2 })).toEqual([-1, 2])
  expect(await list({ type: 'folder.refused', after: first!.seq, limit: 2 })).toEqual([-1, -2])
})

test('on a full disk nothing is promised, nothing is half done, and with room all goes on', async () => {
  const full = { name: 'Fault', code: 'media/full' }
  await bench.board.publish(HOME, [{ ...probe('a'), waiter: waiter('n1', 'r1') }, probe('b'), probe('c'), { stage: 'clip.thumb', input: { clip: 'a', length: 1 } }])
  const [a, b, c] = await claim(3, 'clip.probe')
  const [thumb] = await claim(1, 'clip.thumb')
  const picture = await bench.folder.stage(thumb!.id, thumb!.token, 'a.jpg', 'bytes')
  const before = await bench.board.counts(HOME)

  bench.disk.full = true
  await expect(bench.board.publish(HOME, [probe('d')])).rejects.toMatchObject(full)
  await expect(complete(a!)).rejects.toMatchObject(full)
  await expect(bench.board.complete('nas', { id: thumb!.id, token: thumb!.token, output: { picture }, files: [picture] })).rejects.toMatchObject(full)
  await expect(bench.board.fault('nas', b!.id, b!.token, { code: 'tool/failed', message: 'no' })).rejects.toMatchObject(full)
  await expect(bench.events.emit(HOME, 'folder.arrived', 'k', {})).rejects.toMatchObject(full)
  expect(await bench.board.counts(HOME)).toEqual(before)
  expect([bench.outcomes.unrouted(), bench.outcomes.projections.waiting()]).toEqual([0, 0])
  expect(await bench.folder.files()).toEqual({})
  bench.clock.now_ms += 59_000
  expect(await bench.board.renew('nas', [a!, b!, thumb!])).toHaveLength(3)
  bench.clock.now_ms += 2_000
  await expect(bench.board.sweep()).rejects.toMatchObject(full) // c's holder fell silent

  bench.disk.full = false
  await bench.board.sweep()
  expect(clips(await claim(9, 'clip.probe'))).toEqual(['c'])
  expect(await bench.board.task(HOME, c!.id)).toMatchObject({ interruptions: 1 })
  expect(await bench.board.fault('nas', b!.id, b!.token, { code: 'tool/failed', message: 'no' })).toBe('counted')
  expect(await complete(a!)).toBe('complete')
  expect(await bench.board.complete('nas', { id: thumb!.id, token: thumb!.token, output: { picture }, files: [picture] })).toBe('complete')
  await bench.events.emit(HOME, 'folder.arrived', 'k', {})
  expect([bench.outcomes.unrouted(), bench.outcomes.projections.waiting()]).toEqual([2, 2])

  const [first, second] = await bench.outcomes.outcomes(null, 9, 0)
  bench.disk.full = true
  await expect(bench.outcomes.acknowledge([first!.seq])).rejects.toMatchObject(full)
  expect(bench.outcomes.unrouted()).toBe(2)
  bench.disk.full = false
  await bench.outcomes.acknowledge([first!.seq])
  expect(await bench.outcomes.outcomes(null, 9, 0)).toEqual([second])
})

test('records that cannot be made fail their task, where a person sees it', async () => {
  await bench.close()
  bench = await inProcess({ stages: (name) => ({ ...STAGES['clip.probe']!, records: () => { throw new TypeError(`${name} is wrong`) } }) })
  await bench.board.publish(HOME, [probe('a')])
  const [held] = await claim(1, 'clip.probe')
  await expect(complete(held!)).rejects.toMatchObject({ name: 'Fault', code: 'stage/failed', message: expect.stringContaining('clip.probe is wrong') })
})

test('nobody claims a task whose answer is being looked at, though its lease was lost', async () => {
  await bench.board.publish(HOME, [{ stage: 'clip.thumb', input: { clip: 'a', length: 1 } }])
  const [held] = await claim(1, 'clip.thumb')
  const picture = await bench.folder.stage(held!.id, held!.token, 'a.jpg', 'bytes')
  await bench.restart()
  const { verify } = bench.folder
  let claimed: readonly Claim[] = []
  bench.folder.verify = async (...args) => {
    claimed = await claim(9, 'clip.thumb')
    await verify(...args)
  }
  expect(await bench.board.complete('nas', { id: held!.id, token: held!.token, output: { picture }, files: [picture] })).toBe('complete')
  expect(claimed).toEqual([])
})

test('nothing of a task stays in the index of pending ones when it is no longer pending', async () => {
  await bench.board.publish(HOME, ['a', 'b', 'c'].map(probe))
  const [a, b, c] = await claim(3, 'clip.probe')
  await complete(a!)
  await bench.board.fault('nas', b!.id, b!.token, { code: 'clip/empty', message: 'nothing in it' })
  await bench.board.cancel(HOME, { ids: [c!.id] }, 'Ann')
  expect(await bench.log.range({ gte: 'p!', lt: 'p!~' })).toEqual([])
})
