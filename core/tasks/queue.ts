import { past, type Log } from '../store/log.ts'
import { Batch } from './batch.ts'
import { Lately } from './lately.ts'
import type { Sequence } from './sequence.ts'

/** Entries of the log that wait, oldest first, until somebody drops them. Never more than a number of them in memory. */
export class Queue<T> {
  readonly #log: Log
  readonly #sequence: Sequence
  readonly #prefix: string
  readonly #listeners = new Set<() => void>()
  readonly #dropping = new Set<string>()
  readonly #lately = new Lately<T>()
  #count: number
  #first = '' // nothing below it is left; reading from the head would wade through what was deleted

  private constructor(log: Log, sequence: Sequence, prefix: string, count: number) {
    this.#log = log
    this.#sequence = sequence
    this.#prefix = prefix
    this.#count = count
  }

  static async open<T>(log: Log, sequence: Sequence, prefix: string): Promise<Queue<T>> {
    let count = 0
    for (let from = prefix; ;) {
      const some = await log.range({ gt: from, lt: past(prefix), limit: 1_000 })
      count += some.length
      const last = some.at(-1)
      if (last === undefined || some.length < 1_000) break
      from = last[0]
    }
    return new Queue<T>(log, sequence, prefix, count)
  }

  get count(): number {
    return this.#count
  }

  /** Visible, in this order, when the batch is committed. */
  append(batch: Batch, entry: T): string {
    const seq = this.#sequence.next(batch)
    const text = JSON.stringify(entry)
    batch.put(`${this.#prefix}${seq}`, text)
    batch.after(() => {
      this.#lately.put(seq, entry, text.length)
      this.#count++
      for (const listener of this.#listeners) listener()
    })
    return seq
  }

  get(seq: string): T | null {
    const lately = this.#lately.get(seq)
    if (lately !== undefined) return lately
    const value = this.#log.get(`${this.#prefix}${seq}`)
    return value === undefined ? null : (JSON.parse(value) as T)
  }

  async read(after: string | null, limit: number): Promise<(readonly [seq: string, entry: T])[]> {
    if (this.#count === 0) return []
    const from = after !== null && after >= this.#first ? { gt: this.#prefix + after } : { gte: this.#prefix + this.#first }
    const rows = (await this.#log.range({ ...from, lt: past(this.#prefix), limit })).map(([key, value]) => [key.slice(this.#prefix.length), JSON.parse(value) as T] as const)
    if (after === null && rows[0] !== undefined) this.#first = rows[0][0]
    return rows
  }

  /** Marks what of `seqs` is still there as dropped with the batch. Those that are gone already are ignored. */
  drop(batch: Batch, seqs: readonly string[]): void {
    for (const seq of new Set(seqs)) {
      const key = `${this.#prefix}${seq}`
      const first = !this.#dropping.has(seq) && (this.#lately.get(seq) !== undefined || this.#log.get(key) !== undefined)
      batch.del(key) // also when another drop of it is under way: this caller, too, waits until it is gone
      if (!first) continue
      this.#dropping.add(seq)
      batch.undo(() => this.#dropping.delete(seq))
      batch.after(() => {
        this.#dropping.delete(seq)
        this.#lately.forget(seq)
        this.#count--
      })
    }
  }

  /** Called for each new entry. Returns how to stop that. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
