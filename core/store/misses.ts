import type { Level } from 'level'
import { Seen } from './seen.ts'

/** Questions for what is not there until all keys are looked through once: an appliance that is seldom asked never does. */
const ASKED = 1_000
const PAGE = 1_000

/**
 * Spares LevelDB the questions for keys that it does not have: each costs it as much as a good part of a write. Only where
 * most are asked before they are there, under the prefixes that are named.
 */
export class Misses {
  readonly #db: Level<string, string>
  readonly #prefixes: readonly string[]
  readonly #seen: Seen | null
  #missed = 0
  #isWhole = false
  #learning: Promise<void> | null = null
  #closed = false

  constructor(db: Level<string, string>, prefixes: readonly string[]) {
    this.#db = db
    this.#prefixes = prefixes
    this.#seen = prefixes.length > 0 ? new Seen() : null
  }

  /** A key that is about to be written. */
  add(key: string): void {
    if (this.#isNamed(key)) this.#seen!.add(key)
  }

  /** Certainly not there. */
  has(key: string): boolean {
    return this.#isWhole && this.#isNamed(key) && !this.#seen!.has(key)
  }

  /** LevelDB did not have it. */
  missed(key: string): void {
    if (this.#isWhole || this.#learning !== null || !this.#isNamed(key) || ++this.#missed < ASKED) return
    this.#learning = this.#learn().then((all) => { this.#isWhole = all }, () => undefined) // it goes on asking
  }

  /** To be waited for before the store is closed. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#learning
  }

  #isNamed(key: string): boolean {
    return this.#prefixes.some((prefix) => key.startsWith(prefix))
  }

  /** What is written meanwhile is added as it is. */
  async #learn(): Promise<boolean> {
    for (const prefix of this.#prefixes) {
      const keys = this.#db.keys({ gte: prefix, lt: `${prefix}\uffff`, fillCache: false })
      try {
        for (let page = await keys.nextv(PAGE); page.length > 0; page = await keys.nextv(PAGE)) {
          if (this.#closed) return false
          for (const key of page) this.#seen!.add(key)
        }
      } finally {
        await keys.close()
      }
    }
    return true
  }
}
