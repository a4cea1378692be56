/** `/media/<volume>/<path>`: files of a volume for whoever may see them; `/api/staging/…`: files of a remote agent's task. */
import type { Middleware } from 'koa'
import type { IncomingMessage } from 'node:http'
import { PassThrough, type Readable } from 'node:stream'
import type { Scope } from '../access/scope.ts'
import { Fault } from '../contract/fault.ts'
import { demand, type DoorState } from './pass.ts'
import { sendFile } from './send.ts'

/** Files by volume and path, within a scope. */
export interface MediaSource {
  /** The absolute path, links resolved and inside the volume. @throws Fault `access/denied`, `media/outside`, `media/unmounted`, `media/missing`. */
  open(scope: Scope, volume: string, path: string): Promise<string>
}

export const PREFIX = '/media/'

export function media(source: MediaSource): Middleware<DoorState> {
  return async (ctx, next) => {
    if (!ctx.path.startsWith(PREFIX)) return next()
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') throw new Fault('not-found', `${ctx.method} is not for media.`)
    const { principal } = ctx.state
    if (!principal) demand(principal, 'viewer')
    const [volume, ...parts] = pathParts(ctx.path.slice(PREFIX.length))
    const name = parts.at(-1)
    if (volume === undefined || name === undefined) throw new Fault('not-found', 'Media is at /media/<volume>/<path>.')
    const path = await source.open(principal!.scope, volume, parts.join('/'))
    await sendFile(ctx, path, { name, immutable: parts[0] === 'derived' })
  }
}

/** Where a remote agent's files are put until their task completes. */
export interface Staging {
  /** Durable when it resolves. @throws Fault `media/full`, `media/outside`, `media/unmounted`, `task/stale`. */
  receive(scope: Scope, at: { task: string; token: string; volume: string; path: string }, content: Readable): Promise<{ volume: string; path: string; bytes: number; sha256: string }>
}

const STAGING = '/api/staging/'

/** PUT `/api/staging/<task>/<token>/<volume>/<path>` from a device; answers with the MediaRef. */
export function staging(rooms: Staging): Middleware<DoorState> {
  return async (ctx, next) => {
    if (!ctx.path.startsWith(STAGING)) return next()
    if (ctx.method !== 'PUT') throw new Fault('not-found', `${ctx.method} is not for staging.`)
    const device = demand(ctx.state.principal, 'device')
    const [task, token, volume, ...parts] = pathParts(ctx.path.slice(STAGING.length))
    if (task === undefined || token === undefined || volume === undefined || parts.length === 0) throw new Fault('not-found', 'Staging is at /api/staging/<task>/<token>/<volume>/<path>.')
    ctx.body = await rooms.receive(device.scope, { task, token, volume, path: parts.join('/') }, contentOf(ctx.req))
  }
}

/** The body as a stream of its own: who gives up reading it does not hang up on the device, which must hear why. */
function contentOf(req: IncomingMessage): Readable {
  const content = new PassThrough()
  req.on('close', () => {
    if (!req.complete) content.destroy(new Fault('core/unreachable', 'The upload broke off.'))
  })
  content.on('close', () => req.resume())
  return req.pipe(content)
}

/**
 * The parts of an encoded path. `%2f` is no way to smuggle a slash into a name, nor `..` one out of the volume.
 * @throws Fault `media/outside`, `input/invalid` for an encoding that is none.
 */
export function pathParts(encoded: string): string[] {
  return encoded.split('/').map((part) => {
    const name = decoded(part)
    if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name) || name === '.viewshed') {
      throw new Fault('media/outside', `${JSON.stringify(name.slice(0, 80))} cannot be part of a path.`)
    }
    return name
  })
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch (cause) {
    if (cause instanceof URIError) throw new Fault('input/invalid', 'path: expected percent-encoded UTF-8.', { cause })
    throw cause
  }
}
