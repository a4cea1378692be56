/** Errors of nodes that no `catch` took: exactly those Node-RED writes into its log, in the turn in which they happen. */
import { types } from 'node:util'
import type { NodeFault } from '../core/tasks/flow-faults.ts'

export interface LogEntry { readonly level: number; readonly msg?: unknown; readonly type?: string; readonly id?: string; readonly _alias?: string; readonly name?: string }

export interface RedLog { addHandler(handler: { emit(event: 'log', entry: LogEntry): void }): void }

/** @param on Is told the node as it runs, and what it could not do under the id that it has in the editor. */
export function onUncaught(log: RedLog, on: (node: string, fault: Omit<NodeFault, 'seq'>) => void): void {
  log.addHandler({
    emit(_event, { level, id, _alias, type = '', name, msg }) {
      if (level <= ERROR && id !== undefined) on(id, { node: (_alias ?? id).slice(0, 200), name: (name || type).slice(0, 200), words: wordsOf(msg).slice(0, 400) })
    },
  })
}

/** Node-RED's level: what is fatal is below it. */
const ERROR = 20

/** What a function throws is of a realm of its own. */
function wordsOf(msg: unknown): string {
  if (types.isNativeError(msg)) return msg.name === 'Error' || msg.name === 'Fault' || msg.message.startsWith(msg.name) ? msg.message : `${msg.name}: ${msg.message}`
  return typeof msg === 'string' ? msg.trim() : (JSON.stringify(msg) ?? String(msg))
}
