/** Random histories against a model of a few maps: completed work stays, every delivery is answered exactly once. */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { HOME, inProcess, type Bench } from './testing/bench.ts'

type Step =
  | { do: 'publish'; clip: number; node: number; root: number }
  | { do: 'claim'; device: number; count: number }
  | { do: 'renew' | 'complete' | 'fail' | 'fail for good' | 'release'; lease: number }
  | { do: 'pass'; seconds: number }
  | { do: 'acknowledge'; nth: number }
  | { do: 'retry' | 'cancel'; clip: number }
  | { do: 'restart' }

const small = (max: number) => fc.integer({ min: 0, max })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('publish' as const), clip: small(3), node: small(1), root: small(2) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('claim' as const), device: small(1), count: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom('renew' as const, 'complete' as const, 'complete' as const, 'fail' as const, 'fail for good' as const, 'release' as const), lease: small(7) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('pass' as const), seconds: fc.constantFrom(1, 5, 20, 61) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('acknowledge' as const), nth: small(3) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('retry' as const, 'cancel' as const), clip: small(3) }) },
  { weight: 1, arbitrary: fc.constant({ do: 'restart' as const }) },
)

interface ModelTask {
  id: string; state: 'pending' | 'complete' | 'parked'; length: number | null
  attempts: number; interruptions: number; due_ms: number
  holder: string | null; until_ms: number
  failedBy: string | null // token of the last fault
  waiting: Set<string>
}

let bench: Bench
beforeAll(async () => { bench = await inProcess() })
afterAll(() => bench.close())

test('the board does what the model does', async () => {
  let history = 0
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 45 }), async (steps) => {
    const h = history++ // clips of its own, so that one log serves all
    const tasks = new Map<number, ModelTask>()
    const byId = (id: string) => [...tasks].find(([, task]) => task.id === id)!
    const answered = new Set<string>() // deliveries that have, or had, their outcome
    const unrouted = new Map<string, number>() // delivery → length of its task
    const leases: { id: string; token: string; device: string; clip: number }[] = []
    const released = new Set<string>() // tokens that were given back: known until a restart
    let lengths = 0

    const outcomes = async () => (await bench.outcomes.outcomes(null, 1_000, 0)).map(({ seq, node, message }) => ({ seq, key: `${message['clip']} ${node} ${message['root']}`, length: (message['payload'] as { length: number }).length }))
    const letGo = (task: ModelTask) => { task.holder = null }
    const mayAnswer = (task: ModelTask, token: string) => task.state !== 'complete' && (task.holder === null || task.holder === token)

    for (const s of steps) {
      const now_ms = bench.clock.now_ms
      if (s.do === 'publish') {
        const key = `${s.clip} n${s.node} r${s.root}`
        const [published] = await bench.board.publish(HOME, [{ stage: 'clip.probe', input: { clip: `${h}.${s.clip}` }, waiter: { node: `n${s.node}`, root: `${h}.r${s.root}`, message: { clip: s.clip, root: `r${s.root}`, payload: {} } } }])
        const known = tasks.get(s.clip)
        expect(published).toMatchObject({ created: known === undefined, state: known?.state ?? 'pending' })
        const task = known ?? { id: published!.id, state: 'pending', length: null, attempts: 0, interruptions: 0, due_ms: 0, holder: null, until_ms: 0, failedBy: null, waiting: new Set() }
        tasks.set(s.clip, task)
        if (task.state !== 'complete') task.waiting.add(key)
        else if (!answered.has(key)) {
          answered.add(key)
          unrouted.set(key, task.length!)
        }
      }
      if (s.do === 'claim') {
        const free = [...tasks.values()].filter((task) => task.state === 'pending' && task.holder === null && task.due_ms <= now_ms)
        const claims = await bench.board.claim(`d${s.device}`, HOME, ['clip.probe'], s.count)
        expect(claims).toHaveLength(Math.min(s.count, free.length))
        for (const { id, token, attempt } of claims) {
          const [clip, task] = byId(id)
          expect(free).toContain(task)
          expect(attempt).toBe(task.attempts + 1)
          task.holder = token
          task.until_ms = now_ms + 60_000
          leases.push({ id, token, device: `d${s.device}`, clip })
        }
      }
      const lease = 'lease' in s ? leases[s.lease % Math.max(1, leases.length)] : undefined
      if (lease !== undefined && 'lease' in s) {
        const { id, token, device } = lease
        const found = tasks.get(lease.clip)
        const task = found?.id === id ? found : undefined
        if (s.do === 'renew') {
          const holds = task !== undefined && !released.has(token) && task.state === 'pending' && (task.holder === token || (task.holder === null && task.failedBy !== token))
          expect(await bench.board.renew(device, [lease])).toEqual(holds ? [token] : [])
          if (holds) Object.assign(task, { holder: token, until_ms: now_ms + 60_000 })
        }
        if (s.do === 'complete') {
          const length = ++lengths
          const answer = bench.board.complete(device, { id, token, output: { length }, files: [] })
          if (task === undefined) await expect(answer).rejects.toMatchObject({ code: 'task/unknown' })
          else if (!mayAnswer(task, token)) expect(await answer).toBe('already')
          else {
            expect(await answer).toBe('complete')
            Object.assign(task, { state: 'complete', length })
            letGo(task)
            for (const key of task.waiting) {
              answered.add(key)
              unrouted.set(key, length)
            }
            task.waiting.clear()
          }
        }
        if (s.do === 'fail' || s.do === 'fail for good') {
          const counts = task !== undefined && task.state === 'pending' && task.failedBy !== token && mayAnswer(task, token)
          expect(await bench.board.fault(device, id, token, { code: s.do === 'fail' ? 'tool/failed' : 'clip/empty', message: 'no' })).toBe(counts ? 'counted' : 'stale')
          if (counts) {
            task.attempts++
            task.failedBy = token
            letGo(task)
            if (s.do === 'fail for good' || task.attempts === 5) task.state = 'parked'
            else task.due_ms = now_ms + 5_000 * 2 ** (task.attempts - 1)
          }
        }
        if (s.do === 'release') {
          await bench.board.release(device, id, token)
          if (task !== undefined && task.holder === token) {
            letGo(task)
            released.add(token)
          }
        }
      }
      if (s.do === 'pass') {
        bench.clock.now_ms += s.seconds * 1_000
        await bench.board.sweep()
        for (const task of tasks.values()) {
          if (task.holder === null || task.until_ms > bench.clock.now_ms) continue
          letGo(task)
          task.interruptions++
          if (task.interruptions >= 3) task.due_ms = bench.clock.now_ms + Math.min(60_000, 5_000 * 2 ** (task.interruptions - 3))
        }
      }
      if (s.do === 'acknowledge') {
        const open = await outcomes()
        const one = open[s.nth % Math.max(1, open.length)]
        if (one !== undefined) {
          await bench.outcomes.acknowledge([one.seq])
          unrouted.delete(one.key)
        }
      }
      if (s.do === 'retry') {
        const task = tasks.get(s.clip)
        expect(await bench.board.retry(HOME, { ids: [task?.id ?? 'none'] }, 'Ann')).toBe(task?.state === 'parked' ? 1 : 0)
        if (task?.state === 'parked') Object.assign(task, { state: 'pending', attempts: 0, interruptions: 0, due_ms: 0 })
      }
      if (s.do === 'cancel') {
        const task = tasks.get(s.clip)
        const goes = task !== undefined && task.state !== 'complete'
        expect(await bench.board.cancel(HOME, { ids: [task?.id ?? 'none'] }, 'Ann')).toBe(goes ? 1 : 0)
        if (goes) tasks.delete(s.clip)
      }
      if (s.do === 'restart') {
        await bench.restart()
        released.clear()
        for (const task of tasks.values()) letGo(task)
      }

      expect(Object.fromEntries((await outcomes()).map(({ key, length }) => [key, length]))).toEqual(Object.fromEntries(unrouted))
      expect(await outcomes()).toHaveLength(unrouted.size)
      for (const task of tasks.values()) {
        const { id, state, attempts, interruptions, length } = task
        expect(await bench.board.task(HOME, id)).toMatchObject({ state, attempts, interruptions, output: length === null ? null : { length }, running: task.holder === null ? null : {} })
      }
    }

    // The next history must find nothing of this one.
    await bench.board.cancel(HOME, { ids: [...tasks.values()].map(({ id }) => id) }, 'Ann')
    await bench.outcomes.acknowledge((await outcomes()).map(({ seq }) => seq))
    const [count] = await bench.board.counts(HOME)
    expect(count).toMatchObject({ pending: 0, running: 0, parked: 0 })
  }), { numRuns: 80 })
})
