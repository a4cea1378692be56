import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { linksOf } from './links.ts'
import type { FlowEntry } from './red.ts'

const shipped = JSON.parse(readFileSync(new URL('./shipped/drive.json', import.meta.url), 'utf8')) as FlowEntry[]
const OURS = new Set(['folder.arrived', 'folder.refused', 'folder.refuse', 'clip.probe', 'clip.thumbs', 'clip.filmstrip', 'inference.plates', 'archive.copy', 'retention.slim', 'retention.due', 'archive.due', 'archive.folder'])

describe('the shipped flow', () => {
  test('wires the stages in the order of the architecture', () => {
    expect(linksOf(shipped, OURS).map(({ from, to }) => `${from} → ${to}`).sort()).toEqual([
      'archive.copy → retention.slim',
      'archive.due → archive.folder',
      'clip.probe → archive.copy', // at once: a second copy does not wait for what is found in the first
      'clip.probe → clip.filmstrip',
      'clip.probe → clip.thumbs',
      'clip.probe → inference.plates',
      'folder.arrived → clip.probe',
      'folder.refused → folder.refuse',
      'retention.due → retention.slim',
    ])
  })

  test('has no wire into nothing, no id twice, and says which version it is', () => {
    const ids = shipped.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    expect(shipped.flatMap(({ wires }) => (wires ?? []).flat()).filter((id) => !ids.includes(id))).toEqual([])
    expect(shipped[0]).toMatchObject({ type: 'tab', env: [{ name: 'VIEWSHED_FLOW', value: 'drive@1' }] })
  })

  test('explains itself: a comment for each of its steps', () => {
    expect(shipped.filter(({ type }) => type === 'comment').map(({ name }) => name)).toHaveLength(7)
  })
})

test('links are followed through link nodes and subflows, not through what is disabled, and loops end', () => {
  const flow: FlowEntry[] = [
    { id: 't', type: 'tab' }, { id: 'off', type: 'tab', disabled: true },
    { id: 'a', type: 'x.a', z: 't', wires: [['out', 'call', 'dead', 'sub1']] },
    { id: 'out', type: 'link out', z: 't', links: ['in'], wires: [] },
    { id: 'in', type: 'link in', z: 't', wires: [['b', 'in']] },
    { id: 'call', type: 'link call', z: 't', links: ['in2'], wires: [['c']] },
    { id: 'in2', type: 'link in', z: 't', wires: [['d']] },
    { id: 'dead', type: 'function', z: 't', d: true, wires: [['e']] },
    { id: 'sub1', type: 'subflow:s', z: 't', wires: [['f']] },
    { id: 's', type: 'subflow', in: [{ wires: [{ id: 'inner' }] }], out: [{ wires: [{ id: 'last', port: 0 }] }] },
    { id: 'inner', type: 'function', z: 's', wires: [['g', 'last']] },
    { id: 'last', type: 'change', z: 's', wires: [[]] },
    ...['b', 'c', 'd', 'e', 'f', 'h'].map((name): FlowEntry => ({ id: name, type: `x.${name}`, z: 't', wires: [[]] })),
    { id: 'g', type: 'x.g', z: 's', wires: [['last']] },
    { id: 'z', type: 'x.z', z: 'off', wires: [['h']] },
  ]
  const ours = new Set(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'z'].map((name) => `x.${name}`))
  expect(linksOf(flow, ours).map(({ from, to }) => `${from}→${to}`).sort()).toEqual(['x.a→x.b', 'x.a→x.c', 'x.a→x.d', 'x.a→x.f', 'x.a→x.g', 'x.g→x.f'])
})
