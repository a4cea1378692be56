import { rest } from './rest.ts'

const REST_MS = 1_000
const MOST_REST_MS = 60_000
const WELL_MS = 600_000 // whoever went so long is not one that fails again and again

/** One of several that a watcher looks after: what it throws is said, and it begins again by itself a while later; the others never notice. */
export async function apart(what: string, watch: () => Promise<void>, { signal, warn }: { readonly signal: AbortSignal; readonly warn: (error: unknown, what: string) => void }, first_ms = REST_MS): Promise<void> {
  for (let rest_ms = first_ms; !signal.aborted; rest_ms = Math.min(MOST_REST_MS, rest_ms * 2)) {
    const began_ms = performance.now()
    try {
      return await watch()
    } catch (error) {
      if (signal.aborted) return
      if (performance.now() - began_ms > WELL_MS) rest_ms = first_ms
      warn(error, `${what} is looked after again in ${rest_ms / 1000} s`)
      await rest(rest_ms, signal)
    }
  }
}
