import type { Log } from '../store/log.ts'
import type { Batch } from './batch.ts'
import { SEQUENCE } from './keys.ts'

/** Reserved ahead; what of it was not used when the process ends is skipped. */
const BLOCK = 1_000_000

/** Numbers that only rise, also over restarts and though everything that bore them is gone: readers keep one as their cursor. */
export class Sequence {
  #next: number
  #reserved: number

  private constructor(next: number, reserved: number) {
    this.#next = next
    this.#reserved = reserved
  }

  static async open(log: Log): Promise<Sequence> {
    const next = Number(log.get(SEQUENCE) ?? '1')
    await log.commit([{ type: 'put', key: SEQUENCE, value: String(next + BLOCK) }])
    return new Sequence(next, next + BLOCK)
  }

  /** Ten characters that sort as the numbers do. The batch carries the next reservation when half of this one is used. */
  next(batch: Batch): string {
    const n = this.#next++
    if (n > this.#reserved - BLOCK / 2) {
      const reserved = n + BLOCK
      batch.put(SEQUENCE, String(reserved))
      batch.after(() => { this.#reserved = Math.max(this.#reserved, reserved) })
    }
    return n.toString(36).padStart(10, '0')
  }
}
