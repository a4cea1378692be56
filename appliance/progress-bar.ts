/** How far the demo is, in one line; on something that is no terminal a line now and then. */
import type { WriteStream } from 'node:tty'
import type { StatusView } from '../core/http/api.ts'

const CELLS = 28
const LINE_EVERY_MS = 10_000

export function progressBar(out: NodeJS.WriteStream | WriteStream) {
  const live = out.isTTY === true
  let said_ms = 0
  return {
    show(status: StatusView): void {
      const { pending, running, complete, parked } = status.tasks
      const all = pending + running + complete + parked
      const part = all === 0 ? 0 : (complete + parked) / all
      const bar = '█'.repeat(Math.round(part * CELLS)).padEnd(CELLS, '·')
      const line = `  ${bar} ${complete + parked}/${all} steps · ${status.totals.assets} files · ${status.totals.plates} plates${status.inbox.busy ? ` · ${status.inbox.busy}` : ''}`
      if (live) out.write(`\r\x1b[2K${line.slice(0, (out.columns ?? 80) - 1)}`)
      else if (Date.now() - said_ms > LINE_EVERY_MS) {
        said_ms = Date.now()
        out.write(line + '\n')
      }
    },
    end(line: string): void {
      out.write(`${live ? '\r\x1b[2K' : ''}  ${line}\n`)
    },
  }
}
