/** The agent that core starts for the NAS's own work: handed its order over a pipe, started again when it dies, gone when core is. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Logger } from 'pino'
import type { AgentOrder } from './agent.ts'
import { budget } from './restart-budget.ts'

const CLI = fileURLToPath(new URL('./cli.ts', import.meta.url))
const STOP_MS = 4_000

/** @param onGone told each time it has ended: whatever it held, it holds no more */
export function startOwnAgent(order: AgentOrder, log: Logger, onGone: () => void) {
  const rest = budget()
  let child: ChildProcess | null = null
  let timer: NodeJS.Timeout | undefined
  let stopping = false

  function start(): void {
    child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', CLI, 'agent', '--order'], { stdio: ['pipe', 'inherit', 'inherit'] })
    child.stdin!.on('error', () => undefined) // it died before it read its order; `exit` says so
    child.stdin!.write(JSON.stringify(order) + '\n')
    child.once('exit', (code, signal) => {
      if (stopping) return
      onGone()
      rest.died(Date.now())
      const wait_ms = rest.rest_ms(Date.now())
      log.warn(`the agent ended by ${signal ?? `exit code ${code}`}; it starts again in ${wait_ms} ms`)
      timer = setTimeout(start, wait_ms)
    })
  }
  start()

  return {
    pid: () => child?.pid ?? null,
    async stop(): Promise<void> {
      stopping = true
      clearTimeout(timer)
      if (!child || child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.stdin!.end()
      const late = setTimeout(() => child!.kill('SIGKILL'), STOP_MS)
      await ended
      clearTimeout(late)
    },
  }
}
