/** Files that are there after a power cut: written, synced, renamed, and the folder synced too. */
import { createHash, randomBytes } from 'node:crypto'
import { link, lstat, mkdir, open, readFile, rename, rm, unlink, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { Fault } from '../contract/fault.ts'
import { AWAY } from '../contract/media.ts'
import { crashPoint } from './crash.ts'
import { openSink, type Sink } from './sink.ts'

const CHUNK_BYTES = 4 << 20

/**
 * Copies in one pass: while one chunk is hashed and written, the next is read. The target is synced, its name in the folder not yet.
 * Throws `media/changed` when the source has another size at the end than at the start, `media/full`, `media/unreadable`, `media/missing`.
 */
export async function copyHashed(from: string, to: string): Promise<{ bytes: number; sha256: string }> {
  const source = await open(from, 'r').catch((e: unknown) => { throw readFault(e, from) })
  try {
    const before = await source.stat()
    const target = await open(to, 'w', 0o644).catch((e: unknown) => { throw writeFault(e, to) })
    const hash = createHash('sha256')
    const sink = openSink(target, 0, hash)
    try {
      await pump(source, sink, from)
      await sink.flush()
      crashPoint('volume.staged')
      await sink.sync()
    } catch (e) {
      await target.close()
      await rm(to, { force: true })
      throw writeFault(e, to)
    }
    await target.close()
    const bytes = sink.at
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

/** One more buffer than are written and read at once: the sink has let go of a chunk when it has taken the one after the next. */
const BUFFERS = 3

async function pump(source: FileHandle, sink: Sink, from: string): Promise<void> {
  const buffers = Array.from({ length: BUFFERS }, () => Buffer.allocUnsafe(CHUNK_BYTES))
  const readInto = (n: number, at: number) => {
    const read = fill(source, buffers[n % BUFFERS]!, at).catch((e: unknown) => { throw readFault(e, from) })
    read.catch(() => undefined) // awaited at the top of the loop, unless a write fails first
    return read
  }
  let at = 0
  let pending = readInto(0, 0)
  for (let n = 0; ; n++) {
    const bytes = await pending
    if (bytes === 0) return
    at += bytes
    pending = readInto(n + 1, at)
    await sink.write(buffers[n % BUFFERS]!.subarray(0, bytes))
  }
}

/** To the brim, but at the end of the file: a network mount reads in pieces, and the sink keeps small pieces for longer. */
async function fill(source: FileHandle, buffer: Buffer, at: number): Promise<number> {
  let have = 0
  for (let read = -1; read !== 0 && have < buffer.length; have += read) read = (await source.read(buffer, have, buffer.length - have, at + have)).bytesRead
  return have
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

/** Null: nothing is there. Bytes -1: something that is no file. */
export async function stateAt(path: string): Promise<{ bytes: number; mtime_ms: number } | null> {
  try {
    const found = await lstat(path)
    return { bytes: found.isFile() ? found.size : -1, mtime_ms: found.mtimeMs }
  } catch (e) {
    if (['ENOENT', 'ENOTDIR'].includes(errno(e))) return null
    throw readFault(e, path)
  }
}

/** Renames within a file system, never over something else: `taken` says that there is something, and both stay. */
export async function moveNew(from: string, to: string): Promise<'moved' | 'taken'> {
  await makeFolders(dirname(to))
  try {
    await link(from, to)
    await unlink(from)
  } catch (e) {
    if (errno(e) === 'EEXIST') return 'taken'
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(errno(e))) throw writeFault(e, to)
    // No hard links there (exFAT, SMB): the look before the rename is all there is.
    if ((await stateAt(to)) !== null) return 'taken'
    await rename(from, to)
  }
  await syncFolder(dirname(to))
  return 'moved'
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
  if (AWAY.has(code)) return new Fault('media/unmounted', `${path} cannot be read (${code}): see whether the disk or share that it lies on is there, and mounted`, { cause: e })
  if (['EACCES', 'EPERM', 'EIO', 'EISDIR', 'ESTALE', 'ENXIO'].includes(code))
    return new Fault('media/unreadable', `${path} cannot be read (${code}): look at its permissions and at the disk`, { cause: e })
  return e
}

export function writeFault(e: unknown, path: string): unknown {
  if (e instanceof Fault) return e
  const code = errno(e)
  if (code === 'ENOSPC' || code === 'EDQUOT') return new Fault('media/full', `no room left for ${path}: free some space, it is tried again by itself`, { cause: e })
  if (code === 'EROFS' || code === 'EACCES' || code === 'EPERM') return new Fault('media/unmounted', `${path} cannot be written (${code}): look at the mount and its permissions`, { cause: e })
  if (AWAY.has(code) || code === 'EIO' || code === 'ESTALE' || code === 'ENXIO') return new Fault('media/unmounted', `${path} cannot be written (${code}): the disk or the mount is gone or broken`, { cause: e })
  if (code === 'ENOTDIR' || code === 'EISDIR' || code === 'EEXIST') return new Fault('media/conflict', `${path}: a file and a folder cannot have the same name`, { cause: e })
  if (code === 'ENAMETOOLONG') return new Fault('input/invalid', 'the path is longer than the file system takes', { cause: e })
  return e
}
