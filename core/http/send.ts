import { constants } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { extname } from 'node:path'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Fault } from '../contract/fault.ts'
import type { DoorContext } from './pass.ts'
import { isFresh, parseRange, rangeStillFits } from './range.ts'

/** Whatever is not in here goes out as bytes to be saved, so that no file of a card runs as a page of ours. */
const TYPES: Readonly<Record<string, string>> = {
  mp4: 'video/mp4', m4v: 'video/mp4', mov: 'video/quicktime', ts: 'video/mp2t', mkv: 'video/x-matroska', webm: 'video/webm', avi: 'video/x-msvideo', '360': 'video/mp4', lrv: 'video/mp4',
  jpg: 'image/jpeg', jpeg: 'image/jpeg', png: 'image/png', webp: 'image/webp', gif: 'image/gif', avif: 'image/avif', heic: 'image/heic', thm: 'image/jpeg',
  vtt: 'text/vtt; charset=utf-8', srt: 'text/plain; charset=utf-8', txt: 'text/plain; charset=utf-8', nmea: 'text/plain; charset=utf-8',
  gpx: 'application/gpx+xml', json: 'application/json', glb: 'model/gltf-binary', mp3: 'audio/mpeg', m4a: 'audio/mp4', wav: 'audio/wav',
}

/** The media type by the name's ending; null when a browser should only save it. */
export const typeOf = (name: string): string | null => TYPES[extname(name).slice(1).toLowerCase()] ?? null

/** A file that is not on this machine. */
export interface FarFile {
  readonly bytes: number
  readonly mtime_ms: number
  /** @param end inclusive. @param signal aborted when nobody wants it any more */
  read(start: number, end: number, signal: AbortSignal): AsyncIterable<Buffer>
}

interface Source {
  readonly bytes: number
  readonly mtime_ms: number
  open(start: number, end: number, signal: AbortSignal): Readable
  close(): Promise<void>
}

/**
 * Sends a file, here by its path or far away: conditional, in part when asked, never faster than it is read, and gone when the client is.
 * A file that shrinks meanwhile breaks the connection off, for its length is promised already.
 * @throws Fault `media/missing`, `media/unreadable`, `media/range`.
 */
export async function sendFile(ctx: DoorContext, file: string | FarFile, { name, immutable }: { name: string; immutable: boolean }): Promise<void> {
  const source = typeof file === 'string' ? await plain(file, name) : far(file)
  try {
    const { bytes, mtime_ms } = source
    const etag = `"${bytes.toString(36)}-${Math.floor(mtime_ms * 1000).toString(36)}"`
    ctx.set('ETag', etag)
    ctx.set('Last-Modified', new Date(mtime_ms).toUTCString())
    ctx.set('Accept-Ranges', 'bytes')
    ctx.set('Cache-Control', immutable ? 'private, max-age=31536000, immutable' : 'private, no-cache')
    if (isFresh(ctx.headers, etag, mtime_ms)) {
      ctx.status = 304
      return
    }
    const type = typeOf(name)
    ctx.set('Content-Type', type ?? 'application/octet-stream')
    ctx.set('Content-Disposition', disposition(name, type === null || ctx.query['download'] !== undefined))
    ctx.set('Content-Security-Policy', "default-src 'none'; media-src 'self'; img-src 'self'; style-src 'unsafe-inline'; sandbox")
    const range = ctx.method === 'GET' && rangeStillFits(ctx.get('If-Range') || undefined, etag, mtime_ms) ? parseRange(ctx.headers.range, bytes) : null
    if (range === 'unsatisfiable') {
      ctx.set('Content-Range', `bytes */${bytes}`)
      throw new Fault('media/range', `${name} has ${bytes} bytes.`)
    }
    const { start, end } = range ?? { start: 0, end: bytes - 1 }
    ctx.status = range ? 206 : 200
    if (range) ctx.set('Content-Range', `bytes ${start}-${end}/${bytes}`)
    ctx.set('Content-Length', String(end - start + 1))
    if (ctx.method === 'HEAD' || end < start) {
      ctx.respond = false
      ctx.res.writeHead(ctx.status).end()
      return
    }
    await stream(ctx, source, start, end)
  } finally {
    await source.close() // not the stream's to do: one whose client has gone before it began forgets it
  }
}

async function plain(path: string, name: string): Promise<Source> {
  const handle = await openPlain(path)
  const stats = await handle.stat()
  if (!stats.isFile()) {
    await handle.close()
    throw new Fault('media/missing', `${name} is not a file.`)
  }
  return {
    bytes: stats.size, mtime_ms: stats.mtimeMs, close: () => handle.close(),
    open: (start, end) => handle.createReadStream({ start, end, highWaterMark: 256 << 10, autoClose: false }),
  }
}

const far = ({ bytes, mtime_ms, read }: FarFile): Source => ({ bytes, mtime_ms, close: async () => undefined, open: (start, end, signal) => Readable.from(read(start, end, signal), { objectMode: false }) })

async function stream(ctx: DoorContext, source: Source, start: number, end: number): Promise<void> {
  ctx.respond = false
  ctx.res.writeHead(ctx.status)
  let left = end - start + 1
  const counted = new Transform({
    transform(chunk: Buffer, _, done) {
      left -= chunk.length
      done(null, chunk)
    },
    flush: (done) => done(left === 0 ? null : new Fault('media/changed', `the file ended ${left} bytes early`)),
  })
  const gone = new AbortController()
  try {
    await pipeline(source.open(start, end, gone.signal), counted, ctx.res)
  } catch (error) {
    gone.abort()
    ctx.res.destroy()
    // A player that jumps elsewhere hangs up in the middle: nothing went wrong.
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
  }
}

async function openPlain(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') throw new Fault('media/missing', 'There is no such file.', { cause })
    if (code === 'ELOOP') throw new Fault('media/outside', 'This is a link, not a file.', { cause })
    if (code === 'EACCES' || code === 'EPERM' || code === 'EIO') throw new Fault('media/unreadable', `The file cannot be read (${code}).`, { cause })
    throw cause
  }
}

/** RFC 6266: a plain name for old clients, with nothing in it that could end the field, and the true one as UTF-8. */
export function disposition(name: string, save: boolean): string {
  const plain = name.replaceAll(/[^\w. ()+-]/g, '_')
  const exact = encodeURIComponent(name.toWellFormed()).replaceAll(/['()*!]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
  return `${save ? 'attachment' : 'inline'}; filename="${plain}"; filename*=UTF-8''${exact}`
}
