import { untrack } from 'svelte'
import { Trouble } from './api.ts'
import { live } from './live.svelte.ts'

type Fetch<T> = (signal: AbortSignal) => Promise<T>

/** An answer of the box that a page shows: kept while it is asked for again, so nothing blinks. */
export class Resource<T> {
  value = $state.raw<T | null>(null)
  trouble = $state.raw<Trouble | null>(null)
  loading = $state(true)
  slow = $state(false) // asked for more than 2 s ago, nothing yet
  #running: AbortSignal | null = null
  #again: (() => void) | null = null

  /** Waits for an answer. One that was asked for with other parameters is dropped. */
  async take(asked: Promise<T>, signal: AbortSignal): Promise<void> {
    this.#running = signal
    this.loading = true
    const late = setTimeout(() => { this.slow = true }, 2000)
    try {
      const value = await asked
      if (signal.aborted) return
      this.value = value
      this.trouble = null
    } catch (error) {
      if (signal.aborted) return
      if (!(error instanceof Trouble)) throw error
      this.trouble = error
    } finally {
      clearTimeout(late)
      if (this.#running === signal) {
        this.#running = null
        this.loading = false
        this.slow = false
        const again = this.#again
        this.#again = null
        if (!signal.aborted) again?.()
      }
    }
  }

  /** Once more with the same parameters; while an answer is under way, after it: a busy feed must not starve a slow page. */
  repeat(fetch: Fetch<T>, signal: AbortSignal): void {
    if (this.#running) this.#again = () => this.repeat(fetch, signal)
    else void this.take(fetch(signal), signal)
  }
}

/** Asks now, again whenever what `fetch` reads before its first await changes, and again when the box says that something changed. */
export function resource<T>(fetch: Fetch<T>): Resource<T> {
  const kept = new Resource<T>()
  let current: AbortController
  let turn = untrack(() => live.turn)
  $effect(() => {
    const stop = new AbortController()
    current = stop
    const asked = fetch(stop.signal)
    untrack(() => void kept.take(asked, stop.signal))
    return () => stop.abort()
  })
  $effect(() => {
    if (live.turn === turn) return
    turn = live.turn
    untrack(() => kept.repeat(fetch, current.signal))
  })
  return kept
}

/** So many pages of a list as it is now, one after the other. `most`: what a page holds; a shorter one is the last. What two of them hold is there once. */
export async function inPages<T>(pages: number, most: number, idOf: (one: T) => string, ask: (last: T | null) => Promise<readonly T[]>): Promise<{ readonly all: readonly T[]; readonly pages: number; readonly more: boolean }> {
  const all = new Map<string, T>()
  let last: T | null = null
  let more = true
  for (let page = 0; page < pages && more; page++) {
    const some: readonly T[] = await ask(last)
    for (const one of some) all.set(idOf(one), one)
    last = some.at(-1) ?? last
    more = some.length >= most
  }
  return { all: [...all.values()], pages, more }
}
