/** Messages of the flow that went into a node and did not come out: as the Node-RED that routes says them, and as people see them. */
import { Type, type Static } from 'typebox'

/** An outcome that was sent out and has not ended. */
export const HeldOutcome = Type.Object({
  seq: Type.String({ maxLength: 200 }),
  type: Type.String({ maxLength: 200 }),
  node: Type.Union([Type.Null(), Type.String({ maxLength: 200 })], { description: 'that it left from' }),
  held_ms: Type.Number({ minimum: 0, description: 'for how long; the clock of another machine says nothing here' }),
  last: Type.String({ maxLength: 400, description: 'the node that was entered last, `join:abc123`; empty: none' }),
  words: Type.Union([Type.Null(), Type.String({ maxLength: 400 })], { description: 'what a node could not do with it: one that throws keeps its message' }),
  why: Type.Union([Type.Literal('not ended'), Type.Literal('node not running')]),
})
export type HeldOutcome = Static<typeof HeldOutcome>

/** So many are named, the oldest. */
export const MOST_HELD = 100
/** A node of the flow may take its time; what took longer is shown to people. */
export const STUCK_MS = 60_000

export const Held = Type.Object({
  total: Type.Integer({ minimum: 0 }),
  stuck: Type.Integer({ minimum: 0, description: `of these, for longer than ${STUCK_MS / 1000} s` }),
  oldest: Type.Array(HeldOutcome, { maxItems: MOST_HELD }),
})
export type Held = Static<typeof Held>

export const NOTHING_HELD: Held = { total: 0, stuck: 0, oldest: [] }

/** Those are no more, though whoever routes has not said so yet. */
export function without({ total, stuck, oldest }: Held, seqs: readonly string[]): Held {
  const gone = oldest.filter(({ seq }) => seqs.includes(seq))
  return { total: total - gone.length, stuck: stuck - gone.filter(({ held_ms }) => held_ms >= STUCK_MS).length, oldest: oldest.filter((one) => !gone.includes(one)) }
}

/** A node by the names that it has in the editor, which opens it at `/flows#node/<id>`. */
export interface NodePlace { readonly id: string; readonly name: string; readonly tab: string } // tab: of a node that lies in a subflow the subflow

export interface HeldView {
  readonly seq: string
  readonly title: string // of the stage that was done, or the event that happened
  readonly subject: string | null // the recording or plate that it is about
  readonly asset: string | null // digest of that recording
  readonly task: string | null // whose outcome it is
  readonly since_ms: number
  readonly last: NodePlace | null // that it entered last; null: none, or one that is not in the flow any more
  readonly words: string | null // what a node could not do with it
  readonly waits: boolean // it entered none: the node that it leaves from does not run
}

export const payloadOf = ({ payload }: Record<string, unknown>): Record<string, unknown> => (payload !== null && typeof payload === 'object' ? (payload as Record<string, unknown>) : {})

/** The plate, or else the file, that a message is about. */
export function subjectOf(message: Record<string, unknown>): string | null {
  const { plate, name, media } = payloadOf(message)
  if (typeof plate === 'string') return plate
  const path = typeof name === 'string' ? name : media !== null && typeof media === 'object' && 'path' in media ? media.path : null
  return typeof path === 'string' ? path.slice(path.lastIndexOf('/') + 1) : null
}
