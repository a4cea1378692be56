/** What a person has the box do. */
import type { Answer, Ask } from '../../core/http/api.ts'
import { ask, Trouble, type Asked } from './api.ts'
import { live } from './live.svelte.ts'

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

/** The same where nothing comes of it but that it is done: what stood in the way, to be said where the button is. */
export async function act<R extends Asked>(route: R, query: Ask<R>): Promise<Trouble | null> {
  const done = await tried(route, query)
  return done instanceof Trouble ? done : null
}
