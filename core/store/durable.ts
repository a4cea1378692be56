/** Files that are there after a power cut: written, synced, renamed, and the folder synced too. */
import { createHash, randomBytes, type Hash } from 'node:crypto'
import { mkdir, open, readFile, rename, rm, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { Fault } from '../contract/fault.ts'
import { crashPoint } from './crash.ts'

const CHUNK_BYTES = 4 << 20
/** A sync at the end alone leaves the disk idle until everything is copied: 384 MB took five times as long. */
const SYNC_EVERY_BYTES = 16 << 20

/**
 * Copies in one pass: while one chunk is hashed and written, the next is read. The target is synced, its name in the folder not yet.
 * Throws `media/changed` when the source has another size at the end than at the start, `media/full`, `media/unreadable`, `media/missing`.
 */
export async function copyHashed(from: string, to: string): Promise<{ bytes: number; sha256: string }> {
  const source = await open(from, 'r').catch((e: unknown) => { throw readFault(e, from) })
  try {
    const before = await source.stat()
    const target = await open(to, 'w', 0o644).catch((e: unknown) => { throw writeFault(e, to) })
    let bytes = 0
    const hash = createHash('sha256')
    try {
      bytes = await pump(source, target, hash, from, to)
      crashPoint('volume.staged')
      await target.datasync().catch((e: unknown) => { throw writeFault(e, to) })
    } catch (e) {
      await target.close()
      await rm(to, { force: true })
      throw e
    }
    await target.close()
    const after = await source.stat()
    if (after.size !== before.size || after.mtimeMs !== before.mtimeMs || bytes !== after.size) {
      await rm(to, { force: true })
      throw new Fault('media/changed', `${basename(from)} changed while it was read; it is taken again when it is stable`)
    }
    return { bytes, sha256: hash.digest('hex') }
  } finally {
    await source.close()
  }
}

/** A stream into a file: hashed as it comes, synced at its end. A stream that breaks off leaves nothing. */
export async function receiveHashed(content: Readable, to: string): Promise<{ bytes: number; sha256: string }> {
  const target = await open(to, 'w', 0o644).catch((e: unknown) => { throw writeFault(e, to) })
  const hash = createHash('sha256')
  let bytes = 0
  try {
    for await (const part of content) {
      const chunk = part as Buffer
      hash.update(chunk)
      await writeAll(target, chunk, bytes).catch((e: unknown) => { throw writeFault(e, to) })
      bytes += chunk.length
    }
    await target.datasync().catch((e: unknown) => { throw writeFault(e, to) })
  } catch (e) {
    await target.close()
    await rm(to, { force: true })
    throw e
  }
  await target.close()
  return { bytes, sha256: hash.digest('hex') }
}

async function pump(source: FileHandle, target: FileHandle, hash: Hash, from: string, to: string): Promise<number> {
  const buffers = [Buffer.allocUnsafe(CHUNK_BYTES), Buffer.allocUnsafe(CHUNK_BYTES)] as const
  const readInto = (buffer: Buffer, at: number) =>
    source.read(buffer, 0, CHUNK_BYTES, at).then((r) => r.bytesRead, (e: unknown) => { throw readFault(e, from) })
  let at = 0
  let which = 0
  let pending = readInto(buffers[0], 0)
  let unsynced = 0
  let syncing: Promise<void> | null = null
  const failed: unknown[] = [] // the system says once only that a write did not reach the disk
  for (;;) {
    const n = await pending
    if (n === 0) await syncing
    if (failed.length > 0) throw writeFault(failed[0], to)
    if (n === 0) return at
    const chunk = buffers[which === 0 ? 0 : 1].subarray(0, n)
    which ^= 1
    pending = readInto(buffers[which === 0 ? 0 : 1], at + n)
    pending.catch(() => undefined) // awaited at the top of the loop, unless the write below fails first
    const written = writeAll(target, chunk, at).catch((e: unknown) => { throw writeFault(e, to) })
    hash.update(chunk)
    await written
    at += n
    unsynced += n
    if (unsynced < SYNC_EVERY_BYTES || syncing) continue
    unsynced = 0
    syncing = target.datasync().then(() => { syncing = null }, (e: unknown) => { failed.push(e) })
  }
}

async function writeAll(target: FileHandle, chunk: Buffer, at: number): Promise<void> {
  for (let done = 0; done < chunk.length;) done += (await target.write(chunk, done, chunk.length - done, at + done)).bytesWritten
}

/** SHA-256 of a file's content, hex. */
export async function hashFile(path: string): Promise<string> {
  const file = await open(path, 'r').catch((e: unknown) => { throw readFault(e, path) })
  const hash = createHash('sha256')
  try {
    for await (const chunk of file.createReadStream({ highWaterMark: CHUNK_BYTES, autoClose: false })) hash.update(chunk as Buffer)
  } catch (e) {
    throw readFault(e, path)
  } finally {
    await file.close()
  }
  return hash.digest('hex')
}

/** The folder too: after a power cut a renamed file whose folder was not synced may be gone. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return // a folder cannot be opened there; the rename itself is journaled
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** Like `mkdir -p`, and every new folder's name is synced into its parent. */
export async function makeFolders(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true }).catch((e: unknown) => { throw writeFault(e, path) })
  if (first === undefined) return
  for (let at = path; at.length >= first.length; at = dirname(at)) await syncFolder(dirname(at))
}

/** Replaces a small file as a whole: readers see the old or the new one. */
export async function writeDurable(path: string, content: string | Buffer, mode = 0o644): Promise<void> {
  await makeFolders(dirname(path))
  const fresh = join(dirname(path), `.${basename(path)}.${randomBytes(4).toString('hex')}`)
  try {
    const file = await open(fresh, 'wx', mode)
    try {
      await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(fresh, path)
  } catch (e) {
    await rm(fresh, { force: true })
    throw writeFault(e, path)
  }
  await syncFolder(dirname(path))
}

/** A small file's text; null when it is not there. */
export async function readOrNull(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch((e: unknown) => {
    if (errno(e) === 'ENOENT') return null
    throw e
  })
}

export const errno = (e: unknown): string => (e instanceof Error && 'code' in e ? String(e.code) : '')

export function readFault(e: unknown, path: string): unknown {
  if (e instanceof Fault) return e
  const code = errno(e)
  if (code === 'ENOENT' || code === 'ENOTDIR') return new Fault('media/missing', `${path} is not there`, { cause: e })
  if (['EACCES', 'EPERM', 'EIO', 'EISDIR', 'ESTALE', 'ENXIO'].includes(code))
    return new Fault('media/unreadable', `${path} cannot be read (${code}): look at its permissions and at the disk`, { cause: e })
  return e
}

export function writeFault(e: unknown, path: string): unknown {
  if (e instanceof Fault) return e
  const code = errno(e)
  if (code === 'ENOSPC' || code === 'EDQUOT') return new Fault('media/full', `no room left for ${path}: free some space, it is tried again by itself`, { cause: e })
  if (code === 'EROFS' || code === 'EACCES' || code === 'EPERM') return new Fault('media/unmounted', `${path} cannot be written (${code}): look at the mount and its permissions`, { cause: e })
  return e
}
