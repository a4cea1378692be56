import { momentOfName } from '../clip/names.ts'
import type { Clip } from './clip.ts'

export interface Order {
  readonly order: 'newest' | 'oldest'
  readonly events: readonly Clip['event'][] // these first, in this order
}

/** Who comes first: locked recordings, then the events that were named, then by the camera's time. All lenses of a moment stay together. Pure. */
export function inOrder<C extends Clip>(clips: readonly C[], { order, events }: Order): readonly C[] {
  const rank = (clip: Clip) => {
    if (clip.event === 'locked') return -1
    const named = events.indexOf(clip.event)
    return named < 0 ? events.length : named
  }
  const turn = order === 'newest' ? -1 : 1
  return clips.toSorted((a, b) => rank(a) - rank(b) || turn * compare(a.time ?? '', b.time ?? '') || turn * compare(momentOfName(a.name), momentOfName(b.name)) || compare(a.name, b.name))
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)
