/** Files that a device without mounts sends piece by piece into the staging folder of its task: what has come stays, and the next piece goes on behind it. */
import { createHash, type Hash } from 'node:crypto'
import { lstat, open, rm, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Fault } from '../contract/fault.ts'
import type { MediaRef } from '../contract/media.ts'
import { crashPoint } from './crash.ts'
import { errno, hashFile, makeFolders, syncFolder, writeFault } from './durable.ts'
import { openSink } from './sink.ts'
import type { Volumes } from './volumes.ts'

export interface UploadPlace { readonly task: string; readonly token: string; readonly volume: string; readonly path: string }

/** @param offset of its first byte. @param length of the whole file. */
export interface Piece { readonly offset: number; readonly length: number }

/** `elsewhere`: nothing was taken, for the file goes on at another byte. */
export type Appended = { readonly whole: MediaRef } | { readonly offset: number; readonly elsewhere: boolean }

export interface Uploads {
  /** How much is there; `length` as it was declared, null when that is not known (nothing came yet, or core started anew). Throws `media/busy`. */
  state(at: UploadPlace): Promise<{ readonly offset: number; readonly length: number | null }>
  /** Takes what comes until the content ends or breaks off; the last piece of a file answers with its digest, synced. Throws
   *  `media/busy`, `media/full`, `media/outside`, `media/unmounted`, `media/conflict`, `input/invalid`, and whatever the content throws. */
  append(at: UploadPlace, piece: Piece, content: AsyncIterable<Buffer>): Promise<Appended>
  /** Nothing there is no failure. Throws `media/busy`. */
  drop(at: UploadPlace): Promise<void>
  /** Where it lies, to be read back. Throws `media/missing` when nothing does. */
  resolve(at: UploadPlace): Promise<string>
}

interface Upload {
  busy: boolean
  length: number | null
  hash: Hash | null // over all `hashed` bytes; null: the file is read again when it is whole
  hashed: number
  whole: MediaRef | null // kept for whoever lost the answer
}

/** What is forgotten is read again from the disk. */
const MOST_KNOWN = 1_000

export function openUploads(volumes: Pick<Volumes, 'stagedPath'>): Uploads {
  const known = new Map<string, Upload>()
  const unknown = (): Upload => ({ busy: false, length: null, hash: createHash('sha256'), hashed: 0, whole: null })

  /** One at a time for each file: the other waits until this one's connection is gone. */
  async function alone<T>(path: string, work: (upload: Upload) => Promise<T>): Promise<T> {
    const upload = known.get(path) ?? unknown()
    if (upload.busy) throw new Fault('media/busy', 'another connection is still sending this file: wait until it is gone')
    known.delete(path)
    known.set(path, upload)
    upload.busy = true
    try {
      return await work(upload)
    } finally {
      upload.busy = false
      for (const [oldest, { busy }] of known) {
        if (known.size <= MOST_KNOWN) break
        if (!busy) known.delete(oldest)
      }
    }
  }

  async function append(at: UploadPlace, { offset, length }: Piece, content: AsyncIterable<Buffer>): Promise<Appended> {
    const path = await volumes.stagedPath(at.task, at.token, at)
    return alone(path, async (upload) => {
      const there = await sizeOf(path)
      // Core started anew, or the lease was dropped and the file with it: what is remembered is not what is there.
      if (upload.hashed !== (there ?? 0)) Object.assign(upload, unknown(), { busy: true, ...(there ? { hash: null, hashed: there } : {}) })
      if (offset !== upload.hashed) return { offset: upload.hashed, elsewhere: true }
      if (upload.length !== null && upload.length !== length) throw new Fault('input/invalid', `Upload-Length: this file was begun with ${upload.length} bytes, not ${length}; DELETE it to begin anew`)
      if (offset > length) throw new Fault('input/invalid', `Upload-Length: ${offset} bytes are there already, more than the ${length} declared; DELETE the file to begin anew`)
      if (upload.whole) return { whole: upload.whole }
      await makeFolders(dirname(path))
      await roomFor(path, length - offset)
      upload.length = length
      const end = await take(path, upload, length, content)
      if ((await sizeOf(path)) !== end) throw new Fault('task/stale', 'the lease has ended meanwhile: what was sent is dropped')
      if (end < length) return { offset: end, elsewhere: false }
      await syncFolder(dirname(path))
      crashPoint('volume.synced')
      upload.whole = { volume: at.volume, path: at.path, bytes: length, sha256: upload.hash ? upload.hash.copy().digest('hex') : await hashFile(path) }
      return { whole: upload.whole }
    })
  }

  /** What came before the content broke off is in the file, and known to be. */
  async function take(path: string, upload: Upload, length: number, content: AsyncIterable<Buffer>): Promise<number> {
    const file = await open(path, upload.hashed === 0 ? 'w' : 'r+', 0o644).catch((e: unknown) => { throw writeFault(e, path) })
    const sink = openSink(file, upload.hashed, upload.hash)
    const failed = (e: unknown): never => {
      Object.assign(upload, { hashed: -1 }) // the disk has the say
      throw writeFault(e, path)
    }
    try {
      try {
        for await (const chunk of content) {
          if (sink.at + chunk.length > length) {
            await rm(path, { force: true })
            upload.hashed = -1
            throw new Fault('input/invalid', `more came than the ${length} bytes declared; the file is dropped`)
          }
          await sink.write(chunk).catch(failed)
        }
      } finally {
        if (upload.hashed !== -1) {
          await sink.flush().catch(failed)
          upload.hashed = sink.at
        }
      }
      if (sink.at === length) {
        crashPoint('volume.staged')
        await sink.sync().catch(failed)
      }
      return sink.at
    } finally {
      await file.close()
    }
  }

  return {
    append,
    async state(at) {
      const path = await volumes.stagedPath(at.task, at.token, at)
      return alone(path, async ({ length }) => ({ offset: (await sizeOf(path)) ?? 0, length }))
    },
    async drop(at) {
      const path = await volumes.stagedPath(at.task, at.token, at)
      await alone(path, async () => {
        await rm(path, { force: true }).catch((e: unknown) => { throw writeFault(e, path) })
        known.delete(path)
      })
    },
    async resolve(at) {
      const path = await volumes.stagedPath(at.task, at.token, at)
      if (await sizeOf(path) === null) throw new Fault('media/missing', `${at.path} is not staged on volume ${at.volume} by this lease`)
      return path
    },
  }
}

async function roomFor(path: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(path))
  if (bytes > bavail * bsize) throw new Fault('media/full', `no room left for ${bytes} bytes, ${bavail * bsize} are free: free some space, it is tried again by itself`)
}

async function sizeOf(path: string): Promise<number | null> {
  try {
    const found = await lstat(path)
    if (!found.isFile()) throw new Fault('media/conflict', 'a folder has this name already')
    return found.size
  } catch (e) {
    if (['ENOENT', 'ENOTDIR'].includes(errno(e))) return null
    throw e
  }
}
