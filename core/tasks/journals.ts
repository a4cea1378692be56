import type { MediaRef } from '../contract/media.ts'
import { crashPoint } from '../store/crash.ts'
import { past, type Log } from '../store/log.ts'
import type { Projection } from '../store/port.ts'
import { Batch } from './batch.ts'
import { JOURNAL, journalKey } from './keys.ts'
import type { Outcomes } from './outcomes.ts'
import type { Outcome } from './port.ts'
import type { StagedFiles } from './staged.ts'

/** Files of a complete task that may not be at their place yet, and what is held back until they are. */
export interface Journal {
  readonly token: string
  readonly files: readonly MediaRef[]
  readonly outcomes: readonly Omit<Outcome, 'seq'>[]
  readonly projection: Omit<Projection, 'seq'> | null
}

/** A volume that is away stays away for a while. */
const PLACE_AGAIN_MS = 15_000

/** The second step of a completion with files: written with the completion, done after it, done again after a crash. */
export class Journals {
  readonly #log: Log
  readonly #outcomes: Outcomes
  readonly #volumes: StagedFiles
  readonly #onTrouble: (error: unknown, task: string) => void
  readonly #unplaced = new Set<string>()
  #next_ms = 0

  constructor(log: Log, outcomes: Outcomes, volumes: StagedFiles, onTrouble: (error: unknown, task: string) => void) {
    this.#log = log
    this.#outcomes = outcomes
    this.#volumes = volumes
    this.#onTrouble = onTrouble
  }

  get unplaced(): number {
    return this.#unplaced.size
  }

  get(id: string): Journal | null {
    const value = this.#log.get(journalKey(id))
    return value === undefined ? null : (JSON.parse(value) as Journal)
  }

  /** All that the log holds, from the last life of this process. */
  async left(): Promise<readonly string[]> {
    return (await this.#log.range({ gte: JOURNAL, lt: past(JOURNAL) })).map(([key]) => key.slice(JOURNAL.length))
  }

  /** Those whose time has come to be tried again. @param now_ms On a clock that only goes forward. */
  due(now_ms: number): readonly string[] {
    if (now_ms < this.#next_ms) return []
    this.#next_ms = now_ms + PLACE_AGAIN_MS
    return [...this.#unplaced]
  }

  /** Somebody saw that the task is complete and its journal still there. */
  remember(id: string): void {
    this.#unplaced.add(id)
  }

  /** Places the files, then lets outcomes and projection be seen. What fails is reported and tried again later: the work
   *  is complete and safe in the journal. Only one at a time for each task. */
  async place(id: string): Promise<void> {
    const journal = this.get(id)
    if (journal === null) {
      this.#unplaced.delete(id)
      return
    }
    this.#unplaced.add(id)
    try {
      await this.#volumes.place(id, journal.token, journal.files)
      crashPoint('board.files.placed')
      const batch = new Batch()
      batch.del(journalKey(id))
      this.show(batch, journal)
      await batch.commit(this.#log)
      crashPoint('board.journal.dropped')
      this.#unplaced.delete(id)
    } catch (error) {
      this.#onTrouble(error, id)
      return
    }
    await this.clear(id, null)
  }

  /** What the flow and the catalogue get, in their order. */
  show(batch: Batch, { outcomes, projection }: Pick<Journal, 'outcomes' | 'projection'>): void {
    if (projection !== null) this.#outcomes.projected.append(batch, projection)
    for (const outcome of outcomes) this.#outcomes.queue.append(batch, outcome)
  }

  /** Removes what is staged and not wanted. That it could not is no reason to refuse anybody an answer. */
  async clear(id: string, token: string | null): Promise<void> {
    try {
      await this.#volumes.drop(id, token)
    } catch (error) {
      this.#onTrouble(error, id)
    }
  }
}
