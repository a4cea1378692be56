/** What the nodes of the palette do when they run: a stage asks for its work and is done; an event only sends. */
import { Fault } from '../core/contract/fault.ts'
import type { StageCount } from '../core/tasks/port.ts'
import type { Field, Palette, PaletteNode } from './palette.ts'
import type { FlowEntry, Message, NodeApi, NodeStatus, RedNode } from './red.ts'

/** The nodes of ours that run now. */
export interface LiveNodes {
  get(id: string): RedNode | undefined
  /** Sources of an event. */
  ofEvent(type: string): readonly RedNode[]
  /** Called by the files of the palette as Node-RED loads them. */
  register(api: NodeApi, plugin: string): void
  /** Shown beneath the stages of the editor. */
  count(counts: readonly StageCount[]): void
}

/** Asks for the work of a stage; resolves when that is durable, throws a Fault when the message is refused. */
export type Ask = (node: RedNode, stage: PaletteNode, options: Record<string, unknown>, message: Message) => Promise<void>

export function createNodes(palette: Palette, ask: Ask): LiveNodes {
  const live = new Map<string, { readonly node: RedNode; readonly of: PaletteNode }>()
  const refused = new Set<string>() // shown red until something of theirs goes well again
  let counts = new Map<string, StageCount>()

  function show(node: RedNode): void {
    if (!refused.has(node.id)) node.status(statusOf(counts.get(node.type)))
  }

  function begin(node: RedNode, config: FlowEntry, of: PaletteNode): void {
    live.set(node.id, { node, of })
    node.on('close', () => {
      if (live.get(node.id)?.node === node) live.delete(node.id)
      refused.delete(node.id)
    })
    if (of.kind === 'event') return
    const options = optionsOf(of.fields, config)
    show(node)
    node.on('input', (message, _send, done) => {
      ask(node, of, options, message).then(
        () => {
          if (refused.delete(node.id)) show(node)
          done()
        },
        (error: unknown) => {
          if (!(error instanceof Fault)) return done(error as Error)
          refused.add(node.id)
          node.status({ fill: 'red', shape: 'ring', text: error.message.slice(0, 80) })
          done(error)
        },
      )
    })
  }

  return {
    get: (id) => live.get(id)?.node,
    ofEvent: (type) => [...live.values()].filter(({ node, of }) => of.kind === 'event' && node.type === type).map(({ node }) => node),
    register(api, plugin) {
      for (const of of palette.filter((node) => node.plugin === plugin))
        api.nodes.registerType(of.type, function (config) {
          api.nodes.createNode(this, config)
          begin(this, config, of)
        })
    },
    count(next) {
      const before = counts
      counts = new Map(next.map((count) => [count.stage, count]))
      for (const { node, of } of live.values())
        if (of.kind === 'stage' && statusOf(before.get(of.type)).text !== statusOf(counts.get(of.type)).text) show(node)
    },
  }
}

export function statusOf(count: StageCount | undefined): NodeStatus {
  if (!count) return {}
  const parts = [
    ...(count.running > 0 ? [`running ${count.running}`] : []),
    ...(count.pending > 0 ? [`waiting ${count.pending}`] : []),
    ...(count.parked > 0 ? [`parked ${count.parked}`] : []),
  ]
  if (parts.length === 0) return {}
  return { fill: count.parked > 0 ? 'yellow' : count.running > 0 ? 'blue' : 'grey', shape: count.running > 0 ? 'dot' : 'ring', text: parts.join(', ') }
}

/** The form's values in the types that the schema wants: a browser's form makes text of numbers. Empty ones are left to core's defaults. */
export function optionsOf(fields: readonly Field[], config: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(fields.flatMap((field) => {
    const given = config[field.name]
    const value = given === undefined || given === '' ? field.default : typed(field, given)
    return value === null ? [] : [[field.name, value]]
  }))
}

function typed(field: Field, given: unknown): unknown {
  switch (field.kind) {
    case 'number': case 'integer': return Number(given)
    case 'switch': return given === true || given === 'true'
    case 'choice': return field.choices.find((choice) => String(choice) === String(given)) ?? given
    case 'json': return typeof given === 'string' ? parsed(given) : given
    case 'text': return String(given)
  }
}

/** What is not JSON goes to core as it stands, which refuses it by name. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
