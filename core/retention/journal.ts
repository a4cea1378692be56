/** What is on its way out, durably: an entry is synced before a file moves, and says where it is until its bytes are gone or it is back. */
import type { Home } from '../access/scope.ts'
import type { MediaRef } from '../contract/media.ts'
import type { RemovalDoc } from '../contract/records.ts'
import { past, type Log } from '../store/log.ts'
import type { Batch } from '../tasks/batch.ts'
import { homeKey } from '../tasks/keys.ts'

/**
 * `planned`: it may have moved already, its place and the trash tell. `trash`: it rests there. `ending`: its bytes may be gone already.
 * There is no entry for a file that is at its place, nor for one whose bytes are gone.
 */
export interface Leaving {
  readonly id: string
  readonly state: 'planned' | 'trash' | 'ending'
  readonly at_ms: number // when it was planned; once in the trash, when it came there
  readonly sha256: string // of the recording
  readonly role: string
  readonly name: string
  readonly media: MediaRef // where it lay
  readonly trash: string // where it lies in the trash, relative to the volume's root
  readonly replaced_by: readonly MediaRef[]
  readonly left: readonly string[] // roles of the files that hold the recording then
  readonly drive: string | null // in which it lay when that was planned
  readonly why: string
}

export interface Switch { readonly on: boolean; readonly by: string | null; readonly at_ms: number | null }
/** What the last run did. */
export interface RunNote { readonly at_ms: number; readonly by: string; readonly moved: number; readonly moved_bytes: number; readonly freed: number; readonly freed_bytes: number; readonly asked: number; readonly refused: readonly { readonly name: string; readonly why: string }[] }

const WORD = 'retention!'
const prefix = (home: Home) => `${WORD}${homeKey(home)}!`
const leavingKey = (home: Home, id: string) => `${prefix(home)}leaving!${id}`

export class Journal {
  readonly #log: Log
  readonly #home: Home

  constructor(log: Log, home: Home) {
    this.#log = log
    this.#home = home
  }

  get log(): Log { return this.#log }

  /** Oldest first. */
  async all(): Promise<Leaving[]> {
    const at = leavingKey(this.#home, '')
    return (await this.#log.range({ gte: at, lt: past(at) })).map(([, value]) => JSON.parse(value) as Leaving)
  }

  put(batch: Batch, entry: Leaving): void {
    batch.put(leavingKey(this.#home, entry.id), entry)
  }

  drop(batch: Batch, { id }: Leaving): void {
    batch.del(leavingKey(this.#home, id))
  }

  get switch(): Switch {
    const value = this.#log.get(`${prefix(this.#home)}switch`)
    return value === undefined ? { on: false, by: null, at_ms: null } : (JSON.parse(value) as Switch)
  }

  setSwitch(batch: Batch, to: Switch): void {
    batch.put(`${prefix(this.#home)}switch`, to)
  }

  get last(): RunNote | null {
    const value = this.#log.get(`${prefix(this.#home)}last`)
    return value === undefined ? null : (JSON.parse(value) as RunNote)
  }

  setLast(batch: Batch, note: RunNote): void {
    batch.put(`${prefix(this.#home)}last`, note)
  }
}

export const placeOf = ({ media }: Pick<Leaving, 'media'>): string => `${media.volume}/${media.path}`
export const placesIn = (entries: readonly Pick<Leaving, 'media'>[]): Set<string> => new Set(entries.map(placeOf))

/** The document that tells readers of it. */
export const removalOf = ({ sha256, role, media, why, left }: Leaving, state: RemovalDoc['state'], at_ms: number): RemovalDoc =>
  ({ _id: `removal:${sha256}:${role}`, kind: 'removal', asset: sha256, role, media, state, at_ms, why, left: [...left] })
