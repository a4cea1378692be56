import { expect, test } from 'vitest'
import { Fault } from '../contract/fault.ts'
import { openDesk } from './desk.ts'
import type { Retention, Survey } from './retention.ts'
import { TERMS } from './testing.ts'

const SURVEY: Survey = { library: { items: [], volumes: new Map(), now_ms: 0 }, plan: { lines: [], makes: [] }, leaving: [], switch: { on: false, by: null, at_ms: null }, last: null, terms: TERMS }

/** @param took_ms that a look at the library lasts, by the test's own clock */
function desk(took_ms: number) {
  let now_ms = 1_000_000
  const state = { looks: 0, fails: false, pass: (ms: number) => { now_ms += ms } }
  const retention = {
    async survey() {
      state.looks++
      now_ms += took_ms
      if (state.fails) throw new Fault('log/failed', 'the disk')
      return SURVEY
    },
    set: async () => undefined, run: async () => ({ moved: 0 }), undo: async () => ({ back: 0, refused: [] }),
  } as unknown as Retention
  return { ...openDesk({ retention, states: async () => [], box: 'shelf', clock: () => now_ms }), state }
}

test('all who ask at about the same time share one look', async () => {
  const { view, state } = desk(0)
  await Promise.all([view({ limit: 1 }), view({ limit: 1 }), view({ limit: 5 })])
  state.pass(19_000)
  await view({ limit: 1 })
  expect(state.looks).toBe(1)
  state.pass(2_000)
  await view({ limit: 1 })
  expect(state.looks).toBe(2)
})

test('a library that takes long to look at is looked at less often', async () => {
  const { view, state } = desk(30_000)
  await view({ limit: 1 })
  for (const minutes of [1, 4, 4]) { state.pass(minutes * 60_000); await view({ limit: 1 }) }
  expect(state.looks).toBe(1)
  state.pass(2 * 60_000)
  await view({ limit: 1 })
  expect(state.looks).toBe(2)
})

test('what somebody does is seen at once, and a look that failed is not kept', async () => {
  const { view, set, run, undo, state } = desk(30_000)
  for (const act of [() => set(false, undefined, 'anna'), () => run('anna'), () => undo(null, 'anna')]) { await view({ limit: 1 }); await act() }
  expect(state.looks).toBe(3)
  state.fails = true
  await expect(view({ limit: 1 })).rejects.toMatchObject({ code: 'log/failed' })
  state.fails = false
  await view({ limit: 1 })
  expect(state.looks).toBe(5)
})

test('it is switched on by the name of the box alone', () => {
  const { set } = desk(0)
  for (const name of [undefined, '', 'Shelf', 'another']) expect(() => set(true, name, 'anna')).toThrow(/type shelf/)
})
