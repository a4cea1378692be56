import type { Answer } from '../../../core/http/api.ts'

/** What the plugin folder says of it. */
interface CardRead { readonly path: string; readonly name: string; readonly recordings: number; readonly refused: number; readonly bytes: number }

export interface ReadCard extends CardRead { readonly seq: string; readonly at_ms: number }

/** The last reading of each card, the newest first. */
export function cardsOf(events: Answer<'events'>['events']): readonly ReadCard[] {
  const all = events.map(({ seq, at_ms, payload }) => ({ ...(payload as unknown as CardRead), seq, at_ms })).reverse()
  return all.filter(({ path }, i) => all.findIndex((other) => other.path === path) === i)
}
