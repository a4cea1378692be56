/**
 * When has a message, with all that came of it, ended?
 *
 * Node-RED does not say, so we count: a token for each (message, node) from the wire to the node's `done`. A *root* is what
 * we sent in; it has ended when it has no token left. Found by trying every core node of Node-RED 5.0.7:
 *
 * 1. a second `done` of the same message and node is ignored;
 * 2. catch, complete, status, link call and link out call `receive` without a wire: a token is taken on arrival, and the
 *    root is carried by the message's own property first, by the asynchronous context second (a function's fresh object);
 * 3. nodes without `done` (switch, filter, subflow) give their token back when their listener returns, and their root then
 *    waits for some quiet, for they may send later. A switch takes one message a turn of the event loop and lets the others wait, so
 *    quiet begins when as many turns have passed as messages came to the node: on a busy machine a burst takes seconds;
 * 4. what a node sends in the synchronous turn of a `done` stands for all messages that were done in it (join, batch);
 * 5. timers that live at `done` hold the root (function with setTimeout, trigger);
 * 6. zero is believed two turns of the event loop later, when what follows synchronously has taken its tokens;
 * 7. a deploy forgets everything (`forget`), and whoever asked sends again: a stopped node never says done.
 *
 * A root never ends by the passing of time: a node that threw, or a join that waits for its other half, keeps it.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Hooks, Message, RedNode } from './red.ts'

export interface HeldRoot { readonly root: string; readonly since_ms: number; readonly last: string }

export interface Tracker {
  /** Runs `send`, and counts all that comes of it towards `root` until `onEnded(root)`. */
  run(root: string, send: () => void): void
  /** The roots that a message stands for; none when a person injected it. Also those already ended or forgotten. */
  rootsOf(message: Message): readonly string[]
  /** What the node is at in this turn, whose error it was that it just said. Also those already ended or forgotten. */
  erring(node: string): readonly string[]
  /** Roots begun before `before_ms` that have not ended, oldest first, with the node that was entered last. */
  held(before_ms: number): readonly HeldRoot[]
  forget(root?: string): void
}

/** Of a message; clones and most nodes carry it along. */
export const ROOTS = '_viewshed'

interface Root { tokens: number; turn: number; quiet: boolean; timers: (() => boolean)[]; readonly through: Set<string>; last: string; readonly since_ms: number }
type Roots = string[] // a live list: what is sent for several messages gains their roots after it left

export function track(hooks: Hooks, options: { onEnded: (root: string) => void; now_ms?: () => number; quiet_ms?: number; poll_ms?: number }): Tracker {
  const { onEnded, now_ms = Date.now, quiet_ms = 500, poll_ms = 50 } = options
  const roots = new Map<string, Root>()
  const ambient = new AsyncLocalStorage<Roots | undefined>()
  const before = new WeakMap<object, Roots | undefined>() // ReceiveEvent → the context to return to
  const tokens = new WeakMap<Message, Map<string, Roots[]>>() // message → node → roots of each token
  const wired = new WeakMap<Message, Map<string, number>>() // message → node → deliveries on their way
  const backlog = new Map<string, number>() // node without done → messages that it may not have come to yet
  const busy_ms = new Map<string, number>() // the same → when it last had some, of performance.now()
  let pacing = false
  let failed: { readonly node: string; readonly roots: Roots } | null = null // of the `done` with an error in this synchronous turn
  let turn: Map<string, Roots[]> | null = null // node → what it sent in this synchronous turn

  const rootsOf = (message: Message): Roots => {
    const own = message[ROOTS]
    return Array.isArray(own) ? own.filter((root) => typeof root === 'string') : (ambient.getStore() ?? [])
  }
  /** A message that somebody kept, and sends again after its own root ended, counts towards the one it is sent for. */
  const living = (message: Message): Roots => {
    const own = rootsOf(message).filter((root) => roots.has(root))
    return own.length > 0 ? own : (ambient.getStore() ?? []).filter((root) => roots.has(root))
  }

  function hold(which: Roots, last?: string): void {
    for (const name of which) {
      const root = roots.get(name)
      if (!root) continue
      root.tokens++
      root.turn++
      if (last !== undefined) root.last = last
    }
  }

  function release(which: Roots): void {
    for (const name of which) {
      const root = roots.get(name)
      if (root && --root.tokens === 0) settle(name, root)
    }
  }

  function settle(name: string, root: Root): void {
    const turn = ++root.turn
    const look = () => {
      if (roots.get(name) !== root || root.turn !== turn) return
      root.timers = root.timers.filter((alive) => alive())
      if (root.timers.length > 0) return void setTimeout(look, poll_ms)
      if ([...root.through].some((node) => backlog.has(node) || performance.now() - (busy_ms.get(node) ?? -Infinity) < quiet_ms)) return void setTimeout(look, quiet_ms)
      roots.delete(name)
      onEnded(name)
    }
    if (root.quiet) setTimeout(look, quiet_ms)
    else setImmediate(() => setImmediate(look))
  }

  /** One more message waits in a node that does not say when it is done with it. */
  function queue(node: string): void {
    backlog.set(node, (backlog.get(node) ?? 0) + 1)
    busy_ms.set(node, performance.now())
    if (pacing) return
    pacing = true
    setImmediate(pace)
  }

  function pace(): void {
    for (const [node, waiting] of backlog) {
      busy_ms.set(node, performance.now())
      if (waiting > 1) backlog.set(node, waiting - 1)
      else backlog.delete(node)
    }
    pacing = backlog.size > 0
    if (pacing) setImmediate(pace)
  }

  function take(message: Message, node: RedNode, which: Roots): void {
    listOf(mapOf(tokens, message), node.id).push(which)
    hold(which, `${node.type}:${node.id}`)
  }

  /** Null: nothing was held for it, or its `done` came twice. */
  function drop(message: Message, node: RedNode): Roots | null {
    const which = tokens.get(message)?.get(node.id)?.shift()
    if (!which) return null
    for (const sent of turn?.get(node.id) ?? []) {
      const more = which.filter((root) => !sent.includes(root) && roots.has(root))
      sent.push(...more)
      hold(more)
    }
    return which
  }

  hooks.add('preDeliver.viewshed', ({ msg, source, destination }) => {
    const which = living(msg)
    if (which.length === 0) return
    msg[ROOTS] = which
    if (!turn) {
      turn = new Map()
      queueMicrotask(() => { turn = null })
    }
    listOf(turn, source.id).push(which)
    take(msg, destination.node, which)
    const onTheirWay = mapOf(wired, msg)
    onTheirWay.set(destination.id, (onTheirWay.get(destination.id) ?? 0) + 1)
  })

  hooks.add('onReceive.viewshed', (event) => {
    const { msg, destination } = event
    const which = living(msg)
    before.set(event, ambient.getStore())
    ambient.enterWith(which.length > 0 ? which : rootsOf(msg)) // forgotten by a deploy that left this node alone: a fresh object of it still tells whose it is
    if (which.length === 0) return
    msg[ROOTS] = which
    const onTheirWay = wired.get(msg)
    const count = onTheirWay?.get(destination.id) ?? 0
    if (count > 0) onTheirWay!.set(destination.id, count - 1)
    else take(msg, destination.node, which)
  })

  hooks.add('postReceive.viewshed', (event) => {
    const { msg, destination } = event
    ambient.enterWith(before.get(event))
    if (destination.node._expectedDoneCount > 0) return
    const which = drop(msg, destination.node)
    if (!which) return
    for (const name of which) {
      const root = roots.get(name)
      if (!root) continue
      root.quiet = true
      root.through.add(destination.node.id)
    }
    queue(destination.node.id)
    release(which)
  })

  hooks.add('onComplete.viewshed', ({ msg, node, error }) => {
    const which = drop(msg, node.node)
    if (!which) return
    if (error) {
      failed = { node: node.id, roots: which }
      queueMicrotask(() => { failed = null })
    }
    const alive = timersOf(node.node)
    if (alive) for (const name of which) roots.get(name)?.timers.push(alive)
    release(which)
  })

  return {
    rootsOf,
    erring: (node) => (failed?.node === node ? failed.roots : (ambient.getStore() ?? [])),
    run(name, send) {
      const root: Root = { tokens: 1, turn: 0, quiet: false, timers: [], through: new Set(), last: '', since_ms: now_ms() }
      roots.set(name, root)
      ambient.run([name], send)
      release([name])
    },
    held: (before_ms) => [...roots].filter(([, root]) => root.since_ms < before_ms).map(([root, { since_ms, last }]) => ({ root, since_ms, last })),
    forget(name) {
      if (name === undefined) roots.clear()
      else roots.delete(name)
    },
  }
}

/** Whether one of the timers that live in the node now is still alive; null when it has none. */
function timersOf(node: RedNode): (() => boolean) | null {
  if (node.outstandingTimers && node.outstandingTimers.length > 0) {
    const then = [...node.outstandingTimers]
    return () => then.some((timer) => node.outstandingTimers!.includes(timer))
  }
  if (node.type !== 'trigger' || !node.topics) return null
  const then = Object.entries(node.topics).flatMap(([topic, { tout }]) => (tout ? [{ topic, tout }] : []))
  return then.length === 0 ? null : () => then.some(({ topic, tout }) => node.topics![topic]?.tout === tout)
}

function mapOf<V>(of: WeakMap<Message, Map<string, V>>, message: Message): Map<string, V> {
  let map = of.get(message)
  if (!map) of.set(message, (map = new Map()))
  return map
}

function listOf<V>(map: Map<string, V[]>, key: string): V[] {
  let list = map.get(key)
  if (!list) map.set(key, (list = []))
  return list
}
