/** Items on their way through one flow with every shape of node that people use, and what must be there when all have ended. */
import { Type } from 'typebox'
import type { AnyPlugin } from '../../core/contract/plugin.ts'
import { plugin, stage } from '../../core/contract/plugin.ts'
import type { FlowEntry } from '../../flows/red.ts'
import flow from '../../plugins/flow/plugin.ts'

const elsewhere = async () => ({ run: async () => ({}) as never }) // the campaign itself is the device
const N = Type.Object({ n: Type.Integer() })
const Nothing = Type.Object({})

export const items = plugin({
  name: 'item', title: 'Items', config: Type.Object({}),
  events: { came: N },
  stages: {
    first: stage({ title: 'First', help: '', version: 1, input: N, output: Nothing, lease_s: 30, load: elsewhere }),
    inner: stage({ title: 'Inner', help: '', version: 1, input: N, output: Nothing, lease_s: 30, load: elsewhere }),
    second: stage({ title: 'Second', help: '', version: 1, input: Type.Object({ n: Type.Integer(), m: Type.Integer() }), output: Type.Object({ items: Type.Array(Type.Object({ k: Type.Integer() })) }), lease_s: 30, load: elsewhere }),
    part: stage({ title: 'Part', help: '', version: 1, input: Type.Object({ n: Type.Integer(), k: Type.Integer() }), output: Type.Object({ square: Type.Integer() }), lease_s: 30, load: elsewhere }),
    // What acts for each message shows a message too many as work too many.
    last: stage({ title: 'Last', help: '', version: 1, each: true, input: Type.Object({ n: Type.Integer(), sum: Type.Integer() }), output: Nothing, lease_s: 30, load: elsewhere }),
    caught: stage({ title: 'Caught', help: '', version: 1, each: true, input: N, output: Nothing, lease_s: 30, load: elsewhere }),
    extra: stage({ title: 'Extra', help: '', version: 1, input: N, output: Nothing, lease_s: 30, load: elsewhere }),
  },
})

export const plugins: readonly AnyPlugin[] = [items, flow]
export const PARTS = 3

const node = (id: string, type: string, wires: FlowEntry['wires'], more: Partial<FlowEntry> = {}): FlowEntry => ({ id, type, z: 'tab', x: 0, y: 0, wires, ...more })
const fn = (id: string, func: string, wires: readonly string[]) => node(id, 'function', [wires], { func, outputs: 1, initialize: '', finalize: '' })

/** @param more Whether a stage hangs beside the first: what a deploy changes. */
export const itemFlow = (more: boolean): FlowEntry[] => [
  { id: 'tab', type: 'tab', label: 'Items' },
  node('came', 'item.came', [['sync']]),
  fn('sync', 'msg.seen = true; return msg', ['first']),
  node('first', 'item.first', [['drop', ...(more ? ['extra'] : [])]]),
  ...(more ? [node('extra', 'item.extra', [[]])] : []),
  node('drop', 'switch', [['fail']], { property: 'payload.n % 5', propertyType: 'jsonata', rules: [{ t: 'neq', v: '0', vt: 'num' }], checkall: 'true', repair: false, outputs: 1 }),
  fn('fail', 'if (msg.payload.n % 7 === 0) throw new Error("seven"); return msg', ['async']),
  node('catch', 'catch', [['caught']], { scope: ['fail'], uncaught: false }),
  node('caught', 'item.caught', [[]]),
  fn('async', 'await new Promise((r) => setTimeout(r, 20)); return { payload: { n: msg.payload.n } }', ['change']),
  node('change', 'change', [['call']], { rules: [{ t: 'set', p: 'payload.m', pt: 'msg', to: 'payload.n * 2', tot: 'jsonata' }] }),
  node('call', 'link call', [['delay']], { links: ['called'], linkType: 'static', timeout: '30' }),
  node('called', 'link in', [['inner']], { links: [] }),
  node('inner', 'item.inner', [['body']]),
  fn('body', 'msg.payload.m += 1; return msg', ['back']),
  node('back', 'link out', [[]], { mode: 'return', links: [] }),
  node('delay', 'flow.delay', [['second']], { until: 'for a while', wait_s: '1' }),
  node('second', 'item.second', [['split']]),
  node('split', 'flow.split', [['part']], { list: 'items' }),
  node('part', 'item.part', [['join']]),
  node('join', 'flow.join', [['sum']], { most_s: '0' }),
  fn('sum', 'return { payload: { n: msg.payload.n, sum: msg.payload.items.reduce((sum, item) => sum + item.square, 0) } }', ['if']),
  node('if', 'flow.if', [['last'], []], { condition: 'sum > 0' }),
  node('last', 'item.last', [[]]),
]

/** What a device answers. */
export function answerTo(stage: string, input: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { n, k } = input as { n: number; k: number }
  switch (stage) {
    case 'item.second': return { items: Array.from({ length: PARTS }, (_, i) => ({ k: n * 10 + i })) }
    case 'item.part': return { square: k * k }
    default: return {}
  }
}

/** How many complete tasks of each stage there are in the end; of `item.extra` at most so many. */
export function expected(count: number): Record<string, number> {
  const all = Array.from({ length: count }, (_, i) => i + 1)
  const kept = all.filter((n) => n % 5 !== 0)
  const through = kept.filter((n) => n % 7 !== 0).length
  return { 'item.first': count, 'item.caught': kept.length - through, 'item.inner': through, 'flow.delay': through, 'item.second': through, 'item.part': PARTS * through, 'flow.join': through, 'item.last': through }
}
