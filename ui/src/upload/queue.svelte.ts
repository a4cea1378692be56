/** Files on their way into the inbox. They go on while other pages are looked at; what a closed browser leaves goes on when it is chosen again. */
import { Trouble } from '../api.ts'
import { live } from '../live.svelte.ts'
import { send, there, type Chosen } from './send.ts'

const PAUSE_MS = 2_000
const MOST_PAUSE_MS = 30_000
const TRIES = 5

class Queue {
  waiting = $state.raw<readonly Chosen[]>([])
  now = $state.raw<{ readonly path: string; readonly bytes: number; readonly sent: number } | null>(null)
  failed = $state.raw<readonly { readonly chosen: Chosen; readonly trouble: Trouble }[]>([])
  done = $state(0)
  done_bytes = $state(0)
  all = $state(0)
  all_bytes = $state(0)
  /** The box does not answer; it is asked again. */
  stuck = $state(false)
  /** Somebody stopped it before all of it was there. */
  stopped = $state(false)
  speed = $state(0) // bytes a second, over the last few
  #stop = $state.raw<AbortController | null>(null) // of the run that is under way
  #moments: { at_ms: number; bytes: number }[] = []

  add(chosen: readonly Chosen[]): void {
    if (chosen.length === 0) return
    if (this.#stop === null) Object.assign(this, { done: 0, done_bytes: 0, all: 0, all_bytes: 0, failed: [], stopped: false })
    this.waiting = [...this.waiting, ...chosen]
    this.all += chosen.length
    this.all_bytes += chosen.reduce((sum, { file }) => sum + file.size, 0)
    if (this.#stop === null) void this.#run()
  }
  again(): void {
    const all = this.failed.map(({ chosen }) => chosen)
    this.failed = []
    this.all -= all.length
    this.all_bytes -= all.reduce((sum, { file }) => sum + file.size, 0)
    this.add(all)
  }
  /** What runs ends by itself a moment later, and touches nothing any more: whatever is chosen meanwhile has a run of its own. */
  stop(): void {
    if (this.#stop === null) return
    this.#stop.abort()
    this.waiting = []
    this.stopped = true
    this.#rest()
  }
  get busy(): boolean { return this.#stop !== null }

  #rest(): void {
    this.#stop = null
    this.now = null
    this.stuck = false
    live.changed()
  }

  async #run(): Promise<void> {
    const stop = new AbortController()
    this.#stop = stop
    const warn = (event: BeforeUnloadEvent) => event.preventDefault()
    addEventListener('beforeunload', warn)
    try {
      while (this.waiting.length > 0) {
        const [first, ...rest] = this.waiting
        this.waiting = rest
        await this.#one(first!, stop.signal)
      }
    } catch (error) {
      if (!stop.signal.aborted) throw error
    } finally {
      removeEventListener('beforeunload', warn)
      if (this.#stop === stop) this.#rest()
    }
  }

  async #one(chosen: Chosen, signal: AbortSignal): Promise<void> {
    const bytes = chosen.file.size
    for (let tries = 0, silent = 0; ;) {
      try {
        const from = await there(chosen, signal)
        signal.throwIfAborted()
        this.#tell(chosen, from)
        if (from < bytes || bytes === 0) await send(chosen, from, (sent) => this.#tell(chosen, sent), signal)
        signal.throwIfAborted()
        this.stuck = false
        this.done++
        this.done_bytes += bytes
        return
      } catch (error) {
        signal.throwIfAborted()
        if (!(error instanceof Trouble)) throw error
        // A box that is away is waited for; what it refuses is not sent again and again.
        const isAway = [0, 423, 502, 503, 504].includes(error.status)
        if (!isAway && ++tries >= (error.status === 409 ? TRIES : 1)) {
          this.failed = [...this.failed, { chosen, trouble: error }]
          this.done_bytes += bytes
          return
        }
        this.stuck = isAway
        await new Promise((next) => {
          setTimeout(next, Math.min(MOST_PAUSE_MS, PAUSE_MS * 1.5 ** silent++))
          signal.addEventListener('abort', next, { once: true })
        })
        signal.throwIfAborted()
      }
    }
  }

  #tell({ path, file }: Chosen, sent: number): void {
    this.stuck = false
    this.now = { path, bytes: file.size, sent: Math.min(sent, file.size) }
    const at_ms = performance.now()
    this.#moments = [...this.#moments.filter((one) => at_ms - one.at_ms < 4_000 && one.bytes <= this.done_bytes + sent), { at_ms, bytes: this.done_bytes + sent }]
    const first = this.#moments[0]!
    this.speed = at_ms - first.at_ms < 500 ? this.speed : ((this.done_bytes + sent - first.bytes) / (at_ms - first.at_ms)) * 1000
  }
}

export const queue = new Queue()
