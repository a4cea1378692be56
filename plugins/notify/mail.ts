import { readFile } from 'node:fs/promises'
import { createTransport } from 'nodemailer'
import { Fault } from '../../core/contract/fault.ts'
import type { OwnAnswer, OwnContext } from '../../core/contract/plugin.ts'
import type { MailInput, MailOptions, NotifyConfig, Sent } from './plugin.ts'

const PATIENCE_MS = 20_000

export async function run({ to, subject, text, svg }: MailInput, { task, config: { smtp }, options, now_ms }: OwnContext<NotifyConfig, MailOptions>): Promise<OwnAnswer<Sent>> {
  if (smtp === null) throw new Fault('config/invalid', 'No mail server is set: plugins.notify.smtp in viewshed.yaml, with host and from. Then try this again.')
  const receivers = to ?? options.to
  if (receivers === '') throw new Fault('input/invalid', 'Nobody is named to write to: neither the message nor the node has an address.')
  const { host, port, secure, user, password_file, from } = smtp
  const auth = user === undefined ? {} : { auth: { user, pass: password_file === undefined ? '' : (await readFile(password_file, 'utf8')).trim() } }
  const server = createTransport({ host, port, secure, ...auth, connectionTimeout: PATIENCE_MS, greetingTimeout: PATIENCE_MS, socketTimeout: PATIENCE_MS })
  try {
    await server.sendMail({
      from, to: receivers, subject: subject ?? options.subject, text: text ?? '', messageId: `<${task}@viewshed>`,
      ...(svg === undefined ? {} : { attachments: [{ filename: 'map.svg', content: svg, contentType: 'image/svg+xml' }] }),
    })
  } catch (cause) {
    throw new Fault(isAway(cause as SMTPError) ? 'notify/unreachable' : 'notify/failed', `${host}:${port} did not take the mail: ${(cause as Error).message}`, { cause })
  } finally {
    server.close()
  }
  return { output: { sent_ms: now_ms } }
}

/** As much of nodemailer's errors as is asked of them. */
interface SMTPError { readonly code?: string; readonly syscall?: string; readonly timeoutType?: string; readonly permanent?: boolean }

/** Whether no server heard of the mail, or one said to come again (4yz: RFC 5321, 4.2.1). Later on it may have the mail already. */
const isAway = ({ code, syscall, timeoutType, permanent }: SMTPError): boolean =>
  code === 'EDNS' || syscall === 'connect' || timeoutType === 'CONNECT_TIMEOUT' || timeoutType === 'GREETING_TIMEOUT' || permanent === false
