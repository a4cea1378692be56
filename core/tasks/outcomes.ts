import type { Home } from '../access/scope.ts'
import { crashPoint } from '../store/crash.ts'
import type { Log } from '../store/log.ts'
import type { Projection } from '../store/port.ts'
import { Batch } from './batch.ts'
import { noteEvent } from './event-record.ts'
import { FlowFaults } from './flow-faults.ts'
import { OUTCOMES, PROJECTIONS } from './keys.ts'
import type { Outcome, OutcomeLog } from './port.ts'
import { Queue } from './queue.ts'
import { Sequence } from './sequence.ts'

/** What completed work and new events leave behind for others: outcomes for the flow, projections for the catalogue. */
export interface Outcomes extends OutcomeLog {
  /** How many the flow has not taken yet. */
  unrouted(): number
  readonly projections: Projections
  readonly faults: Pick<FlowFaults, 'list' | 'of'>
  /** Somebody has seen what these nodes could not do. */
  dismissFaults(home: Home, nodes: readonly string[]): Promise<void>
  get(seq: string): Omit<Outcome, 'seq'> | null
  /** A person says that what came of it has ended; the audit says who. Unknown ones are passed over. */
  dismiss(seqs: readonly string[], by: string): Promise<void>
  /** Those who wait get an empty answer. */
  close(): void
  /** For the board and the events, which write theirs into batches of their own. */
  readonly queue: Queue<Omit<Outcome, 'seq'>>
  readonly projected: Queue<Omit<Projection, 'seq'>>
  readonly sequence: Sequence
}

/** Records of completed tasks that are not in the catalogue yet. */
export interface Projections {
  /** Oldest first. */
  pending(limit: number): Promise<readonly Projection[]>
  /** They are in the catalogue. Unknown ones are ignored. */
  drop(seqs: readonly string[]): Promise<void>
  /** Called for each new one; returns how to stop that. */
  onNew(listener: () => void): () => void
  waiting(): number
}

/** @param clock UTC epoch, ms. Open this before board and events: they share its sequence. */
export async function openOutcomes({ log, clock }: { log: Log; clock: () => number }): Promise<Outcomes> {
  const sequence = await Sequence.open(log)
  const queue = await Queue.open<Omit<Outcome, 'seq'>>(log, sequence, OUTCOMES)
  const projected = await Queue.open<Omit<Projection, 'seq'>>(log, sequence, PROJECTIONS)
  const faults = await FlowFaults.open(log, clock)
  const closed = new AbortController()

  /** Takes those that are still there off the list, and writes down why. */
  async function end(seqs: readonly string[], type: string, words: object): Promise<void> {
    const batch = new Batch()
    for (const seq of new Set(seqs)) {
      const outcome = queue.get(seq)
      if (outcome === null) continue
      const home: Home = outcome.scope
      noteEvent(batch, sequence, home, type, clock(), { seq, node: outcome.node, type: outcome.type, task: outcome.task, ...words })
    }
    queue.drop(batch, seqs)
    await batch.commit(log)
  }

  return {
    queue,
    projected,
    faults,
    sequence,
    unrouted: () => queue.count,
    get: (seq) => queue.get(seq),
    close: () => closed.abort(),

    async outcomes(after, limit, wait_ms) {
      const read = async () => (await queue.read(after, limit)).map(([seq, entry]) => ({ seq, ...entry }))
      const deadline = performance.now() + wait_ms
      for (;;) {
        const landed = arrival(queue, closed.signal) // listens before it reads, or one that comes in between is slept through
        try {
          const found = await read()
          const left_ms = deadline - performance.now()
          if (found.length > 0 || left_ms <= 0 || closed.signal.aborted) return found
          await landed.within(left_ms)
        } finally {
          landed.stop()
        }
      }
    },

    async acknowledge(seqs, said = []) {
      const batch = new Batch()
      for (const fault of said) {
        const outcome = queue.get(fault.seq)
        if (outcome !== null) faults.note(batch, outcome, fault)
      }
      queue.drop(batch, seqs)
      await batch.commit(log)
      if (seqs.length > 0) crashPoint('outcome.acknowledged')
    },

    gone: (seqs, why) => end(seqs, 'flow.node-gone', { why }),
    dismiss: (seqs, by) => end(seqs, 'flow.dismissed', { by }),

    async dismissFaults(home, nodes) {
      const batch = new Batch()
      faults.dismiss(batch, home, nodes)
      await batch.commit(log)
    },

    projections: {
      async pending(limit) {
        return (await projected.read(null, limit)).map(([seq, entry]) => ({ seq, ...entry }))
      },
      async drop(seqs) {
        const batch = new Batch()
        projected.drop(batch, seqs)
        await batch.commit(log)
      },
      onNew: (listener) => projected.listen(listener),
      waiting: () => projected.count,
    },
  }
}

/** The next entry, the time or the end, whichever comes first. */
function arrival(queue: Queue<Omit<Outcome, 'seq'>>, closed: AbortSignal): { within: (ms: number) => Promise<void>; stop: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  const unlisten = queue.listen(resolve)
  const wake = () => resolve()
  closed.addEventListener('abort', wake)
  let timer: NodeJS.Timeout | undefined
  return {
    within: (ms) => {
      timer = setTimeout(resolve, ms)
      return promise
    },
    stop: () => {
      clearTimeout(timer)
      unlisten()
      closed.removeEventListener('abort', wake)
    },
  }
}
