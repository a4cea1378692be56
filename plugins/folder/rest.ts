import { setTimeout as wait } from 'node:timers/promises'

/** Shorter when the signal comes. */
export async function rest(ms: number, signal: AbortSignal): Promise<void> {
  await wait(ms, undefined, { signal }).catch((cause: unknown) => {
    if (!signal.aborted) throw cause
  })
}
