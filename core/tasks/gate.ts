import type { Principal } from '../access/scope.ts'

/** What the board's routes ask about a device before they give it work. */
export interface DeviceGate {
  /** Those of `stages` that it may run now: allowed by a person, within its means, and not while it rests.
   *  Throws Fault `device/unheard` when it has not said what it can do since the appliance started. */
  stagesFor(who: Principal, stages: readonly string[]): readonly string[]
  /** Whether a person lets it run the stage at all: it goes on with what it began before core did, and answers for it. */
  mayAnswer(who: Principal, stage: string): boolean
  /** It spoke. Every authenticated request of it counts. */
  heard(device: string): void
}

/** How a device's work on a task ended, for its history. */
export interface TaskEnd {
  readonly device: string
  readonly task: string
  readonly stage: string
  readonly org: string
  readonly site: string
  readonly input: Record<string, unknown>
  readonly end: 'complete' | 'fault' | 'interrupted'
  readonly at_ms: number
  readonly took_ms: number | null // null: its lease was not known
  readonly message: string | null
}
