/** One clip, with the files that belong to it, from its camera to its place on the volume. */
import { createHash } from 'node:crypto'
import { extname } from 'node:path/posix'
import { Fault, type FaultCode } from '../../core/contract/fault.ts'
import type { MediaRef, Receiving, WatchMedia } from '../../core/contract/media.ts'
import { dayOf, safeFolder } from '../folder/layout.ts'
import type { Clip } from './clip.ts'
import type { Door } from './door.ts'
import { pull } from './pull.ts'

const VOLUME = 'media'
/** Some answer 403, 500 or a page for a file that is not there. */
const NOT_THERE: readonly FaultCode[] = ['camera/invalid']
/** Always at the same place, where the card is worn. */
const BREAKS_OFF: readonly FaultCode[] = ['camera/unreachable']

export interface Fetch {
  readonly key: string // of the clip, among all that ever came
  readonly clip: Clip
  readonly camera: string
  readonly door: Door
  readonly media: Pick<WatchMedia, 'receive'>
  readonly signal: AbortSignal
  readonly agrees: (total: number | null) => boolean
  /** Whether what lies beside it and is not sent as it should be is asked for again, before the clip comes without it. */
  readonly insists: boolean
  /** The clip itself, once it begins to come. */
  readonly onBegin: (into: Receiving) => void
}

export interface Fetched { readonly media: MediaRef; readonly sidecars: { media: MediaRef; format: string }[] }

/** @param told is called when all of it is in its place; when it has resolved, nothing more is remembered of how it came */
export async function fetchClip({ key, clip, camera, door, media, signal, agrees, insists, onBegin }: Fetch, told: (fetched: Fetched) => Promise<void>): Promise<void> {
  const received: Receiving[] = []
  const receive = async (name: string) => {
    const into = await media.receive(VOLUME, pathOf(camera, name, clip), name === clip.name ? key : `${key}|${name}`)
    received.push(into)
    return into
  }
  /** Null: it is not on the card (any more), or the camera cannot send what may be missing. Other bytes of its name get one of their own: after a clock was set back, names come again. */
  async function place(into: Receiving, name: string, mayMiss: readonly FaultCode[], fetch: () => Promise<void>): Promise<MediaRef | null> {
    if (into.placed) return into.placed
    try {
      await fetch()
    } catch (e) {
      if (e instanceof Fault && (e.code === 'media/missing' || mayMiss.includes(e.code))) return null
      throw e
    }
    try {
      return await into.place()
    } catch (e) {
      if (!(e instanceof Fault && e.code === 'media/conflict')) throw e
      const path = pathOf(camera, name, clip)
      const extension = extname(path)
      return into.place(`${path.slice(0, path.length - extension.length)}~${createHash('sha256').update(key).digest('hex').slice(0, 8)}${extension}`)
    }
  }
  try {
    const sidecars: Fetched['sidecars'] = []
    for (const beside of clip.beside) {
      const into = await receive(beside.name)
      const log = await place(into, beside.name, insists ? (beside.format === null ? NOT_THERE : []) : [...NOT_THERE, ...BREAKS_OFF], () => pull({ door, into, signal, file: { path: beside.path, bytes: null, time: clip.time } }))
      if (log && beside.format !== null) sidecars.push({ media: log, format: beside.format })
    }
    const into = await receive(clip.name)
    onBegin(into)
    const placed = await place(into, clip.name, [], () => pull({ door, into, signal, file: clip, agrees }))
    if (!placed) throw new Fault('media/missing', `${clip.path} is no longer on the card`)
    await told({ media: placed, sidecars })
    for (const file of received) await file.drop()
  } finally {
    for (const file of received) await file.close()
  }
}

const pathOf = (camera: string, name: string, clip: Clip): string =>
  `raw/${safeFolder(camera)}/${dayOf(clip.name) ?? clip.time?.slice(0, 10) ?? 'undated'}/${name}`
