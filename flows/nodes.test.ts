import { expect, test } from 'vitest'
import { optionsOf } from './nodes.ts'
import type { Field } from './palette.ts'

const field = (name: string, kind: Field['kind'], more: Partial<Field> = {}): Field => ({ name, kind, label: name, help: '', required: false, default: null, min: null, max: null, pattern: null, choices: [], ...more })

test('the form’s texts become the schema’s types; what was left empty is left to core', () => {
  const fields = [field('a', 'integer'), field('b', 'number', { default: 1.5 }), field('c', 'switch'), field('d', 'choice', { choices: [1, 2] }), field('e', 'json'), field('f', 'text'), field('g', 'text')]
  expect(optionsOf(fields, { a: '7', b: '', c: 'true', d: '2', e: '[1]', f: 'x', other: 1 })).toEqual({ a: 7, b: 1.5, c: true, d: 2, e: [1], f: 'x' })
  expect(optionsOf(fields, { a: 7, b: 2, c: false, d: 'gone', e: '{', f: '' })).toEqual({ a: 7, b: 2, c: false, d: 'gone', e: '{' })
})
