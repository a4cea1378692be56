import type { Log } from '../store/log.ts'
import type { Batch } from './batch.ts'
import type { Journal, Journals } from './journals.ts'
import { deliveryKey, journalKey, madeByPrefix, madePrefix } from './keys.ts'
import type { Outcomes } from './outcomes.ts'
import type { Outcome, Waiter } from './port.ts'
import type { TaskRecord } from './record.ts'
import type { StageRules } from './rules.ts'

/** Who waits for a task. Kept when it was answered, so that asking again gives no second answer. */
interface Delivery { readonly node: string; readonly root: string | null; readonly message: Record<string, unknown> | null } // null: answered

export class Deliveries {
  readonly #log: Log
  readonly #outcomes: Outcomes
  readonly #journals: Journals
  readonly #stages: (name: string) => StageRules | null

  constructor(log: Log, outcomes: Outcomes, journals: Journals, stages: (name: string) => StageRules | null) {
    this.#log = log
    this.#outcomes = outcomes
    this.#journals = journals
    this.#stages = stages
  }

  /** Notes who waits, or answers at once when the work is done. Returns the task with it.
   *  @param held What this batch already adds to journals, by task. @param asked Deliveries of this batch. */
  ask(batch: Batch, asked: Set<string>, held: Map<string, Journal>, task: TaskRecord, { node, message, root, part = 0 }: Waiter): TaskRecord {
    // Without a root there is nothing that could be sent again, so each time is one of its own.
    const key = deliveryKey(task.id, node, root ?? `~${this.#outcomes.sequence.next(batch)}`, part)
    if (asked.has(key) || this.#log.get(key) !== undefined) return task
    asked.add(key)
    const parent = root === undefined ? null : this.#outcomes.queue.get(root)?.task ?? null
    if (parent !== null) {
      batch.put(madePrefix(parent) + task.id, '')
      batch.put(madeByPrefix(task.id) + parent, '')
    }
    const isComplete = task.state === 'complete'
    batch.put(key, { node, root: root ?? null, message: isComplete ? null : message } satisfies Delivery)
    if (!isComplete) return { ...task, waiting: [...task.waiting, key] }

    const outcome = this.#outcome(task, node, message)
    const journal = held.get(task.id) ?? this.#journals.get(task.id)
    if (journal === null) this.#outcomes.queue.append(batch, outcome)
    else {
      const longer = { ...journal, outcomes: [...journal.outcomes, outcome] }
      held.set(task.id, longer)
      batch.put(journalKey(task.id), longer)
    }
    return task
  }

  /** Answers everybody who waited for a task that is complete now. Returns what they get. */
  answer(batch: Batch, waiting: readonly string[], task: TaskRecord): readonly Omit<Outcome, 'seq'>[] {
    return waiting.map((key) => {
      const value = this.#log.get(key)
      if (value === undefined) throw new Error(`task ${task.id} waits to answer ${key}, which is not in the log`)
      const { node, root, message } = JSON.parse(value) as Delivery
      batch.put(key, { node, root, message: null } satisfies Delivery)
      return this.#outcome(task, node, message ?? {})
    })
  }

  /** The waiting message with the output laid over its payload, less what is for the records alone. */
  #outcome({ id, stage, org, site, output }: TaskRecord, node: string, message: Record<string, unknown>): Omit<Outcome, 'seq'> {
    const hidden = new Set(this.#stages(stage)?.recordsOnly)
    const shown = Object.fromEntries(Object.entries(output ?? {}).filter(([field]) => !hidden.has(field)))
    const payload = message['payload']
    const base = payload !== null && typeof payload === 'object' && !Array.isArray(payload) ? payload : {}
    return { kind: 'outcome', node, type: stage, task: id, scope: { org, site }, message: { ...message, payload: { ...base, ...shown } } }
  }
}
