/** The pipelines that come with the software, against the plugins that come with it. */
import { describe, expect, test } from 'vitest'
import { checkFlow } from '../flows/check.ts'
import { makePalette } from '../flows/palette.ts'
import { firstFlow, PIPELINES } from '../flows/pipelines.ts'
import plugins from '../plugins/index.ts'

const palette = makePalette(plugins)
const PARTS = { palette, unable: () => null, isKnown: (type: string) => ['switch', 'comment'].includes(type) }

test('are the drive, the card and the photo session, and five examples; the first flow runs the drive alone', () => {
  expect(PIPELINES.map(({ id, example }) => [id, example])).toEqual([
    ['viewshed_drive', false], ['viewshed_card', false], ['viewshed_photos', false],
    ['viewshed_ex_work', true], ['viewshed_ex_watch', true], ['viewshed_ex_office', true], ['viewshed_ex_wake', true], ['viewshed_ex_week', true],
  ])
  expect(firstFlow.filter(({ type, disabled }) => type === 'tab' && !disabled).map(({ id }) => id)).toEqual(['viewshed_drive'])
  const ids = PIPELINES.flatMap(({ entries }) => entries.map(({ id }) => id))
  expect(new Set(ids).size).toBe(ids.length)
})

describe.each(PIPELINES.map((pipeline): [string, (typeof PIPELINES)[number]] => [pipeline.label, pipeline]))('%s', (_, { entries, info }) => {
  test('has nothing to be said against it once it is switched on', () => {
    expect(checkFlow(entries.map((entry) => (entry.type === 'tab' ? { ...entry, disabled: false } : entry)), PARTS)).toEqual([])
  })
  test('explains itself on the canvas, and has no wire into nothing', () => {
    expect(info.length).toBeGreaterThan(20)
    expect(entries.filter(({ type }) => type === 'comment').length).toBeGreaterThanOrEqual(1)
    const ids = new Set(entries.map(({ id }) => id))
    expect(entries.flatMap(({ wires }) => (wires ?? []).flat()).filter((id) => !ids.has(id))).toEqual([])
  })
  test('each node of ours has every setting of its form, and as many outputs as its declaration', () => {
    for (const entry of entries) {
      const of = palette.find(({ type }) => type === entry.type)
      if (!of) continue
      expect([entry.id, of.fields.filter(({ name, default: preset }) => !(name in entry) && preset === null).map(({ name }) => name)]).toEqual([entry.id, []])
      expect([entry.id, entry.wires!.length]).toEqual([entry.id, of.ways.length || 1])
    }
  })
})
