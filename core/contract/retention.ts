/**
 * What a planner of retention sees and says. The planner is pure: it reads nothing and removes nothing. Core gathers the
 * library, asks it, and does what it says only after it has looked for itself (core/retention).
 */
import type { MediaRef } from './media.ts'
import type { AssetDoc, CopyDoc, TrackDoc } from './records.ts'

/** A file that holds the recording: what came in (`original`), or a copy under the catalogue's name for it. */
export interface LibraryFile {
  readonly role: string
  readonly media: MediaRef
  readonly verified_ms: number | null // when it was last read back from its volume and its digest matched; never asked of the original
  readonly checks: CopyDoc['checks']
  readonly there: boolean | null // it lies on its volume with its size; null: nobody could look
  readonly written_ms: number | null // when it came to lie there, by the clock of its volume; null: not known
}

export interface LibraryItem {
  readonly asset: AssetDoc // with what people said laid over it
  readonly kept: boolean // a person said so, of the recording or of its drive
  readonly drives: readonly string[] // `drive:<id>` of its drive, then those by which that was known before; none: it lies in no drive
  readonly files: readonly LibraryFile[] // those that were removed are not among them
  readonly looked: boolean // pictures were made of it, and a reader went through it
  readonly sightings: number
  readonly area: string | null // name of the first area of the settings that it passes
}

/** A volume as it was found now, against what the catalogue says of it. */
export interface VolumeSight {
  readonly mounted: boolean // its own marker was read
  readonly files: number // that the catalogue says lie on it
  readonly there: number // of those, found with their size
  readonly bytes_free: number | null
  readonly bytes_resting: number // in its trash: a rename freed nothing yet, and nothing has to be done for them to come free
}

export interface Library {
  readonly items: readonly LibraryItem[]
  readonly volumes: ReadonlyMap<string, VolumeSight>
  readonly now_ms: number
}

/** One file: whether it goes, and why it does or stays. */
export interface PlanLine {
  readonly sha256: string // of the recording
  readonly role: string
  readonly name: string
  readonly camera: string
  readonly start_ms: number | null
  readonly media: MediaRef
  readonly goes: boolean
  readonly to: string // the rung of the recording by the rules, whether or not it is there yet
  readonly reason: string // one word, to group by
  readonly why: string // a sentence
  readonly wins_bytes: number // 0 when it stays
  /** All of these must be read back, each with its digest, before the file may go. Empty when it stays. */
  readonly replaced_by: readonly MediaRef[]
}

/** A smaller copy that a rung asks for and that is not there. */
export interface Make { readonly sha256: string; readonly rung: string; readonly media: MediaRef } // made from this file

export interface Plan { readonly lines: readonly PlanLine[]; readonly makes: readonly Make[] }

/** What holds for all that is removed. */
export interface Terms {
  readonly grace_days: number // in the trash, before the bytes are gone
  readonly at: string // HH:MM, local time: when a run begins by itself
  readonly most_part: number // of a volume's files, in one run
  readonly steps: readonly { readonly rung: string; readonly after_days: number }[]
  readonly says: readonly string[] // the rules in sentences
}

/** The half of a plugin that says what goes. One plugin at most has it. */
export interface Planner<Config> {
  readonly terms: (config: Config) => Terms
  /** Name of the area that a track passes; null: none. When this itself is null there are no areas, and no track is read. */
  readonly placed: (config: Config) => ((track: TrackDoc) => string | null) | null
  readonly plan: (library: Library, config: Config) => Plan
}
