/** The one authenticated port: HTTP, WebSocket upgrades by path, and the same on a unix socket for core's own processes. */
import { chmod, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import Koa, { type Middleware } from 'koa'
import { Registry } from 'prom-client'
import type { Access } from '../access/access.ts'
import { Fault } from '../contract/fault.ts'
import { failures, type Log } from './failure.ts'
import { flowsProxy, type FlowsProxyOptions } from './flows-proxy.ts'
import { securityHeaders } from './headers.ts'
import { media, staging, type MediaSource, type Staging } from './media.ts'
import { metrics } from './metrics.ts'
import { isOwnOrigin, whoSent, type DoorState } from './pass.ts'
import { refusals } from './refusals.ts'
import { nothingHere, pages } from './static.ts'
import { table, type Handlers } from './table.ts'

export interface Door {
  readonly port: number // 0: any free one
  readonly host: string
  readonly socketPath?: string // unix socket, readable by this user only
  readonly access: Access
  readonly log: Log
  readonly handlers: Handlers
  /** Further routes, such as the board's; they find who asks in `ctx.state.principal` and demand a role themselves. */
  readonly routers?: readonly ((ctx: never, next: Koa.Next) => unknown)[]
  readonly media?: MediaSource
  readonly staging?: Staging
  readonly ui?: string // folder of the built pages
  readonly flows?: FlowsProxyOptions
  /** The broker's WebSocket at `/mqtt`. */
  readonly broker?: { upgrade(req: IncomingMessage, socket: Duplex, head: Buffer, who: DoorState): void }
  readonly tileUrl?: () => string | null
  readonly registry?: Registry
  /** Behind a proxy of one's own that sets X-Forwarded-Proto, -Host and -For. */
  readonly trustProxy?: boolean
}

export interface OpenDoor {
  readonly port: number
  readonly url: string
  close(): Promise<void>
}

/** A device asks every 5 s, which is also when Node closes a connection that nobody used: each question would need a new one, or meet it closing. */
const KEEP_ALIVE_MS = 65_000

export async function startHttp(door: Door): Promise<OpenDoor> {
  const { access, log } = door
  const app = new Koa<DoorState>()
  app.proxy = door.trustProxy ?? false
  app.maxIpsCount = 1 // the proxy adds the last address; whatever stands before it came from the client
  app.on('error', (error: NodeJS.ErrnoException) => {
    // Whatever failed behind the door was answered and noted there. Clients hang up in the middle; that is theirs to do.
    if (error instanceof Fault || /^(EPIPE|ECONNRESET|ECANCELED|ERR_STREAM_PREMATURE_CLOSE|HPE_\w+)$/.test(error.code ?? '')) return
    log.warn({ err: error }, 'a connection broke')
  })
  const registry = door.registry ?? new Registry()
  const measured = metrics(registry)
  const proxy = door.flows ? flowsProxy(door.flows) : null
  if (proxy) access.onSignOut(proxy.signedOut)

  app.use(securityHeaders(door.tileUrl ?? (() => null)))
  app.use(measured.measure)
  app.use(failures(log))
  app.use(refusals(registry))
  app.use(async (ctx, next) => {
    if (!['GET', 'HEAD', 'OPTIONS'].includes(ctx.method) && !isOwnOrigin(ctx.req.headers, ctx.host)) throw new Fault('access/denied', 'Another site sent this. Behind a proxy of your own: let it pass on the Host that the browser asked for.')
    Object.assign(ctx.state, await whoSent(access, ctx.req))
    await next()
  })
  app.use(measured.page)
  app.use(table(door.handlers))
  for (const router of door.routers ?? []) app.use(router as Middleware<DoorState>)
  if (door.media) app.use(media(door.media))
  if (door.staging) app.use(staging(door.staging))
  if (proxy) app.use(proxy.middleware)
  if (door.ui !== undefined) app.use(pages(door.ui))
  app.use(nothingHere)

  const upgrades: Record<string, (req: IncomingMessage, socket: Duplex, head: Buffer, who: DoorState) => void> = {}
  if (door.broker) upgrades['/mqtt'] = (...args) => door.broker!.upgrade(...args)
  if (proxy) upgrades['/flows/comms'] = proxy.upgrade

  const upgraded = new Set<Duplex>() // a server that closes waits for these, and does not close them
  const onUpgrade = async (req: IncomingMessage, socket: Duplex, head: Buffer) => {
    const refuse = (line: string) => socket.end(`HTTP/1.1 ${line}\r\nConnection: close\r\n\r\n`)
    socket.on('error', () => socket.destroy())
    upgraded.add(socket)
    socket.once('close', () => upgraded.delete(socket))
    const path = (req.url ?? '/').split('?', 1)[0]!
    const upgrade = Object.hasOwn(upgrades, path) ? upgrades[path]! : null
    if (!upgrade) return void refuse('404 Not Found')
    const host = (door.trustProxy ? forwardedHost(req) : undefined) ?? req.headers.host ?? ''
    if (!isOwnOrigin(req.headers, host)) return void refuse('403 Forbidden')
    try {
      upgrade(req, socket, head, await whoSent(access, req))
    } catch (error) {
      log.error({ err: error, path }, 'an upgrade failed')
      refuse('500 Internal Server Error')
    }
  }

  const koa = app.callback()
  const handle = (req: IncomingMessage, res: ServerResponse) => {
    // Only a proxy is asked for `http://…`; what parses such targets behind here throws at some of them.
    if (req.url?.startsWith('/')) return void koa(req, res)
    res.writeHead(400, { 'content-type': 'application/json', connection: 'close' }).end('{"code":"input/invalid","message":"The request names no path."}')
  }
  const open = (listen: (server: Server) => void): Promise<Server> =>
    new Promise((opened, failed) => {
      const server = createServer({ requestTimeout: 0, keepAliveTimeout: KEEP_ALIVE_MS }, handle) // an upload takes its time; headers still must come within a minute
      server.on('upgrade', (req, socket, head) => void onUpgrade(req, socket, head))
      server.once('error', failed)
      server.once('listening', () => {
        server.off('error', failed)
        opened(server)
      })
      listen(server)
    })

  const servers: Server[] = []
  const close = async () => {
    proxy?.close()
    await Promise.all(servers.map((server) => new Promise<void>((closed) => {
      server.close(() => closed())
      server.closeAllConnections()
      for (const socket of upgraded) socket.destroy()
    })))
    if (door.socketPath !== undefined) await rm(door.socketPath, { force: true })
  }
  try {
    if (door.socketPath !== undefined) {
      const { socketPath } = door
      // Longer ones are cut off by the kernel, and then two sockets are one.
      if (Buffer.byteLength(socketPath) > 103) throw new Fault('config/invalid', `The path of the socket is too long (103 bytes at most): ${socketPath}`)
      await rm(socketPath, { force: true })
      const umask = process.umask(0o177)
      try {
        servers.push(await open((server) => server.listen(socketPath)))
      } finally {
        process.umask(umask)
      }
      await chmod(socketPath, 0o600)
    }
    servers.push(await open((server) => server.listen(door.port, door.host)))
  } catch (error) {
    await close()
    throw error
  }
  const { port } = servers.at(-1)!.address() as AddressInfo
  return { port, url: `http://${['0.0.0.0', '::'].includes(door.host) ? 'localhost' : door.host.includes(':') ? `[${door.host}]` : door.host}:${port}`, close }
}

const forwardedHost = (req: IncomingMessage): string | undefined => String(req.headers['x-forwarded-host'] ?? '').split(',', 1)[0]!.trim() || undefined
