/** One HTTP request to core, over its unix socket or over the network, with the device's token. */
import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { urlToHttpOptions } from 'node:url'
import { Fault } from '../core/contract/fault.ts'
import { faultOfAnswer } from '../core/http/answer.ts'

export interface CoreAddress {
  readonly socketPath?: string // on the same machine
  readonly baseUrl?: string // `http://nas:8080`
  readonly token: string
}

export interface CoreAsk {
  readonly method: string
  readonly path: string
  readonly headers?: Record<string, string>
  readonly signal?: AbortSignal | undefined
  readonly idle_ms?: number // over the network: so long without a byte, and the connection counts as broken; none: for ever
}

/** A connection of which the other end is gone without a word would be waited for as long as the agent lives. */
const IDLE_MS = 60_000

/** The answer's body, when its status is 2xx. Throws the Fault that core answered, or `core/unreachable`. @param within_ms until its headers must be here */
export async function requestCore(core: CoreAddress, ask: CoreAsk & { body?: string }, within_ms?: number): Promise<IncomingMessage> {
  const request = beginRequest(core, ask)
  const answer = answerTo(request, ask.signal, within_ms)
  request.end(ask.body)
  return accepted(await answer, ask.signal)
}

/** A request whose body is still to be written; it is over when `signal` is. */
export function beginRequest(core: CoreAddress, { method, path, headers, signal, idle_ms }: CoreAsk): ClientRequest {
  const base = new URL(core.baseUrl ?? 'http://core')
  const isTimed = idle_ms !== undefined && !core.socketPath
  const request = (base.protocol === 'https:' ? httpsRequest : httpRequest)({
    ...(core.socketPath ? { socketPath: core.socketPath } : urlToHttpOptions(base)),
    method, path, headers: { authorization: `Bearer ${core.token}`, ...headers }, signal, ...(isTimed ? { timeout: idle_ms } : {}),
  })
  // Only where it was asked for: Node's own agent has a time of its own for connections that are kept, and says so here too.
  if (isTimed) request.on('timeout', () => request.destroy(new Error(`nothing came for ${idle_ms / 1000} s`)))
  return request
}

/** Whatever core answers. Throws `core/unreachable`, or the signal's reason. */
export function answerTo(request: ClientRequest, signal: AbortSignal | undefined, within_ms?: number): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const timer = within_ms === undefined ? undefined : setTimeout(() => request.destroy(new Error(`no answer within ${within_ms / 1000} s`)), within_ms)
    request.once('response', (answer) => {
      clearTimeout(timer)
      resolve(answer)
    })
    request.on('error', (e) => { // for good: a connection may also break while the answer is read
      clearTimeout(timer)
      reject(unreachable(e, signal))
    })
  })
}

/** The answer, when its status is 2xx; otherwise throws the Fault that it stands for. */
export async function accepted(answer: IncomingMessage, signal?: AbortSignal): Promise<IncomingMessage> {
  const status = answer.statusCode ?? 0
  if (status >= 200 && status < 300) return answer
  throw faultOfAnswer(status, await textOf(answer, signal))
}

/** Throws `core/unreachable` when it breaks off. */
export async function textOf(answer: IncomingMessage, signal?: AbortSignal): Promise<string> {
  try {
    let text = ''
    for await (const part of answer.setEncoding('utf8')) text += part as string
    return text
  } catch (e) {
    throw unreachable(e as Error, signal)
  }
}

/** The answer as JSON. What takes long on the same machine may take as long as it does. */
export async function askCore<T>(core: CoreAddress, method: 'GET' | 'POST', path: string, body?: unknown, signal?: AbortSignal, idle_ms = IDLE_MS): Promise<T> {
  const answer = await requestCore(core, {
    method, path, signal, idle_ms, ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  })
  return JSON.parse(await textOf(answer, signal)) as T
}

function unreachable(e: Error, signal: AbortSignal | undefined): unknown {
  return signal?.aborted ? signal.reason : new Fault('core/unreachable', `the appliance did not answer: ${e.message}`, { cause: e })
}
