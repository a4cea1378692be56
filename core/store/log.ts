import { mkdir, open } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { Level } from 'level'
import { Fault } from '../contract/fault.ts'
import { crashPoint, isBroken } from './crash.ts'
import { checkRoom, diskFull, isDiskFull } from './mend-room.ts'
import { Misses } from './misses.ts'

export type LogOp =
  | { readonly type: 'put'; readonly key: string; readonly value: string }
  | { readonly type: 'del'; readonly key: string }
  /** A number that many callers change: each who shares a batch adds its own, and what comes of it is said once. Taken back when the batch fails. */
  | { readonly type: 'sum'; readonly key: string; readonly add: (sign: 1 | -1) => void; readonly value: () => string }
export interface LogRange { readonly gte?: string; readonly gt?: string; readonly lt: string; readonly limit?: number; readonly reverse?: boolean }

/** The one store with a transaction over many keys. Whoever keeps something in it does so under a key prefix of its own. */
export interface Log {
  /** All or nothing, and on the disk when it resolves; many callers share one sync, in the order of their calls.
   *  Throws Fault `media/full`, `log/failed`: then nothing of it is visible. */
  commit(ops: readonly LogOp[]): Promise<void>
  /** What was committed last; a commit under way is not seen. */
  get(key: string): string | undefined
  /** Keys in order of their UTF-8 bytes. */
  range(range: LogRange): Promise<[key: string, value: string][]>
  /** Waits for the commits under way. */
  close(): Promise<void>
  readonly syncs: number // batches written since it was opened
}

/** Above every key that starts with `prefix`. */
export const past = (prefix: string): string => `${prefix}\uffff`

/**
 * @param dir Made when it is not there. One process at a time: Fault `log/held` when another one has it.
 * @param sync `false` writes without waiting for the disk: only for the broken build that a power cut test must catch.
 * @param mostlyNew Prefixes of keys that are mostly asked for before they are there.
 */
export async function openLog(dir: string, { sync = !isBroken('no-sync'), mostlyNew = [] }: { sync?: boolean; mostlyNew?: readonly string[] } = {}): Promise<Log> {
  await mkdir(dir, { recursive: true })
  const parent = await open(dirname(resolve(dir)))
  try {
    await parent.sync() // or a power cut takes the folder with everything in it
  } finally {
    await parent.close()
  }
  const db = new Level<string, string>(dir, { writeBufferSize: 16 << 20, cacheSize: 16 << 20 })
  await openDb(db, dir)
  return new SyncedLog(db, dir, sync, new Misses(db, mostlyNew))
}

interface Caller { readonly ops: readonly LogOp[]; readonly done: () => void; readonly failed: (error: unknown) => void }

/** Of more callers than these only one half shares a batch: while the disk writes it, the answers to the other half are thought out. */
const TOGETHER = 16

class SyncedLog implements Log {
  syncs = 0
  readonly #db: Level<string, string>
  readonly #dir: string
  readonly #sync: boolean
  readonly #misses: Misses
  readonly #waiting: Caller[] = []
  #writing: Promise<void> | null = null
  #torn: readonly Written[] | null = null // what was being written when the disk failed
  #ended: Fault | null = null

  constructor(db: Level<string, string>, dir: string, sync: boolean, misses: Misses) {
    this.#db = db
    this.#dir = dir
    this.#sync = sync
    this.#misses = misses
  }

  commit(ops: readonly LogOp[]): Promise<void> {
    return new Promise((done, failed) => {
      this.#waiting.push({ ops, done, failed })
      this.#writing ??= this.#write()
    })
  }

  get(key: string): string | undefined {
    if (this.#misses.has(key)) return undefined
    const value = this.#db.getSync(key)
    if (value === undefined) this.#misses.missed(key)
    return value
  }

  range({ gte, gt, lt, limit = -1, reverse = false }: LogRange): Promise<[string, string][]> {
    return this.#db.iterator({ ...(gte === undefined ? {} : { gte }), ...(gt === undefined ? {} : { gt }), lt, limit, reverse }).all()
  }

  async close(): Promise<void> {
    await this.#writing
    await this.#misses.close()
    await this.#db.close()
  }

  /** Writes until nobody waits. Whoever calls meanwhile shares the next batch. */
  async #write(): Promise<void> {
    await new Promise((turn) => setImmediate(turn)) // everybody of this turn joins the first batch
    while (this.#waiting.length > 0) {
      const callers = this.#waiting.splice(0, Math.max(TOGETHER, Math.ceil(this.#waiting.length / 2)))
      try {
        await this.#batch(callers.flatMap(({ ops }) => ops))
        for (const caller of callers) caller.done()
      } catch (error) {
        for (const caller of callers) caller.failed(error)
        await new Promise((turn) => setImmediate(turn)) // what they had added to sums is taken back before the next batch says them
      }
    }
    this.#writing = null
  }

  async #batch(ops: LogOp[]): Promise<void> {
    if (this.#ended) throw this.#ended
    if (this.#torn) await this.#mend(this.#torn)
    if (ops.length === 0) return
    crashPoint('log.before-sync')
    const all = written(ops)
    for (const { type, key } of all) if (type === 'put') this.#misses.add(key)
    try {
      await this.#db.batch(all, { sync: this.#sync })
    } catch (error) {
      this.#torn = all
      for (const op of ops) if (op.type === 'sum') op.add(-1)
      throw failure(error, this.#dir)
    }
    this.syncs++
    crashPoint('log.synced')
  }

  // A record that was cut off leaves LevelDB's journal out of step: what is appended after it would be dropped when it
  // is read back, though it was synced and acknowledged. So nothing more goes into that journal; opening starts another.
  // Where only the sync failed the record may be whole, and is there now, though its callers were told that it is not:
  // what they keep in memory is not what the log says any more, so nothing more is written until all of it is read again.
  async #mend(torn: readonly Written[]): Promise<void> {
    await checkRoom('log', this.#dir)
    if (this.#db.status === 'open') await this.#db.close()
    await openDb(this.#db, this.#dir)
    this.#torn = null
    const after = new Map(torn.map((op) => [op.key, op.type === 'put' ? op.value : undefined])) // what it would have led to
    if (![...after].every(([key, value]) => this.#db.getSync(key) === value)) return
    this.#ended = new Fault('log/failed', `The disk that holds the log in ${this.#dir} failed in the middle of a write. Look at that disk, then start Viewshed again: nothing is lost, and nothing more is taken in until then`)
    throw this.#ended
  }
}

type Written = Exclude<LogOp, { type: 'sum' }>

function written(ops: readonly LogOp[]): Written[] {
  const plain: Written[] = []
  const sums = new Map<string, () => string>()
  for (const op of ops) {
    if (op.type !== 'sum') {
      plain.push(op)
      continue
    }
    op.add(1)
    sums.set(op.key, op.value)
  }
  for (const [key, value] of sums) plain.push({ type: 'put', key, value: value() })
  return plain
}

async function openDb(db: Level<string, string>, dir: string): Promise<void> {
  try {
    await db.open()
  } catch (error) {
    throw failure(error, dir)
  }
}

/** LevelDB gives a code for the lock and one for everything that the disk says; the words under it are the system's. */
function failure(error: unknown, dir: string): unknown {
  const [outer, inner] = [error, error instanceof Error ? error.cause : undefined].map((e) => (e instanceof Error ? { code: 'code' in e ? e.code : '', message: e.message } : { code: '', message: '' }))
  const codes = [outer?.code, inner?.code]
  const words = `${outer?.message} ${inner?.message}`
  if (codes.includes('LEVEL_LOCKED')) return new Fault('log/held', `The log in ${dir} is in use by another process; stop that one first`, { cause: error })
  if (isDiskFull(words)) return diskFull('log', dir, error)
  if (codes.includes('LEVEL_IO_ERROR') || codes.includes('LEVEL_CORRUPTION')) return new Fault('log/failed', `The log in ${dir} could not be written: ${inner?.message || outer?.message}`, { cause: error })
  return error
}
