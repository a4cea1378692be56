import { Fault } from '../contract/fault.ts'
import { past, type Log } from '../store/log.ts'
import type { Batch } from './batch.ts'
import type { Journal, Journals } from './journals.ts'
import { deliveriesPrefix, deliveryKey, journalKey, madeByPrefix, madePrefix, memberKey } from './keys.ts'
import { Lately } from './lately.ts'
import type { Outcomes } from './outcomes.ts'
import type { Outcome, Waiter } from './port.ts'
import type { TaskRecord, Tasks } from './record.ts'
import type { StageRules } from './rules.ts'
import { canonical } from './shape.ts'

/** Who waits for a task. Kept when it was answered, so that asking again gives no second answer. */
export interface Delivery { readonly node: string; readonly root: string | null; readonly message: Record<string, unknown> | null } // null: answered

/** Of a complete task, for its next run: who waited for it, what asked for it, and the payload of its message. */
export interface Former {
  readonly waiters: readonly { readonly name: string; readonly delivery: Delivery }[]
  readonly parents: readonly string[]
  readonly payload: Record<string, unknown>
}

/** A task is asked for by one outcome, or by a few when the same file came several times. */
const MAX_PARENTS = 100

const NONE: ReadonlyMap<string, Delivery> = new Map()

/** What all say alike, and what each says. */
function gathered(payloads: readonly unknown[]): Record<string, unknown> {
  const [first, ...others] = payloads.map((payload) => (payload !== null && typeof payload === 'object' && !Array.isArray(payload) ? (payload as Record<string, unknown>) : {}))
  const alike = Object.entries(first ?? {}).filter(([name, value]) => others.every((other) => canonical(other[name] ?? null) === canonical(value ?? null)))
  return { ...Object.fromEntries(alike), items: payloads }
}

export class Deliveries {
  readonly #log: Log
  readonly #outcomes: Outcomes
  readonly #journals: Journals
  readonly #tasks: Tasks
  readonly #stages: (name: string) => StageRules | null
  readonly #lately = new Lately<Delivery>() // not answered yet

  constructor(log: Log, outcomes: Outcomes, journals: Journals, tasks: Tasks, stages: (name: string) => StageRules | null) {
    this.#log = log
    this.#outcomes = outcomes
    this.#journals = journals
    this.#tasks = tasks
    this.#stages = stages
  }

  /** Notes who waits, or answers at once when the work is done. Returns the task with it.
   *  @param held What this batch already adds to journals, by task. @param asked Deliveries of this batch. @param isNew The task begins with it. */
  ask(batch: Batch, asked: Map<string, Delivery>, held: Map<string, Journal>, task: TaskRecord, isNew: boolean, { node, message, root, part = 0, member }: Waiter): TaskRecord {
    // Without a root there is nothing that could be sent again, so each time is one of its own.
    const gathers = this.#stages(task.stage)?.gathers !== undefined
    if (gathers && member === undefined) throw new Fault('input/invalid', `${task.stage} gathers what was split, and this message was not.`)
    const key = gathers ? memberKey(task.id, member!) : deliveryKey(task.id, node, root ?? `~${this.#outcomes.sequence.next(batch)}`, part)
    if (asked.has(key) || (!isNew && this.#log.get(key) !== undefined)) return task // nobody can have waited for what was not there
    const parent = root === undefined ? null : this.#outcomes.queue.get(root)?.task ?? null
    if (parent !== null) {
      batch.put(madePrefix(parent) + task.id, '')
      batch.put(madeByPrefix(task.id) + parent, '')
    }
    const isComplete = task.state === 'complete'
    const delivery: Delivery = { node, root: root ?? null, message: isComplete ? null : message }
    asked.set(key, delivery)
    const text = JSON.stringify(delivery)
    batch.put(key, text)
    if (!isComplete) {
      batch.after(() => this.#lately.put(key, delivery, text.length))
      return { ...task, waiting: [...task.waiting, key] }
    }

    if (gathers) return task // they went on without it
    // Noted with the last run as well: the next one is for those who waited for that.
    const alsoKey = deliveriesPrefix(this.#tasks.newest(task).id) + key.slice(deliveriesPrefix(task.id).length)
    if (alsoKey !== key && this.#log.get(alsoKey) === undefined) batch.put(alsoKey, { node, root: root ?? null, message: null } satisfies Delivery)
    const outcome = this.#outcome(this.#lastDone(task), node, message)
    const journal = held.get(task.id) ?? this.#journals.get(task.id)
    if (journal === null) this.#outcomes.queue.append(batch, outcome)
    else {
      const longer = { ...journal, outcomes: [...journal.outcomes, outcome] }
      held.set(task.id, longer)
      batch.put(journalKey(task.id), longer)
    }
    return task
  }

  /** Answers everybody who waited for a task that is complete now. Returns what they get. @param asked Those of this very batch. */
  answer(batch: Batch, waiting: readonly string[], task: TaskRecord, asked: ReadonlyMap<string, Delivery> = NONE): readonly Omit<Outcome, 'seq'>[] {
    const waiters = waiting.map((key) => {
      const delivery = asked.get(key) ?? this.#read(key, task)
      batch.put(key, { ...delivery, message: null } satisfies Delivery)
      batch.after(() => this.#lately.forget(key))
      return { key, ...delivery }
    })
    if (this.#stages(task.stage)?.gathers === undefined) return waiters.map(({ node, message }) => this.#outcome(task, node, message ?? {}))
    const members = waiters.sort((a, b) => (a.key < b.key ? -1 : 1)).map(({ node, message }) => ({ node, message: message ?? {} }))
    return members.slice(0, 1).map(({ node, message }) => this.#outcome(task, node, { ...message, payload: gathered(members.map((member) => member.message['payload'])) }))
  }

  /** A cancelled task answers nobody. */
  drop(batch: Batch, { waiting }: TaskRecord): void {
    for (const key of waiting) {
      batch.del(key)
      batch.after(() => this.#lately.forget(key))
    }
  }

  #read(key: string, { id }: TaskRecord): Delivery {
    const lately = this.#lately.get(key)
    if (lately !== undefined) return lately
    const value = this.#log.get(key)
    if (value === undefined) throw new Error(`task ${id} waits to answer ${key}, which is not in the log`)
    return JSON.parse(value) as Delivery
  }

  /** Whether this node waits for a task, or did. */
  async isFor({ id }: TaskRecord, node: string): Promise<boolean> {
    const prefix = deliveriesPrefix(id)
    return (await this.#log.range({ gte: prefix, lt: past(prefix) })).some(([, value]) => (JSON.parse(value) as Delivery).node === node)
  }

  /** What another run of a task needs of the former one. */
  async former(task: TaskRecord): Promise<Former> {
    const prefix = deliveriesPrefix(task.id)
    const asked = (await this.#log.range({ gte: prefix, lt: past(prefix) })).map(([key, value]) => ({ name: key.slice(prefix.length), delivery: JSON.parse(value) as Delivery }))
    // The message is the same for all, so a node that was asked by several roots needs it once.
    const waiters = [...new Map(asked.map((waiter) => [waiter.delivery.node, waiter])).values()]
    const parents = await this.#madeBy(task.id)
    return { waiters, parents, payload: await this.#rebuilt(task, parents) }
  }

  /** Whoever waited for the former run waits for this one, with the rebuilt message. Returns the task with it. */
  askAgain(batch: Batch, task: TaskRecord, { waiters, parents, payload }: Former): TaskRecord {
    for (const parent of parents) batch.put(madeByPrefix(task.id) + parent, '')
    const waiting = waiters.map(({ name, delivery: { node, root } }) => {
      const key = deliveriesPrefix(task.id) + name
      batch.put(key, { node, root, message: { payload } } satisfies Delivery)
      return key
    })
    return { ...task, waiting }
  }

  /**
   * The payload of the message that asked for a task. It is not kept once it was answered, so that the log stays small, but can be
   * told from the chain: each stage lays what it gives over the payload that it came with, so what the message held is what the
   * ancestors took and gave, the first of them first, and what this task took. What nodes of the flow wrote into the message
   * beside that, and what of an event no stage took, is not in it.
   */
  async #rebuilt(task: TaskRecord, parents: readonly string[]): Promise<Record<string, unknown>> {
    const layers: Record<string, unknown>[] = [task.input]
    const seen = new Set([task.id])
    for (let ids = parents; ids.length > 0;) {
      const found = ids.filter((id) => !seen.has(id)).flatMap((id) => this.#tasks.read(id) ?? []).map((parent) => this.#lastDone(parent))
      for (const id of ids) seen.add(id)
      // The eldest first among those of one distance: whoever came later saw more.
      for (const parent of found.sort((a, b) => (a.seq < b.seq ? 1 : -1))) layers.push({ ...parent.input, ...this.#shown(parent) })
      ids = (await Promise.all(found.map(({ id }) => this.#madeBy(id)))).flat()
    }
    return Object.assign({}, ...layers.reverse()) as Record<string, unknown>
  }

  async #madeBy(id: string): Promise<readonly string[]> {
    const prefix = madeByPrefix(id)
    return (await this.#log.range({ gte: prefix, lt: past(prefix), limit: MAX_PARENTS })).map(([key]) => key.slice(prefix.length))
  }

  /** The last run of complete work that is done, and whose files are at their place. */
  #lastDone(task: TaskRecord): TaskRecord {
    const next = this.#tasks.after(task)
    return next?.state === 'complete' && this.#journals.get(next.id) === null ? this.#lastDone(next) : task
  }

  /** What of an output travels on: not what is for the records alone. */
  #shown({ stage, output }: TaskRecord): Record<string, unknown> {
    const hidden = new Set(this.#stages(stage)?.recordsOnly)
    return Object.fromEntries(Object.entries(output ?? {}).filter(([field]) => !hidden.has(field)))
  }

  /** The waiting message with the output laid over its payload, less what is for the records alone. */
  #outcome(task: TaskRecord, node: string, message: Record<string, unknown>): Omit<Outcome, 'seq'> {
    const { id, stage, org, site } = task
    const payload = message['payload']
    const base = payload !== null && typeof payload === 'object' && !Array.isArray(payload) ? payload : {}
    return { kind: 'outcome', node, type: stage, task: id, scope: { org, site }, message: { ...message, payload: { ...base, ...this.#shown(task) } } }
  }
}
