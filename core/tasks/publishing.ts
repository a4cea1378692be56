import type { Home } from '../access/scope.ts'
import { crashPoint } from '../store/crash.ts'
import type { Log } from '../store/log.ts'
import { Batch } from './batch.ts'
import type { Deliveries, Delivery } from './deliveries.ts'
import type { Journal } from './journals.ts'
import type { Lanes } from './lanes.ts'
import type { Outcomes } from './outcomes.ts'
import { OWN, type Publication, type Published } from './port.ts'
import { begun, done, type TaskRecord, type Tasks } from './record.ts'
import { workOf, type StageRules, type Work } from './rules.ts'
import { canonical } from './shape.ts'

export interface PublishingParts {
  readonly log: Log
  readonly outcomes: Outcomes
  readonly clock: () => number // UTC epoch, ms
  readonly turn: () => number // ms that only rise
  readonly stages: (name: string) => StageRules | null
  readonly tasks: Tasks
  readonly lanes: Lanes
  readonly deliveries: Deliveries
}

/** What publishing came to. */
export interface Made {
  readonly answers: readonly Published[] // one for each publication, in their order
  readonly open: readonly TaskRecord[] // new, to be offered
  readonly changed: readonly TaskRecord[] // open, and set otherwise than when they were claimed
  readonly whole: readonly TaskRecord[] // of which all have come that they gather, so they are complete
}

/** Work that is asked for becomes tasks: each once, with all who wait for it, in one commit. */
export class Publishing {
  readonly #parts: PublishingParts

  constructor(parts: PublishingParts) {
    this.#parts = parts
  }

  /** Throws Fault `stage/unknown`, `input/invalid`; then nothing of it is taken. */
  async publish(home: Home, publications: readonly Publication[]): Promise<Made> {
    const works = publications.map((publication) => ({ publication, work: workOf(this.#parts.stages(publication.stage), home, publication) }))
    return this.#parts.lanes.alone([...new Set(works.map(({ work }) => work.id))], () => this.#take(works))
  }

  async #take(works: readonly { readonly publication: Publication; readonly work: Work }[]): Promise<Made> {
    const { log, outcomes, tasks, deliveries } = this.#parts
    const batch = new Batch()
    const drafts = new Map<string, { readonly before: TaskRecord | null; task: TaskRecord }>()
    const asked = new Map<string, Delivery>()
    const held = new Map<string, Journal>()
    const whole: TaskRecord[] = []
    const answers = works.map(({ publication: { priority = 5, waiter }, work }): Published => {
      const known = drafts.get(work.id)
      const draft = known ?? this.#draft(batch, work, priority)
      drafts.set(work.id, draft)
      if (draft.task.state !== 'complete' && draft.task.options !== work.options && canonical(draft.task.options) !== canonical(work.options)) draft.task = { ...draft.task, options: work.options }
      if (waiter !== undefined) draft.task = deliveries.ask(batch, asked, held, draft.task, draft.before === null, waiter)
      if (this.#isWhole(draft.task)) {
        const { waiting } = draft.task
        draft.task = done(draft.task, { gathered: waiting.length }, OWN, this.#parts.clock())
        for (const outcome of deliveries.answer(batch, waiting, draft.task, asked)) outcomes.queue.append(batch, outcome)
        whole.push(draft.task)
      }
      return { id: work.id, state: draft.task.state, created: known === undefined && draft.before === null }
    })
    for (const { before, task } of drafts.values()) if (before !== task) tasks.write(batch, before, task)
    if (batch.ops.length > 0) {
      crashPoint('board.publish.before-commit')
      await batch.commit(log)
      crashPoint('board.publish.committed')
    }
    const pending = [...drafts.values()].filter(({ task }) => task.state === 'pending')
    const open = pending.filter(({ before }) => before === null).map(({ task }) => task)
    const changed = pending.filter(({ before, task }) => before !== null && before.options !== task.options).map(({ task }) => task)
    return { answers, open, changed, whole }
  }

  /** The task as it is, or as it begins. */
  #draft(batch: Batch, work: Work, priority: number): { before: TaskRecord | null; task: TaskRecord } {
    const { tasks, outcomes, clock, turn } = this.#parts
    const before = tasks.read(work.id)
    if (before !== null) return { before, task: before }
    return { before, task: begun(work, clock(), turn(), priority, outcomes.sequence.next(batch)) }
  }

  #isWhole({ state, stage, input, waiting }: TaskRecord): boolean {
    const gathers = this.#parts.stages(stage)?.gathers
    return state === 'pending' && gathers !== undefined && waiting.length >= gathers(input)
  }
}
