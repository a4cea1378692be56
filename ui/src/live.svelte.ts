/**
 * What changed, heard over MQTT. Messages only say what to fetch again: a lost one costs seconds,
 * because pages also ask on their own while the feed is down.
 */
import { SvelteMap } from 'svelte/reactivity'
import type { MqttClient } from 'mqtt'
import type { SessionView } from '../../core/http/api.ts'
import { session } from './session.svelte.ts'

export interface Progress { readonly task: string; readonly stage: string; readonly done: number; readonly what: string | null; readonly device: string; readonly heard_ms: number }

const CHANGED = 'viewshed/bridge/home/home/changed'
const PROGRESS = 'viewshed/+/progress'
const ROUND_MS = 4000 // how often pages ask while nothing tells them
const CALM_MS = 20_000 // and while the feed is up, in case a message was lost
const PATCH_MS = 250 // at most four patches a second

class Live {
  connected = $state(false)
  /** Raised by what changed; resources read it. */
  turn = $state(0)
  #progress = new SvelteMap<string, Progress>()
  #client: MqttClient | null = null
  #pending: ReturnType<typeof setTimeout> | null = null
  #round: ReturnType<typeof setInterval> | null = null
  #asked_ms = 0
  #stopped = false

  async start(mqtt: SessionView['mqtt']): Promise<void> {
    this.#stopped = false
    this.#round = setInterval(() => this.#tick(), 1000)
    document.addEventListener('visibilitychange', this.#seen)
    const { default: library } = await import('mqtt')
    if (this.#stopped) return
    const url = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/mqtt`
    const client = library.connect(url, { username: mqtt.username, password: mqtt.password, clientId: `page-${crypto.getRandomValues(new Uint32Array(2)).join('-')}`, reconnectPeriod: 3000, connectTimeout: 8000, clean: true, timerVariant: 'native' }) // its worker would come from a blob:, which scripts may not
    this.#client = client
    client.on('connect', () => {
      this.connected = true
      client.subscribe([CHANGED, PROGRESS], { qos: 0 })
      this.changed()
    })
    client.on('close', () => { this.connected = false })
    client.on('error', () => { this.connected = false }) // the client tries again by itself
    client.on('message', (topic, payload) => {
      if (topic === CHANGED) this.changed()
      else this.#heard(topic, payload.toString())
    })
  }

  stop(): void {
    this.#stopped = true
    this.#client?.end(true)
    this.#client = null
    this.connected = false
    if (this.#round) clearInterval(this.#round)
    document.removeEventListener('visibilitychange', this.#seen)
  }

  /** What was last heard of a run of this task. What was heard before it began is of an attempt that failed. */
  progress(task: string, run: { readonly since_ms: number } | null): Progress | null {
    const heard = this.#progress.get(task)
    return run && heard && heard.heard_ms >= run.since_ms ? heard : null
  }

  /** Something changed: pages fetch again, soon and once. A hidden page waits until it is looked at. */
  changed(): void {
    this.#pending ??= setTimeout(() => {
      this.#pending = null
      if (document.hidden) return
      this.#asked_ms = Date.now()
      this.turn++
      void session.refresh()
    }, PATCH_MS)
  }

  #seen = () => { if (!document.hidden) this.changed() }

  #tick(): void {
    if (Date.now() - this.#asked_ms >= (this.connected ? CALM_MS : ROUND_MS)) this.changed()
    for (const [task, entry] of this.#progress) if (Date.now() - entry.heard_ms > 120_000) this.#progress.delete(task)
  }

  #heard(topic: string, text: string): void {
    const said = JSON.parse(text) as { task?: unknown; stage?: unknown; done?: unknown; what?: unknown }
    if (typeof said.task !== 'string' || typeof said.stage !== 'string' || typeof said.done !== 'number') return
    this.#progress.set(said.task, { task: said.task, stage: said.stage, done: said.done, what: typeof said.what === 'string' ? said.what : null, device: topic.split('/')[1]!, heard_ms: Date.now() })
  }
}

export const live = new Live()
