/** A board and its log in memory, with core's promises and nothing else, reached over a unix socket: it outlives the Node-RED process under test. */
import { createServer, createConnection, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { once } from 'node:events'
import { Fault, type FaultReport } from '../../core/contract/fault.ts'
import type { NodeFault } from '../../core/tasks/flow-faults.ts'
import type { Outcome, Publication, Published } from '../../core/tasks/port.ts'
import type { Core } from '../core.ts'

export interface FakeCore {
  /** Something happened. Returns its seq. */
  emit(type: string, payload: Record<string, unknown>): string
  /** A node's work is done. Returns its seq. */
  finish(node: string, type: string, payload: Record<string, unknown>): string
  readonly published: { readonly seq: string | null; readonly stage: string; readonly work: string; readonly node: string; readonly input: Record<string, unknown> }[]
  readonly acknowledged: Map<string, number> // seq → how often
  readonly faults: NodeFault[] // said with the acknowledgements
  readonly early: string[] // acknowledged, and asked for work afterwards
  readonly gone: Map<string, string>
  readonly unrouted: Map<string, Outcome>
  /** How work of a stage ends; by default with nothing. `null`: never. */
  readonly complete: Map<string, (input: Record<string, unknown>) => Record<string, unknown> | null>
  /** What calls answer, by name; what was asked for again. */
  readonly calls: Map<string, (input: Record<string, unknown>) => Record<string, unknown>>
  readonly repeated: { readonly stage: string; readonly task: string | null; readonly node: string }[]
  /** Nothing is answered while it is true. */
  away: boolean
  /** As if nothing had happened; numbers go on. */
  forget(): void
  settled(): Promise<void>
  until(what: () => boolean): Promise<void>
  close(): Promise<void>
}

interface Question { readonly id: number; readonly call: keyof Core; readonly with: readonly unknown[] }

/** @param fields Of the input of each stage; others are ignored, and a missing one is refused. */
export async function fakeCore(socketPath: string, fields: Readonly<Record<string, readonly string[]>>): Promise<FakeCore> {
  let last = 0
  const deliveries = new Set<string>()
  const happened = new Map<string, Record<string, unknown>>() // type → the newest
  const known = new Set<string>()
  const watchers = new Set<() => void>()
  const changed = () => watchers.forEach((watcher) => watcher())
  const add = (outcome: Omit<Outcome, 'seq'>) => {
    const seq = String(++last).padStart(10, '0')
    core.unrouted.set(seq, { ...outcome, seq })
    changed()
    return seq
  }

  const core: FakeCore = {
    published: [], acknowledged: new Map(), faults: [], early: [], gone: new Map(), unrouted: new Map(), complete: new Map(), calls: new Map(), repeated: [], away: false,
    emit: (type, payload) => happened.set(type, payload) && add({ kind: 'event', node: null, type, task: null, scope: { org: 'home', site: 'home' }, message: { payload } }),
    finish: (node, type, payload) => add({ kind: 'outcome', node, type, task: 'done', scope: { org: 'home', site: 'home' }, message: { payload } }),
    forget() {
      core.published.length = 0
      core.faults.length = 0
      for (const map of [core.acknowledged, core.gone, core.unrouted, core.complete]) map.clear()
    },
    settled: () => core.until(() => core.unrouted.size === 0),
    until: (what) => new Promise((resolve) => {
      const watcher = () => {
        if (!what()) return
        watchers.delete(watcher)
        resolve()
      }
      watchers.add(watcher)
      watcher()
    }),
    async close() {
      server.close()
      sockets.forEach((socket) => socket.destroy())
      await once(server, 'close')
    },
  }

  function publish({ stage, input, options, waiter }: Publication): Published {
    const picked = Object.fromEntries(fields[stage]!.map((name) => [name, input[name]]))
    const work = JSON.stringify([stage, picked, options])
    const delivery = JSON.stringify([work, waiter!.node, waiter!.root, waiter!.part])
    if (waiter!.root !== undefined && core.acknowledged.has(waiter!.root)) core.early.push(waiter!.root)
    core.published.push({ seq: waiter!.root ?? null, stage, work, node: waiter!.node, input: picked })
    const output = (core.complete.get(stage) ?? (() => ({})))(picked)
    if (output !== null && (waiter!.root === undefined || !deliveries.has(delivery)))
      add({ kind: 'outcome', node: waiter!.node, type: stage, task: work, scope: { org: 'home', site: 'home' }, message: { ...waiter!.message, payload: { ...input, ...output } } })
    deliveries.add(delivery)
    return { id: work, state: output === null ? 'pending' : 'complete', created: true }
  }

  async function answer(question: Question): Promise<unknown> {
    switch (question.call) {
      case 'publish': {
        const publications = question.with[1] as Publication[]
        for (const { stage, input } of publications) {
          const missing = fields[stage]?.find((name) => input[name] === undefined)
          if (missing) throw new Fault('input/invalid', `${stage} needs ${missing}`)
        }
        const published = publications.map(publish)
        changed()
        return published
      }
      case 'outcomes': {
        const [after, limit, wait_ms] = question.with as [string | null, number, number]
        const found = () => [...core.unrouted.values()].filter(({ seq }) => after === null || seq > after).sort((a, b) => (a.seq < b.seq ? -1 : 1)).slice(0, limit)
        if (found().length === 0) await Promise.race([core.until(() => found().length > 0), new Promise((resolve) => setTimeout(resolve, wait_ms).unref())])
        return found()
      }
      case 'acknowledge':
        core.faults.push(...(question.with[1] as NodeFault[]))
        for (const seq of question.with[0] as string[]) {
          core.acknowledged.set(seq, (core.acknowledged.get(seq) ?? 0) + 1)
          core.unrouted.delete(seq)
        }
        return changed()
      case 'call': {
        const [name, input] = question.with as [string, Record<string, unknown>]
        return core.calls.get(name)!(input)
      }
      case 'again': {
        const [stage, task, node] = question.with as [string, string | null, string]
        core.repeated.push({ stage, task, node })
        changed()
        return 'done again'
      }
      case 'lastEvent':
        return happened.get(question.with[0] as string) ?? null
      case 'emit': {
        const [, type, key, payload] = question.with as [unknown, string, string, Record<string, unknown>]
        if (known.has(key)) return null
        known.add(key)
        core.emit(type, payload)
        return null
      }
      case 'gone':
        for (const seq of question.with[0] as string[]) {
          core.gone.set(seq, question.with[1] as string)
          core.unrouted.delete(seq)
        }
        return changed()
    }
  }

  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    const gone = () => void socket.destroy() // the process under test was killed
    socket.on('error', gone)
    createInterface({ input: socket }).on('error', gone).on('line', (line) => {
      const question = JSON.parse(line) as Question
      const reply = (body: object) => { if (!socket.destroyed) socket.write(`${JSON.stringify({ id: question.id, ...body })}\n`) }
      if (core.away) return reply({ fault: { code: 'core/unreachable', message: 'away' } })
      answer(question).then((value) => reply({ value }), (error: Fault) => reply({ fault: error.toJSON() }))
    })
  })
  server.listen(socketPath)
  await once(server, 'listening')
  return core
}

/** The other end, in the Node-RED process. */
export function fakeCoreClient(socketPath: string): Core {
  const socket = createConnection(socketPath)
  const waiting = new Map<number, { resolve: (value: never) => void; reject: (fault: Fault) => void }>()
  let questions = 0
  createInterface({ input: socket }).on('line', (line) => {
    const { id, value, fault } = JSON.parse(line) as { id: number; value: never; fault?: FaultReport }
    const { resolve, reject } = waiting.get(id)!
    waiting.delete(id)
    if (fault) reject(new Fault(fault.code, fault.message))
    else resolve(value)
  })
  const ask = <T>(call: Question['call'], ...with_: unknown[]): Promise<T> => new Promise((resolve, reject) => {
    const id = ++questions
    waiting.set(id, { resolve, reject })
    socket.write(`${JSON.stringify({ id, call, with: with_ })}\n`)
  })
  return {
    publish: (scope, publications) => ask('publish', scope, publications),
    outcomes: (after, limit, wait_ms) => ask('outcomes', after, limit, wait_ms),
    acknowledge: (seqs, faults) => ask('acknowledge', seqs, faults),
    gone: (seqs, why) => ask('gone', seqs, why),
    emit: (scope, type, key, payload) => ask('emit', scope, type, key, payload),
    call: (name, input) => ask('call', name, input),
    again: (stage, task, node) => ask('again', stage, task, node),
    lastEvent: (type) => ask('lastEvent', type),
  }
}
