import { expect, test } from 'vitest'
import { editorAt, pipelineOf, saysOf } from './pipeline.ts'

const place = (id: string, off = false) => ({ id, name: '', tab: 'Drive', off })
const stage = (name: string) => ({ stage: name, title: name, plugin: 'p', pending: 0, running: 0, complete: 0, parked: 0, per_hour: 0, nodes: [place(name)] })
const at = (shape: ReturnType<typeof pipelineOf>) => Object.fromEntries(shape.nodes.map((node) => [node.id, node.column]))

test('a stage stands after everything that feeds it, however short another way to it is', () => {
  const shape = pipelineOf({ stages: ['probe', 'read', 'thumbs', 'copy'].map(stage), events: [], links: [{ from: 'probe', to: 'copy' }, { from: 'probe', to: 'read' }, { from: 'probe', to: 'thumbs' }, { from: 'read', to: 'copy' }] })
  expect(at(shape)).toEqual({ probe: 0, read: 1, thumbs: 1, copy: 2 })
  expect(shape.rows).toBe(2)
})

test('a wiring that runs in a circle is drawn, and a stage that nothing wires stands apart', () => {
  const shape = pipelineOf({ stages: ['a', 'b', 'alone'].map(stage), events: [], links: [{ from: 'a', to: 'b' }, { from: 'b', to: 'a' }] })
  expect(shape.nodes).toHaveLength(3)
  expect(Math.max(...shape.nodes.filter((node) => node.id !== 'alone').map((node) => node.column))).toBeLessThan(at(shape).alone!)
})

test('an event begins the picture, named by whose it is; a stage says when it is switched off or nowhere in the flow', () => {
  const shape = pipelineOf({
    stages: [stage('probe'), { ...stage('strip'), nodes: [place('s', true)] }, { ...stage('slim'), nodes: [place('s1', true), place('s2')], complete: 1_214 }, { ...stage('alone'), nodes: [] }, { ...stage('read'), running: 2, pending: 1 }],
    events: [{ event: 'card.arrived', title: 'A clip came in', category: 'VIOFO cameras', nodes: [place('v')] }], links: [{ from: 'card.arrived', to: 'probe' }],
  })
  expect(shape.nodes.find(({ id }) => id === 'slim')!.places).toEqual([place('s2')])
  expect(shape.nodes.map((node) => [node.title, node.column, saysOf(node)])).toEqual([
    ['A clip came in', 0, 'VIOFO cameras'], ['probe', 1, 'nothing yet'], ['strip', 2, 'switched off'], ['slim', 2, '1\u202f214 done'], ['alone', 2, 'not in the flow'], ['read', 2, '2 running'],
  ])
})

test('what begins a later stage stands right before it, beneath those that lead there', () => {
  const shape = pipelineOf({ stages: ['probe', 'copy', 'slim'].map(stage), events: [], links: [{ from: 'due', to: 'slim' }, { from: 'came', to: 'probe' }, { from: 'probe', to: 'copy' }, { from: 'copy', to: 'slim' }] })
  expect(shape.nodes.map(({ id, column, row }) => [id, column, row])).toEqual([['came', 0, 0], ['probe', 1, 0], ['copy', 2, 0], ['due', 2, 1], ['slim', 3, 0]])
})

test('the editor is opened at a node, whatever its id', () => {
  expect(editorAt(place('f6f2187d.f17ca8'))).toBe('/flows#node/f6f2187d.f17ca8')
  expect(editorAt(place('a/b'))).toBe('/flows#node/a%2Fb')
})
