/** A message between Node-RED, which keeps it in memory, and core, which keeps it in the log. */
import type { Home } from '../core/access/scope.ts'
import { Fault } from '../core/contract/fault.ts'
import type { Message } from './red.ts'
import { ROOTS } from './tracker.ts'

/** Marks message ids that follow from the outcome. All others are random, and would make a repeated message look like a new one. */
const OWN_ID = 'viewshed.'

/** What of a message can wait in the log. Throws Fault `input/invalid` naming a property that is no JSON. */
export function portable(message: Message): Record<string, unknown> {
  const kept: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(message)) {
    if (name === ROOTS || name === 'req' || name === 'res') continue // ours; and an HTTP request cannot wait
    if (name === '_msgid' && !String(value).startsWith(OWN_ID)) continue
    let text: string | undefined
    try {
      text = JSON.stringify(value)
    } catch (cause) {
      throw new Fault('input/invalid', `msg.${name} cannot be stored: ${(cause as Error).message.split('\n', 1)[0]}. Remove it with a change node before this stage.`, { cause })
    }
    if (text !== undefined) kept[name] = JSON.parse(text)
  }
  return kept
}

/** A message that a node had, as if it came now: for nobody who waits for the first one. */
export function repeated(message: Message): Message {
  const { [ROOTS]: _roots, _msgid: _id, ...rest } = message
  return structuredClone(rest)
}

/** What leaves a node for an outcome. The same outcome gives the same message, however often it is sent. */
export const outgoing = (seq: string, type: string, message: Record<string, unknown>): Message =>
  ({ topic: type, ...message, _msgid: message['_msgid'] ?? `${OWN_ID}${seq}` })

/**
 * Names one sending of an outcome. It travels inside the message, so that a message which outlived a deploy
 * still tells whose it is.
 */
export const rootOf = (sending: string | number, home: Home, seq: string): string => [sending, home.org, home.site, seq].join(':')

export interface Root { readonly home: Home; readonly seq: string }

export function readRoot(root: string): Root | null {
  const [sending, org, site, seq, more] = root.split(':')
  return sending && org && site && seq && more === undefined ? { home: { org, site }, seq } : null
}
