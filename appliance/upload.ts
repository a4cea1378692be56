/** A file of ours into the staging folder of a task, over a link that may break: core says how much it has, and the rest follows. */
import { createHash, type Hash } from 'node:crypto'
import { open, type FileHandle } from 'node:fs/promises'
import type { ClientRequest, InformationEvent } from 'node:http'
import { basename } from 'node:path'
import { Fault } from '../core/contract/fault.ts'
import type { MediaRef } from '../core/contract/media.ts'
import { readFault } from '../core/store/durable.ts'
import { accepted, answerTo, beginRequest, requestCore, textOf, type CoreAddress } from './core-request.ts'
import { pause, PATIENCE, type Patience } from './patience.ts'

const CHUNK_BYTES = 256 << 10
/** So much may be under way without core having said that it has it, and no more is sent twice after a cut: the system's own buffers hold many MiB. */
const WINDOW_BYTES = (1 << 20) - CHUNK_BYTES
/** A proxy in between may keep core's words to itself. Then nothing is waited for. */
const WORDLESS_MS = 2_000

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
export async function upload(ask: UploadAsk): Promise<MediaRef> {
  const { from, signal, patience = PATIENCE } = ask
  const name = basename(from)
  const file = await open(from, 'r').catch((e: unknown) => { throw readFault(e, from) })
  try {
    const before = await file.stat()
    for (let wrong = 0; ; wrong++) {
      const sending: Sending = { file, from, bytes: before.size, offset: 0, hash: createHash('sha256'), hashed: 0 }
      const ref = await untilWhole(ask, sending, patience)
      const after = await file.stat()
      const changed = after.size !== before.size || after.mtimeMs !== before.mtimeMs
      if (!changed && ref.sha256 === sending.hash.digest('hex')) return ref
      await discard(ask, patience, signal)
      if (changed) throw new Fault('media/changed', `${name} changed while it was sent; write it again when it is whole`)
      if (wrong > 0) throw new Fault('media/digest', `${name} arrived twice as something else than was sent`)
    }
  } finally {
    await file.close()
  }
}

interface Sending {
  readonly file: FileHandle
  readonly from: string
  readonly bytes: number
  readonly hash: Hash
  hashed: number // bytes that `hash` has seen; none behind them was ever sent
  offset: number // what core has
}

/** These are mended by asking again. */
const AGAIN: readonly string[] = ['core/unreachable', 'media/busy', 'media/offset']

/** The first try says nothing before it: core has nothing yet, as a rule. */
async function untilWhole(ask: UploadAsk, sending: Sending, patience: Patience): Promise<MediaRef> {
  for (let failures = 0; ; await pause(patience, ++failures, ask.signal)) {
    try {
      if (failures > 0) {
        const there = await stateThere(ask, patience)
        // Another length, or more than we ever sent, is of an earlier file of this name.
        const earlier = there.offset > sending.hashed || (there.length !== null && there.length !== sending.bytes)
        if (earlier) await discard(ask, patience, ask.signal)
        if (there.offset > sending.offset) failures = 0
        sending.offset = earlier ? 0 : there.offset
      }
      const ref = await sendRest(ask, sending, patience)
      if (ref) return ref
    } catch (e) {
      if (!(e instanceof Fault && AGAIN.includes(e.code))) throw e
    }
  }
}

/** Null: core wants more. */
async function sendRest({ core, path, signal }: UploadAsk, sending: Sending, patience: Patience): Promise<MediaRef | null> {
  const { offset, bytes } = sending
  const request = beginRequest(core, {
    method: 'PATCH', path, signal,
    headers: { 'content-type': 'application/offset+octet-stream', 'content-length': String(bytes - offset), 'upload-offset': String(offset), 'upload-length': String(bytes), 'upload-progress': '?1' },
  })
  const answer = answerTo(request, signal)
  let answered = false // or broken
  answer.then(() => { answered = true }, () => { answered = true })
  let taken = offset
  let wordless = false
  request.on('information', ({ headers }: InformationEvent) => { taken = Math.max(taken, Number(headers['upload-offset'] ?? 0)) })
  try {
    for (let at = offset; at < bytes && !answered;) {
      const chunk = await readChunk(sending, at)
      at += chunk.length
      let full = !request.write(chunk)
      while (!answered && (full || (!wordless && at - taken > WINDOW_BYTES && at < bytes))) {
        const unheard = !full && taken === offset
        const heard = await news(request, unheard ? Math.min(WORDLESS_MS, patience.stall_ms) : patience.stall_ms)
        full &&= request.writableNeedDrain
        if (!heard && unheard) wordless = true
        else if (!heard) request.destroy(new Error(`no byte went for ${patience.stall_ms / 1000} s`))
      }
    }
    if (!answered) request.end()
    const said = await accepted(await within(answer, request, patience.answer_ms), signal)
    const text = await textOf(said, signal)
    return said.statusCode === 204 ? null : (JSON.parse(text) as MediaRef)
  } finally {
    if (!request.writableFinished) request.destroy()
  }
}

/** The next bytes from `at` on, hashed unless they were before. */
async function readChunk(sending: Sending, at: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, sending.bytes - at))
  const { bytesRead } = await sending.file.read(buffer, 0, buffer.length, at).catch((e: unknown) => { throw readFault(e, sending.from) })
  if (bytesRead === 0) throw new Fault('media/changed', `${basename(sending.from)} became shorter while it was sent`)
  const fresh = at + bytesRead - sending.hashed
  if (fresh > 0) {
    sending.hash.update(buffer.subarray(bytesRead - fresh, bytesRead))
    sending.hashed += fresh
  }
  return buffer.subarray(0, bytesRead)
}

async function stateThere({ core, path, signal }: UploadAsk, { stall_ms }: Patience): Promise<{ offset: number; length: number | null }> {
  const { headers } = (await requestCore(core, { method: 'HEAD', path, signal }, stall_ms)).resume()
  const [offset, length] = [headers['upload-offset'], headers['upload-length']]
  if (typeof offset !== 'string') throw new Fault('core/unreachable', 'the appliance does not say how much it has')
  return { offset: Number(offset), length: typeof length === 'string' ? Number(length) : null }
}

/** What core has of it is wrong, and goes before anything else is said. */
async function discard({ core, path }: UploadAsk, patience: Patience, signal: AbortSignal): Promise<void> {
  for (let failures = 0; ; await pause(patience, ++failures, signal)) {
    try {
      return void (await requestCore(core, { method: 'DELETE', path, signal }, patience.answer_ms)).resume()
    } catch (e) {
      if (!(e instanceof Fault && AGAIN.includes(e.code))) throw e
    }
  }
}

const NEWS = ['drain', 'information', 'response', 'error', 'close'] as const

/** False: nothing happened for so long. */
function news(request: ClientRequest, most_ms: number): Promise<boolean> {
  return new Promise((go) => {
    const told = (heard: boolean) => {
      clearTimeout(timer)
      for (const event of NEWS) request.off(event, heard_)
      go(heard)
    }
    const heard_ = () => told(true)
    const timer = setTimeout(() => told(false), most_ms)
    for (const event of NEWS) request.on(event, heard_)
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
