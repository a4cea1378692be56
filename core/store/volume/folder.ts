/** A volume in a folder of this machine: a disk, or a share that the system has mounted. */
import { open, readdir, rm, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Value } from 'typebox/value'
import { Fault } from '../../contract/fault.ts'
import { errno, makeFolders, moveNew, readFault, readOrNull, stateAt, syncFolder, writeDurable, writeFault } from '../durable.ts'
import { openSink } from '../sink.ts'
import { reread } from './reread.ts'
import { Marker, MARKER, OWN, type FileState, type Volume } from './volume.ts'

const CHUNK_BYTES = 1 << 20

export function openFolder(root: string): Volume {
  const at = (path: string) => join(root, ...path.split('/'))

  async function* list(folder: string): AsyncGenerator<{ path: string; bytes: number; mtime_ms: number }> {
    const found = await readdir(folder === '' ? root : at(folder), { withFileTypes: true }).catch((e: unknown) => {
      if (['ENOENT', 'ENOTDIR'].includes(errno(e))) return []
      throw readFault(e, at(folder))
    })
    for (const entry of found.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`
      if (path === OWN) continue
      if (entry.isDirectory()) yield* list(path)
      else if (entry.isFile()) {
        const state = await stateAt(at(path))
        if (state) yield { path, ...state } // gone meanwhile
      }
    }
  }

  return {
    kind: 'folder',
    async marker() {
      return markerOf(await readOrNull(at(MARKER)).catch((e: unknown) => {
        if (errno(e) === 'ENOTDIR') return null
        if (errno(e) === '') throw e
        throw new Fault('media/unmounted', `it cannot be read (${errno(e)}): see whether the disk or share is there, and whether the appliance may read it`, { cause: e })
      }))
    },
    mark: (marker) => writeDurable(at(MARKER), `${JSON.stringify(marker, null, 2)}\n`),
    stat: async (path) => fileOnly(await stateAt(at(path))),
    list,
    async *read(path, { start, end }, signal) {
      const file = await open(at(path), 'r').catch((e: unknown) => { throw readFault(e, path) })
      try {
        let next = start
        for await (const chunk of file.createReadStream({ start, end, highWaterMark: CHUNK_BYTES, autoClose: false })) {
          signal?.throwIfAborted()
          next += (chunk as Buffer).length
          yield chunk as Buffer
        }
        if (next <= end) throw new Fault('media/changed', `${path} ended ${end + 1 - next} bytes early`)
      } finally {
        await file.close()
      }
    },
    async write(path, from, { signal, onBytes }) {
      const to = at(path)
      await makeFolders(dirname(to))
      const lies = (await stateAt(to))?.bytes ?? 0
      if (lies > from.bytes) await rm(to)
      const start = lies > from.bytes ? 0 : lies
      const source = await open(from.path, 'r').catch((e: unknown) => { throw readFault(e, from.path) })
      try {
        const target = await open(to, start === 0 ? 'w' : 'r+', 0o644).catch((e: unknown) => { throw writeFault(e, to) })
        try {
          const sink = openSink(target, start, null)
          for await (const chunk of source.createReadStream({ start, highWaterMark: CHUNK_BYTES, autoClose: false })) {
            signal.throwIfAborted()
            await sink.write(chunk as Buffer)
            onBytes?.((chunk as Buffer).length)
          }
          await sink.sync()
        } catch (e) {
          throw writeFault(e, to)
        } finally {
          await target.close()
        }
      } finally {
        await source.close()
      }
      await syncFolder(dirname(to))
      return { unproven: start > 0 }
    },
    async move(from, to) {
      if ((await stateAt(at(from))) === null) throw new Fault('media/missing', `${from} is not there to be moved`)
      return moveNew(at(from), at(to))
    },
    async remove(path) {
      await rm(at(path), { force: true }).catch((e: unknown) => { throw writeFault(e, path) })
    },
    async removeFolder(folder) {
      await rm(at(folder), { recursive: true, force: true }).catch((e: unknown) => { throw writeFault(e, folder) })
    },
    async digest(path, options = {}) {
      return reread(at(path), options).catch((e: unknown) => { throw readFault(e, path) })
    },
    async space() {
      const { bavail, blocks, bsize } = await statfs(root)
      return { bytes_free: bavail * bsize, bytes_total: blocks * bsize }
    },
    close: () => undefined,
  }
}

const fileOnly = (state: FileState | null): FileState | null => (state && state.bytes >= 0 ? state : null)

/** Null: there is none, or it is not one of ours. */
export function markerOf(text: string | null): Marker | null {
  if (text === null) return null
  try {
    const found: unknown = JSON.parse(text)
    return Value.Check(Marker, found) ? found : null
  } catch (e) {
    if (e instanceof SyntaxError) return null
    throw e
  }
}

