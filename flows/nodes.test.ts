import { Type } from 'typebox'
import { expect, test } from 'vitest'
import { plugin } from '../core/contract/plugin.ts'
import { createNodes, optionsOf, type LiveNodes, type NodeParts } from './nodes.ts'
import { makePalette, type Field } from './palette.ts'
import type { FlowEntry, NodeApi, NodeStatus, RedNode } from './red.ts'

const field = (name: string, kind: Field['kind'], more: Partial<Field> = {}): Field => ({ name, kind, label: name, help: '', required: false, default: null, min: null, max: null, pattern: null, choices: [], ...more })

test('the form’s texts become the schema’s types; what was left empty is left to core', () => {
  const fields = [field('a', 'integer'), field('b', 'number', { default: 1.5 }), field('c', 'switch'), field('d', 'choice', { choices: [1, 2] }), field('e', 'json'), field('f', 'text'), field('g', 'text')]
  expect(optionsOf(fields, { a: '7', b: '', c: 'true', d: '2', e: '[1]', f: 'x', other: 1 })).toEqual({ a: 7, b: 1.5, c: true, d: 2, e: [1], f: 'x' })
  expect(optionsOf(fields, { a: 7, b: 2, c: false, d: 'gone', e: '{', f: '' })).toEqual({ a: 7, b: 2, c: false, d: 'gone', e: '{' })
})

const flow = plugin({ name: 'flow', title: 'Flow', config: Type.Object({}), events: { at: Type.Object({ node: Type.String(), at_ms: Type.Number() }) } })

/** The nodes of a flow as Node-RED makes them, and what stands beneath each. */
function made(entries: readonly FlowEntry[], parts: Partial<NodeParts> = {}): { nodes: LiveNodes; beneath: Map<string, NodeStatus> } {
  const nobody = async () => { throw new Error('nobody is asked') }
  const nodes = createNodes({ palette: makePalette([flow]), ask: nobody, nameOf: () => null, core: { call: nobody, again: nobody, lastEvent: nobody }, emit: nobody, ...parts })
  const beneath = new Map<string, NodeStatus>()
  const node = ({ id, type }: FlowEntry) => ({ id, type, on: () => undefined, status: (status: NodeStatus) => void beneath.set(id, status) }) as unknown as RedNode
  const registerType: NodeApi['nodes']['registerType'] = (type, constructor) => entries.filter((entry) => entry.type === type).forEach((entry) => constructor.call(node(entry), entry))
  nodes.register({ nodes: { createNode: () => undefined, getNode: () => null, registerType } } as unknown as NodeApi, 'flow')
  return { nodes, beneath }
}

test('a time that is none is said beneath its node, and starts nothing; others go on', () => {
  const started: string[] = []
  const { nodes, beneath } = made([{ id: 'wrong', type: 'flow.at', time: '8', since_ms: 1 }, { id: 'right', type: 'flow.at', time: '7:30', since_ms: 1 }], { emit: async (_, key) => void started.push(key.split('/')[0]!) })
  nodes.tick()
  expect(started).toEqual(['right'])
  expect(beneath.get('wrong')).toEqual({ fill: 'red', shape: 'ring', text: 'Time does not look right: HH:MM, by the clock of the appliance.' })
  nodes.say('does not answer, waiting')
  nodes.say(null)
  expect(beneath.get('wrong')!.fill).toBe('red')
})
