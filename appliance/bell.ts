/** Wakes whoever waits; a ring while nobody waits is remembered. */
export function openBell() {
  let rung = false
  let wake: (() => void) | null = null
  return {
    ring(): void {
      rung = true
      wake?.()
    },
    /** Until it rings, so much time has passed, or the signal comes: whoever is told to stop says goodbye at once. */
    async wait(most_ms: number, signal: AbortSignal): Promise<void> {
      if (!rung && !signal.aborted)
        await new Promise<void>((done) => {
          wake = () => {
            clearTimeout(timer)
            signal.removeEventListener('abort', wake!)
            done()
          }
          const timer = setTimeout(wake, most_ms)
          signal.addEventListener('abort', wake)
        })
      rung = false
      wake = null
    },
  }
}
