import { expect, test } from 'vitest'
import type { AtSettings } from './rules.ts'
import { lastMoment, starterOf } from './starters.ts'

const at = (hours: number, minutes = 0, day = 20) => new Date(2026, 10, day, hours, minutes).getTime() // the 20th is a Friday
const settings = (more: Partial<AtSettings> = {}): AtSettings => ({ what: 'a time of day', time: '08:00', lat_deg: 52.52, lon_deg: 13.4, ...more })
const NONE = new Map()

test('the newest moment that has come: today, yesterday, or the last of its days', () => {
  expect(lastMoment(settings(), at(9))).toBe(at(8))
  expect(lastMoment(settings(), at(7))).toBe(at(8, 0, 19))
  expect(lastMoment(settings({ days: 'Mon' }), at(9))).toBe(at(8, 0, 16))
  expect(lastMoment(settings({ what: 'sunset' }), at(23))).toBeGreaterThan(at(14))
})

test('a moment starts once; one before the node was made never; one that was slept through is made up for', () => {
  const started = (since_ms: number | undefined, ...looks: number[]) => {
    const starter = starterOf('flow.at', 'n1', settings(), since_ms, at(9))!
    return looks.map((now_ms) => starter(now_ms, NONE)?.key ?? null)
  }
  expect(started(at(7, 0, 19), at(9), at(9, 1), at(8, 0, 21))).toEqual([`n1/${at(8)}`, null, `n1/${at(8, 0, 21)}`])
  expect(started(at(8, 30), at(9))).toEqual([null])
  expect(started(undefined, at(9))).toEqual([null])
})

test('work that piles up starts something once in a while, as long as it lies there', () => {
  const starter = starterOf('flow.waiting', 'n1', { stage: 's', count: 10, rest_s: 3600 }, 0, 0)!
  const look = (pending: number, now_ms: number) => starter(now_ms, new Map([['s', { stage: 's', pending, running: 0, complete: 0, parked: 0, per_hour: 0 }]]))
  expect([look(9, 0), look(10, 1_000), look(12, 2_000), look(12, 3_601_000), look(0, 3_602_000)]).toEqual([
    null, { type: 'flow.waiting', key: 'n1/0', payload: { node: 'n1', stage: 's', count: 10 } }, null,
    { type: 'flow.waiting', key: 'n1/1', payload: { node: 'n1', stage: 's', count: 12 } }, null,
  ])
  const late = starterOf('flow.waiting', 'n1', { stage: 's', count: 10, rest_s: 3600 }, 0, 0)!
  expect([3_599_000, 3_601_000, 7_199_000].map((now_ms) => late(now_ms, new Map([['s', { stage: 's', pending: 10, running: 0, complete: 0, parked: 0, per_hour: 0 }]]))?.key ?? null)).toEqual(['n1/0', null, 'n1/1'])
})
