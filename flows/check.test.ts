import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { checkFlow, isFitting, type CheckParts } from './check.ts'
import type { Field, PaletteNode, Port } from './palette.ts'
import type { FlowEntry } from './red.ts'

const port = (name: string, type: string, required = true): Port => ({ name, type, help: '', required })
const of = (type: string, kind: PaletteNode['kind'], more: Partial<PaletteNode> = {}): PaletteNode =>
  ({ type, kind, plugin: 'x', category: 'X', title: type, help: '', color: '#fff', fields: [], takes: [], gives: [], ways: [], each: false, gathers: false, ...more })
const width: Field = { name: 'width_px', label: 'Width (px)', help: '', kind: 'integer', required: true, default: 320, min: 16, max: 4096, pattern: null, choices: [] }
const PALETTE = [
  of('x.came', 'event', { gives: [port('media', 'file'), port('kind', '"video" or "image"')] }),
  of('x.probe', 'stage', { takes: [port('media', 'file')], gives: [port('length_s', 'number or null'), port('kind', '"video"')] }),
  of('x.thumbs', 'stage', { takes: [port('media', 'file'), port('length_s', 'number'), port('note', 'string', false)], fields: [width] }),
  of('x.count', 'stage', { takes: [port('length_s', 'string')] }),
  of('flow.if', 'rule', { fields: [{ ...width, name: 'condition', kind: 'text', default: '' }] }),
  of('flow.join', 'stage', { gathers: true }),
  of('flow.when', 'stage'),
]
const PARTS: CheckParts = { palette: PALETTE, unable: (stage) => (stage === 'x.count' ? 'needs a GPU with 8000 MiB' : null), isKnown: (type) => !type.startsWith('other-') }
const node = (id: string, type: string, to: string[] = [], more: Partial<FlowEntry> = {}): FlowEntry => ({ id, type, z: 'tab', wires: [to], ...more })
const check = (...nodes: FlowEntry[]) => checkFlow([{ id: 'tab', type: 'tab' }, ...nodes], PARTS).map(({ node, level, text }) => `${node} ${level}: ${text}`)

test('a flow in which all fits has nothing said against it; the shipped one neither, as far as wires go', () => {
  expect(check(node('a', 'x.came', ['b']), node('b', 'x.probe', ['c']), node('c', 'switch', ['d']), node('d', 'x.thumbs', [], { width_px: '640' }))).toEqual([])
  const shipped = JSON.parse(readFileSync(new URL('./shipped/drive.json', import.meta.url), 'utf8')) as FlowEntry[]
  expect(checkFlow(shipped, { ...PARTS, palette: [], isKnown: () => true })).toEqual([])
})

test('what a stage takes and nothing before it gives, or gives as something else', () => {
  expect(check(node('a', 'x.came', ['d']), node('d', 'x.thumbs'))).toEqual(['d error: It takes length_s (number), which nothing before it gives.'])
  expect(check(node('a', 'x.came', ['b']), node('b', 'x.probe', ['d']), node('d', 'x.count'))).toEqual(['d warning: Nothing here can run this: needs a GPU with 8000 MiB.', 'd error: It takes length_s as string, and gets number or null.'])
})

test('by two ways that meet, what only one of them gives is missing; behind a function anything may come', () => {
  expect(check(node('a', 'x.came', ['b', 'd']), node('b', 'x.probe', ['d']), node('d', 'x.thumbs'))).toEqual(['d error: It takes length_s (number), which nothing before it gives.'])
  expect(check(node('a', 'x.came', ['f']), node('f', 'function', ['d']), node('d', 'x.thumbs'))).toEqual([])
  expect(check(node('a', 'x.came', ['f', 'j']), node('f', 'function', ['d']), node('j', 'flow.join', ['d']), node('d', 'x.thumbs'))).toEqual([])
})

test('circles, also over links, and ways that nothing begins', () => {
  expect(check(node('a', 'x.came', ['b']), node('b', 'x.probe', ['out']), node('out', 'link out', [], { links: ['in'] }), node('in', 'link in', ['b']))).toEqual(['b warning: It goes round in a circle: x.probe → link out → link in. Without a way out it never ends.'])
  expect(check(node('f', 'function', ['b']), node('b', 'x.probe'))).toEqual(['b warning: Nothing leads here: no event begins this way.'])
  expect(check(node('i', 'inject', ['b']), node('b', 'x.probe'))).toEqual([])
  expect(check(node('a', 'x.came', ['b'], { d: true }), node('b', 'x.probe'))).toEqual(['b warning: Nothing leads here: no event begins this way.'])
})

test('settings outside what the schema allows, conditions that cannot be read, types that nobody installed', () => {
  const thumbs = (width_px: unknown) => check(node('a', 'x.came', ['b']), node('b', 'x.probe', ['d']), node('d', 'x.thumbs', [], { width_px }))
  expect([thumbs('8'), thumbs('wide'), thumbs(''), thumbs('17.5')]).toEqual([['d error: Width (px) must be at least 16.'], ['d error: Width (px) must be a whole number.'], [], ['d error: Width (px) must be a whole number.']])
  expect(check(node('a', 'x.came', ['b']), node('b', 'flow.if', [], { condition: 'camera is' }))).toEqual(['b error: The condition cannot be read: a value is missing at the end.'])
  expect(check(node('o', 'other-thing'))).toEqual(['o error: No node of the type “other-thing” is installed; while it is in the flow, nothing runs at all.'])
})

test('half a circle is said', () => {
  const when = (more: Partial<FlowEntry>) => check(node('a', 'x.came', ['w']), node('w', 'flow.when', [], more))
  expect([when({ lat_deg: '52.5', lon_deg: '' }), when({ lon_deg: 0 }), when({ lat_deg: '0', lon_deg: '13' }), when({ lat_deg: '' })]).toEqual([['w error: The circle lacks its longitude: fill in both, or neither.'], ['w error: The circle lacks its latitude: fill in both, or neither.'], [], []])
})

test('a subflow is looked through', () => {
  const sub: FlowEntry[] = [{ id: 's', type: 'subflow', in: [{ wires: [{ id: 'inner' }] }], out: [{ wires: [{ id: 'inner', port: 0 }] }] }, { ...node('inner', 'x.probe'), z: 's' }]
  expect(check(...sub, node('a', 'x.came', ['i']), node('i', 'subflow:s', ['c']), node('c', 'x.count'))).toEqual(['c warning: Nothing here can run this: needs a GPU with 8000 MiB.'])
})

test('types fit where some of the one may be the other', () => {
  const fits: [string, string, boolean][] = [
    ['number or null', 'number', true], ['integer', 'number', true], ['"video" or "image"', '"image"', true], ['"video"', '"image"', false], ['"video"', 'string', true],
    ['string', 'number', false], ['file', 'object', true], ['file', 'string', false], ['list of integer', 'list of number', true], ['list of string', 'list of number', false], ['anything', 'file', true],
  ]
  expect(fits.map(([give, take]) => [give, take, isFitting(give, take)])).toEqual(fits)
})
