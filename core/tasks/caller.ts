import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { Fault } from '../contract/fault.ts'
import { faultOfAnswer } from '../http/answer.ts'

/** Where a core listens: a URL, or a unix socket on the same machine. Looked at for each request: the token is renewed, and the address may be another one. */
export interface CoreDoor {
  readonly token: string
  readonly baseUrl?: string
  readonly socketPath?: string
  readonly headers?: Readonly<Record<string, string>> // of every request
}

/** A body may be so large, on either side: hundreds of publications, or the track of a whole drive. */
export const MAX_BODY_BYTES = 4 << 20

/** One that has no such thing in it: as much as a message of the broker. */
export const MAX_MESSAGE_BYTES = 256 * 1024

/** So many of a kind in one request. */
export const MAX_TOGETHER = 256
export const MAX_CLAIMS = 256
export const MAX_HOLDS = 2_000

/** A poll waits at most so long. */
export const MAX_WAIT_MS = 60_000

/** An answer may take as long as renaming thousands of files; a long poll at most `MAX_WAIT_MS`. */
const TIMEOUT_MS = MAX_WAIT_MS + 60_000

export interface Caller {
  /** @param body JSON. @param most_bytes What the other side takes. Throws the Fault that it answered, `input/too-large` and `core/unreachable`. */
  <T>(method: 'GET' | 'POST', path: string, body?: string, most_bytes?: number): Promise<T>
  close(): void
}

/** Asks core over connections that are kept. */
export function caller(where: CoreDoor): Caller {
  const base = () => new URL(where.baseUrl ?? 'http://core')
  const secure = base().protocol === 'https:'
  const agent = secure ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true })
  const name = () => where.socketPath ?? base().origin
  let closed = false // then a connection that breaks is no idle one

  const once = (method: 'GET' | 'POST', path: string, payload: string | null, isAgain: boolean) => new Promise<{ status: number; text: string }>((answer, fail) => {
    const request = (secure ? httpsRequest : httpRequest)(new URL(path, base()), {
      method, agent, timeout: TIMEOUT_MS, ...(where.socketPath === undefined ? {} : { socketPath: where.socketPath }),
      headers: { ...where.headers, authorization: `Bearer ${where.token}`, ...(payload === null ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }) },
    })
    const unreachable = (error: Error) => {
      // The other side closed an idle connection just as we took it: nothing was read there, so it is no second try.
      const wasIdle = request.reusedSocket && 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE')
      if (wasIdle && !isAgain && !closed) once(method, path, payload, true).then(answer, fail)
      else fail(new Fault('core/unreachable', `Viewshed at ${name()} does not answer: ${error.message}`, { cause: error }))
    }
    request.once('response', (response) => text(response).then((body) => answer({ status: response.statusCode ?? 0, text: body }), unreachable))
    request.once('error', unreachable)
    request.once('timeout', () => request.destroy(new Error(`no answer within ${TIMEOUT_MS / 1_000} s`)))
    request.end(payload ?? undefined)
  })

  const ask = async <T>(method: 'GET' | 'POST', path: string, payload: string | null = null, most_bytes = MAX_BODY_BYTES): Promise<T> => {
    // Said here, for the other side cuts the connection before it can say so.
    if (payload !== null && Buffer.byteLength(payload) > most_bytes) throw new Fault('input/too-large', `${path}: the body has more than ${most_bytes} bytes; send less at a time`)
    const { status, text: said } = await once(method, path, payload, false)
    const value = answerOf(said)
    if (status >= 200 && status < 300 && value !== null) return value as T
    throw faultOfAnswer(status, said, `Viewshed at ${name()}`)
  }
  return Object.assign(ask, {
    close() {
      closed = true
      agent.destroy()
    },
  })
}

async function text(response: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of response as AsyncIterable<Uint8Array>) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

function answerOf(said: string): object | null {
  try {
    const value: unknown = JSON.parse(said)
    return value !== null && typeof value === 'object' ? value : null
  } catch (error) {
    if (error instanceof SyntaxError) return null // a proxy's page, not ours
    throw error
  }
}
