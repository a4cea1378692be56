import type { Home } from '../access/scope.ts'
import { past, type Log } from '../store/log.ts'
import type { Batch } from './batch.ts'
import { assetPrefix, countKey, homeKey, listPrefix, nextRunKey, pendingPrefix, taskKey } from './keys.ts'
import { Lately } from './lately.ts'
import { complete, type Task } from './machine.ts'
import type { Work } from './rules.ts'

/** A task as it lies in the log. */
export interface TaskRecord extends Task, Home {
  readonly id: string
  readonly stage: string
  readonly version: number // of the stage when it was published
  readonly input: Record<string, unknown>
  readonly options: Record<string, unknown>
  readonly run: number // 0; raised each time a person has it done again
  readonly asker?: string // of a stage that acts for each message: for which
  readonly node?: string // of the same, and of one that gathers: the node of the flow that has it done
  readonly resource: string | null // one task at a time has it
  readonly waiting: readonly string[] // keys of the deliveries that have no answer yet
  readonly output: Record<string, unknown> | null
  readonly priority: number
  readonly seq: string // sorts by age
  readonly order: string // sorts by turn
  readonly created_ms: number
  readonly completed_ms: number | null
  readonly device: string | null // who completed it
  readonly retired: string | null // token of the last fault: said once, it counts once
}

/** A piece of work that was just asked for. @param turn_ms Its place among the others. */
export const begun = (work: Work, created_ms: number, turn_ms: number, priority: number, seq: string): TaskRecord => ({
  ...work, priority, seq, order: orderOf(turn_ms, priority, seq), state: 'pending', attempts: 0, interruptions: 0, not_before_ms: 0, faults: [], interrupted: [],
  waiting: [], output: null, created_ms, completed_ms: null, device: null, retired: null,
})

/** A task as it ends. @param device Who did it */
export const done = (task: TaskRecord, output: Record<string, unknown>, device: string, completed_ms: number): TaskRecord => ({ ...(complete(task) ?? task), waiting: [], output, device, completed_ms })

/** A task of the next priority has the turn of one that came so much earlier, so every task has its turn at last. */
export const AGEING_MS = 600_000

/** What comes with the last two is done over days, and footage that arrives meanwhile goes before it; at last it has its turn too. */
export const BACK_FILL = 8
const BACK_FILL_MS = 7 * 86_400_000

/** How much later than a task of priority 0 it has its turn. */
export const ageing_ms = (priority: number): number => (priority < BACK_FILL ? priority * AGEING_MS : (priority - BACK_FILL + 1) * BACK_FILL_MS)

const TURN_LENGTH = 9

export const orderOf = (turn_ms: number, priority: number, seq: string): string =>
  Math.max(0, Math.floor(turn_ms) + ageing_ms(priority)).toString(36).padStart(TURN_LENGTH, '0') + seq

/** When a task has its turn, ageing counted in. */
export const turnOf = (order: string): number => Number.parseInt(order.slice(0, TURN_LENGTH), 36)

/** Digests of the recordings that a task is about: `sha256` of its input, and that of its `media`. */
export function assetsOf({ input: { sha256, media } }: Pick<TaskRecord, 'input'>): readonly string[] {
  const ofMedia = media !== null && typeof media === 'object' && 'sha256' in media ? media.sha256 : undefined
  return [...new Set([sha256, ofMedia])].filter((digest) => typeof digest === 'string')
}

export interface Count { readonly home: Home; readonly stage: string; pending: number; complete: number; parked: number }

/** Ahead of the disk, and as the batches that are on the disk have it: a count beside tasks that a power cut took would be wrong for ever. */
interface Counted { readonly now: Count; readonly written: Count }
const counted = (count: Count): Counted => ({ now: { ...count }, written: { ...count } })

/** The tasks of the log with their indexes and counts, which follow from each change. */
export class Tasks {
  readonly #log: Log
  readonly #counts: Map<string, Counted>
  readonly #lately = new Lately<TaskRecord>() // pending ones

  private constructor(log: Log, counts: Map<string, Counted>) {
    this.#log = log
    this.#counts = counts
  }

  static async open(log: Log): Promise<Tasks> {
    const rows = await log.range({ gte: 'n!', lt: past('n!') })
    return new Tasks(log, new Map(rows.map(([key, value]) => [key, counted(JSON.parse(value) as Count)])))
  }

  /** What was committed last; nobody changes it. */
  read(id: string): TaskRecord | null {
    const lately = this.#lately.get(id)
    if (lately !== undefined) return lately
    const value = this.#log.get(taskKey(id))
    return value === undefined ? null : (JSON.parse(value) as TaskRecord)
  }

  /** The next run of the same work; null: it was not asked for again, or that was cancelled. */
  after(task: TaskRecord): TaskRecord | null {
    const next = this.#log.get(nextRunKey(task.id))
    return next === undefined ? null : this.read(next)
  }

  /** The last run of the same work: the task itself when it was not asked for again. */
  newest(task: TaskRecord): TaskRecord {
    const next = this.after(task)
    return next === null ? task : this.newest(next)
  }

  /** The latest turn that a pending task was given, less what its priority added; 0 when none is pending. */
  async latestTurn(): Promise<number> {
    const newest = await Promise.all(this.counts(null).filter(({ pending }) => pending > 0).map(async ({ home, stage }) => {
      // The youngest as well: behind all others by turn there may be one that was to be done over days, and came long ago.
      const lasts = await Promise.all([pendingPrefix(home, stage), listPrefix(home, 'pending', stage)].map((prefix) => this.#log.range({ gte: prefix, lt: past(prefix), limit: 1, reverse: true })))
      return lasts.flat().map(([, id]) => this.read(id)).map((task) => (task === null ? 0 : turnOf(task.order) - ageing_ms(task.priority)))
    }))
    return Math.max(0, ...newest.flat())
  }

  counts(home: Home | null): readonly Readonly<Count>[] {
    const all = [...this.#counts.values()].map(({ now }) => now)
    return home === null ? all : all.filter((count) => homeKey(count.home) === homeKey(home))
  }

  /** Puts `after` in the place of `before`; null: it was not, or shall not be, there. */
  write(batch: Batch, before: TaskRecord | null, after: TaskRecord | null): void {
    const task = after ?? before
    if (task === null) return
    const text = after === null ? null : JSON.stringify(after)
    if (text === null) batch.del(taskKey(task.id))
    else batch.put(taskKey(task.id), text)
    batch.after(() => {
      if (after?.state === 'pending') this.#lately.put(after.id, after, text!.length)
      else this.#lately.forget(task.id)
    })
    if (before === null || after === null) {
      for (const asset of assetsOf(task)) {
        if (after === null) batch.del(assetPrefix(task, asset) + task.id)
        else batch.put(assetPrefix(task, asset) + task.id, task.stage)
      }
    }
    if (before?.state === after?.state && before?.order === after?.order) return
    const { org, site } = task
    const home = { org, site }
    if (before !== null) {
      batch.del(listPrefix(home, before.state, before.stage) + before.seq)
      if (before.state === 'pending') batch.del(pendingPrefix(home, before.stage) + before.order)
      this.#count(batch, home, before, -1)
    }
    if (after !== null) {
      batch.put(listPrefix(home, after.state, after.stage) + after.seq, after.id)
      if (after.state === 'pending') batch.put(pendingPrefix(home, after.stage) + after.order, after.id)
      this.#count(batch, home, after, 1)
    }
  }

  #count(batch: Batch, home: Home, { stage, state }: TaskRecord, by: 1 | -1): void {
    const key = countKey(home, stage)
    const { now, written } = this.#counts.get(key) ?? this.#begun(key, home, stage)
    now[state] += by
    batch.sum(key, (sign) => { written[state] += sign * by }, () => JSON.stringify(written))
    batch.undo(() => { now[state] -= by })
  }

  #begun(key: string, home: Home, stage: string): Counted {
    const count = counted({ home, stage, pending: 0, complete: 0, parked: 0 })
    this.#counts.set(key, count)
    return count
  }
}
