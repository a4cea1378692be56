/**
 * Files that come piece by piece from a camera: in a folder each, `<volume>/.viewshed/staging/receive/<hash of the key>`, with the
 * bytes so far and what the source said of them. What the disk holds is all that is remembered: a process may die at any moment.
 */
import { createHash, type Hash } from 'node:crypto'
import { constants, readFileSync } from 'node:fs'
import { open, rm, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import { Fault } from '../contract/fault.ts'
import { MediaRef, type Receiving, type Said } from '../contract/media.ts'
import { crashPoint } from './crash.ts'
import { errno, hashFile, makeFolders, readOrNull, syncFolder, writeDurable, writeFault } from './durable.ts'
import { openSink, type Pace, type Sink } from './sink.ts'
import { safeParts } from './volume/path.ts'
import { moveWithoutOverwrite, noTwin, RECEIVING, type TwinOf, type Volumes } from './volumes.ts'

/** As a camera's radio gives: a MiB at most is lost with the power, and with this process alone what waits for the disk. */
const CALM: Pace = { batch_bytes: 32 << 10, most_waiting_bytes: 128 << 10, sync_every_bytes: 128 << 10, most_unsynced_bytes: 1 << 20 }
/** As a cable gives. With half a MiB it would be the syncs that take the time; what is lost with the power is here again in a tenth of a second. */
const FAST: Pace = { batch_bytes: 64 << 10, most_waiting_bytes: 192 << 10, sync_every_bytes: 4 << 20, most_unsynced_bytes: 16 << 20 }
/** So much is looked at to tell which it is. No camera's radio brings it in less, not counting what the disk takes. */
const PROBE_BYTES = 2 << 20
const PROBE_MS = 100
/** In a row: what waited in the socket while the disk stood still comes as by a cable, but there is not more of it. The file after one that came fast needs one more only. */
const PROBES = 3
/** A disk that takes so long to sync: meanwhile the source goes on sending, and what waits in the socket is lost with this process, too. Each time twice as much may be behind, up to a point. */
const STALL_MS = 40
const MOST_STALLED_BYTES = 4 << 20

const Nullable = <T extends Parameters<typeof Type.Union>[0][number]>(t: T) => Type.Union([t, Type.Null()])
const Note = Type.Object({
  key: Type.String(),
  bytes: Nullable(Type.Integer()),
  time: Nullable(Type.String()),
  boot: Nullable(Type.String()), // of the machine, in which the bytes were written; null: it does not say
  unsynced_bytes: Type.Integer(), // of these, so many of the last were not synced at any time
  placed: Nullable(MediaRef), // written before the file is moved: after a crash the move is done again
})
type Note = Static<typeof Note>

/**
 * What was written while this machine has been up is in its memory at least, and a kill of the process takes none of it away.
 * @returns `receive` of a watcher's media. One process at a time receives on a volume.
 * @param boot names the time since the machine was started; null: nothing does, and it may have been started again at any moment
 */
export function openReceiving(volumes: Pick<Volumes, 'root'>, boot: string | null = thisBoot(), twin: TwinOf = noTwin) {
  const busy = new Set<string>()
  const source = { fast: 0 } // probes in a row
  return async function receive(volume: string, path: string, key: string): Promise<Receiving> {
    const root = await volumes.root(volume)
    safeParts(path)
    const folder = join(root, RECEIVING, createHash('sha256').update(key).digest('hex').slice(0, 40))
    if (busy.has(folder)) throw new Fault('media/busy', `${path} is being received already`)
    busy.add(folder)
    try {
      let held = true
      return await begin({ volume, path, key, root, folder, boot, source, twin, let_go: () => {
        if (held) busy.delete(folder)
        held = false
      } })
    } catch (e) {
      busy.delete(folder)
      throw writeFault(e, folder)
    }
  }
}

interface Place { readonly volume: string; readonly path: string; readonly key: string; readonly root: string; readonly folder: string; readonly boot: string | null; readonly source: { fast: number }; readonly twin: TwinOf; readonly let_go: () => void }

async function begin({ volume, path, key, root, folder, boot, source, twin, let_go }: Place): Promise<Receiving> {
  await makeFolders(folder)
  const part = join(folder, 'bytes')
  const noted = join(folder, 'said.json')
  const found = parse(await readOrNull(noted))
  let note: Note = found ?? { key, bytes: null, time: null, boot, unsynced_bytes: CALM.most_unsynced_bytes, placed: null }
  let placed = note.placed && (await replayed(part, root, note.placed)) ? note.placed : null

  let file: FileHandle | null = placed ? null : await open(part, constants.O_RDWR | constants.O_CREAT, 0o644)
  // Bytes of which nothing was said may be of any file.
  if (file && !found) await file.truncate(0)
  const pace = { ...CALM }
  let hash: Hash | null
  let sink: Sink
  function from(bytes: number): void {
    hash = bytes === 0 ? createHash('sha256') : null // null: read from the disk when it is whole
    sink = openSink(file!, bytes, hash, pace)
  }
  const had = file ? (await file.stat()).size : 0
  if (file) from(had)
  let unsure_bytes = boot === null || note.boot !== boot ? Math.min(had, note.unsynced_bytes) : 0
  let probe: { readonly at: number; readonly from_ms: number; readonly waited_ms: number } | null = null
  let waited_ms = 0 // for the disk

  const remember = async (next: Note) => {
    await writeDurable(noted, JSON.stringify(next))
    note = next
  }
  const opened = (): FileHandle => {
    if (!file) throw new Error(`${path} was placed, dropped or closed already`)
    return file
  }
  /** Said before it is done: after a power cut so much more is compared. */
  async function become(next: Pace): Promise<void> {
    // Never less than before: of an earlier process more may not be on the disk yet.
    await remember({ ...note, unsynced_bytes: Math.max(note.unsynced_bytes, next.most_unsynced_bytes) })
    Object.assign(pace, next)
  }
  async function speedUp(): Promise<void> {
    if (pace.sync_every_bytes === FAST.sync_every_bytes) return
    const now = { at: sink.at, from_ms: performance.now(), waited_ms }
    if (probe === null || sink.at < probe.at) probe = now
    if (sink.at - probe.at < PROBE_BYTES) return
    const isFast = now.from_ms - probe.from_ms - (waited_ms - probe.waited_ms) < PROBE_MS
    probe = now
    source.fast = isFast ? source.fast + 1 : 0
    if (source.fast < PROBES) return
    source.fast = PROBES - 1
    await become(FAST)
  }
  async function close(): Promise<void> {
    const closing = file
    file = null
    let_go()
    if (!closing) return
    try {
      await sink.flush()
    } catch (e) {
      throw writeFault(e, path)
    } finally {
      await closing.close()
    }
  }
  async function truncate(bytes: number): Promise<void> {
    opened()
    await sink.flush()
    await opened().truncate(bytes)
    from(bytes)
  }

  return {
    get bytes() { return placed ? placed.bytes : sink.at },
    get placed() { return placed },
    get unsure_bytes() { return unsure_bytes },
    truncate,
    close,
    async says(said: Said) {
      if (said.bytes === note.bytes && said.time === note.time) return
      if (sink.at > 0) await truncate(0)
      await remember({ ...note, ...said, boot })
      unsure_bytes = 0
    },
    async tail(bytes) {
      await sink.flush()
      const length = Math.min(bytes, sink.at)
      const buffer = Buffer.alloc(length)
      for (let at = 0; at < length;) {
        const { bytesRead } = await opened().read(buffer, at, length - at, sink.at - length + at)
        if (bytesRead === 0) throw new Fault('media/changed', `what had come of ${path} was cut by somebody else; it begins anew`)
        at += bytesRead
      }
      return buffer
    },
    async append(chunk) {
      opened()
      if (unsure_bytes > 0) {
        // Whoever goes on behind what was there has compared it.
        await remember({ ...note, boot })
        unsure_bytes = 0
      }
      await speedUp()
      const from_ms = performance.now()
      await sink.write(chunk).catch((e: unknown) => { throw writeFault(e, path) })
      const took_ms = performance.now() - from_ms
      waited_ms += took_ms
      if (took_ms > STALL_MS && pace.most_unsynced_bytes < MOST_STALLED_BYTES) await become({ ...pace, most_unsynced_bytes: pace.most_unsynced_bytes * 2 })
    },
    async place(to = path) {
      const own = safeParts(to).join('/')
      if (placed) return placed
      await sink.sync().catch((e: unknown) => { throw writeFault(e, path) })
      await syncFolder(folder)
      crashPoint('volume.synced')
      const whole: MediaRef = { volume, path: own, bytes: sink.at, sha256: hash ? hash.copy().digest('hex') : await hashFile(part) }
      const ref = { ...whole, path: (await twin(whole)) ?? own }
      await remember({ ...note, placed: ref })
      try {
        await moveWithoutOverwrite(part, join(root, ...safeParts(ref.path)), ref)
      } catch (e) {
        await remember({ ...note, placed: null })
        throw e
      }
      crashPoint('volume.placed')
      placed = ref
      await opened().close()
      file = null
      return ref
    },
    async drop() {
      await close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Whether it lies in its place now: an earlier life may have died before it moved it. False: it has to be placed, or fetched, again. */
async function replayed(part: string, root: string, ref: MediaRef): Promise<boolean> {
  try {
    await moveWithoutOverwrite(part, join(root, ...safeParts(ref.path)), ref)
    return true
  } catch (e) {
    if (e instanceof Fault && (e.code === 'media/conflict' || e.code === 'media/missing')) return false
    throw e
  }
}

/** Null: this system has no such name. */
function thisBoot(): string | null {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch (e) {
    if (['ENOENT', 'EACCES'].includes(errno(e))) return null
    throw e
  }
}

/** Null: there is none, or it was damaged. */
function parse(text: string | null): Note | null {
  if (text === null) return null
  try {
    const note: unknown = JSON.parse(text)
    return Value.Check(Note, note) ? note : null
  } catch (e) {
    if (e instanceof SyntaxError) return null
    throw e
  }
}

