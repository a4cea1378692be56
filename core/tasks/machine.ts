/**
 * The life of one piece of work.
 *
 * Pure: time comes in, the next task goes out, nothing is read or written. The board stores what
 * comes back in one synced batch. Leases are not here: they live in memory, and losing all of them
 * must change nothing but speed.
 */
import type { TaskState } from './port.ts'

export type Task = {
  readonly state: TaskState
  readonly attempts: number // faults of the work that a device reported
  readonly interruptions: number // leases that ended without a word
  readonly not_before_ms: number // epoch; a pending task is not offered earlier
  readonly faults: readonly FaultNote[] // newest last, one for each attempt, and for each time that a place could not
  readonly interrupted: readonly InterruptNote[] // newest last, one for each interruption
}

export type FaultNote = { readonly code: string; readonly message: string; readonly device: string; readonly at_ms: number; readonly log?: string }

export type InterruptNote = { readonly device: string; readonly at_ms: number; readonly why: string }

/** After this many faults a person has to look. */
export const MAX_ATTEMPTS = 5

/** Inputs that kill their worker never report; without a cap they would kill one worker after another for ever. */
export const MAX_INTERRUPTIONS = 20

/** Notes of each kind that are kept, the newest: whoever retries a hopeless task every day shall not make it grow for ever. */
const MAX_NOTES = 20

/** First wait after a fault; doubles with each, up to an hour. */
const BACKOFF_MS = 5_000
const BACKOFF_MAX_MS = 3_600_000

/** Whoever frees a disk wants to see it go on. */
const MENDED_MAX_MS = 600_000

/** So many interruptions are bad luck, and the work is offered at once; what then keeps being interrupted waits longer each time, up to a minute. */
const UNLUCKY = 3
const INTERRUPTED_MAX_MS = 60_000

/** How long a pending task is not offered yet. Its moment was told by a clock that may have been set back since: when it is further
 *  away than so many faults ever cost, it has come. */
export function wait_ms({ faults, interrupted, not_before_ms }: Task, now_ms: number): number {
  const left_ms = not_before_ms - now_ms
  return left_ms <= 0 || left_ms > backoff_ms(faults.length + interrupted.length, 1) ? 0 : left_ms
}

/** Null when the work was already complete: the later answer is thanked and dropped. A parked task completes, for the work is done. */
export function complete<T extends Task>(task: T): T | null {
  return task.state === 'complete' ? null : { ...task, state: 'complete' }
}

/**
 * A device said that it cannot. Null when the task is no longer pending.
 * @param again Whether another try might mend it; without that the first fault parks.
 * @param spread 0 to 1, random; keeps tasks that failed together from coming back together.
 */
export function fault<T extends Task>(task: T, note: FaultNote, again: boolean, spread: number): T | null {
  if (task.state !== 'pending') return null
  const attempts = task.attempts + 1
  const faults = withNote(task.faults, note)
  if (!again || attempts >= MAX_ATTEMPTS) return { ...task, attempts, faults, state: 'parked' }
  return { ...task, attempts, faults, not_before_ms: note.at_ms + backoff_ms(attempts, spread) }
}

/** A device said that it cannot where it is: a full disk, a volume that is away. Costs no attempt and is tried until that is mended. */
export function hold<T extends Task>(task: T, note: FaultNote, spread: number): T | null {
  if (task.state !== 'pending') return null
  const faults = withNote(task.faults, note)
  const before = faults.findLastIndex(({ code }) => code !== note.code)
  return { ...task, faults, not_before_ms: note.at_ms + backoff_ms(faults.length - 1 - before, spread, MENDED_MAX_MS) }
}

/** A lease ended without a word. Costs no attempt: the device may have lost power, and the work may be fine. */
export function interrupt<T extends Task>(task: T, note: InterruptNote, spread: number): T | null {
  if (task.state !== 'pending') return null
  const interruptions = task.interruptions + 1
  const interrupted = withNote(task.interrupted, note)
  if (interruptions >= MAX_INTERRUPTIONS) return { ...task, interruptions, interrupted, state: 'parked' }
  const not_before_ms = interruptions < UNLUCKY ? task.not_before_ms : note.at_ms + backoff_ms(interruptions - UNLUCKY + 1, spread, INTERRUPTED_MAX_MS)
  return { ...task, interruptions, interrupted, not_before_ms }
}

/** A person tries again. The history stays for whoever looks next. Null unless parked. */
export function retry<T extends Task>(task: T): T | null {
  return task.state === 'parked' ? { ...task, state: 'pending', attempts: 0, interruptions: 0, not_before_ms: 0 } : null
}

const withNote = <N>(notes: readonly N[], note: N): readonly N[] => [...notes, note].slice(-MAX_NOTES)

function backoff_ms(times: number, spread: number, most_ms = BACKOFF_MAX_MS): number {
  return Math.round(Math.min(BACKOFF_MS * 2 ** (times - 1), most_ms) * (1 + spread))
}
