/**
 * A volume behind SFTP, version 3 with what OpenSSH adds where it is offered: `fsync@openssh.com`, `statvfs@openssh.com`. The plain rename
 * is the one that never replaces a file there; a folder cannot be synced over SFTP.
 */
import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { posix } from 'node:path'
import type { Attributes, FileEntryWithStats, SFTPWrapper } from 'ssh2'
import { Fault } from '../../contract/fault.ts'
import type { Reread } from '../../contract/media.ts'
import { readFault } from '../durable.ts'
import { markerOf } from './folder.ts'
import { ask, command, openSftpLink, type HostPin, type Session, type SftpPlace } from './sftp-link.ts'
import { LinkLost, MARKER, OWN, type FileState, type LocalFile, type Volume } from './volume.ts'

const NO_SUCH_FILE = 2
const DENIED = 3
const FAILURE = 4
const LOST = [6, 7] // no connection, connection lost
const WRITE = 0x02
const CREATE = 0x08
const EXCLUSIVE = 0x20
const CHUNK_BYTES = 128 << 10
/** So many requests are under way: more than fits through a fast link in the time of an answer. */
const DEPTH = 24
const MARKER_BYTES = 64 << 10

interface Space { readonly f_frsize: number; readonly f_bavail: number; readonly f_blocks: number }

export function openSftp(place: SftpPlace, pin: HostPin): Volume {
  const link = openSftpLink(place, pin)
  const where = `${place.user}@${place.host}:${place.port}`
  const at = (path: string) => posix.join(place.root, path)

  async function use<T>(path: string, work: (session: Session) => Promise<T>): Promise<T> {
    try {
      const { session, release } = await link.hold()
      try {
        return await Promise.race([work(session), session.lost])
      } finally {
        release()
      }
    } catch (e) {
      throw faultOf(e, path, where)
    }
  }

  async function stat({ sftp }: Session, path: string): Promise<FileState | null> {
    const found = await statOrNull(sftp, at(path))
    return found?.isFile() ? { bytes: found.size, mtime_ms: found.mtime * 1000 } : null
  }

  async function* list(folder: string): AsyncGenerator<FileState & { path: string }> {
    const entries = await use(folder, ({ sftp }) => ask<FileEntryWithStats[]>((done) => sftp.readdir(at(folder), done as never)).catch((e: unknown) => {
      if (codeOf(e) === NO_SUCH_FILE) return []
      throw e
    }))
    for (const { filename, attrs } of entries.toSorted((a, b) => (a.filename < b.filename ? -1 : 1))) {
      const path = folder === '' ? filename : `${folder}/${filename}`
      if (path === OWN) continue
      if (attrs.isDirectory()) yield* list(path)
      else if (attrs.isFile()) yield { path, bytes: attrs.size, mtime_ms: attrs.mtime * 1000 }
    }
  }

  async function* read(path: string, { start, end }: { start: number; end: number }, signal?: AbortSignal): AsyncGenerator<Buffer> {
    const { session, release } = await link.hold().catch((e: unknown) => { throw faultOf(e, path, where) })
    const { sftp, lost } = session
    let handle: Buffer | null = null
    const coming: Promise<Buffer>[] = []
    try {
      handle = await Promise.race([ask<Buffer>((done) => sftp.open(at(path), 'r', done)), lost])
      for (let next = start; next <= end || coming.length > 0;) {
        signal?.throwIfAborted()
        for (; next <= end && coming.length < DEPTH; next += CHUNK_BYTES) {
          const part = readWhole(sftp, handle, next, Math.min(CHUNK_BYTES, end + 1 - next), path)
          part.catch(() => undefined) // heard when its turn comes
          coming.push(part)
        }
        yield await Promise.race([coming.shift()!, lost])
      }
    } catch (e) {
      throw faultOf(e, path, where)
    } finally {
      if (handle) letGo(sftp, handle)
      release()
    }
  }

  /** Through the shell of that machine when it lets us, past its cache when its `dd` can. Null: the bytes have to come here. */
  async function digestThere(path: string, bytes: number, signal: AbortSignal | undefined): Promise<Reread | null> {
    return use(path, async (session) => {
      if (session.commands === false) return null
      const quoted = `'${at(path).replaceAll("'", "'\\''")}'`
      const direct = await command(session, `{ dd if=${quoted} iflag=direct bs=4194304 2>/dev/null && echo whole >&2; } | sha256sum`, signal)
      const past = direct?.err.includes('whole') ? digestIn(direct.out) : null
      const said = past === null ? await command(session, `sha256sum < ${quoted}`, signal) : direct
      const sha256 = past ?? digestIn(said?.out ?? '')
      session.commands = sha256 !== null
      return sha256 === null ? null : { sha256, bytes, from: past === null ? 'cache' : 'disk' }
    })
  }

  return {
    kind: 'sftp',
    marker: () => use(MARKER, async ({ sftp }) => {
      const text = await ask<Buffer>((done) => sftp.readFile(at(MARKER), done as never)).catch((e: unknown) => {
        if (codeOf(e) === NO_SUCH_FILE) return null
        throw e
      })
      return text === null || text.length > MARKER_BYTES ? null : markerOf(text.toString('utf8'))
    }),
    mark: (marker) => use(MARKER, async (session) => {
      await makeFolders(session.sftp, at(OWN), '/', place.root)
      const text = Buffer.from(`${JSON.stringify(marker, null, 2)}\n`)
      const handle = await ask<Buffer>((done) => session.sftp.open(at(MARKER), WRITE | CREATE | EXCLUSIVE, done))
      await ask<unknown>((done) => session.sftp.write(handle, text, 0, text.length, 0, done as never))
      await sync(session.sftp, handle)
      await ask<unknown>((done) => session.sftp.close(handle, done))
    }),
    stat: (path) => use(path, (session) => stat(session, path)),
    list,
    read,
    write: (path, from, { signal, onBytes }) => use(path, async (session) => {
      const { sftp } = session
      const to = at(path)
      await makeFolders(sftp, posix.dirname(to), place.root, place.root)
      const lies = (await stat(session, path))?.bytes ?? 0
      if (lies > from.bytes) await ask<unknown>((done) => sftp.unlink(to, done))
      const start = lies > from.bytes ? 0 : lies
      await roomFor(sftp, posix.dirname(to), from.bytes - start, where)
      const handle = await ask<Buffer>((done) => sftp.open(to, WRITE | CREATE, done)) // the same name is the same content: what lies there is not cut off
      try {
        await send(session, handle, from, start, { signal, onBytes: onBytes ?? (() => undefined) })
        await sync(sftp, handle)
      } catch (e) {
        if (codeOf(e) === FAILURE) await roomFor(sftp, posix.dirname(to), CHUNK_BYTES, where)
        throw e
      } finally {
        letGo(sftp, handle) // synced, or to be gone on with
      }
      return { unproven: start > 0 }
    }),
    move: (from, to) => use(from, async (session) => {
      await makeFolders(session.sftp, posix.dirname(at(to)), place.root, place.root)
      try {
        await ask<unknown>((done) => session.sftp.rename(at(from), at(to), done))
        return 'moved'
      } catch (e) {
        if (codeOf(e) === FAILURE && (await statOrNull(session.sftp, at(to)))) return 'taken'
        throw e
      }
    }),
    remove: (path) => use(path, async ({ sftp }) => {
      await ask<unknown>((done) => sftp.unlink(at(path), done)).catch(ignoreMissing)
    }),
    removeFolder: (folder) => use(folder, ({ sftp }) => removeAll(sftp, at(folder))),
    async digest(path, { signal, pace } = {}) {
      const bytes = (await use(path, (session) => stat(session, path)))?.bytes
      if (bytes === undefined) throw new Fault('media/missing', `${path} is not on the volume at ${where}`)
      const there = await digestThere(path, bytes, signal)
      if (there) {
        await pace?.(bytes)
        return there
      }
      const hash = createHash('sha256')
      for await (const chunk of read(path, { start: 0, end: bytes - 1 }, signal)) {
        hash.update(chunk)
        await pace?.(chunk.length)
      }
      return { sha256: hash.digest('hex'), bytes, from: 'network' }
    },
    space: () => use('', async ({ sftp }) => {
      const found = await spaceAt(sftp, place.root)
      return found && { bytes_free: found.f_bavail * found.f_frsize, bytes_total: found.f_blocks * found.f_frsize }
    }),
    close: link.close,
  }
}

/** What failed may have left a hole where it should have been: the file then ends before it. */
async function send({ sftp, lost }: Session, handle: Buffer, from: LocalFile, start: number, { signal, onBytes }: { signal: AbortSignal; onBytes: (bytes: number) => void }): Promise<void> {
  const source = await open(from.path, 'r').catch((e: unknown) => { throw readFault(e, from.path) })
  const going: { at: number; done: Promise<unknown> }[] = []
  let oldest = start
  const settle = async () => {
    const { at, done } = going[0]!
    oldest = at
    await Promise.race([done, lost])
    going.shift()
  }
  try {
    for (let at = start; at < from.bytes;) {
      signal.throwIfAborted()
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, from.bytes - at))
      const { bytesRead } = await source.read(chunk, 0, chunk.length, at).catch((e: unknown) => { throw readFault(e, from.path) })
      if (bytesRead === 0) throw new Fault('media/changed', `${posix.basename(from.path)} became shorter while it was sent`)
      if (going.length >= DEPTH) await settle()
      const done = ask<unknown>((said) => sftp.write(handle, chunk, 0, bytesRead, at, said as never)).then(() => onBytes(bytesRead))
      done.catch(() => undefined) // heard when its turn comes
      going.push({ at, done })
      at += bytesRead
    }
    while (going.length > 0) await settle()
  } catch (e) {
    if (codeOf(e) !== null && !LOST.includes(codeOf(e)!)) {
      await Promise.race([Promise.allSettled(going.map(({ done }) => done)), lost])
      await ask<unknown>((done) => sftp.fsetstat(handle, { size: oldest } as never, done))
    }
    throw e
  } finally {
    await source.close()
  }
}

async function readWhole(sftp: SFTPWrapper, handle: Buffer, at: number, bytes: number, path: string): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(bytes)
  for (let have = 0; have < bytes;) {
    const read = await ask<number>((done) => sftp.read(handle, buffer, have, bytes - have, at + have, done as never))
    if (read === 0) throw new Fault('media/changed', `${path} ended ${bytes - have} bytes early`)
    have += read
  }
  return buffer
}

/** Servers without it sync when they like; the digest is read back all the same. */
async function sync(sftp: SFTPWrapper, handle: Buffer): Promise<void> {
  if (offers(sftp, 'fsync@openssh.com')) await ask<unknown>((done) => sftp.ext_openssh_fsync(handle, done))
}

const offers = (sftp: SFTPWrapper, extension: string): boolean => extension in (sftp as unknown as { _extensions: Record<string, string> })._extensions

async function spaceAt(sftp: SFTPWrapper, folder: string): Promise<Space | null> {
  return offers(sftp, 'statvfs@openssh.com') ? ask<Space>((done) => sftp.ext_openssh_statvfs(folder, done)) : null
}

async function roomFor(sftp: SFTPWrapper, folder: string, bytes: number, where: string): Promise<void> {
  const found = await spaceAt(sftp, folder)
  const free = found ? found.f_bavail * found.f_frsize : Infinity
  if (bytes > free) throw new Fault('media/full', `no room left at ${where} for ${bytes} bytes, ${free} are free: free some space there, it is tried again by itself`)
}

/** @param top is not made: where it is missing, nothing is mounted @param root up to here a link to a folder is one, as shares are on some NAS; below it is not */
async function makeFolders(sftp: SFTPWrapper, path: string, top: string, root: string): Promise<void> {
  const isAbove = path === '/' || `${root}/`.startsWith(`${path}/`)
  if ((await statOrNull(sftp, path, isAbove ? 'stat' : 'lstat'))?.isDirectory()) return
  if (path === top || path === '/') throw new Fault('media/unmounted', `there is no folder ${path}`)
  await makeFolders(sftp, posix.dirname(path), top, root)
  await ask<unknown>((done) => sftp.mkdir(path, done)).catch(async (e: unknown) => {
    if (!(await statOrNull(sftp, path))?.isDirectory()) throw e // somebody else made it
  })
}

async function removeAll(sftp: SFTPWrapper, path: string): Promise<void> {
  const entries = await ask<FileEntryWithStats[]>((done) => sftp.readdir(path, done as never)).catch(ignoreMissing)
  if (entries === undefined) return
  for (const { filename, attrs } of entries) {
    if (attrs.isDirectory()) await removeAll(sftp, posix.join(path, filename))
    else await ask<unknown>((done) => sftp.unlink(posix.join(path, filename), done)).catch(ignoreMissing)
  }
  await ask<unknown>((done) => sftp.rmdir(path, done)).catch(ignoreMissing)
}

const statOrNull = (sftp: SFTPWrapper, path: string, look: 'stat' | 'lstat' = 'lstat') => ask<Attributes & { isFile(): boolean; isDirectory(): boolean }>((done) => sftp[look](path, done as never)).catch((e: unknown) => {
  if (codeOf(e) === NO_SUCH_FILE) return null
  throw e
})

const digestIn = (out: string): string | null => /^\\?([0-9a-f]{64})\b/.exec(out)?.[1] ?? null

const codeOf = (e: unknown): number | null => (e instanceof Error && 'code' in e && typeof e.code === 'number' ? e.code : null)

function ignoreMissing(e: unknown): undefined {
  if (codeOf(e) !== NO_SUCH_FILE) throw e
}

/** The connection may be gone, and the handle with it. */
function letGo(sftp: SFTPWrapper, handle: Buffer): void {
  try {
    sftp.close(handle, () => undefined)
  } catch (e) {
    if (!(e instanceof Error && /Not connected|No response/.test(e.message))) throw e
  }
}

function faultOf(e: unknown, path: string, where: string): unknown {
  const code = codeOf(e)
  const isLost = e instanceof LinkLost || (code === null ? e instanceof Error && /No response from server|Not connected|Channel open failure/.test(e.message) : LOST.includes(code))
  if (isLost) {
    const why = e instanceof LinkLost ? e : new LinkLost(`${where} hung up`, { cause: e })
    return new Fault('media/unmounted', why.message, { cause: why })
  }
  if (code === null) return e
  if (code === NO_SUCH_FILE) return new Fault('media/missing', `${path} is not on the volume at ${where}`, { cause: e })
  if (code === DENIED) return new Fault('media/unreadable', `${where} does not let us at ${path}: look at its permissions there`, { cause: e })
  return new Fault('media/unreadable', `${where} could not do it with ${path} (${(e as Error).message}): look at its disk`, { cause: e })
}
