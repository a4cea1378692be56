/** Whether a clip may go from its camera's card. On any doubt it stays. */
import { open } from 'node:fs/promises'
import { Fault } from '../../core/contract/fault.ts'
import type { MediaRef, WatchMedia } from '../../core/contract/media.ts'
import type { Clip } from './clip.ts'
import { firstOf, type Door } from './door.ts'
import type { CameraSettings } from './settings.ts'

/** As the archive answers: `WatchContext.archived`. */
export type Verdict = { readonly media: MediaRef; readonly original: MediaRef; readonly why: null } | { readonly media: null; readonly original: MediaRef | null; readonly why: string }

const TAIL_BYTES = 256 << 10

/** Why it stays without asking anybody; null: the archive and the camera are asked. Pure. */
export function staysFor({ event, mayBeLocked }: Pick<Clip, 'event' | 'mayBeLocked'>, { delete: rule }: Pick<CameraSettings, 'delete'>): string | null {
  if (rule === 'never') return 'nothing is deleted from this camera'
  if (rule === 'archived-and-locked') return null
  if (event === 'locked') return 'locked recordings stay on the camera'
  return mayBeLocked ? 'the camera does not say whether it is locked' : null
}

/** Why it stays by what the archive, the listing and the camera's own answer say; null: it may go. Pure. */
function staysBy(verdict: Verdict, { bytes: listed_bytes }: Pick<Clip, 'bytes'>, total_bytes: number | null): string | null {
  if (verdict.media === null) return verdict.why
  const { bytes, sha256 } = verdict.original
  if (verdict.media.sha256 !== sha256 || verdict.media.bytes !== bytes) return 'what is archived is not what came in'
  if (total_bytes === null) return 'the camera does not say how large it is'
  if (total_bytes !== bytes) return `the camera has ${total_bytes} bytes of it, the archive ${bytes}`
  if (listed_bytes !== null && listed_bytes !== bytes) return `the camera lists ${listed_bytes} bytes of it, the archive has ${bytes}`
  return null
}

/** Asks the camera for the clip's end, and compares it with the end of what came in. @returns why it stays; null: it may go. Throws `camera/unreachable`. */
export async function doubt(verdict: Verdict, clip: Clip, door: Door, media: Pick<WatchMedia, 'read'>, signal: AbortSignal): Promise<string | null> {
  if (verdict.media === null) return verdict.why
  const length = Math.min(TAIL_BYTES, verdict.original.bytes)
  const from = verdict.original.bytes - length
  const answer = await door.ask(clip.path, { from, to: from + length - 1, signal })
  try {
    if (answer.status !== 206 && answer.status !== 200) return `the camera answers ${answer.status} for it`
    const by = staysBy(verdict, clip, answer.total)
    if (by !== null) return by
    if (answer.from !== from) return 'the camera does not send the part of it that is asked for'
    return (await firstOf(answer, length)).equals(await tailOf(await media.read(verdict.original), from, length)) ? null : 'the camera has something else under its name'
  } catch (e) {
    if (e instanceof Fault && e.code.startsWith('media/')) return `what came in cannot be compared with it: ${e.message}`
    throw e
  } finally {
    answer.end()
  }
}

async function tailOf(path: string, from: number, length: number): Promise<Buffer> {
  const file = await open(path, 'r')
  try {
    const buffer = Buffer.alloc(length)
    let have = 0
    for (let read = -1; read !== 0 && have < length; have += read) read = (await file.read(buffer, have, length - have, from + have)).bytesRead
    return buffer.subarray(0, have)
  } finally {
    await file.close()
  }
}
