/** A file of core's into a file of ours, over a link that may break: what has come is not fetched again. */
import { createHash, type Hash } from 'node:crypto'
import { constants } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { Fault } from '../core/contract/fault.ts'
import type { MediaRef } from '../core/contract/media.ts'
import { writeFault } from '../core/store/durable.ts'
import { openSink, type Sink } from '../core/store/sink.ts'
import { requestCore, type CoreAddress } from './core-request.ts'
import { pause, PATIENCE, type Patience } from './patience.ts'

/** Answers that begin elsewhere or are of another file than the one before: so many, and it is not our link that is strange. */
const MOST_STRANGE = 5
const MOST_FULL = 3

export interface DownloadAsk {
  readonly core: CoreAddress
  readonly path: string // of core's door
  readonly ref: Pick<MediaRef, 'path' | 'bytes' | 'sha256'>
  readonly to: string // what lies there already is the beginning
  readonly signal: AbortSignal
  readonly patience?: Patience
  /** Called when the disk is full; whoever cannot make room for so many bytes throws. */
  readonly makeRoom?: (bytes: number) => Promise<void>
}

/**
 * Resolves when `to` has the digest and is synced; its name in its folder is not. Goes on over cuts and silences as long as `signal` lets it.
 * A wrong digest throws everything away, once; then, and when the source is not what `ref` says, Fault `media/digest`. Throws what core
 * answers, `media/changed` when the source keeps changing, `media/full`. What has come by then stays, but for a wrong digest.
 */
export async function download({ core, path, ref, to, signal, patience = PATIENCE, makeRoom }: DownloadAsk): Promise<void> {
  const file = await open(to, constants.O_RDWR | constants.O_CREAT, 0o644).catch((e: unknown) => { throw writeFault(e, to) })
  try {
    for (let wrong = 0, full = 0; wrong < 2;) {
      try {
        if ((await fetchRest()) === ref.sha256) return
        wrong++
        await file.truncate(0)
      } catch (e) {
        const fault = writeFault(e, to)
        if (!(fault instanceof Fault && fault.code === 'media/full') || !makeRoom || ++full > MOST_FULL) throw fault
        await makeRoom(Math.max(0, ref.bytes - (await file.stat()).size))
      }
    }
    throw new Fault('media/digest', `${ref.path} came twice with another content than it had when it came in`)
  } finally {
    await file.close()
  }

  /** From where the file ends to where it should; its digest. */
  async function fetchRest(): Promise<string> {
    let part = await partOf(file, ref.bytes)
    let etag: string | null = null
    let strange = 0
    const anew = async (why: string, code: 'media/changed' | 'media/digest') => {
      if (++strange > MOST_STRANGE) throw new Fault(code, `${ref.path}: ${why}`)
      await part.sink.flush()
      await file.truncate(0)
      part = await partOf(file, ref.bytes)
      etag = null
    }
    for (let failures = 0; part.sink.at < ref.bytes;) {
      signal.throwIfAborted()
      const from = part.sink.at
      let answer: IncomingMessage | null = null
      try {
        answer = await requestCore(core, { method: 'GET', path, signal, headers: { 'accept-encoding': 'identity', range: `bytes=${from}-`, ...(etag === null || from === 0 ? {} : { 'if-range': etag }) } }, patience.stall_ms)
        const begins = beginOf(answer, from, ref.bytes, etag)
        if (typeof begins === 'object') await anew(begins.strange, begins.code)
        else {
          if (begins < from) await anew('its server sends the whole file each time', 'media/changed')
          etag = answer.headers.etag ?? null
          await take(answer, part.sink)
        }
      } catch (e) {
        if (!(e instanceof Fault)) throw e
        if (e.code === 'media/range') await anew('its server has fewer bytes of it', 'media/digest')
        else if (e.code !== 'core/unreachable') throw e
      } finally {
        if (answer && !answer.complete) answer.destroy()
      }
      if (part.sink.at > from) failures = 0
      if (part.sink.at < ref.bytes) await pause(patience, ++failures, signal)
    }
    await part.sink.sync()
    return part.hash.digest('hex')
  }

  /** Whatever has come when it breaks off is in the file. */
  async function take(answer: IncomingMessage, sink: Sink): Promise<void> {
    const silence = () => setTimeout(() => answer.destroy(new Error(`no byte for ${patience.stall_ms / 1000} s`)), patience.stall_ms)
    let timer = silence()
    const chunks = (answer as AsyncIterable<Buffer>)[Symbol.asyncIterator]()
    try {
      for (;;) {
        const next = await chunks.next().catch((e: unknown) => {
          signal.throwIfAborted()
          throw new Fault('core/unreachable', `${ref.path} broke off: ${e instanceof Error ? e.message : String(e)}`, { cause: e })
        })
        clearTimeout(timer) // our own disk may take its time
        if (next.done) return
        const room = ref.bytes - sink.at
        await sink.write(next.value.length > room ? next.value.subarray(0, room) : next.value)
        if (sink.at === ref.bytes) return // whatever follows is not ours
        timer = silence()
      }
    } finally {
      clearTimeout(timer)
      await sink.flush()
    }
  }
}

/** What of the file is there, hashed; something longer than it can be is no part of it. */
async function partOf(file: FileHandle, bytes: number): Promise<{ sink: Sink; hash: Hash }> {
  const hash = createHash('sha256')
  if ((await file.stat()).size > bytes) await file.truncate(0)
  let at = 0
  for await (const chunk of file.createReadStream({ start: 0, highWaterMark: 1 << 20, autoClose: false })) {
    hash.update(chunk as Buffer)
    at += (chunk as Buffer).length
  }
  return { hash, sink: openSink(file, at, hash) }
}

/** Where the answer's body begins: where it was asked to, or at 0. Anything else is no part of the file that we have the beginning of. */
function beginOf({ statusCode, headers }: IncomingMessage, from: number, bytes: number, etag: string | null): number | { strange: string; code: 'media/changed' | 'media/digest' } {
  const part = statusCode === 206 ? /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers['content-range'] ?? '') : null
  if (statusCode === 206 && !part) return { strange: 'its server does not say which part of it it sends', code: 'media/changed' }
  const total = part ? part[2] : headers['content-length']
  if (total !== undefined && total !== '*' && Number(total) !== bytes) return { strange: `its server has ${total} bytes of it, expected ${bytes}`, code: 'media/digest' }
  if (!part) return 0
  if (etag !== null && headers.etag !== undefined && headers.etag !== etag) return { strange: 'it keeps changing', code: 'media/changed' }
  return Number(part[1]) === from ? from : { strange: 'its server sends another part of it than was asked for', code: 'media/changed' }
}
