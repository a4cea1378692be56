import type { Log, LogOp } from '../store/log.ts'

/**
 * What one commit changes in the log, and what follows in memory when it is there.
 * Numbers of the sequence must be taken and committed within one turn, so that they become visible in their order.
 */
export class Batch {
  readonly ops: LogOp[] = []
  readonly #after: (() => void)[] = []
  readonly #undo: (() => void)[] = []

  put(key: string, value: unknown): void {
    this.ops.push({ type: 'put', key, value: typeof value === 'string' ? value : JSON.stringify(value) })
  }

  /** Said once for all who share the sync. @param add puts this batch's part into what is said, or takes it back */
  sum(key: string, add: (sign: 1 | -1) => void, value: () => string): void {
    this.ops.push({ type: 'sum', key, add, value })
  }

  del(key: string): void {
    this.ops.push({ type: 'del', key })
  }

  /** Done when the batch is on the disk. */
  after(act: () => void): void {
    this.#after.push(act)
  }

  /** Takes back what was done in memory ahead of the disk. */
  undo(act: () => void): void {
    this.#undo.push(act)
  }

  async commit(log: Log): Promise<void> {
    try {
      await log.commit(this.ops)
    } catch (error) {
      for (const act of this.#undo) act()
      throw error
    }
    for (const act of this.#after) act()
  }
}
