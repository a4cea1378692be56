import { Value } from 'typebox/value'
import { expect, test } from 'vitest'
import type { TaskEnd } from '../tasks/gate.ts'
import { EMPTY, ended, History, looked, pastOf } from './history.ts'

const QUARTER = 15 * 60_000
const NOW = 2_000_000 * QUARTER + 7 * 60_000
const end = (over: Partial<TaskEnd> = {}): TaskEnd => ({ device: 'gpu', task: 't', stage: 'clip.probe', org: 'home', site: 'home', input: {}, end: 'complete', at_ms: NOW, took_ms: 4_000, message: null, ...over })
const all = (ends: readonly Partial<TaskEnd>[]): History => ends.reduce<History>((history, over) => ended(history, end(over)), EMPTY)

test('a device of which nothing is known was away all day and did nothing', () => {
  expect(pastOf(EMPTY, NOW)).toEqual({ done: 0, failed: 0, rates: [], strip: Array(96).fill(-1), recent: [] })
})

test('done and failed count the last 24 hours; an interruption is neither', () => {
  const history = all([{ at_ms: NOW - 24 * 3_600_000 }, { at_ms: NOW - 23 * 3_600_000 }, {}, { end: 'fault', message: 'no' }, { end: 'interrupted' }])
  expect(pastOf(history, NOW)).toMatchObject({ done: 2, failed: 1 })
  expect(pastOf(history, NOW + 2 * 3_600_000)).toMatchObject({ done: 1, failed: 1 })
})

test('a rate is that of the time in which the stage ran; took is the middle one', () => {
  const history = all([
    ...[1, 2, 30].map((s) => ({ took_ms: s * 1_000 })), { at_ms: NOW - 5 * QUARTER, took_ms: 40_000 },
    { stage: 'clip.thumbs', took_ms: 1_500 }, { stage: 'clip.thumbs', took_ms: null }, { stage: 'clip.thumbs', end: 'fault' as const, took_ms: 9_000 },
  ])
  expect(pastOf(history, NOW).rates).toEqual([{ stage: 'clip.probe', per_hour: 8, took_s: 16 }, { stage: 'clip.thumbs', per_hour: 8, took_s: 1.5 }])
})

test('the strip shows quarters of an hour, oldest first: away, idle, busy in part', () => {
  let history = EMPTY
  for (const [back, here, busy] of [[2, true, true], [2, true, false], [1, true, false], [0, true, true], [0, true, true], [0, false, false], [0, true, true]] as const) history = looked(history, NOW - back * QUARTER, { here, busy })
  history = looked(history, NOW - 3 * QUARTER, { here: false, busy: false })
  expect(pastOf(history, NOW).strip.slice(-5)).toEqual([-1, -1, 0.5, 0, 0.75])
  expect(pastOf(history, NOW + 94 * QUARTER).strip.slice(0, 3)).toEqual([0, 0.75, -1])
})

test('a clock that was set back leaves nothing behind that never ends', () => {
  let history = all([{ at_ms: NOW + 400 * QUARTER }])
  history = ended(history, end())
  expect(history.quarters).toHaveLength(1)
  expect(pastOf(history, NOW)).toMatchObject({ done: 1 })
})

test('the last fifty ends, newest first, named as a person would', () => {
  const history = all(Array.from({ length: 60 }, (_, i) => ({ task: `t${i}`, input: { media: { volume: 'media', path: `raw/Front/${i}.mp4` } }, message: 'x'.repeat(1_000), end: 'fault' as const })))
  const { recent } = pastOf(history, NOW)
  expect(recent).toHaveLength(50)
  expect(recent[0]).toEqual({ task: 't59', stage: 'clip.probe', what: '59.mp4', end: 'fault', at_ms: NOW, took_s: 4, message: 'x'.repeat(300) })
  expect(all([{ input: { name: 'CLIP1', media: { path: 'a/b' } } }, { input: { n: 1 } }]).recent.map(({ what }) => what)).toEqual([null, 'CLIP1'])
})

test('however long it works, it stays small and of its form', () => {
  let history = EMPTY
  for (let i = 0; i < 5_000; i++) history = looked(ended(history, end({ stage: `s.${i % 200}`, at_ms: NOW + i * 60_000, task: `t${i}` })), NOW + i * 60_000, { here: true, busy: true })
  expect(Value.Check(History, JSON.parse(JSON.stringify(history)))).toBe(true)
  expect(history.quarters.length).toBeLessThanOrEqual(96)
  expect(Object.keys(history.took_s).length).toBeLessThanOrEqual(64)
  expect(JSON.stringify(history).length).toBeLessThan(128 * 1024)
})
