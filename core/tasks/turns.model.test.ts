/** Who comes next: by turn, ageing and what the device holds; one at a time where a stage says so; and whatever somebody does to the clock. */
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Claim } from './port.ts'
import { ageing_ms, AGEING_MS } from './record.ts'
import { MAX_PASSED, NEAR } from './stock.ts'
import { HOME, inProcess, type Bench } from './testing/bench.ts'

/** Each history syncs some dozens of times, and the disk may be slow. */
const PATIENCE_MS = 180_000

let bench: Bench
beforeEach(async () => { bench = await inProcess() })
afterEach(() => bench.close())

const digest = (n: number) => n.toString(16).padStart(64, '0')
const probe = (clip: string) => ({ stage: 'clip.probe', input: { clip } })
const claim = (count: number, holds: readonly string[] = [], stage = 'clip.probe') => bench.board.claim('nas', HOME, [stage], count, holds)
const drop = async (ids: readonly string[]) => void (await bench.board.cancel(HOME, { ids }, 'Ann'))

interface Waiting { readonly id: string; readonly clip: string; readonly turn_ms: number; readonly nth: number; passed: number }

type Step = { do: 'publish'; many: number; every: number; priority: number } // one of `every` names what is held
  | { do: 'claim'; count: number; holds: boolean } | { do: 'pass'; seconds: number }

test('each goes out once and in its turn, ageing counted in; whoever holds an input goes before few, not for long, and before nobody for ever', async () => {
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 3, arbitrary: fc.record({ do: fc.constant('publish' as const), many: fc.integer({ min: 1, max: 90 }), every: fc.constantFrom(1, 2, 5, 100), priority: fc.constantFrom(5, 5, 5, 4, 6, 0, 9) }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('claim' as const), count: fc.integer({ min: 1, max: 40 }), holds: fc.constantFrom(true, true, true, false) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('pass' as const), seconds: fc.constantFrom(1, 60, 599, 601, 3_000) }) },
  )
  let history = 0
  let nth = 0
  const preferred = { often: 0, most: 0 }
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 25 }), async (steps) => {
    const h = history++
    const held = digest(h)
    let waiting: Waiting[] = []
    const all: string[] = []
    for (const s of steps) {
      if (s.do === 'pass') bench.clock.now_ms += s.seconds * 1_000
      if (s.do === 'publish') {
        const fresh = Array.from({ length: s.many }, (_, i) => ({ nth: nth++, clip: i % s.every === s.every - 1 ? held : 'x' }))
        const published = await bench.board.publish(HOME, fresh.map((one) => ({ stage: 'clip.probe', input: { clip: one.clip, camera: `${one.nth}` }, priority: s.priority })))
        waiting.push(...fresh.map((one, i) => ({ ...one, id: published[i]!.id, turn_ms: bench.clock.now_ms + ageing_ms(s.priority), passed: 0 })))
        all.push(...published.map(({ id }) => id))
        waiting.sort((a, b) => a.turn_ms - b.turn_ms || a.nth - b.nth)
      }
      if (s.do === 'claim') {
        const claims = await claim(s.count, s.holds ? [held] : [])
        expect(claims).toHaveLength(Math.min(s.count, waiting.length))
        for (const { id } of claims) {
          const place = waiting.findIndex((one) => one.id === id)
          const [head, taken] = [waiting[0]!, waiting[place]!]
          if (place > 0) {
            expect(s.holds && taken.clip === held).toBe(true)
            expect(place).toBeLessThan(NEAR)
            expect(taken.turn_ms - head.turn_ms).toBeLessThanOrEqual(AGEING_MS)
            for (const one of waiting.slice(0, place)) expect(++one.passed).toBeLessThanOrEqual(MAX_PASSED)
            preferred.often++
            preferred.most = Math.max(preferred.most, ...waiting.slice(0, place).map(({ passed }) => passed))
          } else if (s.holds && head.clip !== held) { // then nothing better stood near
            const near = waiting.slice(0, NEAR).filter(({ turn_ms }) => turn_ms <= head.turn_ms + AGEING_MS)
            const better = near.findIndex(({ clip }) => clip === held)
            expect(better === -1 || near.slice(0, better).some(({ passed }) => passed >= MAX_PASSED)).toBe(true)
          }
          waiting = waiting.filter((one) => one !== taken)
        }
      }
    }
    await drop(all)
  }), { numRuns: 40 })
  expect(preferred).toEqual({ often: expect.any(Number), most: MAX_PASSED }) // the histories were such that it mattered
  expect(preferred.often).toBeGreaterThan(100)
}, PATIENCE_MS)

test('one whose input nobody holds goes out after as many others as may pass it, though fresh ones that are held never end', async () => {
  await bench.board.publish(HOME, [probe('alone')])
  const order: string[] = []
  for (let n = 0; n < 40; n++) {
    await bench.board.publish(HOME, [{ ...probe(digest(1)), input: { clip: digest(1), camera: `${n}` } }])
    const [next] = await claim(1, [digest(1)])
    order.push(String(next!.input['clip']))
  }
  expect(order.indexOf('alone')).toBe(MAX_PASSED)
})

test('whatever the clock is set to, and over restarts, those who came first go first', async () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('publish' as const), many: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ do: fc.constant('set' as const), seconds: fc.constantFrom(-86_400 * 400, -3_600, -61, -1, 1, 61, 3_600, 86_400 * 400) }),
    fc.record({ do: fc.constant('pass' as const), seconds: fc.integer({ min: 0, max: 5 }) }),
    fc.constant({ do: 'restart' as const }),
  )
  let nth = 0
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 12 }), async (steps) => {
    const clips: string[] = []
    const ids: string[] = []
    for (const s of steps) {
      if (s.do === 'set') bench.clock.set_ms += s.seconds * 1_000
      if (s.do === 'pass') bench.clock.now_ms += s.seconds * 1_000
      if (s.do === 'restart') await bench.restart()
      if (s.do === 'publish') {
        const fresh = Array.from({ length: s.many }, () => `c${nth++}`)
        clips.push(...fresh)
        ids.push(...(await bench.board.publish(HOME, fresh.map((clip) => probe(clip)))).map(({ id }) => id))
      }
    }
    expect((await claim(1_000)).map(({ input }) => input['clip'])).toEqual(clips)
    await drop(ids)
  }), { numRuns: 20 })
}, PATIENCE_MS)

test('a clock that is set ends no lease, makes none last longer, and keeps nobody waiting longer than their back-off', async () => {
  let nth = 0
  await fc.assert(fc.asyncProperty(fc.array(fc.integer({ min: -400 * 86_400, max: 400 * 86_400 }), { minLength: 1, maxLength: 6 }), async (jumps) => {
    const jump = async (seconds: number) => {
      bench.clock.set_ms += seconds * 1_000
      await bench.board.sweep()
    }
    const [task] = await bench.board.publish(HOME, [probe(`c${nth++}`)])
    const [first] = await claim(1)
    for (const seconds of jumps) {
      bench.clock.now_ms += 59_000 / jumps.length
      await jump(seconds)
      expect(await claim(1)).toEqual([])
    }
    bench.clock.now_ms += 1_001
    await bench.board.sweep()
    const [second] = await claim(1)
    expect(second).toMatchObject({ id: first!.id, attempt: 1 })
    expect(await bench.board.task(HOME, task!.id)).toMatchObject({ interruptions: 1, attempts: 0 })

    expect(await bench.board.fault('nas', second!.id, second!.token, { code: 'tool/failed', message: 'no' })).toBe('counted')
    for (const seconds of jumps) await jump(seconds)
    bench.clock.now_ms += 5_001
    const [third] = await claim(1)
    expect(third).toMatchObject({ id: first!.id, attempt: 2 })
    await drop([task!.id])
  }), { numRuns: 20 })
}, PATIENCE_MS)

test('of those who need one thing alone never two are at it, and each has it at last', async () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ do: fc.constant('publish' as const), thing: fc.constantFrom('X', 'Y') }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('claim' as const, 'complete' as const, 'fail' as const, 'release' as const, 'let go' as const, 'gone' as const), nth: fc.nat({ max: 5 }) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('pass' as const), seconds: fc.constantFrom(1, 10, 31) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('set' as const), seconds: fc.constantFrom(-100_000, 100_000) }) },
    { weight: 1, arbitrary: fc.constant({ do: 'restart' as const }) },
  )
  let nth = 0
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
    const ids: string[] = []
    let claims: Claim[] = []
    const finish = async ({ id, token }: Claim) => bench.board.complete('nas', { id, token, output: {}, files: [] })
    const claimAll = async () => { claims.push(...await claim(9, [], 'lab.exchange')) }
    for (const s of steps) {
      const one = 'nth' in s ? claims[s.nth % Math.max(1, claims.length)] : undefined
      if (s.do === 'publish') ids.push(...(await bench.board.publish(HOME, [{ stage: 'lab.exchange', input: { clip: `c${nth++}`, id: s.thing } }])).map(({ id }) => id))
      if (s.do === 'claim') await claimAll()
      if (s.do === 'complete' && one !== undefined) await finish(one)
      if (s.do === 'fail' && one !== undefined) await bench.board.fault('nas', one.id, one.token, { code: 'tool/failed', message: 'no' })
      if (s.do === 'release' && one !== undefined) await bench.board.release('nas', one.id, one.token)
      if (s.do === 'let go') await bench.board.letGo('nas')
      if (s.do === 'gone') await bench.board.gone('nas')
      if (s.do === 'pass') {
        bench.clock.now_ms += s.seconds * 1_000
        await bench.board.sweep()
      }
      if (s.do === 'set') bench.clock.set_ms += s.seconds * 1_000
      if (s.do === 'restart') await bench.restart()
      const running = bench.board.running(HOME).map(({ task }) => task)
      const things = (await Promise.all(running.map((id) => bench.board.task(HOME, id)))).map((task) => task!.input['id'])
      expect(new Set(things).size).toBe(things.length)
      claims = claims.filter(({ id }) => running.includes(id))
    }
    await bench.board.letGo('nas')
    await bench.board.retry(HOME, { stage: 'lab.exchange' }, 'Ann')
    const isDone = async () => (await Promise.all(ids.map((id) => bench.board.task(HOME, id)))).every((task) => task!.state === 'complete')
    for (let n = 0; n < 2 * ids.length + 2 && !(await isDone()); n++) {
      bench.clock.now_ms += 200_000
      await bench.board.sweep()
      claims = []
      await claimAll()
      for (const one of claims) expect(await finish(one)).toBe('complete')
    }
    expect(await isDone()).toBe(true)
  }), { numRuns: 20 })
}, PATIENCE_MS)
