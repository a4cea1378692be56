import { expect, test } from 'vitest'
import { Type } from 'typebox'
import { Fault } from '../core/contract/fault.ts'
import { MediaRef } from '../core/contract/media.ts'
import { call, plugin, stage } from '../core/contract/plugin.ts'
import { makePalette } from './palette.ts'

const load = async () => ({ run: async () => ({ thumbs: 1, found: [] }) })
const clip = plugin({
  name: 'clip', title: 'Clips', config: Type.Object({}),
  events: { arrivedLate: Type.Object({ media: MediaRef, name: Type.Optional(Type.String({ description: 'As the camera called it' })) }) },
  stages: {
    thumbs: stage({
      title: 'Make thumbnails', help: 'Small pictures.', version: 1, lease_s: 60, load,
      input: Type.Object({ media: MediaRef, media_kind: Type.Union([Type.Literal('video'), Type.Literal('image')]), duration_s: Type.Optional(Type.Union([Type.Number(), Type.Null()])) }),
      output: Type.Object({ thumbs: Type.Integer({ description: 'How many' }), found: Type.Array(Type.String()) }),
      recordsOnly: ['found'],
      options: Type.Object({
        max_width_px: Type.Integer({ minimum: 16, maximum: 4096, default: 320, description: 'Of the widest' }),
        quality: Type.Union([Type.Literal('low'), Type.Literal('high')], { default: 'low', title: 'How good' }),
        rotate: Type.Optional(Type.Boolean()),
        marks: Type.Optional(Type.Array(Type.Number())),
      }),
    }),
  },
})

test('an event is a source, a stage a node with ports and a form; what is for the records alone does not leave it', () => {
  const color = makePalette([clip])[0]!.color
  expect(color).toMatch(/^#[0-9a-f]{6}$/)
  expect(makePalette([clip])).toEqual([
    {
      type: 'clip.arrivedLate', kind: 'event', plugin: 'clip', category: 'Clips', color, title: 'clip: arrived late', help: '', fields: [], takes: [],
      gives: [{ name: 'media', type: 'file', help: '', required: true }, { name: 'name', type: 'string', help: 'As the camera called it', required: false }],
      ways: [], each: false, gathers: false,
    },
    {
      type: 'clip.thumbs', kind: 'stage', plugin: 'clip', category: 'Clips', color, title: 'Make thumbnails', help: 'Small pictures.',
      takes: [
        { name: 'media', type: 'file', help: '', required: true },
        { name: 'media_kind', type: '"video" or "image"', help: '', required: true },
        { name: 'duration_s', type: 'number or null', help: '', required: false },
      ],
      gives: [{ name: 'thumbs', type: 'integer', help: 'How many', required: true }],
      ways: [], each: false, gathers: false,
      fields: [
        { name: 'max_width_px', label: 'Max width (px)', help: 'Of the widest', kind: 'integer', required: true, default: 320, min: 16, max: 4096, pattern: null, choices: [] },
        { name: 'quality', label: 'How good', help: '', kind: 'choice', required: true, default: 'low', min: null, max: null, pattern: null, choices: ['low', 'high'] },
        { name: 'rotate', label: 'Rotate', help: '', kind: 'switch', required: false, default: null, min: null, max: null, pattern: null, choices: [] },
        { name: 'marks', label: 'Marks', help: '', kind: 'json', required: false, default: null, min: null, max: null, pattern: null, choices: [] },
      ],
    },
  ])
})

test('a call asks with its form or the message, so nothing of it must be there', () => {
  const archive = plugin({ name: 'archive', title: 'Archive', config: Type.Object({}), calls: { copies: call({ input: Type.Object({ after: Type.String({ description: 'The page before' }) }), output: Type.Object({ next: Type.String() }), role: 'viewer', load: async () => ({ run: async () => ({ next: '' }) }) }) } })
  expect(makePalette([archive])).toMatchObject([{
    type: 'archive.copies', kind: 'call', title: 'archive: copies', fields: [{ name: 'after', required: false, help: 'The page before' }],
    takes: [{ name: 'after', type: 'string', required: false }], gives: [{ name: 'next', type: 'string', required: true }],
  }])
})

test('a plugin keeps its colour whoever else is there; two plugins differ', () => {
  const other = plugin({ ...clip, name: 'retention' })
  const [alone, among] = [makePalette([clip]), makePalette([other, clip])].map((palette) => palette.find(({ plugin }) => plugin === 'clip')!.color)
  expect(alone).toBe(among)
  expect(makePalette([other])[0]!.color).not.toBe(alone)
})

test('an option with a name of Node-RED’s own is refused by name, before anything starts', () => {
  const bad = plugin({ name: 'bad', title: 'Bad', config: Type.Object({}), stages: { one: stage({ title: 'One', help: '', version: 1, lease_s: 1, load: async () => ({ run: async () => ({}) }), input: Type.Object({}), output: Type.Object({}), options: Type.Object({ wires: Type.String() }) }) } })
  expect(() => makePalette([bad])).toThrow(new Fault('config/invalid', 'The option “wires” of bad.one has a name that Node-RED keeps for itself; call it something else.'))
})
