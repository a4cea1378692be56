import { setTimeout as wait } from 'node:timers/promises'

/** How long a transfer puts up with a link that does not work. */
export interface Patience {
  readonly stall_ms: number // without a byte the connection is taken for dead
  readonly answer_ms: number // until core has synced, and read again, what it was sent
  readonly first_ms: number // the pause after the first failure; it doubles with each
  readonly most_ms: number
}

export const PATIENCE: Patience = { stall_ms: 20_000, answer_ms: 120_000, first_ms: 250, most_ms: 15_000 }

/** Waits before the next try; half of it at random, or everybody would come back at once. Throws the signal's reason. */
export async function pause({ first_ms, most_ms }: Patience, failures: number, signal: AbortSignal): Promise<void> {
  const rest_ms = Math.min(most_ms, first_ms * 2 ** Math.min(failures - 1, 30))
  await wait(rest_ms * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => signal.throwIfAborted())
}
