import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { Fault } from '../../core/contract/fault.ts'
import type { OwnAnswer, OwnContext } from '../../core/contract/plugin.ts'
import type { NotifyConfig, Sent, WebhookInput, WebhookOptions } from './plugin.ts'
import { said } from './said.ts'

/** Answered by whoever stands before it while it is not there, or by itself when it wants to be asked later. */
const LATER: readonly number[] = [429, 502, 503, 504]

export async function run(input: WebhookInput, { task, options, now_ms }: OwnContext<NotifyConfig, WebhookOptions>): Promise<OwnAnswer<Sent>> {
  const url = new URL(options.url)
  const status = await call(url, said(input), { 'content-type': 'application/json', 'idempotency-key': task }, options.timeout_s)
  if (status < 200 || status > 299) throw new Fault(LATER.includes(status) ? 'notify/unreachable' : 'notify/failed', `${url.host} answered ${status}`)
  return { output: { sent_ms: now_ms } }
}

/** The status of the answer. Throws Fault `notify/unreachable` when no connection came about: only then is it sure that nobody heard the call; else `notify/failed`. */
function call(url: URL, body: string, headers: Record<string, string>, timeout_s: number): Promise<number> {
  return new Promise((answered, failed) => {
    let connected = false
    const signal = AbortSignal.timeout(timeout_s * 1_000)
    const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, { method: 'POST', headers, signal, agent: false })
    request.on('socket', (socket) => socket.once('connect', () => { connected = true }))
    request.on('response', (response) => {
      answered(response.statusCode!)
      response.destroy()
    })
    request.on('error', (cause: NodeJS.ErrnoException) => {
      const why = signal.aborted ? `no answer within ${timeout_s} s` : cause.message || cause.code // the rest of an address may be a secret, its host is none
      failed(new Fault(connected ? 'notify/failed' : 'notify/unreachable', `${url.host} could not be called: ${why}`, { cause }))
    })
    request.end(body)
  })
}
