/** Wakes whoever waits; a ring while nobody waits is remembered. */
export function openBell() {
  let rung = false
  let wake: (() => void) | null = null
  return {
    ring(): void {
      rung = true
      wake?.()
    },
    async wait(most_ms: number, signal: AbortSignal): Promise<void> {
      if (!rung && !signal.aborted)
        await new Promise<void>((done) => {
          const timer = setTimeout(done, most_ms)
          wake = () => { clearTimeout(timer); done() }
        })
      rung = false
      wake = null
    },
  }
}
