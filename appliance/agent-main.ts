/** The agent as a process. Its order is the first line of standard input; when that pipe closes, its parent is gone and so is it. */
import { createInterface } from 'node:readline'
import { Fault } from '../core/contract/fault.ts'
import { runAgent, type AgentOrder } from './agent.ts'

/** What was under way gets this long to stop by itself. */
const STOP_MS = 3_000

export async function agentMain(): Promise<void> {
  const lines = createInterface({ input: process.stdin })
  const first = await new Promise<string | null>((done) => {
    lines.once('line', done)
    lines.once('close', () => done(null))
  })
  if (first === null) throw new Fault('config/invalid', 'an agent is started by the appliance, which hands it its order')
  const stop = new AbortController()
  const end = () => {
    stop.abort()
    setTimeout(() => process.exit(0), STOP_MS).unref()
  }
  lines.once('close', end)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end)
  await runAgent(JSON.parse(first) as AgentOrder, stop.signal).catch((e: unknown) => {
    if (!stop.signal.aborted) throw e // what was under way when it was told to end broke off
  })
  process.exit(0)
}
