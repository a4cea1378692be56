/**
 * Who routes. Outcomes leave by the wires of one Node-RED: two that took them would mix two flows, so a second one is refused with a word.
 * Kept in memory: after a restart of core whoever comes first has it.
 */
import { Type, type Static } from 'typebox'
import type { Principal } from '../access/scope.ts'
import { Fault } from '../contract/fault.ts'
import { Held, NOTHING_HELD, without } from './held.ts'
import type { StageCount } from './port.ts'

/** In the header a Node-RED elsewhere says which start of it asks: after a restart it is another one. */
export const LIFE_HEADER = 'x-viewshed-life'

/** How core's own Node-RED is called; no key is called so. */
export const OWN_FLOWS = 'flows'

/** So large a flow is shown. */
export const BEAT_MOST_ENTRIES = 20_000

/** Of the flow no more than where things lead; what functions say stays where it is. */
const FlowEntry = Type.Object({ id: Type.String({ maxLength: 200 }), type: Type.String({ maxLength: 200 }) }, { additionalProperties: true })

/** What a Node-RED elsewhere says of itself, every two seconds. */
export const Beat = Type.Object({
  host: Type.String({ minLength: 1, maxLength: 100, description: 'the machine it runs on' }),
  idle: Type.Union([Type.Null(), Type.String({ maxLength: 300 })], { description: 'why it routes nothing, in words; null: its flows run' }),
  held: Held,
  flow: Type.Optional(Type.Array(FlowEntry, { maxItems: BEAT_MOST_ENTRIES, description: 'what is deployed, after it changed or core asked for it' })),
})
export type Beat = Static<typeof Beat>

/** What it is told. */
export interface BeatAnswer {
  readonly version: string // of the appliance
  readonly counts: readonly StageCount[]
  readonly unable: Readonly<Record<string, string>> // stage → why no device can do its work
  readonly ended: readonly string[] // of what it holds: a person said so
  readonly resend: readonly string[] // of what it holds: a person wants it sent once more
  readonly asks_flow: boolean // core does not know the flow: it says it with the next beat
}

export interface SeatState {
  readonly routes: boolean
  readonly host: string | null // that was heard last, whether it routes or not; null: none since core started
  readonly idle: string | null // why it routes nothing, as it said
  readonly held: Held
  readonly heard_ms: number | null // ago
}

/** A connection. */
export interface Wire { once(event: 'close', listener: () => void): void }

export interface Seat {
  /** Before anything of the flows is taken or asked for. Throws Fault `flows/taken` where somebody else routes. */
  admit(who: Principal, life: string, wire: Wire): void
  /** Throws as `admit`, but lets in whoever routes nothing. Returns what it shall send once more, told once. */
  beat(who: Principal, life: string, wire: Wire, beat: Beat): readonly string[]
  /** Told with its next beat. An answer that is lost is asked for again by whoever sees that it is still held. */
  resend(seqs: readonly string[]): void
  /** No longer held, as a person said. */
  dismiss(seqs: readonly string[]): void
  state(): SeatState
  /** What is deployed there; null: not known. */
  flow(): Beat['flow'] | null
}

/** Whoever routes is heard every two seconds. One whose connections are all closed has ended, if that was not a proxy between two questions. */
const SILENT_MS = 15_000
const ENDED_MS = 3_000

interface Holder { readonly life: string; readonly key: string; host: string | null; heard_ms: number; readonly wires: Set<Wire> }

/**
 * @param elsewhere Where the configuration says that flows run; null: here, in core's own Node-RED.
 * @param clock Monotonic, ms.
 */
export function openSeat({ elsewhere, clock }: { elsewhere: string | null; clock: () => number }): Seat {
  let holder: Holder | null = null
  let last: { host: string; idle: string | null; held: Held; at_ms: number } | null = null
  let again: readonly string[] = []
  let flow: { life: string; entries: Beat['flow'] } | null = null

  const isThere = ({ heard_ms, wires }: Holder) => clock() - heard_ms < (wires.size > 0 ? SILENT_MS : ENDED_MS)

  function admit({ id, name }: Principal, life: string, wire: Wire): void {
    if (elsewhere === null) {
      if (id === OWN_FLOWS) return
      throw new Fault('flows/taken', 'The appliance’s own Node-RED runs its flows. To run them here, write `flows: { elsewhere: ADDRESS }` with the address of this Node-RED into viewshed.yaml, and start the appliance again.')
    }
    if (id === OWN_FLOWS || life === '') throw new Fault('flows/taken', `The flows run at ${elsewhere}, as viewshed.yaml says.`)
    if (holder !== null && holder.life !== life && isThere(holder))
      throw new Fault('flows/taken', `Another Node-RED runs the flows of this appliance (${holder.host ?? `with the key ${holder.key}`}). Outcomes leave by the wires of one: stop the other one, or this one.`)
    if (holder?.life !== life) holder = { life, key: name, host: null, heard_ms: 0, wires: new Set() }
    holder.heard_ms = clock()
    const { wires } = holder
    if (wires.has(wire)) return
    wires.add(wire)
    wire.once('close', () => void wires.delete(wire))
  }

  return {
    admit,
    beat(who, life, wire, { host, idle, held, flow: entries }) {
      if (idle === null || elsewhere === null) admit(who, life, wire)
      else if (holder?.life === life) holder = null
      if (holder !== null && holder.life !== life) return [] // one that routes nothing, beside one that does
      if (holder !== null) holder.host = host
      last = { host, idle, held, at_ms: clock() }
      if (entries !== undefined) flow = { life, entries }
      else if (flow?.life !== life) flow = null
      const told = again
      again = []
      return told
    },
    resend(seqs) {
      again = [...new Set([...again, ...seqs])]
      if (last) last.held = without(last.held, seqs)
    },
    dismiss(seqs) {
      if (last) last.held = without(last.held, seqs)
    },
    state() {
      return { routes: holder !== null && isThere(holder), host: last?.host ?? null, idle: last?.idle ?? null, held: last?.held ?? NOTHING_HELD, heard_ms: last === null ? null : clock() - last.at_ms }
    },
    flow: () => flow?.entries ?? null,
  }
}
