import { Fault } from '../../core/contract/fault.ts'
import type { OwnAnswer, OwnContext } from '../../core/contract/plugin.ts'
import type { NotifyConfig, Sent, WebhookInput, WebhookOptions } from './plugin.ts'
import { said } from './said.ts'

export async function run(input: WebhookInput, { task, options, now_ms }: OwnContext<NotifyConfig, WebhookOptions>): Promise<OwnAnswer<Sent>> {
  const host = new URL(options.url).host // the rest of an address may be a secret
  const answer = await fetch(options.url, {
    method: 'POST', body: said(input), redirect: 'error', signal: AbortSignal.timeout(options.timeout_s * 1_000),
    headers: { 'content-type': 'application/json', 'idempotency-key': task },
  }).catch((cause: unknown) => {
    throw new Fault('notify/failed', `${host} could not be called: ${reasonOf(cause)}`, { cause })
  })
  await answer.body?.cancel()
  if (!answer.ok) throw new Fault('notify/failed', `${host} answered ${answer.status}`)
  return { output: { sent_ms: now_ms } }
}

/** `fetch failed` says nothing; why is in its cause. */
const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? error.cause.message : error.message
}
