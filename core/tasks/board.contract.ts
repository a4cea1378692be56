/** What every board keeps to, whichever way it is reached. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ELSEWHERE, HOME, type Bench } from './testing/bench.ts'
import type { Claim, Publication, Waiter } from './port.ts'

const SECOND_MS = 1_000
const HASH_A = 'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb' // SHA-256 of 'a'

export function boardContract(how: string, open: () => Promise<Bench>): void {
  describe(`board ${how}`, () => {
    let bench: Bench
    beforeEach(async () => { bench = await open() })
    afterEach(() => bench.close())

    const waiter = (node: string, root?: string, part?: number): Waiter => ({ node, message: { topic: 'x', payload: { clip: 'a', kept: true, length: 0 } }, ...(root === undefined ? {} : { root }), ...(part === undefined ? {} : { part }) })
    const probe = (clip: string, more: Partial<Publication> = {}): Publication => ({ stage: 'clip.probe', input: { clip }, ...more })
    const publish = (...publications: Publication[]) => bench.flow().publish(HOME, publications)
    const claim = async (device: string, ...stages: string[]): Promise<Claim> => {
      const [first] = await bench.device(device).claim(device, HOME, stages.length > 0 ? stages : ['clip.probe'], 1)
      if (first === undefined) throw new Error('nothing to claim')
      return first
    }
    const nothing = async (...stages: string[]) => expect(await bench.device('nas').claim('nas', HOME, stages.length > 0 ? stages : ['clip.probe'], 9)).toEqual([])
    const complete = (device: string, { id, token }: Claim, output: Record<string, unknown> = { length: 7 }) => bench.device(device).complete(device, { id, token, output, files: [] })
    const unrouted = () => bench.flow().outcomes(null, 100, 0)
    const payloads = async () => (await unrouted()).map(({ node, message }) => [node, message['payload']])

    test('work travels: the outcome is the waiting message with the output over its payload, less what is for the records', async () => {
      const [published] = await publish(probe('a', { waiter: waiter('n1', 'r1') }))
      expect(published).toMatchObject({ state: 'pending', created: true })

      const claimed = await claim('nas')
      expect(claimed).toEqual({ id: published!.id, stage: 'clip.probe', input: { clip: 'a' }, options: {}, attempt: 1, token: expect.stringMatching(/^[0-9a-f]{32}$/), lease_s: 60, scope: { org: 'home', site: 'home' } })
      expect(await complete('nas', claimed, { length: 7, secret: 'fixes' })).toBe('complete')

      expect(await unrouted()).toEqual([{
        seq: expect.any(String), kind: 'outcome', node: 'n1', type: 'clip.probe', task: published!.id, scope: { org: 'home', site: 'home' },
        message: { topic: 'x', payload: { clip: 'a', kept: true, length: 7 } },
      }])
      expect(await bench.outcomes.projections.pending(10)).toEqual([{ seq: expect.any(String), org: 'home', site: 'home', docs: [{ _id: 'asset:a', kind: 'asset', length: 7 }] }])
      await nothing()
    })

    test('only declared fields and options name the work', async () => {
      const [a] = await publish(probe('a'))
      const [same] = await publish({ stage: 'clip.probe', input: { undeclared: 1, clip: 'a' } })
      const [declared, read, smaller, unsaid] = await publish(
        { stage: 'clip.probe', input: { clip: 'a', camera: 'front' } },
        { stage: 'plate.read', input: { clip: 'a' }, options: { size_px: 640, else: 1 } }, { stage: 'plate.read', input: { clip: 'a' }, options: { size_px: 320 } }, { stage: 'plate.read', input: { clip: 'a' } },
      )
      expect(same).toEqual({ id: a!.id, state: 'pending', created: false })
      expect(new Set([a!.id, declared!.id, read!.id, smaller!.id]).size).toBe(4)
      expect(unsaid).toEqual({ id: read!.id, state: 'pending', created: false })
      expect((await claim('nas', 'plate.read')).options).toEqual({ size_px: 640 })
    })

    test('a stage that was killed from outside was interrupted: it costs no attempt and is offered at once', async () => {
      await publish(probe('a'))
      const first = await claim('nas')
      expect(await bench.device('nas').fault('nas', first.id, first.token, { code: 'stage/killed', message: 'gone' })).toBe('counted')
      expect(await claim('nas')).toMatchObject({ id: first.id, attempt: 1 })
      expect(await bench.board.task(HOME, first.id)).toMatchObject({ interruptions: 1, interrupted: [{ device: 'nas', at_ms: bench.clock.now_ms, why: 'gone' }] })
    })

    test('one publication that does not fit, and none is published', async () => {
      await expect(publish(probe('a'), { stage: 'clip.probe', input: { clip: 7 } })).rejects.toMatchObject({ name: 'Fault', code: 'input/invalid', message: expect.stringContaining('/clip') })
      await expect(publish(probe('a'), { stage: 'clip.sing', input: {} })).rejects.toMatchObject({ code: 'stage/unknown' })
      await expect(publish(probe('a'), { stage: 'plate.read', input: { clip: 'a' }, options: { size_px: 1 } })).rejects.toMatchObject({ code: 'input/invalid' })
      await nothing()
    })

    test('two nodes that wait for the same work each get it; the same node of the same root once, a part of its own apart', async () => {
      await publish(probe('a', { waiter: waiter('n1', 'r1') }), probe('a', { waiter: waiter('n2', 'r1') }), probe('a', { waiter: waiter('n1', 'r1') }))
      await publish(probe('a', { waiter: waiter('n1', 'r1') }), probe('a', { waiter: waiter('n1', 'r2') }), probe('a', { waiter: waiter('n1', 'r1', 1) }))
      await complete('nas', await claim('nas'))
      expect((await unrouted()).map(({ node }) => node).sort()).toEqual(['n1', 'n1', 'n1', 'n2'])
    })

    test('work that is complete answers at once, and once, also after the answer was acknowledged', async () => {
      await publish(probe('a'))
      await complete('nas', await claim('nas'))
      const [late] = await publish(probe('a', { waiter: waiter('n1', 'r1') }), probe('a', { waiter: waiter('n1', 'r1') }))
      expect(late).toMatchObject({ state: 'complete', created: false })
      expect(await payloads()).toEqual([['n1', { clip: 'a', kept: true, length: 7 }]])

      await publish(probe('a', { waiter: waiter('n1', 'r1') }))
      expect(await payloads()).toHaveLength(1)
      await bench.flow().acknowledge((await unrouted()).map(({ seq }) => seq))
      await publish(probe('a', { waiter: waiter('n1', 'r1') }))
      await bench.restart()
      await publish(probe('a', { waiter: waiter('n1', 'r1') }))
      expect(await payloads()).toEqual([])
    })

    test('a message without a root is one of its own each time', async () => {
      await publish(probe('a', { waiter: waiter('inject') }))
      await complete('nas', await claim('nas'))
      await publish(probe('a', { waiter: waiter('inject') }))
      expect(await payloads()).toHaveLength(2)
    })

    test('of a stage that acts for each message, every message is work of its own; the same one sent again is the same', async () => {
      const wait = (root: string | undefined, n: number): Publication => ({ stage: 'flow.wait', input: {}, waiter: { node: 'n1', message: { payload: { n } }, ...(root === undefined ? {} : { root }) } })
      const [a, b, other, again, by_hand] = await publish(wait('r1', 1), wait('r2', 1), wait('r1', 2), wait('r1', 1), wait(undefined, 1))
      expect(new Set([a!.id, b!.id, other!.id, by_hand!.id]).size).toBe(4)
      expect(again).toEqual({ id: a!.id, state: 'pending', created: false })
      expect((await publish(wait(undefined, 1)))[0]!.created).toBe(true)
    })

    describe('what was split', () => {
      const member = (index: number, more: Partial<Waiter> = {}): Publication => ({ stage: 'flow.join', input: { of: 's1', count: 3 }, waiter: { node: 'join', root: `r${index}`, member: index, message: { topic: 't', payload: { drive: 'd', n: index } }, ...more } })
      const joined = { drive: 'd', gathered: 3, items: [{ drive: 'd', n: 0 }, { drive: 'd', n: 1 }, { drive: 'd', n: 2 }] }

      test('goes on once, in its order, when all are there, whatever restarts meanwhile', async () => {
        await publish(member(2))
        await bench.restart()
        await publish(member(0), member(0))
        expect(await unrouted()).toEqual([])
        await bench.restart()
        expect((await publish(member(1)))[0]!.state).toBe('complete')
        expect(await payloads()).toEqual([['join', joined]])
        await publish(member(1), member(2, { root: 'later' }))
        await bench.restart()
        await publish(member(1))
        expect(await payloads()).toEqual([['join', joined]])
        await nothing('flow.join')
      })

      test('all in one batch, or one that comes twice by two roots, is one', async () => {
        await publish(member(0), member(0, { root: 'another' }), member(1))
        expect(await unrouted()).toEqual([])
        await publish(member(2))
        await publish(...[0, 1, 2].map((index) => ({ ...member(index), input: { of: 's2', count: 3 } })))
        expect(await payloads()).toEqual([['join', joined], ['join', joined]])
      })

      test('goes on with what is there when whoever keeps it says so; what comes later is late', async () => {
        await publish(member(0), member(2))
        await complete('nas', await claim('nas', 'flow.join'), {})
        await publish(member(1))
        expect(await payloads()).toEqual([['join', { ...joined, gathered: 2, items: [{ drive: 'd', n: 0 }, { drive: 'd', n: 2 }] }]])
      })

      test('waits in one task, however the node is set meanwhile; whoever keeps it is told how it is set last', async () => {
        await publish(member(0))
        const first = await claim('nas', 'flow.join')
        await publish({ ...member(1), options: { most_s: 60 } })
        const second = await claim('nas', 'flow.join')
        expect([first, second].map(({ id, options }) => [id, options])).toEqual([[first.id, { most_s: 0 }], [first.id, { most_s: 60 }]])
        expect(await bench.device('nas').complete('nas', { id: first.id, token: first.token, output: {}, files: [] })).toBe('already')
        await bench.restart()
        await publish({ ...member(2), options: { most_s: 60 } })
        expect(await payloads()).toEqual([['join', joined]])
      })

      test('what was not split is refused by its reason', async () => {
        await expect(publish({ stage: 'flow.join', input: { of: 's', count: 2 }, waiter: waiter('join', 'r1') })).rejects.toMatchObject({ code: 'input/invalid', message: 'flow.join gathers what was split, and this message was not.' })
      })
    })

    test('the oldest goes first, over all stages that were asked for; priority counts for ten minutes a step', async () => {
      await publish(probe('old'))
      bench.clock.now_ms += SECOND_MS
      await publish({ stage: 'plate.read', input: { clip: 'newer' } })
      bench.clock.now_ms += SECOND_MS
      await publish(probe('newest'), probe('urgent', { priority: 4 }), probe('idle', { priority: 7 }))
      bench.clock.now_ms += 3_000 * SECOND_MS
      await publish(probe('late'))

      const claims = await bench.device('nas').claim('nas', HOME, ['plate.read', 'clip.probe'], 10)
      expect(claims.map(({ input }) => input['clip'])).toEqual(['urgent', 'old', 'newer', 'newest', 'idle', 'late'])
    })

    test('back-fill goes behind all that comes within a week, and has its turn at last', async () => {
      const DAY_MS = 86_400 * SECOND_MS
      await publish(probe('later still', { priority: 9 }), probe('back-fill', { priority: 8 }))
      bench.clock.now_ms += 6 * DAY_MS
      await publish(probe('of the sixth day', { priority: 7 }))
      bench.clock.now_ms += 2 * DAY_MS
      await bench.restart()
      await publish(probe('of the eighth day'))
      const claims = await bench.device('nas').claim('nas', HOME, ['clip.probe'], 10)
      expect(claims.map(({ input }) => input['clip'])).toEqual(['of the sixth day', 'back-fill', 'of the eighth day', 'later still'])
    })

    test('a device gets the stages it asks for, as many as it asks for, and each task once', async () => {
      await publish(probe('a'), probe('b'), probe('c'), { stage: 'plate.read', input: { clip: 'a' } })
      const two = await bench.device('nas').claim('nas', HOME, ['clip.probe'], 2)
      const rest = await Promise.all(['pc', 'mac'].map((device) => bench.device(device).claim(device, HOME, ['clip.probe', 'no.such'], 2)))
      expect([...two, ...rest.flat()].map(({ input }) => input['clip']).sort()).toEqual(['a', 'b', 'c'])
    })

    test('a device that died loses the task; its late answer is refused and the other one counts', async () => {
      await publish(probe('a', { waiter: waiter('n1', 'r1') }))
      const first = await claim('nas')
      await nothing()
      bench.clock.now_ms += 61 * SECOND_MS
      await bench.board.sweep()
      const second = await claim('pc')

      expect(second).toMatchObject({ id: first.id, attempt: 1 })
      expect(await bench.device('nas').renew('nas', [first])).toEqual([])
      expect(await complete('nas', first, { length: 1 })).toBe('already')
      expect(await complete('pc', second, { length: 2 })).toBe('complete')
      expect(await complete('nas', first, { length: 1 })).toBe('already')
      expect(await payloads()).toEqual([['n1', { clip: 'a', kept: true, length: 2 }]])
      expect(await bench.board.task(HOME, first.id)).toMatchObject({
        device: 'pc', interruptions: 1, attempts: 0, output: { length: 2 }, interrupted: [{ device: 'nas', at_ms: bench.clock.now_ms, why: 'said nothing for 60 s' }],
      })
    })

    test('who renews keeps the task; who fell silent and speaks before anybody else has it again', async () => {
      await publish(probe('a'), probe('b'))
      const [a, b] = await bench.device('nas').claim('nas', HOME, ['clip.probe'], 2)
      bench.clock.now_ms += 40 * SECOND_MS
      expect(await bench.device('nas').renew('nas', [a!])).toEqual([a!.token])
      bench.clock.now_ms += 40 * SECOND_MS
      await bench.board.sweep()
      expect(await bench.device('nas').renew('nas', [a!, b!])).toEqual([a!.token, b!.token])
      await nothing()
      expect(await complete('nas', b!)).toBe('complete')
    })

    test('a restart frees what is pending; whoever was at it may go on and complete', async () => {
      await publish(probe('a', { waiter: waiter('n1', 'r1') }), probe('b'), probe('c'))
      const held = await bench.device('nas').claim('nas', HOME, ['clip.probe'], 3)
      await bench.restart()
      const [a, b, c] = ['a', 'b', 'c'].map((clip) => held.find(({ input }) => input['clip'] === clip)!)
      expect(await bench.device('nas').renew('nas', [b!])).toEqual([b!.token])
      expect(await complete('nas', a!)).toBe('complete')
      expect((await claim('pc')).id).toBe(c!.id)
      expect(await complete('nas', c!)).toBe('already')
      await nothing()
      expect(await payloads()).toHaveLength(1)
      expect(await bench.board.task(HOME, a!.id)).toMatchObject({ interruptions: 0 })
    })

    test('a fault waits 5, 10, 20 and 40 seconds; the fifth parks; a person has it tried again', async () => {
      const [published] = await publish(probe('a'))
      for (const [nth, wait_s] of [5, 10, 20, 40].entries()) {
        const held = await claim('nas')
        expect(held.attempt).toBe(nth + 1)
        expect(await bench.device('nas').fault('nas', held.id, held.token, { code: 'tool/failed', message: `no ${nth}` })).toBe('counted')
        bench.clock.now_ms += wait_s * SECOND_MS - 1
        await nothing()
        bench.clock.now_ms += 1
      }
      const last = await claim('nas')
      await bench.device('nas').fault('nas', last.id, last.token, { code: 'tool/failed', message: 'no 4', log: 'ffmpeg: what?' })
      bench.clock.now_ms += 86_400 * SECOND_MS
      await nothing()
      const parked = await bench.board.task(HOME, published!.id)
      expect(parked).toMatchObject({ state: 'parked', attempts: 5 })
      expect(parked!.faults.map(({ message }) => message)).toEqual(['no 0', 'no 1', 'no 2', 'no 3', 'no 4'])
      expect(parked!.faults[4]).toMatchObject({ code: 'tool/failed', device: 'nas', log: 'ffmpeg: what?' })

      expect(await bench.board.retry(HOME, { ids: [published!.id, published!.id, 'unknown'] }, 'Ann')).toBe(1)
      expect(await complete('nas', await claim('nas'))).toBe('complete')
    })

    test('what is run again goes the way of the first time, behind fresh work, and its records come last', async () => {
      await publish(probe('a', { waiter: waiter('n1', 'r1') }), probe('a', { waiter: waiter('n2', 'r1') }), probe('a', { waiter: waiter('n1', 'r2') }))
      const first = await claim('nas')
      await complete('nas', first, { length: 7 })
      await bench.flow().acknowledge((await unrouted()).map(({ seq }) => seq))
      expect(await bench.board.rerun(HOME, { ids: [first.id, first.id, 'unknown'] }, 'Ann')).toBe(1)
      expect(await bench.board.rerun(HOME, { stage: 'clip.probe' }, 'Ann')).toBe(0) // it is pending
      await bench.restart()
      bench.clock.now_ms += SECOND_MS
      await publish(probe('fresh'))

      const [fresh, again] = await bench.device('nas').claim('nas', HOME, ['clip.probe'], 9)
      expect([fresh!.input, again]).toEqual([{ clip: 'fresh' }, expect.objectContaining({ input: { clip: 'a' }, attempt: 1 })])
      expect(again!.id).not.toBe(first.id)
      expect(await complete('nas', again!, { length: 8 })).toBe('complete')
      expect((await payloads()).sort()).toEqual([['n1', { clip: 'a', length: 8 }], ['n2', { clip: 'a', length: 8 }]])
      expect((await bench.outcomes.projections.pending(9)).map(({ docs }) => docs[0]!['length'])).toEqual([7, 8])
      expect(await bench.board.task(HOME, again!.id)).toMatchObject({ run: 1, state: 'complete' })
      expect(await bench.board.task(HOME, first.id)).toMatchObject({ run: 0, output: { length: 7 } })
    })

    test('who asks for work that was run again gets what the newest run says, and none of the older ones is a late answer', async () => {
      await publish(probe('a', { waiter: waiter('n1', 'r1') }))
      const first = await claim('nas')
      await complete('nas', first, { length: 7 })
      await bench.board.rerun(HOME, { ids: [first.id] }, 'Ann')
      const again = await claim('nas')
      await publish(probe('a', { waiter: waiter('n1', 'r2') })) // not done yet: what is there
      expect((await payloads()).at(-1)).toEqual(['n1', { clip: 'a', kept: true, length: 7 }])
      await complete('nas', again, { length: 8 })
      expect(await complete('nas', first, { length: 9 })).toBe('already')
      const [same] = await publish(probe('a', { waiter: waiter('n1', 'r3') }), probe('a', { waiter: waiter('n1', 'r1') }))
      expect(same).toEqual({ id: first.id, state: 'complete', created: false })
      expect((await unrouted()).map(({ task, message }) => [task, (message['payload'] as { length: number }).length])).toEqual([[first.id, 7], [first.id, 7], [again.id, 8], [again.id, 8]])
    })

    test('a fault without a second chance parks at once, and who waits is answered when the work is done after all', async () => {
      await publish(probe('a', { waiter: waiter('n1', 'r1') }))
      const held = await claim('nas')
      expect(await bench.device('nas').fault('nas', held.id, held.token, { code: 'output/invalid', message: 'bad' })).toBe('counted')
      expect(await bench.board.task(HOME, held.id)).toMatchObject({ state: 'parked', attempts: 1 })
      expect(await complete('nas', held)).toBe('complete')
      expect(await payloads()).toHaveLength(1)
    })

    test('a fault counts once, and not from somebody who lost the task', async () => {
      await publish(probe('a'))
      const first = await claim('nas')
      bench.clock.now_ms += 61 * SECOND_MS
      await bench.board.sweep()
      const second = await claim('pc')
      const report = { code: 'tool/failed', message: 'no' } as const
      expect(await bench.device('nas').fault('nas', first.id, first.token, report)).toBe('stale')
      expect(await bench.device('pc').fault('pc', second.id, second.token, report)).toBe('counted')
      expect(await bench.device('pc').fault('pc', second.id, second.token, report)).toBe('stale')
      expect(await bench.device('pc').renew('pc', [second])).toEqual([])
      expect(await bench.board.task(HOME, first.id)).toMatchObject({ attempts: 1 })
    })

    test('who lets go of a task costs it nothing', async () => {
      await publish(probe('a'))
      const held = await claim('nas')
      await bench.folder.stage(held.id, held.token, 'half.jpg', 'half')
      await bench.device('pc').release('pc', held.id, 'another token')
      await nothing()
      await bench.device('nas').release('nas', held.id, held.token)
      expect(await bench.folder.staged()).toEqual([])
      expect(await bench.device('nas').renew('nas', [held])).toEqual([]) // sent before, on another connection
      expect(await claim('pc')).toMatchObject({ id: held.id, attempt: 1 })
    })

    test('files take their place with the completion; those of the loser go', async () => {
      await publish({ stage: 'clip.thumb', input: { clip: 'a', length: 7 }, waiter: waiter('n2', 'r1') })
      const lost = await claim('nas', 'clip.thumb')
      bench.clock.now_ms += 61 * SECOND_MS
      await bench.board.sweep()
      const held = await claim('pc', 'clip.thumb')
      const theirs = await bench.folder.stage(lost.id, lost.token, 'thumbs/a.jpg', 'lost')
      const ours = await bench.folder.stage(held.id, held.token, 'thumbs/a.jpg', 'a')
      expect(ours.sha256).toBe(HASH_A)
      expect(await bench.folder.files()).toEqual({})

      expect(await bench.device('pc').complete('pc', { id: held.id, token: held.token, output: { picture: ours }, files: [ours] })).toBe('complete')
      expect(await bench.device('nas').complete('nas', { id: lost.id, token: lost.token, output: { picture: theirs }, files: [theirs] })).toBe('already')
      expect(await bench.folder.files()).toEqual({ 'thumbs/a.jpg': 'a' })
      expect(await bench.folder.staged()).toEqual([])
      expect(await payloads()).toEqual([['n2', { clip: 'a', kept: true, length: 0, picture: ours }]])
    })

    test('what somebody writes for a task that is complete, and never answers, goes within a minute; what is written for an open one stays', async () => {
      await publish({ stage: 'clip.thumb', input: { clip: 'a', length: 7 } }, { stage: 'clip.thumb', input: { clip: 'b', length: 7 } })
      const lost = await claim('nas', 'clip.thumb')
      const open = await claim('pc', 'clip.thumb')
      bench.clock.now_ms += 61 * SECOND_MS
      await bench.device('pc').renew('pc', [open])
      await bench.board.sweep()
      const held = await claim('shed', 'clip.thumb')
      expect(held.id).toBe(lost.id)
      const ours = await bench.folder.stage(held.id, held.token, 'thumbs/a.jpg', 'a')
      expect(await bench.device('shed').complete('shed', { id: held.id, token: held.token, output: { picture: ours }, files: [ours] })).toBe('complete')

      await bench.folder.stage(lost.id, lost.token, 'thumbs/a.jpg', 'late')
      await bench.folder.stage(open.id, open.token, 'thumbs/b.jpg', 'half')
      await bench.folder.stage('nobody', 'nothing', 'of/a/task.jpg', 'that was cancelled')
      bench.clock.now_ms += 61 * SECOND_MS
      await bench.device('pc').renew('pc', [open])
      await bench.board.sweep()
      expect((await bench.folder.staged()).map((path) => path.split('/').slice(-2).join('/'))).toEqual(['thumbs/b.jpg'])
      expect(await bench.folder.files()).toEqual({ 'thumbs/a.jpg': 'a' })
    })

    test('what is staged elsewhere is cleared away for tasks that are over, not for one whose files wait for their place', async () => {
      await publish({ stage: 'clip.thumb', input: { clip: 'a', length: 7 } }, { stage: 'clip.thumb', input: { clip: 'b', length: 7 } })
      const [held, open] = [await claim('nas', 'clip.thumb'), await claim('pc', 'clip.thumb')]
      const ours = await bench.folder.stage(held.id, held.token, 'thumbs/a.jpg', 'a')
      const { verify } = bench.folder
      bench.folder.verify = async (...of) => { // and then it is gone
        await verify(...of)
        bench.folder.away = true
      }
      expect(await bench.device('nas').complete('nas', { id: held.id, token: held.token, output: { picture: ours }, files: [ours] })).toBe('complete')
      bench.folder.verify = verify
      const cleared: string[] = []
      const all = async () => {
        for (const id of [held.id, open.id, 'nobody']) await bench.board.whenOver(id, async () => void cleared.push(id))
        return cleared.splice(0)
      }
      expect([bench.board.unplaced(), await all()]).toEqual([1, ['nobody']])
      bench.folder.away = false
      bench.clock.now_ms += 16 * SECOND_MS
      await bench.board.sweep()
      expect([bench.board.unplaced(), await all()]).toEqual([0, [held.id, 'nobody']])
      bench.troubles.length = 0
    })

    test('other bytes at the place refuse the answer and change nothing', async () => {
      await publish(...['a', 'b'].map((clip) => ({ stage: 'clip.thumb', input: { clip, length: 7 } })))
      const [a, b] = await bench.device('nas').claim('nas', HOME, ['clip.thumb'], 2)
      const one = await bench.folder.stage(a!.id, a!.token, 'same.jpg', 'one')
      const other = await bench.folder.stage(b!.id, b!.token, 'same.jpg', 'other')
      const answers = await Promise.allSettled([
        bench.device('nas').complete('nas', { id: a!.id, token: a!.token, output: { picture: one }, files: [one] }),
        bench.device('nas').complete('nas', { id: b!.id, token: b!.token, output: { picture: other }, files: [other] }),
      ])
      expect(answers.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
      expect(answers.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { name: 'Fault', code: 'media/conflict' } })
      expect(Object.keys(await bench.folder.files())).toEqual(['same.jpg'])
      expect(await bench.outcomes.projections.pending(10)).toHaveLength(1)
    })

    test('what cannot be an answer is refused with its reason', async () => {
      await publish(probe('a'))
      const held = await claim('nas')
      await expect(complete('nas', held, { length: 'long' })).rejects.toMatchObject({ code: 'output/invalid', message: expect.stringContaining('/length') })
      await expect(bench.device('nas').complete('nas', { id: 'nobody', token: held.token, output: {}, files: [] })).rejects.toMatchObject({ code: 'task/unknown' })
      const ghost = { volume: 'media', path: 'never.jpg', bytes: 3, sha256: HASH_A }
      await expect(bench.device('nas').complete('nas', { id: held.id, token: held.token, output: { length: 1 }, files: [ghost] })).rejects.toMatchObject({ code: 'media/missing' })
      expect(await bench.board.task(HOME, held.id)).toMatchObject({ state: 'pending' })
    })

    test('an outcome is seen until it is acknowledged, by a cursor in its order', async () => {
      await publish(...['a', 'b', 'c'].map((clip) => probe(clip, { waiter: waiter(clip, 'r1') })))
      for (const held of await bench.device('nas').claim('nas', HOME, ['clip.probe'], 3)) await complete('nas', held)
      const [a, b, c] = await unrouted()
      expect([a, b, c].map((outcome) => outcome?.node)).toEqual(['a', 'b', 'c'])
      expect(await bench.flow().outcomes(a!.seq, 1, 0)).toEqual([b])
      await bench.flow().acknowledge([b!.seq, b!.seq, 'unknown'])
      await bench.flow().acknowledge([b!.seq])
      expect(bench.outcomes.unrouted()).toBe(2)
      await bench.restart()
      expect(bench.outcomes.unrouted()).toBe(2)
      expect(await bench.flow().outcomes(null, 10, 0)).toEqual([a, c])

      await bench.flow().gone([c!.seq, 'unknown'], 'removed by a deploy')
      expect(await unrouted()).toEqual([a])
      expect(await bench.events.list(HOME, { type: 'flow.node-gone', limit: 9 })).toEqual([
        { seq: expect.any(String), type: 'flow.node-gone', at_ms: bench.clock.now_ms, payload: { seq: c!.seq, node: 'c', type: 'clip.probe', task: c!.task, why: 'removed by a deploy' } },
      ])
    })

    test('what nodes could not do on the way of an outcome is kept with its task, and by node until somebody has seen to it; said twice it counts once', async () => {
      await publish(...['a', 'b'].map((clip) => probe(clip, { waiter: { node: clip, message: { payload: { name: `/inbox/${clip}.mp4` } } } })))
      for (const held of await bench.device('nas').claim('nas', HOME, ['clip.probe'], 2)) await complete('nas', held)
      await bench.device('nas').emit(HOME, 'folder.arrived', 'key', { name: 'c.mp4' })
      const [a, b, c] = await unrouted()
      const fault = (seq: string, node: string, words: string) => ({ seq, node, name: node.toUpperCase(), words })
      const at_ms = bench.clock.now_ms
      await bench.flow().acknowledge([a!.seq], [fault(a!.seq, 'fn', 'no plate'), fault('unknown', 'fn', 'nobody')])
      await bench.flow().acknowledge([a!.seq], [fault(a!.seq, 'fn', 'no plate')])
      bench.clock.now_ms += SECOND_MS
      await bench.flow().acknowledge([b!.seq, c!.seq], [fault(b!.seq, 'fn', 'no way'), fault(c!.seq, 'mail', 'no server')])

      const both = [
        { node: 'fn', name: 'FN', words: 'no way', at_ms: at_ms + SECOND_MS, count: 2, first_ms: at_ms, type: 'clip.probe', task: b!.task, subject: 'b.mp4' },
        { node: 'mail', name: 'MAIL', words: 'no server', at_ms: at_ms + SECOND_MS, count: 1, first_ms: at_ms + SECOND_MS, type: 'folder.arrived', task: null, subject: 'c.mp4' },
      ]
      const kept = () => bench.outcomes.faults.list(HOME)
      expect(kept()).toEqual(both)
      await bench.restart()
      expect([kept(), bench.outcomes.faults.list(ELSEWHERE)]).toEqual([both, []])
      await bench.outcomes.dismissFaults(HOME, ['fn', 'unknown'])
      await bench.restart()
      expect(kept()).toEqual(both.slice(1))
      expect(await Promise.all([a, b].map(async (one) => (await bench.board.task(HOME, one!.task!))!.flow_faults))).toEqual([
        [{ node: 'fn', name: 'FN', words: 'no plate', at_ms }], [{ node: 'fn', name: 'FN', words: 'no way', at_ms: at_ms + SECOND_MS }],
      ])
    })

    test('who waits for outcomes is woken by the first', async () => {
      const waiting = bench.flow().outcomes(null, 10, 20_000)
      await bench.device('nas').emit(HOME, 'folder.arrived', 'raw/a.mp4 1 2', { name: 'a.mp4' })
      expect(await waiting).toEqual([{ seq: expect.any(String), kind: 'event', node: null, type: 'folder.arrived', task: null, scope: { org: 'home', site: 'home' }, message: { payload: { name: 'a.mp4' } } }])
      expect(await bench.flow().outcomes((await waiting)[0]!.seq, 10, 1)).toEqual([])
    })

    test('the same key twice is one event, also at once and after a restart', async () => {
      const emit = (name: string) => bench.device('nas').emit(HOME, 'folder.arrived', 'key', { name })
      expect(await bench.device('nas').known(HOME, 'folder.arrived', 'key')).toBe(false)
      await Promise.all([emit('first'), emit('second')])
      await bench.restart()
      await emit('third')
      expect(await bench.device('nas').known(HOME, 'folder.arrived', 'key')).toBe(true)
      expect(await bench.device('nas').known(HOME, 'folder.refused', 'key')).toBe(false)
      expect((await bench.events.list(HOME, { limit: 9 })).map(({ payload }) => payload)).toEqual([{ name: 'first' }])
      expect(await unrouted()).toHaveLength(1)
    })

    test('nobody sees or touches what is not of their org and site', async () => {
      await publish(probe('a'))
      await bench.flow().publish(ELSEWHERE, [probe('a')])
      const [theirs] = await bench.device('yard', ELSEWHERE).claim('yard', ELSEWHERE, ['clip.probe'], 9)
      const ours = await claim('nas')
      expect(theirs!.scope).toEqual({ org: 'other', site: 'yard' })
      expect(theirs!.id).not.toBe(ours.id)
      expect(await bench.device('yard', ELSEWHERE).claim('yard', ELSEWHERE, ['clip.probe'], 9)).toEqual([])
      expect(await bench.board.task(HOME, theirs!.id)).toBeNull()
      expect((await bench.board.tasks(HOME, { limit: 9 })).map(({ id }) => id)).toEqual([ours.id])
      await bench.device('nas').emit(HOME, 'folder.arrived', 'key', {})
      expect(await bench.device('yard', ELSEWHERE).known(ELSEWHERE, 'folder.arrived', 'key')).toBe(false)
      expect(await bench.events.list(ELSEWHERE, { limit: 9 })).toEqual([])
    })
  })
}
