import { basename, join, relative } from 'node:path'
import type { Static } from 'typebox'
import { Fault } from '../../core/contract/fault.ts'
import type { WatchContext } from '../../core/contract/plugin.ts'
import { classify, type Take } from './classify.ts'
import { arrivalKey, Intake } from './intake.ts'
import { cardOf } from './layout.ts'
import { list, type Heads, type Listing } from './listing.ts'
import type { FolderConfig, folderEvents } from './plugin.ts'
import { rest } from './rest.ts'
import { unstable_ms, type Seen } from './stable.ts'

export type Ctx = WatchContext<Static<typeof FolderConfig>, typeof folderEvents>

/** Copies under way at once: one reads while another is synced. */
const COPIES = 3
/** Without any word from the system, a watched folder is looked at this often. */
export const LOOK_MS = 60_000
/** After a full disk or a lost mount, doubled up to a minute. */
const REST_MS = 2_000
const MOST_REST_MS = 60_000

export interface Place {
  readonly path: string
  readonly camera?: string // left out: the card, or the folder itself
  readonly atRest: boolean // nobody writes there now
  readonly waits: boolean // for a share or a card that is away, and for room; otherwise that is a refusal
  /** Whether what is there can still be believed; a card may have been pulled out. */
  readonly isThere?: () => Promise<boolean>
}

export interface Found { readonly recordings: number; readonly refused: number; readonly bytes: number }

/** One folder, looked at again and again. */
export class Look {
  readonly #place: Place
  readonly #ctx: Ctx
  readonly #isThere: () => Promise<boolean>
  readonly #intake: Intake
  readonly #heads: Heads = new Map()
  readonly #seen: Seen = new Map()
  readonly #done = new Set<string>() // keys of events that are out
  #found: Found = { recordings: 0, refused: 0, bytes: 0 }
  #rest_ms = REST_MS

  constructor(place: Place, ctx: Ctx) {
    this.#place = place
    this.#ctx = ctx
    this.#isThere = place.isThere ?? (() => Promise.resolve(true))
    this.#intake = new Intake(ctx.media)
  }

  /** What lay there when it was looked at last; logs count as recordings. */
  get found(): Found {
    return this.#found
  }

  /** Of the events that are out, in order. */
  get keys(): readonly string[] {
    return [...this.#done].sort()
  }

  /** Takes what is whole. Returns after how long to look again, ms; null: everything there is dealt with. */
  async sweep(): Promise<number | null> {
    const listing = await list(this.#place.path, this.#heads)
    const { takes, refusals } = classify(listing.entries)
    let unsaid = false
    for (const { path, code, message } of listing.odd) {
      if (code === 'media/missing' && this.#place.waits) return LOOK_MS // a share that is not mounted now
      unsaid ||= !(await this.#refuse(listing.root, relative(listing.root, path), code, message, code))
    }
    this.#found = { recordings: takes.length, refused: refusals.length + listing.odd.length, bytes: takes.reduce((sum, { entry }) => sum + entry.bytes, 0) }
    const again: number[] = []
    const ready: Take[] = []
    for (const take of takes) {
      const unstable = [take.entry, ...take.sidecars.map((s) => s.entry)].map((e) => this.#unstable_ms(e))
      const most_ms = Math.max(...unstable)
      if (most_ms > 0) again.push(most_ms)
      else ready.push(take)
    }
    for (const { entry, code, message } of refusals) {
      const left_ms = this.#unstable_ms(entry)
      if (left_ms > 0) again.push(left_ms)
      else unsaid ||= !(await this.#refuse(listing.root, entry.path, code, message, `${entry.bytes}|${entry.mtime_ms}`))
    }
    const trouble = await this.#takeAll(ready, listing)
    if (trouble || unsaid) {
      again.push(this.#rest_ms)
      this.#rest_ms = Math.min(MOST_REST_MS, this.#rest_ms * 2)
    } else this.#rest_ms = REST_MS
    return again.length === 0 ? null : Math.max(50, Math.min(...again))
  }

  #unstable_ms(entry: Take['entry']): number {
    return unstable_ms(entry, this.#seen, this.#place.atRest, this.#ctx.config.stable_s, Date.now())
  }

  /** @returns Whether something is to be tried again. */
  async #takeAll(takes: readonly Take[], listing: Listing): Promise<boolean> {
    let trouble = false
    const queue = takes.values()
    const worker = async () => {
      for (const take of queue) {
        if (this.#ctx.signal.aborted) return
        if (!(await this.#take(take, listing.root))) trouble = true
      }
    }
    await Promise.all(Array.from({ length: COPIES }, worker))
    return trouble
  }

  async #take(take: Take, root: string): Promise<boolean> {
    const key = arrivalKey(root, take)
    if (this.#done.has(key)) return true
    try {
      if (!(await this.#ctx.known('arrived', key))) {
        await this.#ctx.emit('arrived', key, await this.#intake.take(root, take, this.#place.camera ?? take.camera ?? basename(root)))
      }
    } catch (cause) {
      if (!(cause instanceof Fault)) throw cause
      if (cause.code === 'media/changed') return false
      if (cause.code === 'media/missing' && this.#place.waits) return true // taken away meanwhile
      if (cause.code === 'media/unmounted' || (cause.code === 'media/full' && this.#place.waits)) return false
      return this.#refuse(root, take.entry.path, cause.code, cause.message, `${take.entry.bytes}|${take.entry.mtime_ms}`)
    }
    this.#done.add(key)
    return true
  }

  /** @param inside Relative to the root; empty: the inbox itself.
   *  @returns Whether it is said: not of a card that was pulled out. */
  async #refuse(root: string, inside: string, code: string, message: string, state: string): Promise<boolean> {
    const name = join(root, inside)
    const key = `${name}|${state}`
    if (this.#done.has(key)) return true
    if (!(await this.#isThere())) return false
    const camera = this.#place.camera ?? cardOf(inside).at(-1) ?? basename(root)
    if (!(await this.#ctx.known('refused', key))) await this.#ctx.emit('refused', key, { name, camera, code, message })
    this.#done.add(key)
    return true
  }
}

/** Until everything there is dealt with, or the signal comes. */
export async function takeAll(look: Look, signal: AbortSignal): Promise<void> {
  for (let again_ms = await look.sweep(); again_ms !== null && !signal.aborted; again_ms = await look.sweep()) await rest(again_ms, signal)
}
