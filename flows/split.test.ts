import { expect, test } from 'vitest'
import { joined, partOf, parts } from './split.ts'

test('each entry is a message with its place; objects are laid over the payload; the same whole gives the same name', () => {
  const message = { topic: 't', _msgid: 'random', _viewshed: ['root'], payload: { drive: 'd', items: [{ n: 1 }, 'two', [3]] } }
  const made = parts(message, 'items', 'seq/node')
  expect(made.map(({ payload }) => payload)).toEqual([{ drive: 'd', n: 1 }, { drive: 'd', item: 'two' }, { drive: 'd', item: [3] }])
  expect(made.map((part) => partOf(part))).toEqual([0, 1, 2].map((index) => ({ id: partOf(made[0]!)!.id, index, count: 3 })))
  expect(made[1]).toMatchObject({ topic: 't', _viewshed: ['root'] })
  expect(parts(structuredClone(message), 'items', 'seq/node')).toEqual(made)
  expect(partOf(parts(message, 'items', 'other/node')[0]!)!.id).not.toBe(partOf(made[0]!)!.id)
})

test('a split within a split comes back to the outer one', () => {
  const [first] = parts({ payload: { items: [{ inner: [1, 2] }] } }, 'items', 'a')
  const [deep] = parts(first!, 'inner', 'b')
  expect(joined(joined(deep!))).toEqual({ payload: { item: 1 } })
  expect(partOf(joined(deep!))).toEqual(partOf(first!))
})

test('lists that say the same, of different wholes, are different lists', () => {
  const drives = parts({ payload: { items: [{ drive: 'a', list: ['x', 'y'] }, { drive: 'b', list: ['x', 'y'] }, { drive: 'b', list: ['x', 'y'] }] } }, 'items', 'a')
  const ids = drives.map((drive) => partOf(parts(drive, 'list', 'b')[0]!)!.id)
  expect(new Set(ids).size).toBe(3) // also of two that are the same but for their place
})

test('what is no list, or too long, or no part, is said or not taken', () => {
  expect(() => parts({ payload: { items: 3 } }, 'items', 'a')).toThrow('msg.payload.items is no list.')
  expect(() => parts({ payload: { items: Array(2_001).fill(0) } }, 'items', 'a')).toThrow('has 2001 entries')
  expect(parts({ payload: { items: [] } }, 'items', 'a')).toEqual([])
  expect([{}, { split: 3 }, { split: { id: 'a', index: 2, count: 2 } }, { split: { id: 'a', index: -1, count: 2 } }].map((message) => partOf(message))).toEqual([null, null, null, null])
})
