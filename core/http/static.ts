/** The built pages. Hashed assets are kept for ever, everything else is asked for again; unknown paths are the app's own. */
import { stat } from 'node:fs/promises'
import { createReadStream } from 'node:fs'
import { extname, join } from 'node:path'
import type { Middleware } from 'koa'
import { Fault } from '../contract/fault.ts'
import { pathParts } from './media.ts'
import type { DoorContext, DoorState } from './pass.ts'
import { isFresh } from './range.ts'

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml',
  '.png': 'image/png', '.ico': 'image/x-icon', '.webp': 'image/webp', '.jpg': 'image/jpeg', '.woff2': 'font/woff2', '.woff': 'font/woff',
  '.json': 'application/json', '.webmanifest': 'application/manifest+json', '.txt': 'text/plain; charset=utf-8', '.map': 'application/json', '.wasm': 'application/wasm',
}
const PACKED = [['br', '.br'], ['gzip', '.gz']] as const

/** @param dist Folder of the built UI. */
export function pages(dist: string): Middleware<DoorState> {
  return async (ctx, next) => {
    if ((ctx.method !== 'GET' && ctx.method !== 'HEAD') || isOurs(ctx.path)) return next()
    const parts = ctx.path.split('/').filter((part) => part !== '')
    const isPage = parts.length === 0 || (parts[0] !== 'assets' && ctx.get('Accept').includes('text/html'))
    const name = join(dist, ...(parts.length === 0 ? ['index.html'] : pathParts(parts.join('/'))))
    if (await send(ctx, name, parts[0] === 'assets')) return
    // A page navigation inside the app; a missing picture or script stays missing.
    if (!isPage) return next()
    if (await send(ctx, join(dist, 'index.html'), false)) return
    ctx.status = 503
    ctx.type = 'html'
    ctx.body = NOT_BUILT
  }
}

const isOurs = (path: string) => /^\/(api|media|flows|mqtt|metrics|healthz)(\/|$)/.test(path)

async function send(ctx: DoorContext, path: string, hashed: boolean): Promise<boolean> {
  const stats = await statFile(path)
  const type = TYPES[extname(path)]
  if (!stats || type === undefined) return false
  ctx.set('Content-Type', type)
  ctx.set('Cache-Control', hashed ? 'public, max-age=31536000, immutable' : 'no-cache')
  ctx.set('Vary', 'Accept-Encoding')
  const packed = await packedOf(ctx, path)
  const { bytes, mtime_ms } = packed ?? stats
  if (packed) ctx.set('Content-Encoding', packed.encoding)
  ctx.set('Content-Length', String(bytes))
  const etag = `"${bytes.toString(36)}-${Math.floor(mtime_ms).toString(36)}"`
  ctx.set('ETag', etag)
  ctx.status = 200
  if (isFresh(ctx.headers, etag, mtime_ms)) {
    ctx.status = 304
    return true
  }
  if (ctx.method === 'HEAD') return true
  ctx.body = createReadStream(packed?.path ?? path)
  ctx.set('Content-Type', type)
  ctx.set('Content-Length', String(bytes))
  return true
}

async function packedOf(ctx: DoorContext, path: string) {
  for (const [encoding, suffix] of PACKED) {
    if (ctx.acceptsEncodings('identity', encoding) !== encoding) continue
    const stats = await statFile(path + suffix)
    if (stats) return { encoding, path: path + suffix, ...stats }
  }
  return null
}

async function statFile(path: string): Promise<{ bytes: number; mtime_ms: number } | null> {
  try {
    const stats = await stat(path)
    return stats.isFile() ? { bytes: stats.size, mtime_ms: stats.mtimeMs } : null
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'].includes((error as NodeJS.ErrnoException).code ?? '')) return null
    throw error
  }
}

/** The last in the row: nothing answered. */
export const nothingHere: Middleware<DoorState> = (ctx) => {
  throw new Fault('not-found', `There is nothing at ${ctx.path.slice(0, 200)}.`)
}

const NOT_BUILT = `<!doctype html><meta charset="utf-8"><title>Viewshed</title>
<body style="font:16px/1.5 system-ui;max-width:40rem;margin:15vh auto;padding:0 1rem">
<h1>The appliance runs; its pages are not built yet.</h1>
<p>In the project's folder: <code>npm run build</code>, then load this page again. The API answers already, at <code>/api</code>.</p>`
