/** What the board costs over the writes that it makes, how it stands beside BullMQ, and how long a device waits when many tasks are pending. */
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Worker } from 'node:worker_threads'
import { openLog, type Log, type LogOp } from '../store/log.ts'
import { openBoard, type OpenBoard } from './board.ts'
import { MOSTLY_NEW } from './keys.ts'
import { openEvents } from './events.ts'
import { openOutcomes } from './outcomes.ts'
import { serve } from './testing/bench.ts'
import { openRedis, type Redis } from './testing/bullmq.ts'
import { rate, rounds, RULES, SCOPE, STAGE_NAMES, TEXT } from './testing/rounds.ts'

export interface Figure { readonly name: string; readonly value: number; readonly unit: string; readonly peer: string | null; readonly peer_value: number | null; readonly ratio: number | null }

const ROUND_MS = 700
const TIMES = 5
const UNIT = 'tasks/s published, claimed, completed, with a successor'
const PLAIN = 'the same writes, synced and batched alike, without a board'
const BULLMQ = 'BullMQ, a queue and a worker, on Redis that syncs always'

/** `VIEWSHED_BENCH_PENDING`: tasks that wait while claims are timed. A million takes some minutes and about two gigabytes of disk. */
const PENDING = Number(process.env['VIEWSHED_BENCH_PENDING'] ?? 100_000)

/** So many of them in one call. */
const AT_ONCE = 250

export async function* bench(): AsyncGenerator<Figure> {
  const redis = await openRedis()
  if (redis === null) yield { name: 'board.no-redis', value: 0, unit: 'of the figures beside BullMQ: install the package redis-server for them', peer: null, peer_value: null, ratio: null }
  try {
    for (const concurrency of [1, 16, 64, 256]) yield* beside(redis, concurrency)
  } finally {
    await redis?.close()
  }
  yield* withMany(PENDING)
}

/** Each is measured in turn, several times, and what is said of two of them is the median of how they compared each time. */
async function* beside(redis: Redis | null, concurrency: number): AsyncGenerator<Figure> {
  const all: { ours: number; plain: number; http: number; bullmq: number }[] = []
  for (let n = 0; n < TIMES; n++) {
    all.push({
      ours: await withBoard(({ board }) => rate(concurrency, rounds(board, board, 'a'), ROUND_MS)),
      plain: await withLog(async (log) => rate(concurrency, await plainly(log), ROUND_MS)),
      http: await withBoard((open) => overHttp(open, concurrency)),
      bullmq: redis === null ? Number.NaN : await bullmqRate(redis, concurrency),
    })
  }
  const compared = (name: string, one: 'ours' | 'http', other: 'plain' | 'bullmq', peer: string): Figure => {
    const middle = all.toSorted((a, b) => a[one] / a[other] - b[one] / b[other])[TIMES >> 1]!
    return { name: `board.${name}.${concurrency}`, value: Math.round(middle[one]), unit: UNIT, peer, peer_value: Math.round(middle[other]), ratio: middle[one] / middle[other] }
  }
  yield compared('rounds', 'ours', 'plain', PLAIN)
  if (redis === null) return
  yield compared('rounds.bullmq', 'ours', 'bullmq', BULLMQ)
  yield compared('http.bullmq', 'http', 'bullmq', BULLMQ)
}

async function bullmqRate(redis: Redis, concurrency: number): Promise<number> {
  const { round, close } = await redis.rounds(concurrency, TEXT)
  try {
    return await rate(concurrency, round, ROUND_MS)
  } finally {
    await close()
  }
}

/** The writes of one round as the board makes them, under keys of their own each time, but for what it says once for all. */
async function plainly(log: Log): Promise<() => Promise<void>> {
  const commits: LogOp[][] = []
  await withBoard(({ board }) => rounds(board, board, 'a')(), (ops) => commits.push([...ops]))
  const [first = [], ...together] = commits
  let n = 0
  return async () => {
    const mark = `${n++}!`
    const own = (ops: readonly LogOp[]) => log.commit(ops.map((op) => (op.type === 'sum' ? op : { ...op, key: op.key + mark })))
    await own(first)
    await Promise.all(together.map(own))
  }
}

/** Through the routes, with clients in a thread of their own as they would be on machines of their own. */
async function overHttp({ log, board, outcomes }: Open, concurrency: number): Promise<number> {
  const dir = await mkdtemp(join(tmpdir(), 'viewshed-door-'))
  const socketPath = join(dir, 'core')
  const server = serve({ board, outcomes, events: openEvents({ log, outcomes, clock: Date.now }) }).listen(socketPath)
  try {
    await once(server, 'listening')
    const clients = new Worker(new URL('./testing/clients.ts', import.meta.url), { workerData: { socketPath, concurrency, for_ms: ROUND_MS, mark: 'h' } })
    const [rate_hz] = (await once(clients, 'message')) as [number]
    return rate_hz
  } finally {
    server.closeAllConnections()
    server.close()
    await rm(dir, { recursive: true, force: true })
  }
}

/** With many tasks pending: what they cost in memory, how soon a board that was started anew gives out the first, and each of the next. */
async function* withMany(pending: number): AsyncGenerator<Figure> {
  const alone = (name: string, value: number, unit: string): Figure => ({ name: `board.${name}.${pending}`, value, unit, peer: null, peer_value: null, ratio: null })
  const dir = await mkdtemp(join(tmpdir(), 'viewshed-bench-'))
  try {
    const empty = memory()
    let open = await openIn(dir)
    for (let n = 0; n < pending; n += AT_ONCE) await open.board.publish(SCOPE, Array.from({ length: Math.min(AT_ONCE, pending - n) }, (_, i) => ({ stage: 'copy', input: { clip: `${n + i} ${TEXT}` } })))
    const full = memory()
    await open.close()

    const from = performance.now()
    open = await openIn(dir)
    await open.board.claim('nas', SCOPE, ['copy'], 1)
    yield alone('restart', performance.now() - from, 'ms from opening the log to the first claim')

    const took: number[] = []
    for (let n = 0; n < 3_000; n++) {
      const asked = performance.now()
      const [claim] = await open.board.claim('nas', SCOPE, ['copy'], 1)
      took.push(performance.now() - asked)
      if (n % 4 === 0) await open.board.complete('nas', { id: claim!.id, token: claim!.token, output: { text: TEXT }, files: [] })
    }
    took.sort((a, b) => a - b)
    yield alone('claim.p99', took[Math.floor(took.length * 0.99)]!, 'ms')
    yield alone('claim.max', took.at(-1)!, 'ms')
    yield alone('memory', full.own_mib - empty.own_mib, 'MiB that the memory of the process grew by while they were published')
    yield alone('memory.resident', full.resident_mib - empty.resident_mib, 'MiB, with the pages of files that the system keeps mapped as long as nobody needs the room')
    await open.close()
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

/** What is in use and not garbage; on Linux told apart from mapped files. */
function memory(): { own_mib: number; resident_mib: number } {
  setFlagsFromString('--expose-gc')
  ;(runInNewContext('gc') as () => void)()
  const resident_mib = process.memoryUsage.rss() / (1 << 20)
  if (process.platform !== 'linux') return { own_mib: resident_mib, resident_mib }
  return { own_mib: Number(/^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]) / 1024, resident_mib }
}

interface Open { readonly log: Log; readonly board: OpenBoard; readonly outcomes: Awaited<ReturnType<typeof openOutcomes>> }

/** @param heard Each commit of the board once it is open. */
async function openIn(dir: string, heard?: (ops: readonly LogOp[]) => void): Promise<Open & { close: () => Promise<void> }> {
  const bare = await openLog(dir, { mostlyNew: MOSTLY_NEW })
  let listening = false
  const log: Log = heard === undefined ? bare : {
    commit: (ops) => {
      if (listening) heard(ops)
      return bare.commit(ops)
    },
    get: (key) => bare.get(key), range: (range) => bare.range(range), close: () => bare.close(), get syncs() { return bare.syncs },
  }
  const outcomes = await openOutcomes({ log, clock: Date.now })
  const board = await openBoard({
    log, outcomes, stages: () => RULES, stageNames: STAGE_NAMES, clock: Date.now, sweep_ms: 0,
    volumes: { verify: async () => undefined, place: async () => undefined, drop: async () => undefined, tasks: async () => [] },
  })
  listening = true
  return { log, board, outcomes, close: async () => {
    await board.close()
    outcomes.close()
    await log.close()
  } }
}

async function withBoard<T>(act: (open: Open) => Promise<T>, heard?: (ops: readonly LogOp[]) => void): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'viewshed-bench-'))
  try {
    const open = await openIn(dir, heard)
    try {
      return await act(open)
    } finally {
      await open.close()
    }
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

async function withLog<T>(act: (log: Log) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'viewshed-bench-'))
  const log = await openLog(dir)
  try {
    return await act(log)
  } finally {
    await log.close()
    await rm(dir, { recursive: true, force: true })
  }
}
