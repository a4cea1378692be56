/** The part of a fake camera that serves files over HTTP, and can be told to do it badly. Imports nothing of what it is to test. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'

export interface Content {
  readonly bytes: number
  read(at: number, length: number): Buffer
}

/** What goes wrong with one answer. */
export type Trouble =
  | { readonly kind: 'cut'; readonly after: number } // bytes of the body, then the connection is reset
  | { readonly kind: 'stall'; readonly after: number } // then nothing more, and the connection stays
  | { readonly kind: 'status'; readonly status: number }
  | { readonly kind: 'page' } // a page of the router's in place of the file
  | { readonly kind: 'claims'; readonly bytes: number } // so much is said to follow, and the connection ends earlier or later
  | { readonly kind: 'whole' } // the range is not listened to: 200, from the first byte
  | { readonly kind: 'elsewhere'; readonly by: number } // another part, and the answer says so
  | { readonly kind: 'lies'; readonly by: number } // another part, and the answer says it were the right one

export interface Asked { readonly path: string; readonly from: number; readonly n: number } // n-th request for a file, from 0

/** One answer with a file's bytes. */
export interface Served { readonly path: string; readonly from: number; sent: number }

export interface FakeServer {
  readonly address: string // host:port, the same after it was off
  readonly served: readonly Served[]
  readonly requests: readonly string[] // every path with its query, in order
  readonly most_open: number // connections at once, so far
  readonly refused: number // connections that were reset for being too many
  trouble: ((asked: Asked) => Trouble | null) | null
  rate_bytes_s: number // of each connection; Infinity: as fast as it goes
  most_connections: number // more are reset
  text_after_ms: number // it thinks for so long before it answers with a text
  off(): Promise<void>
  on(): Promise<void>
}

export type Answer = { readonly text: string; readonly type: string; readonly sized?: boolean } | { readonly content: Content; readonly type: string } | number

/** @param reply what is asked for: a text, a file, or a status */
export async function serve(reply: (url: URL) => Answer): Promise<FakeServer> {
  const served: Served[] = []
  const requests: string[] = []
  const sockets = new Set<Socket>()
  let port = 0
  let server: Server | null = null
  const state = { most_open: 0, refused: 0, files: 0 }

  const fake: FakeServer = {
    get address() { return `127.0.0.1:${port}` },
    served, requests,
    get most_open() { return state.most_open },
    get refused() { return state.refused },
    trouble: null, rate_bytes_s: Infinity, most_connections: 2, text_after_ms: 0,
    async off() {
      const closing = server
      server = null
      for (const socket of sockets) socket.destroy()
      if (closing) await new Promise((closed) => closing.close(closed))
    },
    async on() {
      server = createServer((request, answer) => void handle(request, answer))
      server.on('connection', (socket) => {
        if (sockets.size >= fake.most_connections) {
          state.refused++
          socket.on('error', () => undefined)
          socket.resetAndDestroy()
          return
        }
        sockets.add(socket)
        state.most_open = Math.max(state.most_open, sockets.size)
        socket.on('error', () => undefined) // whoever asked went away
        socket.once('close', () => sockets.delete(socket))
      })
      server.listen(port, '127.0.0.1')
      await once(server, 'listening')
      port = (server.address() as AddressInfo).port
    },
  }

  async function handle(request: IncomingMessage, answer: ServerResponse): Promise<void> {
    const url = new URL(request.url!, 'http://camera')
    requests.push(request.url!)
    const said = reply(url)
    if (typeof said === 'number') return void answer.writeHead(said, { connection: 'close' }).end()
    if ('text' in said) {
      await wait(fake.text_after_ms)
      // Without a length, as cameras do: the connection's end is the end.
      if (said.sized === false) answer.useChunkedEncodingByDefault = false
      answer.writeHead(200, { 'content-type': said.type, connection: 'close', ...(said.sized === false ? {} : { 'content-length': Buffer.byteLength(said.text) }) })
      return void answer.end(said.text)
    }
    await sendFile(request, answer, decodeURIComponent(url.pathname), said.content, said.type)
  }

  async function sendFile(request: IncomingMessage, answer: ServerResponse, path: string, content: Content, type: string): Promise<void> {
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '')
    const asked = range ? Number(range[1]) : 0
    const trouble = fake.trouble?.({ path, from: asked, n: state.files++ }) ?? null
    if (trouble?.kind === 'status') return void answer.writeHead(trouble.status, { connection: 'close' }).end()
    if (trouble?.kind === 'page') return void answer.writeHead(200, { 'content-type': 'text/html', connection: 'close' }).end('<html>Sign in to your router</html>')
    if (range && trouble?.kind !== 'whole' && asked >= content.bytes) return void answer.writeHead(416, { 'content-range': `bytes */${content.bytes}`, connection: 'close' }).end()

    const last = range && range[2] !== '' ? Math.min(Number(range[2]), content.bytes - 1) : content.bytes - 1
    let from = trouble?.kind === 'whole' ? 0 : asked
    if (trouble?.kind === 'elsewhere' || trouble?.kind === 'lies') from = Math.max(0, asked + trouble.by)
    const told = trouble?.kind === 'lies' ? asked : from
    const length = Math.max(0, (trouble?.kind === 'whole' ? content.bytes - 1 : last) - from + 1)
    const claimed = trouble?.kind === 'claims' ? trouble.bytes - told : length
    const head = { 'content-type': type, connection: 'close', 'content-length': claimed }
    if (range && trouble?.kind !== 'whole') answer.writeHead(206, { ...head, 'content-range': `bytes ${told}-${told + claimed - 1}/${trouble?.kind === 'claims' ? trouble.bytes : content.bytes}` })
    else answer.writeHead(200, head)

    const entry: Served = { path, from, sent: 0 }
    served.push(entry)
    const stops = trouble?.kind === 'cut' || trouble?.kind === 'stall' ? Math.min(trouble.after, length) : length
    const socket = answer.socket!
    const slice = fake.rate_bytes_s === Infinity ? 256 << 10 : 16 << 10
    let due_ms = performance.now()
    while (entry.sent < stops && !socket.destroyed) {
      const chunk = content.read(from + entry.sent, Math.min(slice, stops - entry.sent))
      // When the system has it, and not before: what a cut throws away was never sent.
      await new Promise<void>((gone) => {
        answer.once('close', gone)
        answer.write(chunk, () => {
          answer.off('close', gone)
          gone()
        })
      })
      if (socket.destroyed) break
      entry.sent += chunk.length
      // A radio that was kept waiting does not make up for it.
      due_ms = Math.max(due_ms, performance.now() - 20) + (chunk.length / fake.rate_bytes_s) * 1000
      if (due_ms - performance.now() > 1) await wait(due_ms - performance.now())
    }
    if (trouble?.kind === 'stall') return void answer.flushHeaders()
    if (trouble?.kind === 'cut' || entry.sent < claimed) return void socket.destroy()
    answer.end()
  }

  await fake.on()
  return fake
}

/** Bytes that differ at each place and between seeds, without being kept: a block that is turned and marked. */
export function content(seed: number, bytes: number): Content {
  return {
    bytes,
    read(at, length) {
      const out = Buffer.allocUnsafe(Math.min(length, bytes - at))
      for (let done = 0; done < out.length;) {
        const position = at + done
        const inside = position % BLOCK.length
        done += BLOCK.copy(out, done, inside, Math.min(BLOCK.length, inside + out.length - done))
      }
      // Every 512 bytes say where they are, and of which file.
      for (let mark = Math.ceil(at / 512) * 512; mark + 8 <= at + out.length; mark += 512) {
        out.writeUInt32LE(seed >>> 0, mark - at)
        out.writeUInt32LE(mark / 512, mark - at + 4)
      }
      // A mark that is cut by the slice's edges is written byte by byte.
      for (const edge of [Math.floor(at / 512) * 512, Math.floor((at + out.length - 1) / 512) * 512]) for (let i = 0; i < 8; i++) {
        const place = edge + i
        if (place >= at && place < at + out.length) out[place - at] = i < 4 ? (seed >>> (8 * i)) & 0xff : ((edge / 512) >>> (8 * (i - 4))) & 0xff
      }
      return out
    },
  }
}

const BLOCK = Buffer.allocUnsafe(1 << 20)
for (let i = 0, x = 0x9e3779b9; i < BLOCK.length; i++) {
  x = (Math.imul(x, 1664525) + 1013904223) >>> 0
  BLOCK[i] = x >>> 24
}

export const fixed = (buffer: Buffer): Content => ({ bytes: buffer.length, read: (at, length) => buffer.subarray(at, at + length) })
