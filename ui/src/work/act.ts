/** What a person has done with tasks, and what is said of it then. */
import type { Ask } from '../../../core/http/api.ts'
import { ask, Trouble } from '../api.ts'
import { live } from '../live.svelte.ts'
import { many } from '../words.ts'

export type Act = 'retry' | 'cancel' | 'rerun'

const NOTHING: Readonly<Record<Act, string>> = {
  retry: 'Nothing is parked there any more.',
  cancel: 'Nothing waits there any more.',
  rerun: 'Nothing was asked for again: what is done there has its next run waiting, or nothing is done yet.',
}
const DONE: Readonly<Record<Act, (tasks: string) => string>> = {
  retry: (tasks) => `${tasks} offered again.`,
  cancel: (tasks) => `${tasks} left out.`,
  rerun: (tasks) => `${tasks} asked for again, behind fresh footage.`,
}

/** What came of it, in a sentence: also what the box has against it. */
export async function act(what: Act, which: Ask<Act>): Promise<string> {
  try {
    const { changed } = await ask(what, which)
    live.changed()
    return changed === 0 ? NOTHING[what] : DONE[what](many(changed, 'task'))
  } catch (error) {
    if (!(error instanceof Trouble)) throw error
    return error.message
  }
}
