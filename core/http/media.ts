/** `/media/<volume>/<path>`: files of a volume for whoever may see them; `/api/staging/…`: files of a remote agent's task. */
import type { Middleware } from 'koa'
import type { IncomingMessage } from 'node:http'
import type { Scope } from '../access/scope.ts'
import { Fault } from '../contract/fault.ts'
import type { MediaRef } from '../contract/media.ts'
import type { UploadPlace, Uploads } from '../store/uploads.ts'
import { demand, type DoorContext, type DoorState } from './pass.ts'
import { sendFile, type FarFile } from './send.ts'

/** Files by volume and path, within a scope. */
export interface MediaSource {
  /** The absolute path, links resolved and inside the volume; or what reads it where it lies. @param asset of which it is a file: then another place of
   *  the same bytes will do. @throws Fault `access/denied`, `media/outside`, `media/unmounted`, `media/missing`. */
  open(scope: Scope, volume: string, path: string, asset: string | null): Promise<string | FarFile>
}

export const PREFIX = '/media/'

export function media(source: MediaSource): Middleware<DoorState> {
  return async (ctx, next) => {
    if (!ctx.path.startsWith(PREFIX)) return next()
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') throw new Fault('not-found', `${ctx.method} is not for media.`)
    const { principal } = ctx.state
    if (principal?.kind !== 'device') demand(principal, 'viewer') // the flows pass names of files on; what lies there is none of theirs
    const [volume, ...parts] = pathParts(ctx.path.slice(PREFIX.length))
    const name = parts.at(-1)
    if (volume === undefined || name === undefined) throw new Fault('not-found', 'Media is at /media/<volume>/<path>.')
    const path = await source.open(principal!.scope, volume, parts.join('/'), assetOf(ctx.query['asset']))
    await sendFile(ctx, path, { name, immutable: parts[0] === 'derived' })
  }
}

const assetOf = (given: string | string[] | undefined): string | null => (typeof given === 'string' && /^[0-9a-f]{64}$/.test(given) ? given : null)

/** Where a remote agent's files are put until their task completes. */
export interface Staging extends Uploads {
  /** @throws Fault `task/unknown`, `task/stale` for a place that is not, or no longer, this scope's to write to. */
  admit(scope: Scope, at: UploadPlace): void
  /** Who sends nothing for so long is hung up on: the file is his alone as long. */
  readonly stall_ms?: number
}

const STAGING = '/api/staging/'
const STALL_MS = 20_000

/**
 * `/api/staging/<task>/<token>/<volume>/<path>`, for devices. `HEAD` answers in `Upload-Offset` how much is there, `PATCH` with `Upload-Offset`
 * and `Upload-Length` goes on from there (409 and the true offset when it is another), and the last one answers with the MediaRef.
 * `DELETE` begins anew, `GET` reads back. Headers and meaning are those of tus 1.0, the address is ours.
 */
export function staging(rooms: Staging): Middleware<DoorState> {
  return async (ctx, next) => {
    if (!ctx.path.startsWith(STAGING)) return next()
    const device = demand(ctx.state.principal, 'device')
    const [task, token, volume, ...parts] = pathParts(ctx.path.slice(STAGING.length))
    const name = parts.at(-1)
    if (task === undefined || token === undefined || volume === undefined || name === undefined) throw new Fault('not-found', 'Staging is at /api/staging/<task>/<token>/<volume>/<path>.')
    const at = { task, token, volume, path: parts.join('/') }
    rooms.admit(device.scope, at)
    ctx.set('Cache-Control', 'no-store')
    if (ctx.method === 'GET') return sendFile(ctx, await rooms.resolve(at), { name, immutable: false })
    await upload(ctx, at, rooms)
  }
}

/** `HEAD`, `PATCH` and `DELETE` of a file that comes piece by piece. @returns the file, when it is whole now. */
export async function upload(ctx: DoorContext, at: UploadPlace, rooms: Uploads & { readonly stall_ms?: number }): Promise<MediaRef | null> {
  if (ctx.method === 'HEAD') {
    const { offset, length } = await rooms.state(at)
    ctx.set('Upload-Offset', String(offset))
    if (length !== null) ctx.set('Upload-Length', String(length))
    ctx.status = 200
  } else if (ctx.method === 'DELETE') {
    await rooms.drop(at)
    ctx.status = 204
  } else if (ctx.method === 'PATCH') {
    const piece = { offset: count(ctx, 'Upload-Offset'), length: count(ctx, 'Upload-Length') }
    const bytes = ctx.get('Content-Length') === '' ? 0 : count(ctx, 'Content-Length')
    if (bytes > piece.length - piece.offset) throw new Fault('input/invalid', `Content-Length: ${bytes} bytes from ${piece.offset} on are more than the ${piece.length} declared.`)
    const tell = ctx.get('Upload-Progress') === '?1' ? progressTo(ctx) : () => undefined
    const done = await rooms.append(at, piece, bytesOf(ctx.req, rooms.stall_ms ?? STALL_MS, (taken_bytes) => tell(piece.offset + taken_bytes)))
    if ('whole' in done) {
      ctx.set('Upload-Offset', String(piece.length))
      ctx.body = done.whole
      return done.whole
    }
    ctx.set('Upload-Offset', String(done.offset))
    if (done.elsewhere) throw new Fault('media/offset', `This file goes on at byte ${done.offset}, not at ${piece.offset}.`)
    ctx.status = 204
  } else throw new Fault('not-found', `${ctx.method} is not for uploads.`)
  return null
}

function count(ctx: DoorContext, header: string): number {
  const value = ctx.get(header)
  if (!/^\d{1,15}$/.test(value)) throw new Fault('input/invalid', `${header}: expected a number of bytes.`)
  return Number(value)
}

const TELL_EVERY_BYTES = 128 << 10

/**
 * Says on the way how much was taken, for a device that wants to know (`Upload-Progress: ?1`): after a cut it has not much more to send again than
 * it had no word of. The interim answer is that of draft-ietf-httpbis-resumable-upload; Node has no call for it.
 */
function progressTo(ctx: DoorContext): (offset: number) => void {
  let told = 0
  return (offset) => {
    if (offset - told < TELL_EVERY_BYTES || ctx.req.httpVersion !== '1.1' || ctx.res.headersSent || !ctx.res.socket?.writable) return
    told = offset
    ctx.res.socket.write(`HTTP/1.1 104 Upload Resumption Supported\r\nUpload-Offset: ${offset}\r\n\r\n`)
  }
}

/** The body as it comes. Who gives up reading it does not hang up on the device, which must hear why; who stops sending is hung up on. */
async function* bytesOf(req: IncomingMessage, stall_ms: number, onTaken: (bytes: number) => void): AsyncGenerator<Buffer> {
  const patience = () => setTimeout(() => req.destroy(new Fault('core/unreachable', `No byte came for ${stall_ms / 1000} s.`)), stall_ms)
  let timer = patience()
  let bytes = 0
  try {
    for await (const chunk of req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      clearTimeout(timer) // our own disk may take its time
      yield chunk
      onTaken(bytes += chunk.length)
      timer = patience()
    }
  } finally {
    clearTimeout(timer)
  }
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
