import type { Hash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'

/** How bytes go to the disk. */
export interface Pace {
  readonly batch_bytes: number // in one call at least: chunks of a socket are small
  readonly most_waiting_bytes: number // while a call is under way; then whoever brings more waits too
  readonly sync_every_bytes: number // or later, when a sync is under way
  readonly most_unsynced_bytes: number // then it waits for the disk: more is not lost with the power
}

/** A sync at the end alone leaves the disk idle until everything has come: 384 MB took five times as long. */
const FREE: Pace = { batch_bytes: 512 << 10, most_waiting_bytes: 512 << 10, sync_every_bytes: 16 << 20, most_unsynced_bytes: Infinity }

/** Bytes that come one after another into a file: while some are written, the next are hashed, and what is written is synced on the way. */
export interface Sink {
  /** Position behind all that was taken. */
  readonly at: number
  /** Resolves when more may come. The chunk is the sink's: one of a MiB or more until the next `write` has resolved, a smaller one for good. */
  write(chunk: Buffer): Promise<void>
  /** Resolves when everything taken is in the file. */
  flush(): Promise<void>
  /** And on the disk. */
  sync(): Promise<void>
}

/** @param at where the first byte goes. @param hash told of every chunk; null: of none */
export function openSink(file: FileHandle, at: number, hash: Hash | null, pace: Pace = FREE): Sink {
  let batch: Buffer[] = []
  let batched = 0
  let written = at // all before is in the file, or on its way in `writing`
  let unsynced = 0 // since the last sync began
  let insync = 0 // under way
  let writing: Promise<void> = Promise.resolve()
  let isWriting = false
  let syncing: Promise<void> | null = null
  const failed: unknown[] = [] // the system says once only that a write did not reach the disk
  const check = () => {
    if (failed.length > 0) throw failed[0]
  }
  const note = (e: unknown) => { failed.push(e) }

  function start(): void {
    const [chunks, position, bytes] = [batch, written, batched]
    batch = []
    batched = 0
    written += bytes
    isWriting = true
    writing = writeAll(file, chunks, position).then(async () => {
      unsynced += bytes
      if (unsynced >= pace.sync_every_bytes && !syncing) begin()
      if (unsynced + insync + pace.most_waiting_bytes > pace.most_unsynced_bytes) await syncing
    }).catch(note).then(() => {
      isWriting = false
      if (failed.length === 0 && batched >= pace.batch_bytes) start() // behind what failed would be a hole
    })
  }

  function begin(): void {
    insync = unsynced
    unsynced = 0
    syncing = file.datasync().catch(note).then(() => {
      insync = 0
      syncing = null
      if (unsynced >= pace.sync_every_bytes) begin()
    })
  }

  async function flush(): Promise<void> {
    while (isWriting) await writing
    check()
    if (batched > 0) start()
    while (isWriting) await writing
    check()
  }

  return {
    get at() { return written + batched },
    async write(chunk) {
      check()
      batch.push(chunk)
      batched += chunk.length
      if (batched >= pace.batch_bytes && !isWriting) start()
      hash?.update(chunk)
      while (batched >= pace.most_waiting_bytes && isWriting) await writing
      check()
    },
    flush,
    async sync() {
      await flush()
      while (syncing) await syncing
      check()
      await file.datasync()
    },
  }
}

async function writeAll(file: FileHandle, chunks: readonly Buffer[], at: number): Promise<void> {
  const { bytesWritten } = await file.writev(chunks, at)
  let skip = bytesWritten
  for (const chunk of chunks) {
    // A disk that is nearly full takes a part and says why only when it is given the rest.
    for (let done = Math.min(skip, chunk.length); done < chunk.length;) done += (await file.write(chunk, done, chunk.length - done, at + done)).bytesWritten
    skip = Math.max(0, skip - chunk.length)
    at += chunk.length
  }
}
