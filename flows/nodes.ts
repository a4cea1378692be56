/** What the nodes of the palette do when they run: a stage asks for its work and is done; a call asks and goes on; an event only sends. */
import { randomUUID } from 'node:crypto'
import { Fault } from '../core/contract/fault.ts'
import type { StageCount } from '../core/tasks/port.ts'
import type { Again, Core } from './core.ts'
import { settingsAgainst } from './check.ts'
import { countText } from './counts.ts'
import { repeated } from './message.ts'
import type { Field, Palette, PaletteNode } from './palette.ts'
import type { FlowEntry, Message, NodeApi, NodeStatus, RedNode, Send } from './red.ts'
import { ruleOf } from './rule-nodes.ts'
import { joined } from './split.ts'
import { starterOf, type Starter } from './starters.ts'

/** The nodes of ours that run now. */
export interface LiveNodes {
  get(id: string): RedNode | undefined
  /** Sources of an event. */
  ofEvent(type: string): readonly RedNode[]
  /** Sends what came of the node's work, by the way that it names. */
  leave(id: string, message: Message): void
  /** Called by the files of the palette as Node-RED loads them. */
  register(api: NodeApi, plugin: string): void
  /** Shown beneath the stages of the editor. */
  count(counts: readonly StageCount[]): void
  /** Shown beneath every node that needs the appliance, instead of all else; null: no more. */
  say(trouble: string | null): void
  /** Now and then: clocks go on. */
  tick(): void
  /** What the node did last, once more; null: there is no such node. */
  again(id: string): Promise<Again | null>
}

/** Asks for the work of a stage; resolves with its task when that is durable, throws a Fault when the message is refused. */
export type Ask = (node: RedNode, stage: PaletteNode, options: Record<string, unknown>, message: Message) => Promise<string>

/** How a node meets a message. Throws a Fault when it cannot use it. */
type Meet = (message: Message, send: Send) => Promise<void>

interface Live { readonly node: RedNode; readonly of: PaletteNode; again(): Promise<Again>; shown: string }

export interface NodeParts {
  readonly palette: Palette
  readonly ask: Ask
  /** What outcome a message came of; null: a person sent it. */
  readonly nameOf: (message: Message) => string | null
  readonly core: Pick<Core, 'call' | 'again' | 'lastEvent'>
  /** Durable when it resolves; the same key twice is one. */
  readonly emit: (type: string, key: string, payload: Record<string, unknown>) => Promise<void>
  readonly now_ms?: () => number
}

export function createNodes({ palette, ask, nameOf, core, emit, now_ms = Date.now }: NodeParts): LiveNodes {
  const live = new Map<string, Live>()
  const refused = new Set<string>() // shown red until something of theirs goes well again
  const starters = new Map<string, Starter>()
  let counts = new Map<string, StageCount>()
  let trouble: string | null = null

  function show(one: Live): void {
    if (one.of.kind === 'rule' || refused.has(one.node.id)) return
    const status: NodeStatus = trouble !== null ? { fill: 'yellow', shape: 'ring', text: trouble } : one.of.kind === 'stage' ? countText(counts.get(one.of.type), one.node.id) : {}
    if (one.shown === (status.text ?? '')) return
    one.shown = status.text ?? ''
    one.node.status(status)
  }

  /** Does what the node does, and shows what it was refused for until something goes well. */
  function meet(one: Live, how: Meet): void {
    const { node } = one
    node.on('input', (message, send, done) => {
      how(message, send).then(
        () => {
          if (refused.delete(node.id)) {
            one.shown = ''
            node.status({})
            show(one)
          }
          done()
        },
        (error: unknown) => {
          if (!(error instanceof Fault)) return done(error as Error)
          refuse(node, error.message)
          done(error)
        },
      )
    })
  }

  /** Says why the node cannot do what it should. */
  function refuse(node: RedNode, why: string): void {
    refused.add(node.id)
    node.status({ fill: 'red', shape: 'ring', text: why.slice(0, 80) })
  }

  function begin(node: RedNode, config: FlowEntry, of: PaletteNode, nodeOf: (id: string) => RedNode | null): void {
    const options = optionsOf(of.fields, config)
    let task: string | null = null
    let last: Message | null = null
    const again = async (): Promise<Again> => {
      if (last === null) return 'nothing to repeat'
      node.receive(repeated(last))
      return 'done again'
    }
    const made: Record<PaletteNode['kind'], { again(): Promise<Again>; meet?: Meet }> = {
      event: {
        async again() {
          const payload = await core.lastEvent(of.type)
          if (payload === null) return 'nothing to repeat'
          node.send({ topic: of.type, payload })
          return 'done again'
        },
      },
      stage: {
        again: () => core.again(of.type, task, node.id),
        async meet(message) {
          task = await ask(node, of, options, message)
          letGo(message, nodeOf)
        },
      },
      call: {
        again,
        async meet(message, send) {
          last = message
          const payload = isRecord(message['payload']) ? message['payload'] : {}
          const asked = Object.fromEntries(of.takes.flatMap(({ name }) => {
            const value = payload[name] ?? options[name]
            return value === undefined ? [] : [[name, value]]
          }))
          send({ ...message, payload: { ...payload, ...await core.call(of.type, asked) } })
        },
      },
      rule: {
        again,
        async meet(message, send) {
          last = message
          rule!(message, send)
        },
      },
    }
    const rule = of.kind === 'rule' ? ruleOf(of.type, options, (message) => nameOf(message) ?? randomUUID(), node) : null
    const kind = made[of.kind]
    const one: Live = { node, of, again: kind.again, shown: '' }
    live.set(node.id, one)
    const [wrong] = of.kind === 'event' ? settingsAgainst(of, config) : []
    if (wrong !== undefined) refuse(node, wrong)
    const starter = of.kind === 'event' && wrong === undefined ? starterOf(of.type, node.id, options, config['since_ms'], now_ms()) : null
    if (starter) starters.set(node.id, starter)
    node.on('close', () => {
      starters.delete(node.id)
      if (live.get(node.id) === one) live.delete(node.id)
      refused.delete(node.id)
    })
    if (kind.meet) meet(one, kind.meet)
    show(one)
  }

  function start(): void {
    for (const starter of starters.values()) {
      const due = starter(now_ms(), counts)
      if (due) void emit(due.type, due.key, due.payload)
    }
  }

  const showAll = () => { for (const one of live.values()) show(one) }

  return {
    get: (id) => live.get(id)?.node,
    ofEvent: (type) => [...live.values()].filter(({ of }) => of.kind === 'event' && of.type === type).map(({ node }) => node),
    leave(id, message) {
      const { node, of } = live.get(id)!
      const leaving = of.gathers ? joined(message) : message
      const way = isRecord(leaving['payload']) ? leaving['payload']['way'] : null
      node.send(of.ways.length === 0 ? leaving : of.ways.map((name) => (name === way ? leaving : null)))
    },
    register(api, plugin) {
      for (const of of palette.filter((node) => node.plugin === plugin))
        api.nodes.registerType(of.type, function (config) {
          api.nodes.createNode(this, config)
          begin(this, config, of, (id) => api.nodes.getNode(id))
        })
    },
    count(next) {
      counts = new Map(next.map((count) => [count.stage, count]))
      showAll()
    },
    say(word) {
      trouble = word
      showAll()
    },
    tick: start,
    again: async (id) => (await live.get(id)?.again()) ?? null,
  }
}

/**
 * The link calls that a message stands in wait for it no more, now that a stage has it: what comes of that returns through them all the
 * same, whenever it comes. They would give up after their own time without a word, and know nothing of a message that was sent before a
 * crash or a deploy.
 */
function letGo(message: Message, nodeOf: (id: string) => RedNode | null): void {
  const calls = message['_linkSource'] as readonly { readonly id: string; readonly node: string }[] | undefined
  for (const { id, node } of calls ?? []) nodeOf(node)?.returnLinkMessage?.(id, []) // with nothing to send
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

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
