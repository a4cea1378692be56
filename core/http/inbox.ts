/**
 * `/api/inbox/<path>?length=…&modified=…`: files from a browser into the inbox, where they are taken in as any other. The protocol is that of
 * staging: `HEAD` answers in `Upload-Offset` how much is there, `PATCH` goes on from there. What has come stays, whatever is closed in between.
 */
import { createHash } from 'node:crypto'
import { lstat, rm, stat, utimes } from 'node:fs/promises'
import { dirname, extname, join, sep } from 'node:path'
import type { Middleware } from 'koa'
import { Type } from 'typebox'
import { Fault } from '../contract/fault.ts'
import { hashFile, makeFolders, moveNew, errno } from '../store/durable.ts'
import type { Sent } from '../store/sent.ts'
import { openUploads } from '../store/uploads.ts'
import { namesIn } from '../store/volumes.ts'
import { checked, fromText } from './check.ts'
import { pathParts, upload } from './media.ts'
import { demand, type DoorState } from './pass.ts'

const INBOX = '/api/inbox/'
/** The watcher passes over what begins with a dot. */
const PARTS = '.uploads'
const ABANDONED_MS = 30 * 86_400_000
const Query = Type.Object({ length: Type.Integer({ minimum: 0 }), modified: Type.Integer({ minimum: 0, description: 'as the browser tells it, epoch, ms' }) })

/** @param folder the inbox */
export function inbox(folder: string, sent: Pick<Sent, 'note' | 'isIn'>): Middleware<DoorState> {
  const part = (path: string) => join(folder, PARTS, path)
  const uploads = openUploads({ stagedPath: async (_task, _token, { path }) => {
    await makeFolders(join(folder, PARTS))
    return part(path)
  } })
  return async (ctx, next) => {
    if (!ctx.path.startsWith(INBOX)) return next()
    demand(ctx.state.principal, 'operator')
    const parts = pathParts(ctx.path.slice(INBOX.length))
    if (parts.some((name) => name.startsWith('.'))) throw new Fault('media/outside', 'What begins with a dot is not taken in.')
    const { length, modified } = checked(Query, fromText(Query, ctx.query))
    ctx.set('Cache-Control', 'no-store')
    const place = join(folder, ...parts)
    const name = createHash('sha256').update(JSON.stringify([parts, length, modified])).digest('hex')
    // The same file once more: a browser that begins anew asks for all of a card.
    if (ctx.method === 'HEAD' && ((await isThere(place, length, modified)) || (await sent.isIn(name)))) {
      ctx.set('Upload-Offset', String(length))
      ctx.status = 200
      return
    }
    const at = { task: '', token: '', volume: 'inbox', path: name }
    const whole = await upload(ctx, at, uploads)
    if (!whole) return
    await utimes(part(at.path), new Date(), new Date(modified))
    const to = await put(part(at.path), place, whole.sha256)
    const path = to.slice(folder.length + 1)
    await sent.note(name, { path: path.split(sep).join('/'), bytes: whole.bytes, modified_ms: modified, sha256: whole.sha256 })
    ctx.body = { path, bytes: whole.bytes, sha256: whole.sha256 }
  }
}

/** What browsers began and did not go on with for a month: each is as large as the clip that it was to be, and nobody sees it. */
export async function clearAbandoned(folder: string, now_ms: number): Promise<void> {
  for (const name of await namesIn(join(folder, PARTS))) {
    const path = join(folder, PARTS, name)
    if ((await lstat(path)).ctimeMs < now_ms - ABANDONED_MS) await rm(path) // its mtime is that of the clip, once it is whole
  }
}

/** Never over another file: the same bytes are the same file, others get a name of their own. */
async function put(from: string, to: string, sha256: string): Promise<string> {
  await makeFolders(dirname(to))
  if ((await moveNew(from, to)) === 'moved') return to
  if ((await hashFile(to)) === sha256) {
    await rm(from, { force: true })
    return to
  }
  const extension = extname(to)
  return put(from, `${to.slice(0, to.length - extension.length)}~${sha256.slice(0, 8)}${extension}`, sha256)
}

async function isThere(path: string, bytes: number, modified_ms: number): Promise<boolean> {
  try {
    const found = await stat(path)
    return found.isFile() && found.size === bytes && Math.abs(found.mtimeMs - modified_ms) < 2_000
  } catch (e) {
    if (['ENOENT', 'ENOTDIR'].includes(errno(e))) return false
    throw e
  }
}
