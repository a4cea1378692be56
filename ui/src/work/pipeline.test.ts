import { expect, test } from 'vitest'
import { pipelineOf } from './pipeline.ts'

const stage = (name: string) => ({ stage: name, title: name, plugin: 'p', pending: 0, running: 0, complete: 0, parked: 0 })
const at = (shape: ReturnType<typeof pipelineOf>) => Object.fromEntries(shape.nodes.map((node) => [node.id, node.column]))

test('a stage stands after everything that feeds it, however short another way to it is', () => {
  const shape = pipelineOf({ stages: ['probe', 'read', 'thumbs', 'copy'].map(stage), links: [{ from: 'probe', to: 'copy' }, { from: 'probe', to: 'read' }, { from: 'probe', to: 'thumbs' }, { from: 'read', to: 'copy' }] })
  expect(at(shape)).toEqual({ probe: 0, read: 1, thumbs: 1, copy: 2 })
  expect(shape.rows).toBe(2)
})

test('a wiring that runs in a circle is drawn, and a stage that nothing wires stands apart', () => {
  const shape = pipelineOf({ stages: ['a', 'b', 'alone'].map(stage), links: [{ from: 'a', to: 'b' }, { from: 'b', to: 'a' }] })
  expect(shape.nodes).toHaveLength(3)
  expect(Math.max(...shape.nodes.filter((node) => node.id !== 'alone').map((node) => node.column))).toBeLessThan(at(shape).alone!)
})
