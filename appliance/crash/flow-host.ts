/** The Node-RED that a campaign kills: ours, kept by core's own keeper, or one of somebody's own (`stock-host.ts`). */
import { request } from 'node:http'
import { join } from 'node:path'
import { FLOW_TOKEN_HEADER, signFlowToken } from '../../core/access/flow-token.ts'
import { makePalette } from '../../flows/palette.ts'
import { startFlows } from '../../flows/process.ts'
import type { FlowEntry } from '../../flows/red.ts'
import { itemFlow, plugins } from './flow-items.ts'

export interface FlowHost {
  /** Null: it is just being started again. */
  pid(): number | null
  /** Outcomes that were sent and have not ended, as far as it is asked here. */
  held(): number
  /** What should not be, now that all is over. */
  trouble(): string | null
  /** Through the editor's own door; false: it is not there just now. */
  deploy(flow: readonly FlowEntry[]): Promise<boolean>
  stop(): Promise<void>
}

const SECRET = 'between core and node-red'

export async function ownHost({ dir, coreSocket, say }: { dir: string; coreSocket: string; say: (line: string) => void }): Promise<FlowHost> {
  const socketPath = join(dir, 'red.sock')
  const quiet = () => undefined
  const flows = await startFlows({
    userDir: join(dir, 'user'), socketPath, coreSocket, credentialKeyPath: join(dir, 'key'), token: 'flows flow home home', secret: SECRET,
    palette: makePalette(plugins), defaultFlow: itemFlow(false), logger: { info: quiet, warn: quiet, error: (line) => say(`node-red: ${line}`) },
  })
  return {
    pid: () => flows.state().pid,
    held: () => flows.held().total,
    trouble: () => (flows.safeMode ? 'Node-RED is in safe mode' : null),
    deploy: (flow) => deploy({ socketPath, path: '/flows/flows', headers: { [FLOW_TOKEN_HEADER]: signFlowToken(SECRET, { name: 'Ada', access: 'write' }, Date.now()) } }, flow),
    stop: () => flows.stop(),
  }
}

export interface EditorDoor { readonly socketPath?: string; readonly port?: number; readonly path: string; readonly headers?: Record<string, string> }

/** In full; false: nobody answers just now, or it was not taken. */
export function deploy({ headers, ...door }: EditorDoor, flow: readonly FlowEntry[]): Promise<boolean> {
  return new Promise((resolve) => {
    const sent = request({ ...door, host: '127.0.0.1', method: 'POST', timeout: 10_000, headers: { ...headers, 'content-type': 'application/json', 'node-red-deployment-type': 'full' } }, (answer) => {
      answer.resume()
      resolve(answer.statusCode! < 300)
    })
    sent.on('timeout', () => sent.destroy())
    sent.on('error', () => resolve(false))
    sent.end(JSON.stringify(flow))
  })
}
