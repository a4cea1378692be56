/** Bytes that came in before and come in once more: by another way, under another name, without the lock that they had. */
import { Fault } from '../contract/fault.ts'
import type { MediaRef } from '../contract/media.ts'
import type { AssetDoc, Doc } from '../contract/records.ts'
import type { Volumes } from './volumes.ts'

/** Whether a file lies at its place. */
export type Lies = (media: MediaRef) => Promise<boolean>

/** What asks to keep a recording, the firmest first. */
const FIRM: readonly AssetDoc['event'][] = ['locked', 'manual']

/**
 * `now` as it enters the catalogue. What once asked to keep the recording still does: only a person takes that back, by an edit. And its
 * original stays the file that is known while that lies there; otherwise nobody would count, read or thin it any more. It also stays that
 * camera's: a card that is read after its clips came by radio is called by its label, and the drives would fall apart.
 */
export async function again(before: Doc | undefined, now: Doc, lies: Lies): Promise<Doc> {
  if (before?.kind !== 'asset' || now.kind !== 'asset') return now
  const [was, is] = [before as Doc & AssetDoc, now as Doc & AssetDoc]
  const event = FIRM.find((firm) => firm === was.event || firm === is.event) ?? is.event
  const moved = was.media.volume !== is.media.volume || was.media.path !== is.media.path
  return { ...is, camera: was.camera, event, media: moved && (await lies(was.media)) ? was.media : is.media }
}

/** Where nobody can look it is taken to: a disk that is away or sick has lost nothing yet. */
export const liesOn = (volumes: Pick<Volumes, 'at'>): Lies => async ({ volume, path, bytes }) => {
  try {
    return (await (await volumes.at(volume)).stat(path))?.bytes === bytes
  } catch (e) {
    if (e instanceof Fault) return true
    throw e
  }
}
