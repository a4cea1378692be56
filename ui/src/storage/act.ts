import type { Answer, Ask } from '../../../core/http/api.ts'
import { ask, Trouble, type Asked } from '../api.ts'
import { live } from '../live.svelte.ts'

/** Does it, and has the pages ask again. What came of it, or what stood in the way. */
export async function tried<R extends Asked>(route: R, query: Ask<R>): Promise<Answer<R> | Trouble> {
  try {
    return await ask(route, query)
  } catch (error) {
    if (!(error instanceof Trouble)) throw error
    return error
  } finally {
    live.changed()
  }
}
