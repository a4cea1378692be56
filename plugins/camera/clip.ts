/** What a camera says of the files on its card, whoever made it. */
import type { AssetDoc } from '../../core/contract/records.ts'
import type { Door } from './door.ts'

export interface Clip {
  readonly name: string // as the camera calls it: a name that every file system takes
  readonly path: string // of the address that it is fetched from
  readonly bytes: number | null // exact; null: the listing rounds it, or says some number
  readonly time: string | null // when it was written, by the camera's own clock, to the minute: `2026-03-02T07:43`
  readonly channel: AssetDoc['channel']
  readonly event: AssetDoc['event']
  readonly mayBeLocked?: true // this listing does not tell: it is not deleted for now, nor left where it is for having been at home
  readonly beside: readonly Beside[]
}

/** A file of the same recording. */
export interface Beside {
  readonly name: string
  readonly path: string
  readonly format: string | null // of a log that goes on with the clip; null: it is kept beside it, and that is all
}

export interface Look {
  readonly clips: readonly Clip[] // in the camera's order
  readonly recording: boolean | null // null: it does not say
}

/** What differs between makers. */
export interface Driver {
  readonly maker: string
  /** Until the first word of an answer to `greet`. */
  readonly greeting_ms: number
  /** Resolves when such a camera answers. Throws `camera/unreachable`, `camera/invalid`. */
  greet(door: Door, signal: AbortSignal): Promise<void>
  look(door: Door, signal: AbortSignal): Promise<Look>
  /** Takes a clip from the card. Absent: such a camera cannot be told to. Throws `camera/invalid` when it refuses. */
  remove?(door: Door, clip: Clip, signal: AbortSignal): Promise<void>
}

/** What names a clip on its camera's card. Listings round sizes and leave out seconds, so neither is part of it: a camera whose clock was set back may give it again. */
export const clipId = ({ name, time }: Pick<Clip, 'name' | 'time'>): string => `${name}|${time ?? ''}`

/** And among all that ever came. @param bytes of one that has the name of another that came before; that one goes without */
export const keyOf = (camera: string, id: string, bytes: number | undefined): string => `${camera}|${id}${bytes === undefined ? '' : `|${bytes}`}`

/** A name that is one file in one folder, wherever it is written. */
export const isPlainName = (name: string): boolean => /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/.test(name)
