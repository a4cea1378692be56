import { past, type Log } from '../store/log.ts'

/** A pending task of the index. */
export interface Entry {
  readonly order: string
  readonly id: string
  passed?: number // how often another one behind it was given out first
  readonly rested?: boolean // its back-off is over by the clock that only goes forward, whatever the one on the wall says
}

/** So many are read ahead. */
export const WINDOW = 512

/**
 * The next pending tasks of one stage, in their order. Behind `#tail` everything is in memory, here or with whoever holds it;
 * beyond it things are only in the log. So the index is never read from its head, where what was deleted lies thick.
 */
export class Window {
  readonly #log: Log
  readonly #prefix: string
  readonly #isHeld: (entry: Entry) => boolean
  #ready: Entry[] = []
  #tail = ''
  #more = true
  #filling: Promise<void> | null = null
  #late: Entry[] = [] // offered while a read was under way, which may or may not have seen them

  /** @param isHeld Tasks that are leased or put aside: whoever holds them offers them again. */
  constructor(log: Log, prefix: string, isHeld: (entry: Entry) => boolean) {
    this.#log = log
    this.#prefix = prefix
    this.#isHeld = isHeld
  }

  get head(): Entry | undefined {
    return this.#ready[0]
  }

  take(): Entry | undefined {
    return this.#ready.shift()
  }

  /** Those that stand first, at most so many. */
  first(count: number): readonly Entry[] {
    return this.#ready.slice(0, count)
  }

  remove(order: string): void {
    const at = position(this.#ready, order)
    if (this.#ready[at]?.order === order) this.#ready.splice(at, 1)
  }

  /** Whether fewer than that are in memory and the log may hold more. */
  lacks(count: number): boolean {
    return this.#more && this.#ready.length < count
  }

  /** Reads on until so many are in memory, or all there are. */
  async fill(count: number): Promise<void> {
    while (this.lacks(count)) {
      this.#filling ??= this.#read()
      await this.#filling
    }
  }

  /** A task that is pending in the log: new, or let go of. Twice is once. */
  offer(entry: Entry): void {
    if (this.#filling !== null) {
      this.#late.push(entry)
      return
    }
    if (entry.order > this.#tail) {
      if (this.#more) return // it will be read
      this.#tail = entry.order
    }
    const at = position(this.#ready, entry.order)
    if (this.#ready[at]?.order === entry.order) return
    this.#ready.splice(at, 0, entry)
    if (this.#ready.length > 2 * WINDOW) {
      this.#ready.length = WINDOW
      this.#tail = this.#ready[WINDOW - 1]!.order
      this.#more = true
    }
  }

  async #read(): Promise<void> {
    let rows: [string, string][] = []
    try {
      rows = await this.#log.range({ gt: this.#prefix + this.#tail, lt: past(this.#prefix), limit: WINDOW })
      this.#more = rows.length === WINDOW
      const last = rows.at(-1)
      if (last !== undefined) this.#tail = last[0].slice(this.#prefix.length)
      this.#ready.push(...rows.map(([key, id]) => ({ order: key.slice(this.#prefix.length), id })).filter((entry) => !this.#isHeld(entry)))
    } finally {
      this.#filling = null
      const late = this.#late
      this.#late = []
      for (const entry of late) this.offer(entry)
    }
  }
}

/** Where `order` stands or would stand. */
function position(entries: readonly Entry[], order: string): number {
  let lo = 0
  let hi = entries.length
  while (lo < hi) {
    const mid = (lo + hi) >> 1
    if (entries[mid]!.order < order) lo = mid + 1
    else hi = mid
  }
  return lo
}
