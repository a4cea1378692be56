/**
 * What nodes of the flow could not do, where no `catch` took it. The outcome on whose way it happened is acknowledged all the same, so
 * this is what is left of it: with its task, and by node in all.
 */
import { Type, type Static } from 'typebox'
import type { Home } from '../access/scope.ts'
import { past, type Log } from '../store/log.ts'
import type { Batch } from './batch.ts'
import { subjectOf, type NodePlace } from './held.ts'
import { FLOW_FAULTS, flowFaultKey, homeKey, taskFaultPrefix } from './keys.ts'
import type { Outcome } from './port.ts'

/** As the Node-RED that routes says it. */
export const NodeFault = Type.Object({
  seq: Type.String({ minLength: 1, maxLength: 200, description: 'of the outcome on whose way it happened' }),
  node: Type.String({ minLength: 1, maxLength: 200, description: 'its id in the editor' }),
  name: Type.String({ maxLength: 200 }),
  words: Type.String({ maxLength: 400 }),
})
export type NodeFault = Static<typeof NodeFault>

/** Of one task's outcome. */
export interface TaskFault { readonly node: string; readonly name: string; readonly words: string; readonly at_ms: number }

/** Of one node: what it said last, about what, and how often it failed. */
export interface FlowFault extends TaskFault {
  readonly count: number
  readonly first_ms: number
  readonly type: string // of the outcome
  readonly task: string | null
  readonly subject: string | null
}

/** As people see it. */
export interface FlowFaultView extends Omit<FlowFault, 'node' | 'name' | 'type'> {
  readonly node: NodePlace // by its names of now; of one that is not in the flow any more as it was called
  readonly title: string // of the stage that was done, or the event that happened
}

/** Of a task so many are shown; of nodes so many are kept, those that failed last. */
const MOST_OF_TASK = 20
const MOST_NODES = 100

export class FlowFaults {
  readonly #log: Log
  readonly #clock: () => number
  readonly #nodes: Map<string, FlowFault> // by key

  private constructor(log: Log, clock: () => number, nodes: Map<string, FlowFault>) {
    this.#log = log
    this.#clock = clock
    this.#nodes = nodes
  }

  static async open(log: Log, clock: () => number): Promise<FlowFaults> {
    const rows = await log.range({ gte: FLOW_FAULTS, lt: past(FLOW_FAULTS) })
    return new FlowFaults(log, clock, new Map(rows.map(([key, value]) => [key, JSON.parse(value) as FlowFault])))
  }

  note(batch: Batch, { scope, task, type, message }: Omit<Outcome, 'seq'>, { node, name, words }: NodeFault): void {
    const fault: TaskFault = { node, name, words, at_ms: this.#clock() }
    if (task !== null) batch.put(taskFaultPrefix(task) + flowFaultKey(node), fault)
    const key = this.#key(scope, node)
    const { count = 0, first_ms = fault.at_ms } = this.#nodes.get(key) ?? {}
    this.#set(batch, key, { ...fault, count: count + 1, first_ms, type, task, subject: subjectOf(message)?.slice(0, 200) ?? null })
    const [oldest] = this.#nodes.size > MOST_NODES ? [...this.#nodes].sort(([, a], [, b]) => a.at_ms - b.at_ms) : []
    if (oldest !== undefined) this.#set(batch, oldest[0], null)
  }

  /** That failed last comes first. */
  list(home: Home): readonly FlowFault[] {
    const prefix = this.#key(home, '')
    return [...this.#nodes].filter(([key]) => key.startsWith(prefix)).map(([, fault]) => fault).sort((a, b) => b.at_ms - a.at_ms)
  }

  /** Somebody has seen to them. With their tasks they stay. */
  dismiss(batch: Batch, home: Home, nodes: readonly string[]): void {
    for (const node of nodes) if (this.#nodes.has(this.#key(home, node))) this.#set(batch, this.#key(home, node), null)
  }

  async of(task: string): Promise<readonly TaskFault[]> {
    const prefix = taskFaultPrefix(task)
    return (await this.#log.range({ gte: prefix, lt: past(prefix), limit: MOST_OF_TASK })).map(([, value]) => JSON.parse(value) as TaskFault)
  }

  #key(home: Home, node: string): string {
    return `${FLOW_FAULTS}${homeKey(home)}!${flowFaultKey(node)}`
  }

  #set(batch: Batch, key: string, fault: FlowFault | null): void {
    const before = this.#nodes.get(key)
    const put = (one: FlowFault | null | undefined) => void (one ? this.#nodes.set(key, one) : this.#nodes.delete(key))
    put(fault)
    batch.undo(() => put(before))
    if (fault === null) batch.del(key)
    else batch.put(key, fault)
  }
}
