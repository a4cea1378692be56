/** The rules one by one, on nodes that misbehave on command; how they fit the real Node-RED is shown beside the router. */
import { setImmediate as turn, setTimeout as after } from 'node:timers/promises'
import { beforeEach, expect, test } from 'vitest'
import type { CompleteEvent, Hooks, Message, ReceiveEvent, RedNode, SendEvent } from './red.ts'
import { track, type Tracker } from './tracker.ts'

const hooks = new Map<string, (event: never) => void>()
let ended: string[]
let tracker: Tracker
beforeEach(() => {
  ended = []
  tracker = track({ add: (name: string, hook: (event: never) => void) => void hooks.set(name.split('.')[0]!, hook) } as Hooks, { onEnded: (root) => ended.push(root), quiet_ms: 30, poll_ms: 5, now_ms: () => 1_000 })
})

/** A node whose listener is `on`; `done` is its to call. */
const node = (id: string, on: (message: Message, done: () => void) => void = () => undefined, promisesDone = true) => ({ node: { id, type: 'test', _expectedDoneCount: promisesDone ? 1 : 0 } as RedNode, on })
type Node = ReturnType<typeof node>

const trigger = (name: string, event: SendEvent | ReceiveEvent | CompleteEvent) => hooks.get(name)!(event as never)

/** As Node-RED does when a node's `receive` is called. */
function receive({ node, on }: Node, msg: Message): void {
  const event: ReceiveEvent = { msg, destination: { id: node.id, node } }
  trigger('onReceive', event)
  on(msg, () => trigger('onComplete', { msg, node: { id: node.id, node } }))
  trigger('postReceive', event)
}

/** As Node-RED does along a wire. */
function send(from: string, to: Node, msg: Message): void {
  trigger('preDeliver', { msg, source: { id: from }, destination: { id: to.node.id, node: to.node } })
  setImmediate(() => receive(to, msg))
}

const turns = async (n = 6) => {
  for (let i = 0; i < n; i++) await turn()
}

test('nothing sent: ended two turns later', async () => {
  tracker.run('a', () => undefined)
  expect(ended).toEqual([])
  await turns()
  expect(ended).toEqual(['a'])
})

test('a message ends when its node says done, once, however often it says so', async () => {
  const dones: (() => void)[] = []
  const slow = node('slow', (_, done) => dones.push(done))
  tracker.run('a', () => {
    send('source', slow, { n: 1 })
    send('source', slow, { n: 2 })
  })
  await turns()
  dones[0]!()
  dones[0]!()
  await turns()
  expect(ended).toEqual([])
  dones[1]!()
  await turns()
  expect(ended).toEqual(['a'])
})

test('a message that came without a wire is held by its node, too', async () => {
  let finish = () => undefined as void
  const catching = node('catch', (_, done) => { finish = done })
  const failing = node('failing', (msg, done) => {
    done()
    receive(catching, { ...msg })
  })
  tracker.run('a', () => send('source', failing, {}))
  await turns()
  expect(ended).toEqual([])
  finish()
  await turns()
  expect(ended).toEqual(['a'])
})

test('a message’s own word goes before the context that it is sent in', async () => {
  const kept: Message[] = []
  const sink = node('sink')
  const keeping = node('keeping', (msg, done) => {
    kept.push(msg)
    done()
    if (kept.length === 2) send('keeping', sink, kept[0]!)
  })
  tracker.run('a', () => send('source', keeping, {}))
  tracker.run('b', () => send('source', keeping, {}))
  await turns(1)
  await after(1)
  await turns()
  expect(tracker.rootsOf(kept[0]!)).toEqual(['a'])
})

test('a node without done is followed until it was quiet for a while', async () => {
  const old = node('old', (msg) => void setTimeout(() => send('old', node('sink', (_, done) => done()), msg), 10), false)
  tracker.run('a', () => send('source', old, {}))
  await after(25)
  expect(ended).toEqual([])
  await after(60)
  expect(ended).toEqual(['a'])
})

test('a node without done that takes one message a turn keeps all that wait in it, however long the turns are', async () => {
  const sent: string[] = []
  const waiting: Message[] = []
  const sink = node('sink', (_, done) => done())
  let busy = false
  function next(): void {
    const message = waiting.shift()
    busy = message !== undefined
    if (!message) return
    for (const until = performance.now() + 3; performance.now() < until;); // other work of the same turn
    sent.push((message['_viewshed'] as string[])[0]!)
    send('switch', sink, message)
    setImmediate(next)
  }
  const queueing = node('switch', (message) => {
    waiting.push(message)
    if (!busy) next()
  }, false)
  const early: string[] = []
  tracker = track({ add: (name: string, hook: (event: never) => void) => void hooks.set(name.split('.')[0]!, hook) } as Hooks, {
    quiet_ms: 30, onEnded: (root) => {
      ended.push(root)
      if (!sent.includes(root)) early.push(root)
    },
  })
  for (let n = 0; n < 100; n++) tracker.run(`r${n}`, () => send('source', queueing, {}))
  let stalls = 5
  setImmediate(function stall() { // a process that does not run for a while finds all its timers due
    for (const until = performance.now() + 60; performance.now() < until;);
    if (--stalls > 0) setImmediate(stall)
  })
  while (ended.length < 100) await after(10)
  expect(early).toEqual([])
})

test('what is not over is held with its age and the last node; forgotten, it never ends', async () => {
  const dones: (() => void)[] = []
  const slow = node('slow', (_, done) => dones.push(done))
  tracker.run('a', () => send('source', slow, {}))
  await turns()
  expect(tracker.held(1_000)).toEqual([])
  expect(tracker.held(1_001)).toEqual([{ root: 'a', since_ms: 1_000, last: 'test:slow' }])
  tracker.forget()
  dones[0]!()
  await turns()
  expect([ended, tracker.held(2_000)]).toEqual([[], []])
})

test('a message that nobody sent for us is left alone, and so is one of an earlier life', async () => {
  const fine = node('fine', (_, done) => done())
  const injected: Message = {}
  const old: Message = { _viewshed: ['from before'] }
  send('inject', fine, injected)
  send('inject', fine, old)
  await turns()
  expect([injected, tracker.rootsOf(old), ended]).toEqual([{}, ['from before'], []])
})
