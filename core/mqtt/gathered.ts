import type { Home } from '../access/scope.ts'

export interface Gathered {
  add(home: Home, words: readonly string[]): void
  stop(): void
}

const EVERY_MS = 250

/** Says words at once, and those that come within the next quarter second together after it. */
export function gathered(say: (home: Home, words: readonly string[]) => void): Gathered {
  const waiting = new Map<string, { words: Set<string>; timer: NodeJS.Timeout }>()
  let stopped = false
  function open(site: Home, key: string): void {
    const timer = setTimeout(() => {
      const { words } = waiting.get(key)!
      waiting.delete(key)
      if (words.size === 0) return
      open(site, key)
      say(site, [...words])
    }, EVERY_MS)
    timer.unref()
    waiting.set(key, { words: new Set(), timer })
  }
  return {
    add(site, words) {
      if (stopped || words.length === 0) return
      const key = `${site.org}/${site.site}`
      const held = waiting.get(key)
      if (held) {
        for (const word of words) held.words.add(word)
        return
      }
      open(site, key)
      say(site, [...new Set(words)])
    },
    stop() {
      stopped = true
      for (const { timer } of waiting.values()) clearTimeout(timer)
      waiting.clear()
    },
  }
}
