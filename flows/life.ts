/** The life of the Node-RED process: born with one message, gone when its parent is. */
import type { Begin, FromChild, ToChild } from './ipc.ts'
import type { Core } from './core.ts'
import { runFlows, type Runtime } from './runtime.ts'

/** @param connect Gives the core that outcomes come from and work is asked of. */
export function live(connect: (begin: Begin) => Core): void {
  process.umask(0o077) // flows may hold passwords, and the socket lets in whoever can open it
  const say = (message: FromChild) => process.send?.(message)
  let runtime: Runtime | null = null

  process.on('disconnect', () => process.exit(0))
  process.on('message', (message: ToChild) => {
    if (message.kind !== 'begin') return runtime?.tell(message)
    void runFlows(message, connect(message), say).then((started) => { runtime = started })
  })
  process.once('SIGTERM', () => {
    if (!runtime) process.exit(0)
    void runtime.stop().finally(() => process.exit(0))
  })
}
