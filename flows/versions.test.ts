import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { FlowEntry } from './red.ts'
import { pipelineOf, restored, standing } from './shipped.ts'
import { changesOf, openVersions } from './versions.ts'

let folder = ''
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'viewshed-versions-')) })
afterEach(() => rm(folder, { recursive: true }))

const flow = (n: number): FlowEntry[] => [{ id: 'tab', type: 'tab', label: `Flow ${n}` }]

test('each deploy is kept, the same one once, newest first, fifty of them, whatever the clock says', async () => {
  const versions = openVersions(join(folder, 'versions'))
  expect(await versions.list()).toEqual([])
  for (let n = 0; n < 53; n++) await versions.keep(flow(n), 'Ada', 1_000_000_000_000 - n)
  await versions.keep(flow(52), 'Eve', 2_000_000_000_000)
  const all = await versions.list()
  expect(all).toHaveLength(50)
  expect(all[0]).toEqual({ id: expect.stringMatching(/^\d{13}$/), at_ms: 999_999_999_948, by: 'Ada', flow: flow(52) })
  expect(all.at(-1)!.flow).toEqual(flow(3))
  expect(await versions.get(all[1]!.id)).toEqual(all[1])
  expect([await versions.get('../flows'), await versions.get('0')]).toEqual([null, null])
})

test('what somebody else put there is left alone', async () => {
  await writeFile(join(folder, 'notes.txt'), 'mine')
  const versions = openVersions(folder)
  await versions.keep(flow(1), '', 1_000_000_000_000)
  expect([(await versions.list()).length, (await readdir(folder)).includes('notes.txt')]).toEqual([1, true])
})

const node = (id: string, more: Partial<FlowEntry> = {}): FlowEntry => ({ id, type: 'switch', z: 'tab', x: 1, y: 1, wires: [[]], ...more })

test('what was added, removed, changed and only moved', () => {
  expect(changesOf([node('a'), node('b', { name: 'B' }), node('c'), node('d')], [node('a'), node('c', { wires: [['d']] }), node('d', { x: 5 }), node('e')])).toEqual([
    { id: 'b', type: 'switch', name: 'B', what: 'removed', fields: [] },
    { id: 'c', type: 'switch', name: 'switch', what: 'changed', fields: [{ name: 'wires', before: [[]], after: [['d']] }] },
    { id: 'd', type: 'switch', name: 'switch', what: 'moved', fields: [] },
    { id: 'e', type: 'switch', name: 'switch', what: 'added', fields: [] },
  ])
})

test('a shipped pipeline is told apart from a changed one, and restored in its place without touching the others', () => {
  const shipped = pipelineOf([{ id: 'tab', type: 'tab', label: 'Drive', info: 'About it' }, node('a'), node('b')], false)
  const other: FlowEntry[] = [{ id: 'mine', type: 'tab' }, node('m', { z: 'mine' })]
  const changed = [...shipped.entries.slice(0, 2), node('new'), ...other]
  expect([standing(other, shipped), standing([...shipped.entries, ...other], shipped), standing(changed, shipped)]).toEqual(['not there', 'as shipped', 'changed'])
  expect(standing([{ ...shipped.entries[0]!, disabled: true }, node('a', { x: 9 }), node('b')], shipped)).toBe('as shipped')
  expect(restored(changed, shipped, 5)).toEqual([...shipped.entries, ...other])
  expect(restored([...other, ...changed.slice(0, 3)], shipped, 5)).toEqual([...other, ...shipped.entries])
  expect(restored(other, shipped, 5)).toEqual([...other, ...shipped.entries])
  const on = { ...shipped.entries[0]!, disabled: false }
  expect(restored([on, ...changed.slice(1)], pipelineOf([{ ...shipped.entries[0]!, disabled: true }, ...shipped.entries.slice(1)], false), 5)[0]).toEqual(on) // what was switched on stays on
  expect(() => pipelineOf(other.concat(node('x')), false)).toThrow('one tab')
})
