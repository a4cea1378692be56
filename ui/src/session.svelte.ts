/** Who looks at this page, and what the box says of itself. */
import type { SessionView, StatusView } from '../../core/http/api.ts'
import { ask, onAnswer, Trouble } from './api.ts'

class Session {
  /** undefined: not asked yet; null: nobody is signed in. */
  view = $state.raw<SessionView | null | undefined>(undefined)
  setupNeeded = $state(false)
  status = $state.raw<StatusView | null>(null)
  /** When the box last answered, epoch ms; and since when it does not. */
  heard_ms = $state(Date.now())
  silent_ms = $state<number | null>(null)

  constructor() {
    onAnswer((trouble) => {
      if (trouble?.code === 'offline') this.silent_ms ??= Date.now()
      else { this.silent_ms = null; this.heard_ms = Date.now() }
      if (trouble?.status === 401 && this.view) this.view = null
    })
  }

  async start(): Promise<void> {
    try {
      this.view = await ask('session', {})
    } catch (error) {
      if (!(error instanceof Trouble)) throw error
      if (error.status !== 401) return // not reached: the strip says so, and the next round asks again
      this.setupNeeded = (await ask('setupState', {})).needed
      this.view = null
    }
  }

  async refresh(): Promise<void> {
    try {
      this.status = await ask('status', {})
    } catch (error) {
      if (!(error instanceof Trouble)) throw error // what fails is told by onAnswer
    }
  }

  async leave(): Promise<void> {
    await ask('signOut', {})
    this.view = null
    this.status = null
  }
}

export const session = new Session()
