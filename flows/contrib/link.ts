/**
 * The way from a Node-RED of somebody's own to their appliance: asks whether it may route, does while it may, and says in a word
 * why not. One link is one stay in the seat (`core/tasks/seat.ts`): whoever loses it makes a new one, for what this one had under way is
 * somebody else's by then.
 */
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { HOME } from '../../core/access/scope.ts'
import { Fault, type FaultCode } from '../../core/contract/fault.ts'
import { caller, MAX_BODY_BYTES } from '../../core/tasks/caller.ts'
import { BEAT_MOST_ENTRIES, LIFE_HEADER, type Beat, type BeatAnswer } from '../../core/tasks/seat.ts'
import { coreClient, type Core } from '../core.ts'
import type { Ask, LiveNodes } from '../nodes.ts'
import { createPersist, createPublisher, persistentCalls } from '../publisher.ts'
import type { FlowEntry, Message, StockApi } from '../red.ts'
import { createRouter, type Router } from '../router.ts'
import type { Tracker } from '../tracker.ts'

export interface Link {
  readonly core: Core
  readonly ask: Ask
  nameOf(message: Message): string | null
  failed: Router['failed']
  emit(type: string, key: string, payload: Record<string, unknown>): Promise<void>
  /** Flows run. @param idle Why nothing is routed all the same; null: it is. */
  started(flow: readonly FlowEntry[], idle: string | null): void
  stopping(): void
  /** Lets go: what it has under way answers nobody any more. */
  close(): void
}

/** What is wrong: beneath the nodes, and at length. */
export interface Trouble { readonly word: string; readonly sentence: string }

export interface LinkParts {
  readonly address: string
  readonly key: string
  readonly red: Pick<StockApi, 'util'>
  readonly tracked: (onEnded: (root: string) => void) => Tracker
  readonly nodes: () => LiveNodes
  readonly onTrouble: (trouble: Trouble | null) => void
  readonly onTold: (answer: BeatAnswer) => void
  /** Another Node-RED routes by now. */
  readonly onLost: () => void
}

const BEAT_MS = 2_000
/** Not answered after this: it is said, and waited on. */
const SILENT_MS = 5_000
/** A deploy stops the flows and starts them; what is not started after this is stopped. */
const DEPLOY_MS = 10_000

/** Of this start of Node-RED. */
const LIFE = randomUUID()

const WORDS: Partial<Record<FaultCode, string>> = {
  'access/unauthenticated': 'the key is not accepted',
  'access/denied': 'the key is not one for flows',
  'flows/taken': 'another Node-RED runs the flows',
}

export function openLink({ address, key, red, tracked, nodes, onTrouble, onTold, onLost }: LinkParts): Link {
  const door = { baseUrl: address, token: key, headers: { [LIFE_HEADER]: LIFE } }
  const core = coreClient(door)
  const ask = caller(door)
  const closed = new AbortController()
  const persist = createPersist((why) => { if (why !== null) failed(why) }, closed.signal)
  const router = createRouter({ log: core, publisher: createPublisher(core, persist), persist, tracked, nodes, clone: red.util.cloneMessage })
  let flow: readonly FlowEntry[] | null = null
  let outline: readonly FlowEntry[] = []
  let idle: string | null = 'its flows have not started'
  let routing = false
  let saysFlow = false
  let beating = false
  let hurry = false // something is new: the next one follows at once
  let next: NodeJS.Timeout | undefined
  let stopped: NodeJS.Timeout | undefined

  function failed(error: unknown): void {
    if (closed.signal.aborted) return
    const code = error instanceof Fault ? error.code : 'core/unreachable'
    if (code === 'flows/taken' && routing) return onLost()
    onTrouble({ word: WORDS[code] ?? 'does not answer, waiting', sentence: error instanceof Error ? error.message : String(error) })
  }

  async function beat(): Promise<void> {
    hurry = beating
    if (beating) return
    beating = true
    clearTimeout(next)
    const silent = setTimeout(() => failed(new Fault('core/unreachable', `Viewshed at ${address} does not answer`)), SILENT_MS)
    const says: Beat = { host: hostname().slice(0, 100), idle, held: router.held(), ...(saysFlow && flow !== null ? { flow: [...outline] } : {}) }
    try {
      const answer = await ask<BeatAnswer>('POST', '/api/flows/beat', JSON.stringify(says))
      if (closed.signal.aborted) return
      saysFlow = answer.asks_flow || (saysFlow && says.flow === undefined)
      onTrouble(null)
      onTold(answer)
      if (routing) {
        if (answer.ended.length > 0) router.dismiss(answer.ended)
        if (answer.resend.length > 0) router.resend(answer.resend)
      }
      if (flow !== null && says.idle === null && idle === null && !routing) {
        routing = true
        router.started(flow)
      }
    } catch (error) {
      failed(error)
    } finally {
      clearTimeout(silent)
      beating = false
      if (!closed.signal.aborted) next = setTimeout(() => void beat(), hurry ? 0 : BEAT_MS)
    }
  }

  return {
    core: { ...core, ...persistentCalls(core, persist) },
    ask: router.ask,
    nameOf: router.nameOf,
    failed: router.failed,
    emit: (type, key, payload) => persist(() => core.emit(HOME, type, key, payload)),
    started(entries, why) {
      clearTimeout(stopped)
      if (routing) router.stopping()
      routing = false
      flow = entries
      outline = outlineOf(entries)
      idle = why
      saysFlow = true
      void beat()
    },
    stopping() {
      flow = null
      routing = false
      router.stopping()
      clearTimeout(stopped)
      stopped = setTimeout(() => { idle = 'its flows are stopped' }, DEPLOY_MS)
    },
    close() {
      closed.abort()
      clearTimeout(next)
      clearTimeout(stopped)
      router.stopping()
      core.close()
      ask.close()
    },
  }
}

/** What core shows of the flow: where things lead. What functions say, and settings, stay here. Of one that is too large nothing is shown. */
function outlineOf(entries: readonly FlowEntry[]): FlowEntry[] {
  const outline = entries.map(({ id, type, z, name, label, d, disabled, wires, links, in: ways, out }) => ({ id, type, z, name, label, d, disabled, wires, links, in: ways, out }) as FlowEntry)
  return outline.length > BEAT_MOST_ENTRIES || JSON.stringify(outline).length > MAX_BODY_BYTES / 2 ? [] : outline
}
