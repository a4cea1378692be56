/** A real Node-RED on a unix socket in a folder of its own, with a core in memory and a palette of two stages and one event. */
import { mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Type } from 'typebox'
import { FLOW_TOKEN_HEADER, signFlowToken } from '../../core/access/flow-token.ts'
import { call, plugin, stage } from '../../core/contract/plugin.ts'
import { makePalette } from '../palette.ts'
import { startFlows, type Flows, type FlowsOptions } from '../process.ts'
import type { FlowEntry } from '../red.ts'
import { fakeCore, type FakeCore } from './core.ts'

const SECRET = 'between core and node-red'
const Number_ = Type.Object({ n: Type.Number() })
const never = async () => ({ run: async () => ({}) })

export const testPlugin = plugin({
  name: 'test', title: 'Test', config: Type.Object({}),
  events: { came: Type.Object({ n: Type.Number() }, { title: 'Something came', description: 'Somewhere.' }) },
  calls: { twice: call({ title: 'Twice', input: Type.Object({ n: Type.Number(), by: Type.Integer({ default: 2 }) }), output: Type.Object({ product: Type.Number() }), role: 'viewer', load: async () => ({ run: async ({ n, by }) => ({ product: n * by }) }) }) },
  stages: {
    first: stage({ title: 'First', help: 'Does it.', version: 1, input: Number_, output: Type.Object({}), lease_s: 10, load: never }),
    second: stage({
      title: 'Second', help: 'Does it again.', version: 1, input: Number_, output: Type.Object({}), lease_s: 10, load: never,
      options: Type.Object({ width_px: Type.Integer({ minimum: 16, maximum: 4096, default: 320, description: 'Of the picture' }) }),
    }),
  },
})

export interface Bench {
  readonly core: FakeCore
  readonly flows: Flows
  readonly log: readonly string[]
  readonly socketPath: string
  /** Deploys in full through the editor's own door. */
  deploy(flow: readonly FlowEntry[], type?: 'full' | 'nodes' | 'flows'): Promise<void>
  ask(method: string, path: string, options?: { body?: unknown; token?: string | null; headers?: Record<string, string> }): Promise<{ status: number; text: string }>
  send(method: string, path: string, body: Buffer, type: string): Promise<{ status: number; text: string }>
  /** Until the process says so. */
  until(what: () => boolean): Promise<void>
  close(): Promise<void>
}

export const tokenOf = (access: 'read' | 'write', secret = SECRET, now_ms = Date.now()) => signFlowToken(secret, { name: 'Ada', access }, now_ms)

export async function bench(flow: readonly FlowEntry[], options: Partial<FlowsOptions> = {}): Promise<Bench> {
  const folder = await mkdtemp(join(tmpdir(), 'viewshed-flows-'))
  const socketPath = join(folder, 'red.sock')
  const core = await fakeCore(join(folder, 'core.sock'), { 'test.first': ['n'], 'test.second': ['n'] })
  const log: string[] = []
  const line = (text: string) => void log.push(text)
  const flows = await startFlows({
    userDir: join(folder, 'user'), socketPath, coreSocket: join(folder, 'core.sock'), credentialKeyPath: join(folder, 'key'),
    token: 'of the process', secret: SECRET, palette: makePalette([testPlugin]), defaultFlow: flow,
    logger: { info: line, warn: line, error: line }, entry: fileURLToPath(new URL('./child.ts', import.meta.url)), ...options,
  })
  const until = async (what: () => boolean) => {
    while (!what()) await new Promise((resolve) => setTimeout(resolve, 20))
  }

  const send = (method: string, path: string, body: string | Buffer | undefined, headers: Record<string, string>) => new Promise<{ status: number; text: string }>((resolve, reject) => {
    const sent = request({ socketPath, method, path, headers }, (answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (part: string) => { text += part }).on('end', () => resolve({ status: answer.statusCode!, text }))
    })
    sent.on('error', reject)
    sent.end(body)
  })
  const ask: Bench['ask'] = (method, path, { body, token = tokenOf('write'), headers = {} } = {}) =>
    send(method, path, body === undefined ? undefined : JSON.stringify(body), { ...(token === null ? {} : { [FLOW_TOKEN_HEADER]: token }), 'content-type': 'application/json', ...headers })

  return {
    core, flows, log, until, ask, socketPath,
    send: (method, path, body, type) => send(method, path, body, { [FLOW_TOKEN_HEADER]: tokenOf('write'), 'content-type': type }),
    async deploy(next, type = 'full') {
      const { status, text } = await ask('POST', '/flows/flows', { body: next, headers: { 'node-red-deployment-type': type } })
      if (status >= 300) throw new Error(`${status} ${text}`)
    },
    async close() {
      await flows.stop()
      await core.close()
      await rm(folder, { recursive: true })
    },
  }
}
