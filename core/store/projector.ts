import type { Fault } from '../contract/fault.ts'
import { crashPoint } from './crash.ts'
import type { Catalogue, Projection } from './port.ts'

/** How the log shows its projections: oldest first, each until it is dropped. */
export interface PendingProjections {
  pending(limit: number): Promise<readonly Projection[]>
  drop(seqs: readonly string[]): Promise<void>
  /** Told when there are new ones. Returns how to stop being told. */
  onNew(told: () => void): () => void
}

export interface Projector {
  /** Nothing waits that it knows of. */
  idle(): boolean
  /** Resolves when it is idle. */
  settled(): Promise<void>
  /** Why the last try failed; null when it did not. */
  readonly lastFault: Fault | Error | null
  /** Resolves when the batch under way is written. */
  stop(): Promise<void>
}

const BATCH = 64
const BACKOFF_MS = 250
const BACKOFF_MAX_MS = 30_000

/** Carries projections from the log to the catalogue, in order. A crash between writing and dropping repeats a batch, which changes nothing. */
export function startProjector({ projections, catalogue }: { projections: PendingProjections; catalogue: Pick<Catalogue, 'apply'> }): Projector {
  let stopped = false
  let busy = true
  let news = true
  let lastFault: Error | null = null
  let wake: () => void = () => undefined
  let waiting: (() => void)[] = []

  const rest = (wait_ms: number | null) => new Promise<void>((resolve) => {
    const timer = wait_ms === null ? null : setTimeout(resolve, wait_ms)
    wake = () => {
      if (timer) clearTimeout(timer)
      resolve()
    }
  })

  async function run(): Promise<void> {
    let failures = 0
    while (!stopped) {
      try {
        news = false
        const batch = await projections.pending(BATCH)
        if (batch.length > 0) {
          await catalogue.apply(batch)
          crashPoint('projection.applied')
          await projections.drop(batch.map((p) => p.seq))
          crashPoint('projection.dropped')
        }
        failures = 0
        lastFault = null
        if (batch.length > 0 || news || stopped) continue
        busy = false
        for (const done of waiting) done()
        waiting = []
        await rest(null)
        busy = true
      } catch (error) {
        // Whatever it was, the projections are still in the log: it is said aloud and tried again.
        lastFault = error instanceof Error ? error : new Error(String(error))
        if (!stopped) await rest(Math.min(BACKOFF_MS * 2 ** failures++, BACKOFF_MAX_MS))
      }
    }
  }

  const unsubscribe = projections.onNew(() => {
    news = true
    if (!busy) wake()
  })
  const running = run()

  return {
    idle: () => !busy && !news,
    settled: () => (busy || news ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve()),
    get lastFault() { return lastFault },
    async stop() {
      stopped = true
      unsubscribe()
      wake()
      await running
    },
  }
}
