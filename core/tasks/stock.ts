import type { Home } from '../access/scope.ts'
import type { Log } from '../store/log.ts'
import { homeKey, pendingPrefix } from './keys.ts'
import { Later } from './later.ts'
import { AGEING_MS, turnOf } from './record.ts'
import { Window, type Entry } from './window.ts'

/** A pending task and where it is offered. */
export interface Offer extends Entry, Home { readonly stage: string }

/** So many of those whose turn is next are looked through for one whose input the device holds. */
export const NEAR = 64

/** So often a task is passed over for that, then it is given out before anything behind it. */
export const MAX_PASSED = 16

interface Standing { readonly stage: string; readonly window: Window; readonly entry: Entry }

/** All pending tasks that nobody works on: those whose turn it is, and those put aside for a time or a resource. */
export class Stock {
  readonly #log: Log
  readonly #isLeased: (id: string) => boolean
  readonly #windows = new Map<string, Window>()
  readonly #aside = new Set<string>() // by order, which a task that is offered anew does not keep
  readonly #later = new Later<Offer>()
  readonly #blocked = new Map<string, Offer[]>()
  readonly #inputOf: (id: string) => Record<string, unknown> | null
  readonly #digests = new WeakMap<Entry, readonly string[]>()

  constructor(log: Log, isLeased: (id: string) => boolean, inputOf: (id: string) => Record<string, unknown> | null) {
    this.#log = log
    this.#isLeased = isLeased
    this.#inputOf = inputOf
  }

  /**
   * The next of these stages, the one with the earliest turn first; null: none is left. What it is by now, the log says.
   * @param holds Digests. Of those near the head, one whose input names such a digest goes before the others.
   */
  async next(home: Home, stages: readonly string[], holds: ReadonlySet<string>): Promise<Offer | null> {
    const windows = stages.map((stage) => ({ stage, window: this.#window(home, stage) }))
    const ahead = holds.size === 0 ? 1 : NEAR
    for (;;) {
      const short = windows.filter(({ window }) => window.lacks(ahead))
      if (short.length > 0) await Promise.all(short.map(({ window }) => window.fill(ahead)))
      let head: Standing | null = null
      for (const { stage, window } of windows) {
        const entry = window.head
        if (entry !== undefined && (head === null || entry.order < head.entry.order)) head = { stage, window, entry }
      }
      if (head === null) return null
      if (this.#isHeld(head.entry)) {
        head.window.take()
        continue
      }
      const { stage, window, entry } = holds.size === 0 ? head : this.#preferred(windows, head, holds)
      window.remove(entry.order)
      return { ...entry, org: home.org, site: home.site, stage }
    }
  }

  /** The first near the head that names one of these digests, or the head: no task waits for that by more than what one priority
   *  is worth, nor is it passed over for ever. */
  #preferred(windows: readonly { readonly stage: string; readonly window: Window }[], head: Standing, holds: ReadonlySet<string>): Standing {
    const latest_ms = turnOf(head.entry.order) + AGEING_MS
    const near = windows.flatMap(({ stage, window }) => window.first(NEAR).map((entry) => ({ stage, window, entry })))
      .filter(({ entry }) => !this.#isHeld(entry)).sort((a, b) => (a.entry.order < b.entry.order ? -1 : 1)).slice(0, NEAR)
    const passed: Entry[] = []
    for (const standing of near) {
      if (turnOf(standing.entry.order) > latest_ms) break
      if (this.#digestsOf(standing.entry).some((digest) => holds.has(digest))) {
        for (const entry of passed) entry.passed = (entry.passed ?? 0) + 1
        return standing
      }
      if ((standing.entry.passed ?? 0) >= MAX_PASSED) break
      passed.push(standing.entry)
    }
    return head
  }

  #digestsOf(entry: Entry): readonly string[] {
    const known = this.#digests.get(entry)
    if (known !== undefined) return known
    const digests = digestsIn(this.#inputOf(entry.id))
    this.#digests.set(entry, digests)
    return digests
  }

  #isHeld({ id, order }: Entry): boolean {
    return this.#isLeased(id) || this.#aside.has(order)
  }

  offer(offer: Offer): void {
    if (this.#aside.has(offer.order)) return
    const { order, id, passed = 0, rested = false } = offer
    this.#window(offer, offer.stage).offer({ order, id, passed, rested })
  }

  /** It is no more: where it stood another one comes into sight. */
  withdraw(task: Home & { readonly order: string; readonly stage: string }): void {
    this.#window(task, task.stage).remove(task.order)
  }

  delay(offer: Offer, until_ms: number): void {
    this.#aside.add(offer.order)
    this.#later.add(until_ms, offer)
  }

  block(offer: Offer, resource: string): void {
    this.#aside.add(offer.order)
    const blocked = this.#blocked.get(resource)
    if (blocked === undefined) this.#blocked.set(resource, [offer])
    else blocked.push(offer)
  }

  /** Offers again what waited for a moment that has come. Returns those. */
  due(now_ms: number): readonly Offer[] {
    return this.#back(this.#later.due(now_ms).map((offer) => ({ ...offer, rested: true })))
  }

  /** Offers again what waited for the resource. */
  free(resource: string): readonly Offer[] {
    const blocked = this.#blocked.get(resource) ?? []
    this.#blocked.delete(resource)
    return this.#back(blocked)
  }

  #back(offers: readonly Offer[]): readonly Offer[] {
    for (const offer of offers) {
      this.#aside.delete(offer.order)
      this.offer(offer)
    }
    return offers
  }

  #window(home: Home, stage: string): Window {
    const key = `${homeKey(home)}!${stage}`
    const known = this.#windows.get(key)
    if (known !== undefined) return known
    const fresh = new Window(this.#log, pendingPrefix(home, stage), (entry) => this.#isHeld(entry))
    this.#windows.set(key, fresh)
    return fresh
  }
}

const DIGEST = /^[0-9a-f]{64}$/

function digestsIn(value: unknown): readonly string[] {
  if (typeof value === 'string') return DIGEST.test(value) ? [value] : []
  return value !== null && typeof value === 'object' ? Object.values(value).flatMap(digestsIn) : []
}
