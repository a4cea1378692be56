import { describe, expect, test } from 'vitest'
import { complete, fault, hold, interrupt, MAX_ATTEMPTS, MAX_INTERRUPTIONS, retry, wait_ms, type Task } from './machine.ts'

const fresh: Task = { state: 'pending', attempts: 0, interruptions: 0, not_before_ms: 0, faults: [], interrupted: [] }
const note = { code: 'media/missing', message: 'raw/front/a.mp4 is not there', device: 'gpu-pc', at_ms: 1_000 }
const lost = { device: 'gpu-pc', at_ms: 2_000, why: 'said nothing for 60 s' }
const times = (n: number, step: (t: Task) => Task | null) => Array.from({ length: n }).reduce<Task>((t) => step(t) ?? t, fresh)
const done: Task = { ...fresh, state: 'complete' }
const parked: Task = { ...fresh, state: 'parked', attempts: 5, faults: [note, note, note, note, note], interruptions: 1, interrupted: [lost] }

describe('every state and every event', () => {
  const failing: Task = { ...fresh, attempts: 4, faults: [note, note, note, note], not_before_ms: 90_000 }
  const dying: Task = { ...fresh, interruptions: 19, interrupted: Array(19).fill(lost) }
  test.each<[string, Task | null, Task | null]>([
    ['pending, completed', complete(fresh), done],
    ['pending, faulted', fault(fresh, note, true, 0), { ...fresh, attempts: 1, faults: [note], not_before_ms: 6_000 }],
    ['pending, faulted for good', fault(fresh, note, false, 0), { ...fresh, state: 'parked', attempts: 1, faults: [note] }],
    ['pending, faulted the fifth time', fault(failing, note, true, 0), { ...failing, state: 'parked', attempts: 5, faults: [note, note, note, note, note] }],
    ['pending, interrupted', interrupt(fresh, lost, 0), { ...fresh, interruptions: 1, interrupted: [lost] }],
    ['pending, interrupted the twentieth time', interrupt(dying, lost, 0), { ...fresh, state: 'parked', interruptions: 20, interrupted: Array(20).fill(lost) }],
    ['pending, retried', retry(fresh), null],
    ['complete, completed', complete(done), null],
    ['complete, faulted', fault(done, note, true, 0), null],
    ['complete, faulted for good', fault(done, note, false, 0), null],
    ['complete, interrupted', interrupt(done, lost, 0), null],
    ['complete, retried', retry(done), null],
    ['parked, completed: the work is done', complete(parked), { ...parked, state: 'complete' }],
    ['parked, faulted', fault(parked, note, true, 0), null],
    ['parked, faulted for good', fault(parked, note, false, 0), null],
    ['parked, interrupted', interrupt(parked, lost, 0), null],
    ['parked, retried: counted anew, the history stays', retry(parked), { ...fresh, faults: [note, note, note, note, note], interrupted: [lost] }],
  ])('%s', (_, got, expected) => expect(got).toEqual(expected))
})

test('a fault waits twice as long each time, and the fifth parks with all five notes', () => {
  const waits = [1, 2, 3, 4].map((n) => times(n, (t) => fault(t, note, true, 0)).not_before_ms - note.at_ms)
  expect(waits).toEqual([5_000, 10_000, 20_000, 40_000])
  expect(times(MAX_ATTEMPTS, (t) => fault(t, note, true, 0))).toMatchObject({ state: 'parked', attempts: 5, faults: Array(5).fill(note) })
})

test('tasks that failed together come back spread over as long again', () => {
  expect([0, 0.5, 1].map((spread) => fault(fresh, note, true, spread)?.not_before_ms)).toEqual([6_000, 8_500, 11_000])
})

test('what a full disk or an absent volume holds up costs no attempt, however long that lasts, and is tried every ten minutes at last', () => {
  const full = { ...note, code: 'media/full' }
  expect(hold(fresh, full, 0)).toEqual({ ...fresh, faults: [full], not_before_ms: 6_000 })
  const waits = Array.from({ length: 9 }, (_, n) => times(n + 1, (t) => hold(t, full, 0)).not_before_ms - full.at_ms)
  expect(waits).toEqual([5_000, 10_000, 20_000, 40_000, 80_000, 160_000, 320_000, 600_000, 600_000])
  expect(times(100, (t) => hold(t, full, 1))).toMatchObject({ state: 'pending', attempts: 0, not_before_ms: 1_201_000 })
  const failed = fault(times(5, (t) => hold(t, full, 0)), note, true, 0)!
  expect(failed).toMatchObject({ state: 'pending', attempts: 1 })
  expect(hold(failed, full, 0)).toMatchObject({ attempts: 1, not_before_ms: 6_000 })
  for (const over of [done, parked]) expect(hold(over, full, 0)).toBeNull()
})

test('what is interrupted again and again waits a little longer each time, up to a minute', () => {
  const waits = Array.from({ length: 8 }, (_, n) => Math.max(0, times(n + 1, (t) => interrupt(t, lost, 0)).not_before_ms - lost.at_ms))
  expect(waits).toEqual([0, 0, 5_000, 10_000, 20_000, 40_000, 60_000, 60_000])
})

test('a lost lease costs no attempt, until an input has killed twenty workers', () => {
  expect(times(19, (t) => interrupt(t, lost, 0))).toEqual({ ...fresh, interruptions: 19, interrupted: Array(19).fill(lost), not_before_ms: 62_000 })
  expect(times(MAX_INTERRUPTIONS, (t) => interrupt(t, lost, 0))).toMatchObject({ state: 'parked', attempts: 0 })
})

test('whoever retries for ever keeps the newest twenty notes of each kind', () => {
  const nth = (n: number) => ({ ...note, at_ms: n })
  const failed = Array.from({ length: 30 }, (_, n) => n).reduce<Task>((t, n) => fault(retry(t) ?? t, nth(n), false, 0)!, fresh)
  expect(failed.faults.map(({ at_ms }) => at_ms)).toEqual(Array.from({ length: 20 }, (_, i) => i + 10))
  const left = Array.from({ length: 45 }, (_, n) => n).reduce<Task>((t, n) => interrupt(retry(t) ?? t, { ...lost, at_ms: n }, 0)!, fresh)
  expect(left.interrupted.map(({ at_ms }) => at_ms)).toEqual(Array.from({ length: 20 }, (_, i) => i + 25))
  expect(left).toMatchObject({ state: 'pending', interruptions: 5 })
})

test('what it was given stays as it was, and fields that are not its own travel on', () => {
  const task = Object.freeze({ ...fresh, id: 't', faults: Object.freeze([]), interrupted: Object.freeze([]) })
  expect(fault(task, note, true, 0)).toMatchObject({ id: 't', attempts: 1 })
  expect(interrupt(task, lost, 0)).toMatchObject({ id: 't', interruptions: 1 })
  expect(task).toEqual({ ...fresh, id: 't' })
})

describe.each([
  ['pending, due', fresh, 0, true],
  ['pending, not yet', { ...fresh, not_before_ms: 6_000 }, 5_999, false],
  ['pending, just due', { ...fresh, not_before_ms: 6_000 }, 6_000, true],
  ['complete', done, 0, false],
  ['parked', parked, 1e12, false],
] as const)('%s', (_, task, now_ms, offered) => {
  test(offered ? 'is offered' : 'is not offered', () => expect(task.state === 'pending' && wait_ms(task, now_ms) === 0).toBe(offered))
})
