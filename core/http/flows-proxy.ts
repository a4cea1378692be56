/**
 * `/flows`: Node-RED's editor, which listens on a unix socket only. Whoever has no session does not reach it; who has
 * one is announced by a signed header on every request and on the WebSocket's upgrade, and neither cookie nor
 * bearer token goes further than here.
 */
import { Agent, request, type IncomingHttpHeaders, type IncomingMessage, type RequestOptions, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Context, Middleware } from 'koa'
import { FLOW_TOKEN_HEADER, signFlowToken } from '../access/flow-token.ts'
import { holds } from '../access/role.ts'
import type { Principal } from '../access/scope.ts'
import { Fault } from '../contract/fault.ts'
import { drain } from './failure.ts'
import { FLOW_MOST_BYTES } from './flows-limit.ts'
import { demand, type DoorState } from './pass.ts'

export interface FlowsProxy {
  readonly middleware: Middleware<DoorState>
  /** The editor's live feed, after the door has looked at origin and session. */
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer, who: DoorState): void
  /** Closes the editor's sockets of a session that ended, or of a key that was revoked. */
  signedOut(id: string): void
  close(): void
}

export interface FlowsProxyOptions {
  readonly socketPath: string
  readonly secret: string // shared with the node-red process
  readonly clock?: () => number // epoch, ms
}

const HOP_BY_HOP = ['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer', 'transfer-encoding', 'upgrade']

/** A question with a body: what can be said against a flow. It changes nothing, and the editor asks it of its own accord. */
const ONLY_LOOKS = '/flows/viewshed/check'

export function flowsProxy({ socketPath, secret, clock = Date.now }: FlowsProxyOptions): FlowsProxy {
  const sockets = new Map<Duplex, string | null>()
  // A connection for each request: after a restart of the flows a kept one would be one to nobody. It is we who close it: a server that closes
  // as soon as it has answered may do so before the end of the body was written, and its answer would be lost with the failed write.
  const agent = new Agent({ keepAlive: true, maxFreeSockets: 0 })

  const onward = (req: IncomingMessage, principal: Principal): RequestOptions => {
    const access = holds(principal.scope.role, 'admin') ? 'write' : 'read'
    const headers: IncomingHttpHeaders = { ...req.headers, [FLOW_TOKEN_HEADER]: signFlowToken(secret, { name: principal.name, access }, clock()) }
    delete headers.cookie
    delete headers.authorization
    return { socketPath, method: req.method, path: req.url, headers, agent }
  }

  return {
    async middleware(ctx, next) {
      if (!/^\/flows(\/|$)/.test(ctx.path)) return next()
      const principal = demand(ctx.state.principal, 'viewer')
      if (ctx.method !== 'GET' && ctx.method !== 'HEAD' && !(ctx.method === 'POST' && ctx.path === ONLY_LOOKS)) demand(principal, 'admin')
      if (Number(ctx.req.headers['content-length'] ?? 0) > FLOW_MOST_BYTES) return tooLarge(ctx)
      ctx.remove('Content-Security-Policy') // the editor is a page of its own make
      ctx.set('Content-Security-Policy', "frame-ancestors 'self'")
      const ask = onward(ctx.req, principal)
      const headers = ask.headers as IncomingHttpHeaders
      for (const name of HOP_BY_HOP) delete headers[name]
      // Node's client frames no body of its own accord where none is usual: what a reader sent would arrive as requests that nobody here looked at.
      if (hasNoBody(ctx.req)) delete headers['content-length']
      else if (ctx.req.headers['transfer-encoding'] !== undefined) headers['transfer-encoding'] = 'chunked'
      const answer = await reach(ctx.req, ctx.res, ask)
      if (!answer) {
        ctx.set('Retry-After', '2')
        if (ctx.accepts('json', 'html') !== 'html') throw new Fault('flows/unavailable', 'The flows are starting again. Try in a moment.')
        ctx.status = 503
        ctx.type = 'html'
        ctx.body = RESTARTING
        return
      }
      if (answer.statusCode === 413) { // of a body that did not say how long it is
        answer.resume()
        return tooLarge(ctx)
      }
      ctx.respond = false
      for (const [name, value] of Object.entries(answer.headers)) if (!HOP_BY_HOP.includes(name) && value !== undefined) ctx.res.setHeader(name, value)
      ctx.res.writeHead(answer.statusCode!)
      try {
        await pipeline(answer, ctx.res)
      } catch (error) {
        ctx.res.destroy()
        if (!['ERR_STREAM_PREMATURE_CLOSE', 'ECONNRESET'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
      }
    },

    upgrade(req, socket, head, { principal, session, key }) {
      const end = (line: string) => socket.end(`HTTP/1.1 ${line}\r\nConnection: close\r\n\r\n`)
      if (!principal || !holds(principal.scope.role, 'viewer')) return void end(principal ? '403 Forbidden' : '401 Unauthorized')
      const up = request(onward(req, principal))
      socket.on('error', () => up.destroy())
      up.on('error', () => end('503 Service Unavailable'))
      up.on('response', (answer) => {
        answer.resume()
        end(`${answer.statusCode} ${answer.statusMessage}`)
      })
      up.on('upgrade', (answer, upstream, rest) => {
        sockets.set(socket, session ?? key)
        const lines: string[] = []
        for (let i = 0; i < answer.rawHeaders.length; i += 2) lines.push(`${answer.rawHeaders[i]}: ${answer.rawHeaders[i + 1]}`)
        socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('\r\n')}\r\n\r\n`)
        if (rest.length > 0) socket.write(rest)
        if (head.length > 0) upstream.write(head)
        const stop = () => {
          sockets.delete(socket)
          upstream.destroy()
          socket.destroy()
        }
        for (const end of [socket, upstream]) end.on('error', stop).on('close', stop)
        upstream.pipe(socket).pipe(upstream)
      })
      up.end()
    },

    signedOut(id) {
      for (const [socket, of] of sockets) if (of === id) socket.destroy()
    },
    close() {
      for (const socket of sockets.keys()) socket.destroy()
    },
  }
}

/** The editor shows the answer to a deploy as it stands: a sentence, not JSON. */
function tooLarge(ctx: Context): void {
  const length = Number(ctx.req.headers['content-length'] ?? 0)
  ctx.status = 413
  ctx.type = 'text'
  ctx.body = `The flow ${length > 0 ? `has ${Math.round(length / 1e6)} MB, and` : 'is too large:'} more than ${FLOW_MOST_BYTES / 1e6} MB are not taken. The Viewshed side bar names the node that is too large. What was deployed before runs on.`
  drain(ctx.req)
}

/** The upstream's answer; null when nobody listens there, or it went away before it answered. */
function reach(req: IncomingMessage, res: ServerResponse, options: RequestOptions): Promise<IncomingMessage | null> {
  return new Promise((answered) => {
    const up = request(options, answered)
    up.on('error', () => answered(null))
    res.on('close', () => up.destroy()) // sent, or nobody waits for it any more
    if (hasNoBody(req)) up.end()
    else req.pipe(up)
  })
}

/** Nothing is read of what comes with these, whatever their headers say. */
const hasNoBody = ({ method }: IncomingMessage): boolean => method === 'GET' || method === 'HEAD'

const RESTARTING = `<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="3"><title>Flows</title>
<body style="font:16px/1.5 system-ui;max-width:40rem;margin:15vh auto;padding:0 1rem">
<h1>The flows are starting again.</h1><p>This page looks again by itself. Work that was under way is not lost.</p>`
