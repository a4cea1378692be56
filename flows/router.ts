/**
 * Sends what was completed, and what happened, out of its node by the wires that are deployed at that moment,
 * and tells the log when all that came of it has ended.
 *
 * All it knows is in memory. After a crash or a deploy it begins at the oldest outcome that was not acknowledged; the same
 * message asks for the same work by the same name, so nothing doubles.
 */
import { randomUUID } from 'node:crypto'
import { HOME } from '../core/access/scope.ts'
import { Fault } from '../core/contract/fault.ts'
import { isBroken } from '../core/store/crash.ts'
import type { NodeFault } from '../core/tasks/flow-faults.ts'
import { MOST_HELD, STUCK_MS, type Held, type HeldOutcome } from '../core/tasks/held.ts'
import type { Outcome, OutcomeLog } from '../core/tasks/port.ts'
import { outgoing, portable, readRoot, rootOf, type Root } from './message.ts'
import type { Ask, LiveNodes } from './nodes.ts'
import type { PaletteNode } from './palette.ts'
import type { Persist, Publisher } from './publisher.ts'
import type { FlowEntry, Message, RedNode } from './red.ts'
import { SETTINGS } from './rules.ts'
import { partOf } from './split.ts'
import type { Tracker } from './tracker.ts'

export interface Router {
  readonly ask: Ask
  /** What outcome a message came of; null: a person sent it. */
  nameOf(message: Message): string | null
  /** Flows run: everything that is not acknowledged is sent. */
  started(deployed: readonly FlowEntry[]): void
  /** Flows end: messages under way are forgotten. */
  stopping(): void
  /** A node could not do something, and nobody caught it: said with the acknowledgement of what it was at. @param node As it runs. */
  failed(node: string, fault: Omit<NodeFault, 'seq'>): void
  held(): Held
  /** Sent once more, by the wires of now. */
  resend(seqs: readonly string[]): void
  /** A person says that it has ended. */
  dismiss(seqs: readonly string[]): void
}

/** Read at once. */
const PAGE = 256
/** Under way at once, not counting those that are held: what waits for a slow node is in the log, not in memory. */
const WINDOW = 1024
/** Not ended after this is called held, and shown. */
const HELD_MS = 5_000
/** So many nodes are named that failed on the way of one outcome, and in one acknowledgement: what is left over follows in the next. */
const MOST_FAULTS = 8
const FAULTS_AT_ONCE = 40
/** A question to the log hangs for this long when there is nothing new. */
const WAIT_MS = 25_000

interface Open { readonly outcome: Pick<Outcome, 'seq' | 'type' | 'node'>; readonly root: string | null; readonly since_ms: number; readonly asked: Map<string, number>; readonly faults: Map<string, NodeFault> }

export function createRouter({ log, publisher, persist, tracked, nodes, clone }: {
  log: OutcomeLog
  publisher: Publisher
  persist: Persist
  /** Of Node-RED's hooks. @param onEnded Called with each root that has ended. */
  tracked: (onEnded: (root: string) => void) => Tracker
  nodes: () => LiveNodes
  clone: (message: Message) => Message
}): Router {
  const tracker = tracked((root) => end(readRoot(root)!.seq))
  const stay = randomUUID() // begins the name of each root: a message may outlive the router that sent it
  const open = new Map<string, Open>() // by seq: sent, not ended
  const interrupted = new Set<string>() // open when a deploy came: their messages may live on in nodes that it left alone
  const ended = new Map<string, number>() // ended → page that was asked for when the log knew it; Infinity: it does not yet
  const toAcknowledge: { readonly seq: string; readonly faults: readonly NodeFault[] }[] = []
  let acknowledging = false
  let deployed = new Set<string>() // ids of all entries of the flow file, also disabled ones
  let types = new Set<string>() // of the same
  let sources = new Map<string, number>() // type → how many of its nodes should run: a tab may fail to start
  let epoch = 0
  let running = false
  let sendings = 0
  let pages = 0
  let wake = (): void => undefined

  async function pull(mine: number): Promise<void> {
    let cursor: string | null = null
    while (mine === epoch) {
      const room = WINDOW - (open.size - held().total)
      if (room <= 0) {
        await new Promise<void>((resolve) => {
          wake = resolve
          setTimeout(resolve, HELD_MS)
        })
        continue
      }
      const page = ++pages
      const outcomes = await persist(() => log.outcomes(cursor, Math.min(PAGE, room), WAIT_MS))
      if (mine !== epoch) return
      for (const outcome of outcomes) if (!open.has(outcome.seq) && !ended.has(outcome.seq)) route(outcome)
      for (const [seq, known] of ended) if (known < page) ended.delete(seq)
      cursor = outcomes.at(-1)?.seq ?? cursor
    }
  }

  function route(outcome: Outcome): void {
    const to = addressee(outcome)
    const targets = to === null ? nodes().ofEvent(outcome.type) : [nodes().get(to)].filter((node) => node?.type === outcome.type)
    if (to === null && targets.length < (sources.get(outcome.type) ?? 0)) return note(outcome, null)
    if (targets.length === 0) {
      if (to === null ? types.has(outcome.type) : isDeployed(to)) return note(outcome, null) // disabled: what happens meanwhile happens only once
      return outcome.kind === 'event' ? end(outcome.seq) : gone(outcome)
    }
    const root = rootOf(`${stay}.${++sendings}`, outcome.scope, outcome.seq)
    note(outcome, root)
    const message = outgoing(outcome.seq, outcome.type, outcome.message)
    tracker.run(root, () => targets.forEach((node) => nodes().leave(node!.id, clone(message))))
    if (isBroken('ack-early')) end(outcome.seq)
  }

  const note = ({ seq, type, node }: Outcome, root: string | null): void => void open.set(seq, { outcome: { seq, type, node }, root, since_ms: Date.now(), asked: new Map(), faults: new Map() })

  /** A node inside a subflow is called after its instances, `instance-node`. */
  const isDeployed = (node: string) => deployed.has(node) || node.split('-').every((part) => deployed.has(part))

  function end(seq: string): void {
    const faults = [...(open.get(seq)?.faults.values() ?? [])]
    open.delete(seq)
    interrupted.delete(seq)
    if (ended.has(seq)) return
    ended.set(seq, Infinity)
    toAcknowledge.push({ seq, faults })
    wake()
    if (acknowledging) return
    acknowledging = true
    setImmediate(() => void acknowledge())
  }

  async function acknowledge(): Promise<void> {
    while (toAcknowledge.length > 0) {
      const seqs: string[] = []
      const faults: NodeFault[] = []
      for (const one of toAcknowledge) {
        if (seqs.length === 1_000 || faults.length >= FAULTS_AT_ONCE) break
        seqs.push(one.seq)
        faults.push(...one.faults)
      }
      toAcknowledge.splice(0, seqs.length)
      await persist(() => log.acknowledge(seqs, faults))
      for (const seq of seqs) ended.set(seq, pages)
    }
    acknowledging = false
  }

  function gone({ seq, node, type }: Outcome): void {
    interrupted.delete(seq)
    ended.set(seq, Infinity)
    void persist(() => log.gone([seq], `node ${node} (${type}) is no longer in the flow`)).then(() => ended.set(seq, pages))
  }

  function held(): Held {
    const now_ms = Date.now()
    const last = new Map(tracker.held(now_ms - HELD_MS).map((root) => [root.root, root.last]))
    const all = [...open.values()].flatMap(({ outcome, root, since_ms, faults }): HeldOutcome[] => {
      const held_ms = Math.max(0, now_ms - since_ms)
      const words = [...faults.values()].at(-1)?.words ?? null
      return root === null ? [{ ...outcome, held_ms, words, last: '', why: 'node not running' }]
        : last.has(root) ? [{ ...outcome, held_ms, words, last: last.get(root)!, why: 'not ended' }] : []
    })
    return { total: all.length, stuck: all.filter(({ held_ms }) => held_ms >= STUCK_MS).length, oldest: all.slice(0, MOST_HELD) }
  }

  const rootOfMessage = (message: Message) => oldest(tracker.rootsOf(message), (seq) => open.has(seq) || interrupted.has(seq))

  async function join(node: RedNode, stage: PaletteNode, options: Record<string, unknown>, message: Message): Promise<string> {
    const part = partOf(message)
    if (part === null) throw new Fault('input/invalid', `${stage.title} takes what a split made, and this message has no \`split\`. Was its work run again by hand? Then what it belonged to has gone on.`)
    const [, root] = rootOfMessage(message)
    const { org, site } = root?.home ?? HOME
    const { id } = await publisher.publish({ org, site, role: 'operator' }, {
      stage: stage.type, input: { of: part.id, at: node.id, count: part.count }, options,
      waiter: { node: node.id, message: portable(message), member: part.index, ...(root === null ? {} : { root: root.seq }) },
    })
    return id
  }

  return {
    nameOf: (message) => rootOfMessage(message)[1]?.seq ?? null,
    async ask(node, stage, options, message) {
      const names = tracker.rootsOf(message)
      if (names.length > 0 && !names.some((name) => name.startsWith(stay))) throw new Fault('flows/taken', 'What this message came of was given to another Node-RED meanwhile, or to this one again. It ends here.')
      if (stage.gathers) return join(node, stage, options, message)
      const { payload } = message
      if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) throw new Fault('input/invalid', `${stage.type} takes an object as msg.payload, and got ${payload === null ? 'null' : Array.isArray(payload) ? 'an array' : `a ${typeof payload}`}.`)
      const kept = portable(message)
      const input = kept['payload'] as Record<string, unknown>
      const [name, root] = rootOfMessage(message)
      const sent = root === null ? undefined : open.get(root.seq)
      const work = JSON.stringify([stage.each ? input : stage.takes.map((port) => input[port.name]), options])
      const part = sent && sent.root === name ? nth(sent.asked, `${node.id} ${work}`) : 0
      const { org, site } = root?.home ?? HOME
      const { id } = await publisher.publish({ org, site, role: 'operator' }, {
        stage: stage.type, input, options,
        waiter: { node: node.id, message: kept, ...(root === null ? {} : { root: root.seq }), ...(part === 0 ? {} : { part }) },
      })
      return id
    },
    started(entries) {
      deployed = new Set(entries.map(({ id }) => id))
      types = new Set(entries.map(({ type }) => type))
      sources = runningTypes(entries)
      running = true
      void pull(++epoch)
    },
    stopping() {
      running = false
      epoch++
      tracker.forget()
      for (const seq of open.keys()) interrupted.add(seq)
      open.clear()
      wake()
    },
    failed(node, fault) {
      for (const name of tracker.erring(node)) {
        const seq = readRoot(name)?.seq ?? ''
        const sent = open.get(seq)
        if (sent?.root === name && sent.faults.size < MOST_FAULTS) sent.faults.set(fault.node, { ...fault, seq })
      }
    },
    held,
    resend(seqs) {
      for (const seq of seqs) {
        const root = open.get(seq)?.root
        if (root) tracker.forget(root)
        open.delete(seq)
      }
      if (running) void pull(++epoch)
    },
    dismiss(seqs) {
      for (const seq of seqs) {
        const held = open.get(seq)
        if (!held) continue
        if (held.root) tracker.forget(held.root)
        end(seq)
      }
    },
  }
}

/** The one node that it is for; null: all of its type. */
const addressee = ({ kind, node, type, message }: Outcome): string | null =>
  kind === 'outcome' ? node : Object.hasOwn(SETTINGS, type) ? String((message['payload'] as { node?: unknown }).node) : null

/** Of several that a join made one of: the same whenever the same are joined. None when all have ended: a message that somebody kept. */
function oldest(roots: readonly string[], isUnderWay: (seq: string) => boolean): [name: string, root: Root] | [null, null] {
  const read = roots.flatMap((name): [string, Root][] => {
    const root = readRoot(name)
    return root && isUnderWay(root.seq) ? [[name, root]] : []
  })
  return read.sort(([, a], [, b]) => (a.seq < b.seq ? -1 : 1))[0] ?? [null, null]
}

/** How many nodes of each type lie enabled on an enabled tab. */
function runningTypes(entries: readonly FlowEntry[]): Map<string, number> {
  const tabs = new Set(entries.filter(({ type, disabled }) => type === 'tab' && !disabled).map(({ id }) => id))
  const types = new Map<string, number>()
  for (const { type, z, d } of entries) if (!d && z !== undefined && tabs.has(z)) types.set(type, (types.get(type) ?? 0) + 1)
  return types
}

/** How often this was asked before. Two messages of one root may ask one node for the same work, and both go on when it is done. */
function nth(asked: Map<string, number>, what: string): number {
  const n = asked.get(what) ?? 0
  asked.set(what, n + 1)
  return n
}
