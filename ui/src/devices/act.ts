import type { Ask } from '../../../core/http/api.ts'
import { ask, Trouble, type Asked } from '../api.ts'
import { live } from '../live.svelte.ts'

/** Does it, and has the pages ask again. What stood in the way comes back, to be said where the button is. */
export async function act<R extends Asked>(route: R, query: Ask<R>): Promise<Trouble | null> {
  try {
    await ask(route, query)
    return null
  } catch (error) {
    if (!(error instanceof Trouble)) throw error
    return error
  } finally {
    live.changed()
  }
}
