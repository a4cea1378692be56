import { expect, test } from 'vitest'
import { optionsOf, statusOf } from './nodes.ts'
import type { Field } from './palette.ts'

const field = (name: string, kind: Field['kind'], more: Partial<Field> = {}): Field => ({ name, kind, label: name, help: '', required: false, default: null, min: null, max: null, choices: [], ...more })

test('the form’s texts become the schema’s types; what was left empty is left to core', () => {
  const fields = [field('a', 'integer'), field('b', 'number', { default: 1.5 }), field('c', 'switch'), field('d', 'choice', { choices: [1, 2] }), field('e', 'json'), field('f', 'text'), field('g', 'text')]
  expect(optionsOf(fields, { a: '7', b: '', c: 'true', d: '2', e: '[1]', f: 'x', other: 1 })).toEqual({ a: 7, b: 1.5, c: true, d: 2, e: [1], f: 'x' })
  expect(optionsOf(fields, { a: 7, b: 2, c: false, d: 'gone', e: '{', f: '' })).toEqual({ a: 7, b: 2, c: false, d: 'gone', e: '{' })
})

test('a stage shows how much of its work runs, waits and is parked', () => {
  expect(statusOf(undefined)).toEqual({})
  expect(statusOf({ stage: 's', pending: 0, running: 0, complete: 9, parked: 0 })).toEqual({})
  expect(statusOf({ stage: 's', pending: 2, running: 1, complete: 9, parked: 0 })).toEqual({ fill: 'blue', shape: 'dot', text: 'running 1, waiting 2' })
  expect(statusOf({ stage: 's', pending: 0, running: 0, complete: 0, parked: 1 })).toEqual({ fill: 'yellow', shape: 'ring', text: 'parked 1' })
})
