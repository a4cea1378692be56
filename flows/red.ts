/** The part of Node-RED that we stand on, typed; it ships no types of its own. Loaded only inside its own process. */
import { createRequire } from 'node:module'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { RedLog } from './uncaught.ts'

export type Message = Record<string, unknown>
/** One message, or for each output one, several or none. */
export type Send = (message: Message | readonly (Message | readonly Message[] | null)[]) => void

export interface RedNode {
  readonly id: string
  readonly type: string
  readonly name?: string
  readonly z?: string // the tab or subflow that it lies in
  readonly _alias?: string // of a node in a copy of a subflow: its id in the subflow
  readonly credentials?: Readonly<Record<string, string | undefined>>
  readonly _expectedDoneCount: number // input listeners that promise to call done()
  readonly outstandingTimers?: readonly unknown[] // function nodes: their setTimeouts
  returnLinkMessage?(call: string, message: Message | readonly []): void // link call nodes: ends a call of theirs, and sends what came of it
  readonly topics?: Readonly<Record<string, { readonly tout?: unknown }>> // trigger nodes: timers by topic
  on(event: 'input', listener: (message: Message, send: Send, done: (error?: Error) => void) => void): void
  on(event: 'close', listener: () => void): void
  send: Send
  receive(message: Message): void
  error(what: unknown, message?: Message): void
  warn(what: string): void
  status(status: NodeStatus): void
}

export interface NodeStatus { readonly fill?: 'red' | 'green' | 'yellow' | 'blue' | 'grey'; readonly shape?: 'dot' | 'ring'; readonly text?: string }

export interface SendEvent { readonly msg: Message; readonly source: { readonly id: string }; readonly destination: { readonly id: string; readonly node: RedNode } }
export interface ReceiveEvent { readonly msg: Message; readonly destination: { readonly id: string; readonly node: RedNode } }
export interface CompleteEvent { readonly msg: Message; readonly error?: unknown; readonly node: { readonly id: string; readonly node: RedNode } }

export interface Hooks {
  add(name: `preDeliver.${string}`, hook: (event: SendEvent) => void): void
  add(name: `onReceive.${string}` | `postReceive.${string}`, hook: (event: ReceiveEvent) => void): void
  add(name: `onComplete.${string}`, hook: (event: CompleteEvent) => void): void
}

/** One entry of a flow file. */
export interface FlowEntry { readonly id: string; readonly type: string; readonly z?: string; readonly name?: string; readonly label?: string; readonly d?: boolean; readonly disabled?: boolean; readonly wires?: readonly (readonly string[])[]; readonly [field: string]: unknown }

type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** The part of Express that doors of our own are hung into. */
export interface AdminRoutes { get: Route; post: Route }
type Route = (path: string, permission: Handler, answer: (request: AdminRequest, response: AdminResponse) => void) => void
export interface AdminRequest extends IncomingMessage { readonly params: Readonly<Record<string, string>>; readonly body: unknown; readonly user?: { readonly username?: string } }
export interface AdminResponse { status(code: number): AdminResponse; json(body: unknown): void }

/** What a node's own file is handed. */
export interface NodeApi {
  readonly nodes: {
    createNode(node: RedNode, config: FlowEntry): void
    getNode(id: string): RedNode | null
    registerType(type: string, constructor: (this: RedNode, config: FlowEntry) => void, options?: { readonly credentials: Readonly<Record<string, { readonly type: 'text' | 'password' }>> }): void
  }
  readonly httpAdmin: AdminRoutes
  readonly auth: { needsPermission(permission: string): Handler }
}

/** The same in a Node-RED that is not ours. */
export interface StockApi extends NodeApi, Pick<Red, 'hooks' | 'events' | 'util' | 'log'> {}

export interface Red {
  init(server: Server, settings: Record<string, unknown>): void
  start(): Promise<void>
  stop(): Promise<void>
  readonly httpAdmin: Handler
  readonly hooks: Hooks
  readonly events: {
    on(event: 'flows:started', listener: (deploy: { readonly config: { readonly flows: readonly FlowEntry[] } }) => void): void
    on(event: 'flows:stopping', listener: () => void): void
    on(event: 'runtime-event', listener: (event: { readonly id: string; readonly payload?: { readonly error?: string; readonly types?: readonly string[] } }) => void): void
  }
  readonly runtime: { readonly flows: { getFlows(ask: object): Promise<{ readonly flows: readonly FlowEntry[] }>; setFlows(ask: { readonly flows: { readonly flows: readonly FlowEntry[] }; readonly deploymentType: 'full'; readonly user?: { readonly username: string }; readonly req?: object }): Promise<unknown> } }
  readonly nodes: { getType(type: string): unknown }
  readonly log: RedLog
  readonly util: { cloneMessage(message: Message): Message }
}

interface Express { (): Handler & { use(path: string, handler: Handler): void } }

export function loadRed(): { readonly red: Red; readonly express: Express } {
  const require = createRequire(import.meta.url)
  return { red: require('node-red') as Red, express: require('express') as Express }
}
