/** One file of a camera, from where it was left: what has come is not fetched again, and belongs to the same file or is thrown away. */
import { setTimeout as wait } from 'node:timers/promises'
import { Fault } from '../../core/contract/fault.ts'
import type { Receiving } from '../../core/contract/media.ts'
import type { Answer, Door } from './door.ts'

export interface Pull {
  readonly door: Door
  readonly file: { readonly path: string; readonly bytes: number | null; readonly time: string | null }
  readonly into: Receiving
  readonly signal: AbortSignal
  /** Whether the size that the answer tells is the file's: false while it is still being written. Default: always. */
  readonly agrees?: (total: number | null) => boolean
}

/** What is fetched again and compared; after a power cut all that may not have reached the disk. */
const TAIL_BYTES = 64 << 10
/** Answers with other bytes than were asked for, before it is given up. */
const MOST_STRANGE = 4
/** Connections in a row that brought nothing. */
const MOST_BARREN = 3
const PAUSE_MS = 200

/**
 * Resolves when everything is in `into`, of the size that the camera says. Goes on over cuts as long as each try brings something.
 * Throws `camera/unreachable`, `camera/invalid` (answers that are no part of the file), `media/missing` (gone from the card),
 * `media/changed` (still being written), and what `into` throws. What has come by then stays.
 */
export async function pull({ door, file, into, signal, agrees = () => true }: Pull): Promise<void> {
  let strange = 0
  let ended_bytes: number | null = null // where a body of unknown length ended
  let differed = false // what came earlier and what comes now
  for (let barren = 0; ;) {
    signal.throwIfAborted()
    const had = into.bytes
    const { unsure_bytes } = into
    const tail = await into.tail(differed ? TAIL_BYTES : Math.max(TAIL_BYTES, unsure_bytes))
    let answer: Answer | null = null
    try {
      answer = await door.ask(file.path, { from: had - tail.length, signal })
      if (await take(answer, tail)) return
    } catch (e) {
      if (!(e instanceof Fault)) throw e
      if (e.code === 'camera/invalid') {
        if (++strange >= MOST_STRANGE) throw e
        // Once it may have been the camera's mistake, or our disk lost its end with the power; twice the file is another one.
        if (strange % 2 === 0) await into.truncate(0)
        else if (differed && unsure_bytes > 0) await into.truncate(had - tail.length)
      } else if (e.code !== 'camera/unreachable' || (into.bytes <= had && ++barren >= MOST_BARREN)) throw e
    } finally {
      answer?.end()
    }
    if (into.bytes > had) barren = 0
    else await wait(PAUSE_MS * 2 ** barren, undefined, { signal })
  }

  /** @returns whether it is whole now. */
  async function take(answer: Answer, tail: Buffer): Promise<boolean> {
    const { status, total } = answer
    if (status === 404 || status === 410) throw new Fault('media/missing', `${file.path} is no longer on the card`)
    if (status === 416) {
      if (total === into.bytes && total > 0) return true // the size that was told before was wrong: there is no more
      throw new Fault('camera/invalid', `${door.address} has fewer bytes of ${file.path} than came already`)
    }
    if ((status !== 200 && status !== 206) || /^text\/html/i.test(answer.type)) throw new Fault('camera/invalid', `${door.address}${file.path} is answered with ${status} ${answer.type} in place of a recording`)
    if (!agrees(total)) throw new Fault('media/changed', `${file.path} is still being written`)
    const bytes = total ?? file.bytes
    const had = into.bytes
    await into.says({ bytes, time: file.time })
    // Another file than the one before: its beginning is asked for, unless this is it.
    if (into.bytes !== had && answer.from > 0) throw new Fault('camera/invalid', `${file.path} has another size or time than before`)
    const begins = into.bytes - (into.bytes === had ? tail.length : 0)
    if (answer.from > into.bytes) throw new Fault('camera/invalid', `${door.address} sends another part of ${file.path} than was asked for`)

    let at = answer.from
    for await (const chunk of answer.body()) {
      const known = into.bytes - at
      if (known > 0) {
        const [first, last] = [Math.max(at, begins), Math.min(at + chunk.length, into.bytes)]
        differed = last > first && !chunk.subarray(first - at, last - at).equals(tail.subarray(first - begins, last - begins))
        if (differed) throw new Fault('camera/invalid', `${file.path} is not what it was, or ${door.address} sends another part of it than it says`)
      }
      const fresh = known > 0 ? chunk.subarray(known) : chunk
      at += chunk.length
      const room = bytes === null ? fresh.length : bytes - into.bytes
      if (fresh.length > 0) await into.append(fresh.length > room ? fresh.subarray(0, room) : fresh)
      if (into.bytes === bytes) return true
    }
    if (into.bytes === bytes) return true
    if (bytes === null) {
      // A connection that ends may have been cut: it is the end when it ends there twice.
      const isEnd = ended_bytes === into.bytes
      ended_bytes = into.bytes
      return isEnd
    }
    throw new Fault('camera/unreachable', `${file.path} ended after ${into.bytes} of ${bytes} bytes`)
  }
}
