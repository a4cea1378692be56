import type { Journals } from './journals.ts'
import type { Lanes } from './lanes.ts'
import type { Tasks } from './record.ts'
import type { StagedFiles } from './staged.ts'

const LOOK_EVERY_MS = 60_000

/** Whoever writes for a task that is complete, or is no more, and is killed before it answers, leaves what it wrote: nobody else would clear that away. */
export class Leftovers {
  readonly #tasks: Tasks
  readonly #journals: Journals
  readonly #volumes: StagedFiles
  readonly #lanes: Lanes
  #next_ms = Number.NEGATIVE_INFINITY

  constructor(tasks: Tasks, journals: Journals, volumes: StagedFiles, lanes: Lanes) {
    this.#tasks = tasks
    this.#journals = journals
    this.#volumes = volumes
    this.#lanes = lanes
  }

  /** Looks at most once a minute. @param now_ms On a clock that only goes forward. */
  async clear(now_ms: number): Promise<void> {
    if (now_ms < this.#next_ms) return
    this.#next_ms = now_ms + LOOK_EVERY_MS
    for (const id of await this.#volumes.tasks()) await this.whenOver(id, () => this.#journals.clear(id, null))
  }

  /** Clears away what a task has staged, when it is complete, or no more, and nothing of it waits for its place. */
  async whenOver(id: string, clear: () => Promise<void>): Promise<void> {
    await this.#lanes.alone([id], async () => {
      const task = this.#tasks.read(id)
      if ((task === null || task.state === 'complete') && this.#journals.get(id) === null) await clear()
    })
  }
}
