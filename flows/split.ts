/** Taking a list apart, so that it can be put together again: names that follow from what is split, not from when. */
import { hash } from 'node:crypto'
import { Fault } from '../core/contract/fault.ts'
import type { Message } from './red.ts'

/** What a part knows of the whole. Travels as `msg.split`. */
export interface Part { readonly id: string; readonly index: number; readonly count: number; readonly outer?: unknown }

const MOST = 2_000

/** @param whole Names what is split: the same for the same message, however often it is sent. Throws Fault `input/invalid`. */
export function parts(message: Message, list: string, whole: string): Message[] {
  const { payload } = message
  const record = typeof payload === 'object' && payload !== null ? (payload as Record<string, unknown>) : {}
  const { [list]: entries, ...rest } = record
  if (!Array.isArray(entries)) throw new Fault('input/invalid', `msg.payload.${list} is no list.`)
  if (entries.length > MOST) throw new Fault('input/too-large', `msg.payload.${list} has ${entries.length} entries; at most ${MOST} can be joined again.`)
  const { split: outer, _msgid: _id, ...others } = message
  // With what it is a part of, and what lies beside the list: two drives may have lists that say the same.
  const id = hash('sha256', `${whole}\0${JSON.stringify([outer ?? null, list, record])}`).slice(0, 24)
  return entries.map((entry: unknown, index) => ({
    ...structuredClone(others),
    payload: { ...structuredClone(rest), ...(typeof entry === 'object' && entry !== null && !Array.isArray(entry) ? entry : { item: entry }) },
    split: { id, index, count: entries.length, ...(outer === undefined ? {} : { outer }) } satisfies Part,
  }))
}

/** Null: it was never split. */
export function partOf({ split }: Message): Part | null {
  if (typeof split !== 'object' || split === null) return null
  const { id, index, count } = split as Record<string, unknown>
  const isPart = typeof id === 'string' && Number.isInteger(index) && Number.isInteger(count) && (index as number) >= 0 && (count as number) > (index as number)
  return isPart ? (split as Part) : null
}

/** What leaves a join is a part of what the whole was a part of. */
export function joined(message: Message): Message {
  const { split, ...rest } = message
  const outer = partOf({ split })?.outer
  return outer === undefined ? rest : { ...rest, split: outer }
}
