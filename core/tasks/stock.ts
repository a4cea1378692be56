import type { Log } from '../store/log.ts'
import { homeKey, pendingPrefix, type Home } from './keys.ts'
import { Later } from './later.ts'
import { Window, type Entry } from './window.ts'

/** A pending task and where it is offered. */
export interface Offer extends Entry, Home { readonly stage: string }

/** All pending tasks that nobody works on: those whose turn it is, and those put aside for a time or a resource. */
export class Stock {
  readonly #log: Log
  readonly #isLeased: (id: string) => boolean
  readonly #windows = new Map<string, Window>()
  readonly #aside = new Set<string>() // by order, which a task that is offered anew does not keep
  readonly #later = new Later<Offer>()
  readonly #blocked = new Map<string, Offer[]>()

  constructor(log: Log, isLeased: (id: string) => boolean) {
    this.#log = log
    this.#isLeased = isLeased
  }

  /** The next of these stages, the one with the earliest turn first; null: none is left. What it is by now, the log says. */
  async next(home: Home, stages: readonly string[]): Promise<Offer | null> {
    const windows = stages.map((stage) => ({ stage, window: this.#window(home, stage) }))
    for (;;) {
      const empty = windows.filter(({ window }) => window.head === undefined)
      await Promise.all(empty.map(({ window }) => window.fill()))
      let best: { stage: string; window: Window; order: string } | null = null
      for (const { stage, window } of windows) {
        const order = window.head?.order
        if (order !== undefined && (best === null || order < best.order)) best = { stage, window, order }
      }
      const entry = best?.window.take()
      if (best === null || entry === undefined) return null
      if (this.#isLeased(entry.id) || this.#aside.has(entry.order)) continue
      return { ...entry, org: home.org, site: home.site, stage: best.stage }
    }
  }

  offer(offer: Offer): void {
    if (!this.#aside.has(offer.order)) this.#window(offer, offer.stage).offer({ order: offer.order, id: offer.id })
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
    return this.#back(this.#later.due(now_ms))
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
    const fresh = new Window(this.#log, pendingPrefix(home, stage), ({ id, order }) => this.#isLeased(id) || this.#aside.has(order))
    this.#windows.set(key, fresh)
    return fresh
  }
}
