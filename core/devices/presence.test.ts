import fc from 'fast-check'
import { beforeEach, expect, test } from 'vitest'
import { IDLE_MS, judge, LOOK_MS, LOST_MS, SILENT_MS, watchPresence, type Presence, type Seen } from './presence.ts'

const SEEN = { heard_ms: 0, lost_ms: null, connected: true, left: false }

test.each<[string, Partial<Seen>, boolean, number, string]>([
  ['spoke just now', {}, true, 0, 'here'],
  ['works, and is still for a while', {}, true, SILENT_MS - 1, 'here'],
  ['works, and is still for too long, though its connection stands', {}, true, SILENT_MS, 'gone'],
  ['has nothing to do and nothing to say, and its connection stands', {}, false, 10 * IDLE_MS, 'here'],
  ['has nothing to do, no connection, and said hello', { connected: false }, false, IDLE_MS - 1, 'here'],
  ['missed its hello', { connected: false }, false, IDLE_MS, 'away'],
  ['works, connection broken just now', { connected: false, lost_ms: 0 }, true, LOST_MS - 1, 'here'],
  ['works, connection broken, no word since', { connected: false, lost_ms: 0 }, true, LOST_MS, 'gone'],
  ['idle, connection broken, no word since', { connected: false, lost_ms: 0 }, false, LOST_MS, 'away'],
  ['said goodbye, whatever it held', { left: true }, true, 0, 'away'],
])('a device that %s', (_, seen, holds, now_ms, verdict) => {
  expect(judge({ ...SEEN, ...seen }, holds, now_ms)).toBe(verdict)
})

let now_ms: number
let holding: Set<string>
let said: string[]
let presence: Presence
beforeEach(() => {
  now_ms = 1_000
  holding = new Set()
  said = []
  presence = watchPresence({
    clock: () => now_ms, holders: () => holding, exempt: (id) => id === 'nas',
    onChange: (id, here) => said.push(`${id} ${here ? 'came' : 'went'}`), onGone: (id) => said.push(`${id} gone`),
  })
})
const pass = (ms: number) => {
  for (let passed = 0; passed < ms; passed += LOOK_MS) {
    now_ms += LOOK_MS
    presence.look()
  }
}

test('whoever holds work and is not heard of is given up within 21 s, and told once it holds nothing', () => {
  presence.connected('gpu')
  holding.add('gpu')
  pass(SILENT_MS - LOOK_MS)
  expect(said).toEqual(['gpu came'])
  pass(LOOK_MS)
  expect(said).toEqual(['gpu came', 'gpu went', 'gpu gone'])
  holding.delete('gpu')
  pass(60_000)
  expect(said).toEqual(['gpu came', 'gpu went', 'gpu gone'])
  presence.heard('gpu')
  expect([presence.isHere('gpu'), said.at(-1)]).toEqual([true, 'gpu came'])
})

test('a word over HTTP says that a broken connection was only that', () => {
  presence.connected('gpu')
  holding.add('gpu')
  presence.lost('gpu')
  pass(LOST_MS - LOOK_MS)
  presence.heard('gpu')
  pass(LOST_MS)
  expect(said).toEqual(['gpu came'])
  pass(SILENT_MS - LOST_MS)
  expect(said).toEqual(['gpu came', 'gpu went', 'gpu gone'])
})

test('a goodbye is at once, costs nothing, and lasts until the next word', () => {
  presence.connected('gpu')
  holding.add('gpu')
  presence.left('gpu')
  presence.lost('gpu')
  pass(60_000)
  expect(said).toEqual(['gpu came', 'gpu went'])
  presence.connected('gpu')
  expect(said.at(-1)).toBe('gpu came')
})

test('the appliance that stood still itself gives nobody up for it', () => {
  presence.connected('gpu')
  holding.add('gpu')
  now_ms += 300_000
  presence.look()
  pass(SILENT_MS - 2 * LOOK_MS)
  expect(said).toEqual(['gpu came'])
  pass(2 * LOOK_MS)
  expect(said).toContain('gpu gone')
})

test("the appliance's own agent is never given up: its process tells when it ends", () => {
  presence.heard('nas')
  holding.add('nas')
  pass(10 * IDLE_MS)
  expect(said).toEqual(['nas came', 'nas went'])
})

test('whatever happens before: silent holders are given up within 30 s, talkers never', () => {
  const act = fc.record({ wait: fc.nat(30), what: fc.constantFrom('heard', 'connected', 'lost', 'nothing') } as const)
  fc.assert(fc.property(fc.array(act, { maxLength: 12 }), (acts) => {
    presence.forget('gpu')
    holding.clear()
    said.length = 0
    presence.heard('gpu')
    holding.add('gpu')
    for (const { wait, what } of acts) {
      const talks = acts.length % 2 === 0
      for (let i = 0; i < wait; i++) {
        if (talks && i % 5 === 0) presence.heard('gpu')
        pass(LOOK_MS)
      }
      if (what !== 'nothing') presence[what]('gpu')
      if (talks) presence.heard('gpu')
      if (talks) expect(said).not.toContain('gpu gone')
    }
    said.length = 0
    pass(29_000)
    expect(said).toContain('gpu gone')
  }))
})
