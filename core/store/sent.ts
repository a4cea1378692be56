/**
 * What browsers sent into the inbox. It is remembered, so that a card that is dropped once more is not sent again; and what the library
 * has is let go from there: the person's own copy is on the card, and the disk would hold each recording twice.
 */
import { rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import { Fault } from '../contract/fault.ts'
import type { MediaRef } from '../contract/media.ts'
import { errno, hashFile, makeFolders, readOrNull, stateAt, syncFolder, writeDurable } from './durable.ts'
import { namesIn } from './volumes.ts'

const NOTES = '.sent'
/** Nobody drops a card of last year. */
const FORGOTTEN_MS = 365 * 86_400_000

const Note = Type.Object({
  path: Type.String(), // in the inbox, `/` between parts
  bytes: Type.Integer(),
  modified_ms: Type.Number(),
  sha256: Type.String(),
})
export type SentFile = Static<typeof Note>

export interface Library {
  /** The original that it has of these bytes; null: it does not know them. */
  original(sha256: string): Promise<MediaRef | null>
  /** The digest of what its volume gives back now. Throws Fault, or what the disk says, when it gives nothing. */
  readBack(media: MediaRef): Promise<string>
}

export interface Sent {
  /** @param name tells this file of that card apart: letters and digits */
  note(name: string, file: SentFile): Promise<void>
  /** It was sent before, and is in the library. */
  isIn(name: string): Promise<boolean>
  /** Clears from the inbox what is still as it was sent and was read back from the library just now; the rest stays where it is. */
  letGo(now_ms: number, signal?: AbortSignal): Promise<void>
}

export function openSent(inbox: string, library: Library): Sent {
  const noted = (name: string) => join(inbox, NOTES, `${name}.json`)
  const read = async (name: string): Promise<SentFile | null> => parsed(await readOrNull(noted(name)))

  async function lies({ sha256 }: SentFile): Promise<boolean> {
    try {
      const original = await library.original(sha256)
      return original !== null && (await library.readBack(original)) === sha256
    } catch (e) {
      if (e instanceof Fault || errno(e) !== '') return false // its disk is away, or sick
      throw e
    }
  }

  async function clear(file: SentFile): Promise<void> {
    const place = join(inbox, file.path)
    const found = await stateAt(place)
    if (found === null || found.bytes !== file.bytes || Math.abs(found.mtime_ms - file.modified_ms) >= 2_000) return // or somebody made another file of it
    if (!(await lies(file)) || (await hashFile(place)) !== file.sha256) return
    await rm(place)
    await syncFolder(dirname(place))
    for (let folder = dirname(place); folder !== inbox; folder = dirname(folder)) if (!(await removedEmpty(folder))) break
  }

  return {
    async note(name, file) {
      await makeFolders(join(inbox, NOTES))
      await writeDurable(noted(name), JSON.stringify(file))
    },
    async isIn(name) {
      const file = await read(name)
      return file !== null && (await library.original(file.sha256)) !== null
    },
    async letGo(now_ms, signal) {
      for (const entry of await namesIn(join(inbox, NOTES))) {
        if (signal?.aborted) return
        const name = entry.slice(0, -'.json'.length)
        const file = await read(name)
        if (file !== null) await clear(file)
        const written = await stateAt(noted(name))
        if (written !== null && written.mtime_ms < now_ms - FORGOTTEN_MS) await rm(noted(name))
      }
    },
  }
}

function parsed(text: string | null): SentFile | null {
  try {
    const value: unknown = JSON.parse(text ?? 'null')
    return Value.Check(Note, value) ? value : null
  } catch (e) {
    if (e instanceof SyntaxError) return null
    throw e
  }
}

async function removedEmpty(folder: string): Promise<boolean> {
  try {
    await rmdir(folder)
    return true
  } catch (e) {
    if (['ENOTEMPTY', 'EEXIST', 'ENOENT', 'EACCES', 'EPERM', 'EBUSY'].includes(errno(e))) return false
    throw e
  }
}
