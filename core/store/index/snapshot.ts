import type { Db } from './draft.ts'
import { after } from './keys.ts'

export interface Range { readonly gte: Buffer; readonly lt: Buffer; readonly limit?: number; readonly reverse?: boolean }

/** The index as it was at one moment: a question that reads in several places reads one state. */
export class Snapshot {
  readonly #db: Db
  readonly #at: ReturnType<Db['snapshot']>

  constructor(db: Db) {
    this.#db = db
    this.#at = db.snapshot()
  }

  get = (key: Buffer): Promise<Buffer | undefined> => this.#db.get(key, { snapshot: this.#at })
  getMany = (keys: Buffer[]): Promise<(Buffer | undefined)[]> => this.#db.getMany(keys, { snapshot: this.#at })

  async json<T>(key: Buffer): Promise<T | undefined> {
    const bytes = await this.get(key)
    return bytes && (JSON.parse(bytes.toString()) as T)
  }

  /** In the order of `keys`, without those that are not there. */
  async jsons<T>(keys: Buffer[]): Promise<T[]> {
    return (await this.getMany(keys)).flatMap((bytes) => (bytes ? [JSON.parse(bytes.toString()) as T] : []))
  }

  keys = (range: Range): Promise<Buffer[]> => this.#db.keys({ ...range, snapshot: this.#at }).all()
  entries = (range: Range): Promise<[Buffer, Buffer][]> => this.#db.iterator({ ...range, snapshot: this.#at }).all()
  iterator = (range: Range, highWaterMarkBytes: number) => this.#db.iterator({ ...range, snapshot: this.#at, highWaterMarkBytes })

  /** Entries of `range` one after another, read `step` at a time, until the caller has enough. */
  async *walk(range: Range, step = 256): AsyncGenerator<[Buffer, Buffer]> {
    const iterator = this.iterator(range, 1 << 20)
    try {
      for (;;) {
        const some = await iterator.nextv(step) // may be fewer than asked for; only none is the end
        if (some.length === 0) return
        yield* some
      }
    } finally {
      await iterator.close()
    }
  }

  close = (): Promise<void> => this.#at.close()
}

export const startingWith = (prefix: Buffer, limit = -1): Range => ({ gte: prefix, lt: after(prefix), limit })
