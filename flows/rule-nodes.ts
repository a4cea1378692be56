/** What rules do with a message. */
import { Fault } from '../core/contract/fault.ts'
import { ConditionError, holds, parseCondition, type Condition } from './condition.ts'
import type { Message, RedNode, Send } from './red.ts'
import { parts } from './split.ts'

export type RuleNode = (message: Message, send: Send) => void

/** @param nameOf Names what a message came of. */
export function ruleOf(type: string, options: Readonly<Record<string, unknown>>, nameOf: (message: Message) => string, node: Pick<RedNode, 'id' | 'status'>): RuleNode {
  switch (type) {
    case 'flow.if': return onlyIf(String(options['condition'] ?? ''), node)
    case 'flow.split': return (message, send) => send([parts(message, String(options['list'] ?? 'items'), `${nameOf(message)}/${node.id}`)])
    default: throw new Error(`no rule ${type}`)
  }
}

function onlyIf(text: string, node: Pick<RedNode, 'status'>): RuleNode {
  let condition: Condition
  try {
    condition = parseCondition(text)
  } catch (error) {
    if (!(error instanceof ConditionError)) throw error
    node.status({ fill: 'red', shape: 'ring', text: error.message.slice(0, 80) })
    return () => { throw new Fault('input/invalid', `The condition cannot be read: ${error.message}.`, { cause: error }) }
  }
  return (message, send) => {
    const { payload } = message
    const record = typeof payload === 'object' && payload !== null ? (payload as Record<string, unknown>) : {}
    send(holds(condition, record) ? [message, null] : [null, message])
  }
}
