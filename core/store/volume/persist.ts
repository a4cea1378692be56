import { setTimeout as wait } from 'node:timers/promises'

const FIRST_MS = 250
const MOST_MS = 15_000
const GIVE_UP_MS = 5 * 60_000

/** Tries again while `may` says so, until the signal ends or five minutes brought no byte further. @param work says what it has got done */
export async function persist(work: (onBytes: (bytes: number) => void) => Promise<void>, may: (e: unknown) => boolean, signal: AbortSignal): Promise<void> {
  let since_ms = performance.now()
  for (let failures = 0; ;) {
    let bytes = 0
    try {
      return await work((more) => { bytes += more })
    } catch (e) {
      signal.throwIfAborted()
      if (bytes > 0) {
        failures = 0
        since_ms = performance.now()
      }
      if (!may(e) || performance.now() - since_ms > GIVE_UP_MS) throw e
    }
    await wait(Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(failures++, 10)) * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => signal.throwIfAborted())
  }
}
