/**
 * The board as everybody sees it: the same in process and over HTTP (`board.contract.ts` runs against both).
 * All payloads that cross HTTP are these types; the schemas beside them check the edge.
 */
import { Type, type Static } from 'typebox'
import type { Home, Scope } from '../access/scope.ts'
import { MediaRef } from '../contract/media.ts'
import type { FaultReport } from '../contract/fault.ts'
import type { NodeFault, TaskFault } from './flow-faults.ts'

/** The device that core itself is, where it does work. */
export const OWN = 'core'

/** Who waits for a piece of work: a node of the flow and the message it holds. */
export const Waiter = Type.Object({
  node: Type.String(),
  message: Type.Record(Type.String(), Type.Unknown()), // JSON; `payload` is what the stage picks its input from
  root: Type.Optional(Type.String()), // id of the outcome or event whose routing asked for it
  part: Type.Optional(Type.Integer({ minimum: 0 })), // tells apart several messages of one root that ask one node for the same work; default 0
  member: Type.Optional(Type.Integer({ minimum: 0 })), // of a stage that gathers: which of them this is; each counts once
})
export type Waiter = Static<typeof Waiter>

export const Publication = Type.Object({
  stage: Type.String(), // `clip.probe`
  input: Type.Record(Type.String(), Type.Unknown()), // declared fields are picked and checked; others are ignored
  options: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  priority: Type.Optional(Type.Integer({ minimum: 0, maximum: 9 })), // 0 is first; each next one waits as if it had come ten minutes later, 8 and 9 a week and two; default 5
  waiter: Type.Optional(Waiter), // none: nobody waits, the work is for its records
})
export type Publication = Static<typeof Publication>

export interface Published { readonly id: string; readonly state: TaskState; readonly created: boolean }
export type TaskState = 'pending' | 'complete' | 'parked'

export interface Claim {
  readonly id: string
  readonly stage: string
  readonly input: Record<string, unknown>
  readonly options: Record<string, unknown>
  readonly attempt: number // 1 on the first claim
  readonly token: string // names this lease, and the folder its files are staged in
  readonly lease_s: number
  readonly scope: Home
}

export const Completion = Type.Object({
  id: Type.String(),
  token: Type.String(),
  output: Type.Record(Type.String(), Type.Unknown()),
  files: Type.Array(MediaRef, { maxItems: 10_000 }),
})
export type Completion = Static<typeof Completion>

export interface Board {
  /** One synced batch for all. Unknown stages and inputs that do not fit their schema throw Fault `stage/unknown`, `input/invalid` and nothing is published. */
  publish(scope: Scope, publications: readonly Publication[]): Promise<readonly Published[]>
  /** Up to `count` of the oldest pending tasks among `stages`; empty: nothing to do now.
   *  @param holds Digests of inputs that the device has already and would be slow to fetch: near the head, their tasks come first. */
  claim(device: string, scope: Scope, stages: readonly string[], count: number, holds?: readonly string[]): Promise<readonly Claim[]>
  /** Tokens that still hold their task; whoever is missing from the answer must stop. */
  renew(device: string, leases: readonly { id: string; token: string }[]): Promise<readonly string[]>
  /** `already`: somebody else's answer counts, nothing was written. Throws `output/invalid`, `task/unknown`, `media/conflict`. */
  complete(device: string, completion: Completion): Promise<'complete' | 'already'>
  /** The device cannot. Costs an attempt. `stale`: the task was no longer its own. */
  fault(device: string, id: string, token: string, report: FaultReport & { readonly log?: string }): Promise<'counted' | 'stale'>
  /** The device lets go of a task without a word against it (drained, stopped): offered again at once, costs nothing. */
  release(device: string, id: string, token: string): Promise<void>
}

/** A completed task or a new event that the flow has not taken yet. */
export interface Outcome {
  readonly seq: string // sorts by age
  readonly kind: 'outcome' | 'event'
  readonly node: string | null // the waiting node; null for an event: every node of its type gets it
  readonly type: string // stage (`clip.probe`) or event (`folder.arrived`)
  readonly task: string | null
  readonly scope: Home
  readonly message: Record<string, unknown> // the waiter's message with the output laid over its payload
}

/** How the flow runtime sees the log. */
export interface OutcomeLog {
  /** Unrouted outcomes after `after` (exclusive), oldest first; waits up to `wait_ms` for the first one. */
  outcomes(after: string | null, limit: number, wait_ms: number): Promise<readonly Outcome[]>
  /** Routed: every message that came of it has ended. Unknown ones are ignored, so a repeated call is harmless.
   *  @param faults What nodes could not do on the way; kept by the same batch. */
  acknowledge(seqs: readonly string[], faults?: readonly NodeFault[]): Promise<void>
  /** Its node is gone from the flow: recorded as such and taken off the list. */
  gone(seqs: readonly string[], why: string): Promise<void>
}

export interface TaskView {
  readonly id: string
  readonly stage: string
  readonly state: TaskState
  readonly running: { device: string; since_ms: number; progress: number | null; what: string | null } | null
  readonly input: Record<string, unknown>
  readonly options: Record<string, unknown>
  readonly output: Record<string, unknown> | null
  readonly attempts: number
  readonly interruptions: number
  readonly not_before_ms: number
  readonly faults: readonly { code: string; message: string; device: string; at_ms: number; log?: string }[]
  readonly created_ms: number
  readonly completed_ms: number | null
  readonly device: string | null // who completed it
  readonly run: number // raised each time a person has the same work done again
  readonly interrupted: readonly { device: string; at_ms: number; why: string }[] // leases that ended without a word, newest last, the newest 20
  readonly made_by: readonly TaskLink[] // tasks whose outcome asked for it; of each its newest run, as in `made`
  readonly made: readonly TaskLink[]
  readonly flow_faults: readonly TaskFault[] // what nodes of the flow could not do with its outcome
}

/** Another task of the chain. */
export interface TaskLink { readonly id: string; readonly stage: string; readonly state: TaskState }

export interface StageCount {
  readonly stage: string
  readonly pending: number
  readonly running: number
  readonly complete: number
  readonly parked: number
  readonly per_hour: number // done in the last ten minutes
  readonly held?: Readonly<Record<string, number>> // of those that run, what core itself has, by node of the flow; none: nothing
}

/** What a person may do and see. */
export interface BoardDesk {
  counts(scope: Scope): Promise<readonly StageCount[]>
  /** @param filter `node`: tasks that this node of the flow waited for, among the newest thousand of the rest. */
  tasks(scope: Scope, filter: { state?: TaskState | 'running'; stage?: string; node?: string; limit: number; before?: string }): Promise<readonly TaskView[]>
  task(scope: Scope, id: string): Promise<TaskView | null>
  /** Parked tasks are offered again; what happened to them stays. Returns how many.
   *  @param by Who asked, as the audit will say it; so for `cancel` and `rerun`. */
  retry(scope: Scope, which: Which, by: string): Promise<number>
  /** Pending and parked ones are dropped, with whoever waits for them. */
  cancel(scope: Scope, which: Which, by: string): Promise<number>
  /** Complete work is done once more, behind the footage of the week that follows, and its outcome goes the way of the first one. Work whose newest run is
   *  not complete is passed over, so asking again while one is pending changes nothing, and after a crash half way does the rest.
   *  A stage whose version was raised does it under the new one; work that no longer fits it is passed over, and when nothing is
   *  left of what was asked for, it is Fault `input/invalid`. */
  rerun(scope: Scope, which: Which, by: string): Promise<number>
}

/** Which tasks; what is given narrows. Throws Fault `input/invalid` when nothing is given. */
export interface Which {
  readonly ids?: readonly string[]
  readonly stage?: string
  readonly assets?: readonly string[] // digests: tasks whose input names one of them, as `sha256` or as the digest of its `media`
}
