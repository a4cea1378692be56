/** What the board costs over the writes that it makes, and how long a device waits for a task when many are pending. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Type } from 'typebox'
import { openLog, type Log, type LogOp } from '../store/log.ts'
import { openBoard, type OpenBoard, type StageRules } from './board.ts'
import { openOutcomes } from './outcomes.ts'

export interface Figure { readonly name: string; readonly value: number; readonly unit: string; readonly peer: string | null; readonly peer_value: number | null; readonly ratio: number | null }

const HOME = { org: 'home', site: 'home', role: 'device' } as const
const RULES: StageRules = { version: 1, lease_s: 600, input: Type.Object({ clip: Type.String(), made_from: Type.Optional(Type.String()) }), output: Type.Object({ text: Type.String() }) }
const TEXT = 'x'.repeat(300)
const ROUND_MS = 700
const TIMES = 3

/** @param pending Tasks that wait while claims are timed; a million takes some minutes and about a gigabyte. */
export async function* bench({ pending = 100_000 }: { pending?: number } = {}): AsyncGenerator<Figure> {
  for (const concurrency of [1, 16, 64, 256]) {
    const pairs: { ours: number; plain: number }[] = []
    for (let n = 0; n < TIMES; n++) pairs.push({ ours: await withBoard(({ board }) => rate(concurrency, round(board))), plain: await withLog(async (log) => rate(concurrency, await plainly(log))) })
    const middle = pairs.sort((a, b) => a.ours / a.plain - b.ours / b.plain)[TIMES >> 1]!
    yield { name: `board.rounds.${concurrency}`, value: Math.round(middle.ours), unit: 'tasks/s published, claimed, completed, with a successor', peer: 'the same writes, synced and batched alike, without a board', peer_value: Math.round(middle.plain), ratio: middle.ours / middle.plain }
  }
  yield* claims(pending)
}

async function* claims(pending: number): AsyncGenerator<Figure> {
  const took_ms = await withBoard(async ({ board, again }) => {
    for (let n = 0; n < pending; n += 1_000) await board.publish(HOME, Array.from({ length: 1_000 }, (_, i) => ({ stage: 'copy', input: { clip: `${n + i} ${TEXT}` } })))
    const fresh = await again() // so that nothing is in memory
    const took: number[] = []
    for (let n = 0; n < 3_000; n++) {
      const from = performance.now()
      const [claim] = await fresh.claim('nas', HOME, ['copy'], 1)
      took.push(performance.now() - from)
      if (n % 4 === 0) await fresh.complete('nas', { id: claim!.id, token: claim!.token, output: { text: TEXT }, files: [] })
    }
    return took.sort((a, b) => a - b)
  })
  const at = (part: number) => took_ms[Math.floor(took_ms.length * part)]!
  yield { name: `board.claim.p99.${pending}`, value: at(0.99), unit: 'ms', peer: null, peer_value: null, ratio: null }
  yield { name: `board.claim.max.${pending}`, value: took_ms.at(-1)!, unit: 'ms', peer: null, peer_value: null, ratio: null }
}

let clip = 0

/** One task and the next one that its outcome asks for. */
const round = (board: OpenBoard) => async () => {
  const name = `${clip++}`
  await board.publish(HOME, [{ stage: 'copy', input: { clip: name + TEXT }, waiter: { node: 'a', root: name, message: { payload: { clip: name + TEXT } } } }])
  const [claim] = await board.claim('nas', HOME, ['copy'], 1)
  await board.complete('nas', { id: claim!.id, token: claim!.token, output: { text: TEXT }, files: [] })
  await board.publish(HOME, [{ stage: 'next', input: { clip: name + TEXT }, waiter: { node: 'b', root: `${name}+`, message: { payload: { clip: name + TEXT } } } }])
}

/** The writes of one round as the board makes them, under keys of their own each time. */
async function plainly(log: Log): Promise<() => Promise<void>> {
  const commits: LogOp[][] = []
  await withBoard(({ board }) => round(board)(), (ops) => commits.push([...ops]))
  return async () => {
    const mark = `${clip++}!`
    for (const ops of commits) await log.commit(ops.map((op) => ({ ...op, key: op.key + mark })))
  }
}

/** Rounds per second when `concurrency` of them are always under way. */
async function rate(concurrency: number, one: () => Promise<void>): Promise<number> {
  let rounds = 0
  const from = performance.now()
  await Promise.all(Array.from({ length: concurrency }, async () => {
    for (; performance.now() - from < ROUND_MS; rounds++) await one()
  }))
  return rounds / ((performance.now() - from) / 1_000)
}

async function withLog<T>(act: (log: Log, dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'viewshed-bench-'))
  const log = await openLog(dir)
  try {
    return await act(log, dir)
  } finally {
    await log.close()
    await rm(dir, { recursive: true, force: true })
  }
}

/** @param heard Each commit of the board once it is open. */
function withBoard<T>(act: (open: { board: OpenBoard; again: () => Promise<OpenBoard> }) => Promise<T>, heard?: (ops: readonly LogOp[]) => void): Promise<T> {
  return withLog(async (bare) => {
    let listening = false
    const log: Log = {
      commit: (ops) => {
        if (listening) heard?.(ops)
        return bare.commit(ops)
      },
      get: (key) => bare.get(key), range: (range) => bare.range(range), close: () => bare.close(), get syncs() { return bare.syncs },
    }
    const open = async () => openBoard({
      log, outcomes: await openOutcomes({ log, clock: Date.now }), stages: () => RULES, stageNames: ['copy', 'next'], clock: Date.now, sweep_ms: 0,
      volumes: { verify: async () => undefined, place: async () => undefined, drop: async () => undefined },
    })
    const board = await open()
    listening = true
    return act({ board, again: open })
  })
}
