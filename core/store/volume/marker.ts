/** The marker of a folder's volume, as it is read before anything is believed of that folder. */
import { Fault } from '../../contract/fault.ts'
import { openFolder } from './folder.ts'
import type { Marker } from './volume.ts'

/** A server that is gone lets a look at its mount hang for as long as it is gone. */
const ANSWER_MS = 5_000

const looks = new Map<string, { readonly marker: Promise<Marker | null>; readonly since_ms: number }>()

/**
 * Null: there is none. Throws `media/unmounted` when the mount cannot be read, or does not answer in time. A look that hangs takes one of
 * the few threads that Node reads files with: whoever asks meanwhile waits for that one, and begins none of his own.
 */
export function readMarker(root: string): Promise<Marker | null> {
  const look = looks.get(root) ?? { marker: openFolder(root).marker().finally(() => looks.delete(root)), since_ms: performance.now() }
  looks.set(root, look)
  return inTime(look.marker, Math.max(0, ANSWER_MS - (performance.now() - look.since_ms)))
}

/** Throws `media/unmounted` when it takes longer than a disk may. */
export async function inTime<T>(look: Promise<T>, most_ms = ANSWER_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, fail) => {
    timer = setTimeout(() => fail(new Fault('media/unmounted', `the mount does not answer within ${ANSWER_MS / 1000} s`)), most_ms)
  })
  try {
    return await Promise.race([look, late])
  } finally {
    clearTimeout(timer)
  }
}
