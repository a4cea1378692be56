/** One HTTP request to core, over its unix socket or over the network, with the device's token. */
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Readable } from 'node:stream'
import { Fault, isFaultCode } from '../core/contract/fault.ts'

export interface CoreAddress {
  readonly socketPath?: string // on the same machine
  readonly baseUrl?: string // `http://nas:8080`
  readonly token: string
}

/** The answer's body, when its status is 2xx. Throws the Fault that core answered, or `core/unreachable`. */
export function requestCore(core: CoreAddress, ask: { method: string; path: string; headers?: Record<string, string>; body?: Readable | string; signal?: AbortSignal }): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const base = new URL(core.baseUrl ?? 'http://core')
    const send = base.protocol === 'https:' ? httpsRequest : httpRequest
    const unreachable = (e: Error) => reject(ask.signal?.aborted ? ask.signal.reason : new Fault('core/unreachable', `the appliance did not answer: ${e.message}`, { cause: e }))
    const req = send({
      ...(core.socketPath ? { socketPath: core.socketPath } : { host: base.hostname, port: base.port || undefined }),
      method: ask.method, path: ask.path, headers: { authorization: `Bearer ${core.token}`, ...ask.headers }, signal: ask.signal,
    })
    req.once('error', unreachable)
    req.once('response', (answer) => {
      const status = answer.statusCode ?? 0
      if (status >= 200 && status < 300) return resolve(answer)
      let text = ''
      answer.setEncoding('utf8').on('data', (part: string) => { text += part }).once('error', unreachable).once('end', () => reject(faultOf(status, text)))
    })
    if (typeof ask.body === 'string') req.end(ask.body)
    else if (ask.body) ask.body.once('error', (e) => req.destroy(e)).pipe(req)
    else req.end()
  })
}

/** The answer as JSON. */
export async function askCore<T>(core: CoreAddress, method: 'GET' | 'POST', path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const answer = await requestCore(core, {
    method, path, ...(signal ? { signal } : {}),
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  })
  let text = ''
  for await (const part of answer.setEncoding('utf8')) text += part as string
  return JSON.parse(text) as T
}

function faultOf(status: number, text: string): Fault {
  try {
    const { code, message } = JSON.parse(text) as { code?: unknown; message?: unknown }
    if (typeof code === 'string' && isFaultCode(code)) return new Fault(code, String(message))
  } catch (e) {
    if (!(e instanceof SyntaxError)) throw e
  }
  return new Fault('core/unreachable', `the appliance answered ${status}`)
}
