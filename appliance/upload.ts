/** A file of ours into the staging folder of a task, over a link that may break: core says how much it has, and the rest follows. */
import { createHash } from 'node:crypto'
import { open, type FileHandle } from 'node:fs/promises'
import type { ClientRequest } from 'node:http'
import { basename } from 'node:path'
import { Fault } from '../core/contract/fault.ts'
import type { MediaRef } from '../core/contract/media.ts'
import { readFault } from '../core/store/durable.ts'
import { accepted, answerTo, beginRequest, requestCore, textOf, type CoreAddress } from './core-request.ts'
import { pause, PATIENCE, type Patience } from './patience.ts'

const CHUNK_BYTES = 256 << 10

export interface UploadAsk {
  readonly core: CoreAddress
  readonly path: string // of core's door
  readonly from: string
  readonly signal: AbortSignal
  readonly patience?: Patience
}

/**
 * The MediaRef that core made of it, whose digest is that of the bytes we read. Goes on over cuts and silences as long as `signal` lets it.
 * Throws what core answers, `media/changed` when the file changes while it is read, `media/digest` when core has other bytes, twice.
 */
export async function upload({ core, path, from, signal, patience = PATIENCE }: UploadAsk): Promise<MediaRef> {
  const file = await open(from, 'r').catch((e: unknown) => { throw readFault(e, from) })
  try {
    const before = await file.stat()
    const discard = async () => void (await requestCore(core, { method: 'DELETE', path, signal }, patience.answer_ms)).resume()
    for (let wrong = 0; ; wrong++) {
      const { ref, sha256 } = await send(file, before.size)
      const after = await file.stat()
      if (after.size === before.size && after.mtimeMs === before.mtimeMs && ref.sha256 === sha256) return ref
      await reached(discard)
      if (after.size !== before.size || after.mtimeMs !== before.mtimeMs) throw new Fault('media/changed', `${basename(from)} changed while it was sent; write it again when it is whole`)
      if (wrong > 0) throw new Fault('media/digest', `${basename(from)} arrived twice as something else than was sent`)
    }

    async function send(source: FileHandle, bytes: number): Promise<{ ref: MediaRef; sha256: string }> {
      const hash = createHash('sha256')
      let hashed = 0 // what is behind it was never sent
      let offset = 0
      for (let failures = 0; ; await pause(patience, ++failures, signal)) {
        try {
          if (failures > 0) {
            const last = offset
            offset = await offsetThere()
            // More than we ever sent is of an earlier file of this name.
            if (offset > hashed) {
              await discard()
              offset = 0
            }
            if (offset > last) failures = 0
          }
          const ref = await patch(source, bytes)
          if (ref) return { ref, sha256: hash.digest('hex') }
        } catch (e) {
          if (!(e instanceof Fault && ['core/unreachable', 'media/busy', 'media/offset'].includes(e.code))) throw e
        }
      }

      /** Null: core wants more. */
      async function patch(source: FileHandle, bytes: number): Promise<MediaRef | null> {
        const request = beginRequest(core, {
          method: 'PATCH', path, signal,
          headers: { 'content-type': 'application/offset+octet-stream', 'content-length': String(bytes - offset), 'upload-offset': String(offset), 'upload-length': String(bytes) },
        })
        const answer = answerTo(request, signal)
        let answered = false
        answer.then(() => { answered = true }, () => { answered = true })
        try {
          for (let at = offset; at < bytes && !answered;) {
            const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, bytes - at))
            const { bytesRead } = await source.read(chunk, 0, chunk.length, at).catch((e: unknown) => { throw readFault(e, from) })
            if (bytesRead === 0) throw new Fault('media/changed', `${basename(from)} became shorter while it was sent`)
            at += bytesRead
            if (at > hashed) hash.update(chunk.subarray(bytesRead - (at - hashed), bytesRead))
            hashed = Math.max(hashed, at)
            if (!request.write(chunk.subarray(0, bytesRead)) && !answered) await drained(request, patience.stall_ms)
          }
          if (!answered) request.end()
          const said = await accepted(await within(answer, request, patience.answer_ms), signal)
          const text = await textOf(said, signal)
          return said.statusCode === 204 ? null : (JSON.parse(text) as MediaRef)
        } finally {
          if (!request.writableFinished) request.destroy()
        }
      }

      async function offsetThere(): Promise<number> {
        const answer = await requestCore(core, { method: 'HEAD', path, signal }, patience.stall_ms)
        answer.resume()
        const there = Number(answer.headers['upload-offset'] ?? NaN)
        if (!Number.isSafeInteger(there)) throw new Fault('core/unreachable', 'the appliance does not say how much it has')
        return there
      }
    }

    /** Tries again while core does not answer. */
    async function reached(ask: () => Promise<void>): Promise<void> {
      for (let failures = 0; ;) {
        try {
          return await ask()
        } catch (e) {
          if (!(e instanceof Fault && (e.code === 'core/unreachable' || e.code === 'media/busy'))) throw e
          await pause(patience, ++failures, signal)
        }
      }
    }
  } finally {
    await file.close()
  }
}

/** Resolves when the connection takes more, or has ended. */
function drained(request: ClientRequest, stall_ms: number): Promise<void> {
  return new Promise((go) => {
    const timer = setTimeout(() => request.destroy(new Error(`no byte went for ${stall_ms / 1000} s`)), stall_ms)
    const done = () => {
      clearTimeout(timer)
      for (const event of ['drain', 'close', 'response', 'error']) request.off(event, done)
      go()
    }
    for (const event of ['drain', 'close', 'response', 'error']) request.on(event, done)
  })
}

async function within<T>(answer: Promise<T>, request: ClientRequest, most_ms: number): Promise<T> {
  const timer = setTimeout(() => request.destroy(new Error(`no answer within ${most_ms / 1000} s`)), most_ms)
  try {
    return await answer
  } finally {
    clearTimeout(timer)
  }
}
