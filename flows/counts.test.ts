import { expect, test } from 'vitest'
import { countText } from './counts.ts'

test('a stage shows how much of its work runs, waits and is parked, and how fast it goes', () => {
  const count = { stage: 's', pending: 0, running: 0, complete: 9, parked: 0, per_hour: 0 }
  expect(countText(undefined, 'n1')).toEqual({})
  expect(countText(count, 'n1')).toEqual({})
  expect(countText({ ...count, pending: 2, running: 1 }, 'n1')).toEqual({ fill: 'blue', shape: 'dot', text: 'running 1, waiting 2' })
  expect(countText({ ...count, parked: 1, per_hour: 7.4 }, 'n1')).toEqual({ fill: 'yellow', shape: 'ring', text: 'parked 1, 7/h' })
  expect(countText({ ...count, per_hour: 600 }, 'n1')).toEqual({ fill: 'grey', shape: 'ring', text: '10/min' })
})

test('of what core itself has, each node shows its own', () => {
  const count = { stage: 'flow.delay', pending: 0, running: 13, complete: 9, parked: 0, per_hour: 0, held: { n1: 12, n2: 1 } }
  expect(['n1', 'n2', 'n3'].map((node) => countText(count, node).text)).toEqual(['has 12', 'has 1', undefined])
})
