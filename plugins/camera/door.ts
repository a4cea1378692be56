/** A camera's HTTP, as weak as it is: few connections at once, silences, answers that break off. Its own limits of time, for every step. */
import { Agent, request, type IncomingMessage } from 'node:http'
import { Fault } from '../../core/contract/fault.ts'

export interface Patience {
  readonly connect_ms: number
  readonly answer_ms: number // until the first word: a full card takes its time to be listed
  readonly stall_ms: number // between two pieces
}

export const PATIENCE: Patience = { connect_ms: 4_000, answer_ms: 20_000, stall_ms: 15_000 }

export interface Answer {
  readonly status: number
  readonly type: string
  readonly from: number // where in the file the body begins
  readonly total: number | null // of the whole file, as the answer says
  /** The body. Throws `camera/unreachable` when it breaks off or falls silent. Whoever stops reading ends the connection. */
  body(): AsyncGenerator<Buffer>
  end(): void
}

export interface Door {
  readonly address: string
  /** Waits for its turn at the camera's connections; holds it until the body has ended. Throws `camera/unreachable`, and the signal's reason. */
  ask(path: string, options: { readonly from?: number; readonly to?: number; readonly signal: AbortSignal }): Promise<Answer>
  /** A text of at most 16 MiB. Throws `camera/invalid` for any status but 200, too. */
  text(path: string, signal: AbortSignal): Promise<string>
}

const MOST_TEXT_BYTES = 16 << 20

/** The beginning of an answer. A camera that does not listen to where a part should end would send the whole clip. */
export async function firstOf(answer: Pick<Answer, 'body'>, most_bytes: number): Promise<Buffer> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const chunk of answer.body()) {
    parts.push(chunk)
    bytes += chunk.length
    if (bytes >= most_bytes) break
  }
  return Buffer.concat(parts).subarray(0, most_bytes)
}

/** @param address host, or host:port. @param connections at once. */
export function openDoor(address: string, connections: number, patience: Patience = PATIENCE): Door {
  const turn = turns(connections)
  // A connection for each question: many cameras keep one that is told to stay, and count it.
  const agent = new Agent({ keepAlive: false })

  const ask: Door['ask'] = async (path, { from = 0, to, signal }) => {
    const leave = await turn(signal)
    let answer: IncomingMessage
    try {
      answer = await send(path, from > 0 || to !== undefined ? { range: `bytes=${from}-${to ?? ''}` } : {}, signal)
    } catch (e) {
      leave()
      throw e
    }
    answer.once('close', leave)
    const part = /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/.exec(answer.headers['content-range'] ?? '')
    const status = answer.statusCode!
    const length = answer.headers['content-length']
    const said = part && part[2] !== '*' ? part[2] : status === 200 ? length : undefined
    return {
      status, type: answer.headers['content-type'] ?? '',
      from: status === 206 ? Number(part?.[1] ?? from) : 0,
      total: said === undefined ? null : Number(said),
      body: () => bodyOf(answer, path, signal),
      end: () => void answer.destroy(),
    }
  }

  function send(path: string, headers: Record<string, string>, signal: AbortSignal): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const asking = request(`http://${address}${path}`, { agent, signal, headers: { accept: '*/*', 'accept-encoding': 'identity', ...headers } })
      const late = (ms: number, what: string) => setTimeout(() => asking.destroy(new Error(`${what} within ${ms / 1000} s`)), ms)
      let timer = late(patience.connect_ms, 'no connection')
      asking.once('socket', (socket) => socket.once('connect', () => {
        clearTimeout(timer)
        timer = late(patience.answer_ms, 'no answer')
      }))
      asking.once('response', (answer) => {
        clearTimeout(timer)
        answer.on('error', () => undefined) // whoever reads it hears of it; an answer that nobody reads may break
        resolve(answer)
      })
      asking.on('error', (e) => {
        clearTimeout(timer)
        reject(signal.aborted ? signal.reason : new Fault('camera/unreachable', `${address} does not answer: ${e.message}`, { cause: e }))
      })
      asking.end()
    })
  }

  async function* bodyOf(answer: IncomingMessage, path: string, signal: AbortSignal): AsyncGenerator<Buffer> {
    const silence = () => setTimeout(() => answer.destroy(new Error(`no byte for ${patience.stall_ms / 1000} s`)), patience.stall_ms)
    const chunks = (answer as AsyncIterable<Buffer>)[Symbol.asyncIterator]()
    let timer = silence()
    try {
      for (;;) {
        const next = await chunks.next().catch((e: unknown) => ({ done: 'broken' as const, cause: e }))
        clearTimeout(timer) // whoever takes the piece may take its time
        if (next.done === 'broken') {
          signal.throwIfAborted()
          // What had come before is still in its buffer, and would have to be sent again.
          for (let rest: Buffer | null; (rest = answer.read() as Buffer | null) !== null;) yield rest
          throw new Fault('camera/unreachable', `${address}${path} broke off: ${next.cause instanceof Error ? next.cause.message : String(next.cause)}`, { cause: next.cause })
        }
        if (next.done) return
        yield next.value
        timer = silence()
      }
    } finally {
      clearTimeout(timer)
      answer.destroy()
    }
  }

  return {
    address, ask,
    async text(path, signal) {
      const answer = await ask(path, { signal })
      try {
        if (answer.status !== 200) throw new Fault('camera/invalid', `${address}${path} is answered with ${answer.status}: is this the address of a camera of this kind?`)
        const parts: Buffer[] = []
        let bytes = 0
        for await (const chunk of answer.body()) {
          bytes += chunk.length
          if (bytes > MOST_TEXT_BYTES) throw new Fault('camera/invalid', `${address}${path} answers with more than ${MOST_TEXT_BYTES >> 20} MiB of text`)
          parts.push(chunk)
        }
        return Buffer.concat(parts).toString('utf8')
      } finally {
        answer.end()
      }
    },
  }
}

/** So many at once, in the order in which they came. */
function turns(most: number): (signal: AbortSignal) => Promise<() => void> {
  let inside = 0
  const waiting: (() => void)[] = []
  return async (signal) => {
    signal.throwIfAborted()
    if (inside < most) inside++
    else {
      await new Promise<void>((mine, fail) => {
        const gone = () => {
          waiting.splice(waiting.indexOf(enter), 1)
          fail(signal.reason)
        }
        const enter = () => {
          signal.removeEventListener('abort', gone)
          mine()
        }
        waiting.push(enter)
        signal.addEventListener('abort', gone, { once: true })
      })
    }
    let left = false
    return () => {
      if (left) return
      left = true
      const next = waiting.shift()
      if (next) next() // the place goes over to it
      else inside--
    }
  }
}
