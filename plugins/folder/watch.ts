import { basename, join, relative } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { watch as chokidar } from 'chokidar'
import type { Static } from 'typebox'
import { Fault } from '../../core/contract/fault.ts'
import type { WatchContext } from '../../core/contract/plugin.ts'
import { classify, type Take } from './classify.ts'
import { arrivalKey, Intake } from './intake.ts'
import { cardOf } from './layout.ts'
import { list, type Heads, type Listing } from './listing.ts'
import { isOnNetwork } from './mounts.ts'
import type { FolderConfig, folderEvents } from './plugin.ts'
import { unstable_ms, type Seen } from './stable.ts'

type Config = Static<typeof FolderConfig>
type Inbox = Config['inboxes'][number]
type Ctx = WatchContext<Config, typeof folderEvents>

/** Copies under way at once: one reads while another is synced. */
const COPIES = 3
/** Without any word from the system, a watched folder is looked at this often. */
const LOOK_MS = 60_000
const POLL_MS = 10_000
/** After a full disk or a lost mount, doubled up to a minute. */
const REST_MS = 2_000
const MOST_REST_MS = 60_000
/** A burst of changes is one look; while a card is copied in, looking takes a fifth of the time at most. */
const SETTLE_MS = 300
const SETTLE_LOOKS = 4

/** Ends when every inbox is to be taken once and was; else stays until the signal. */
export async function run(ctx: Ctx): Promise<void> {
  await Promise.all(ctx.config.inboxes.map((inbox) => (inbox.once ? takeOnce(inbox, ctx) : keepWatch(inbox, ctx))))
}

async function takeOnce(inbox: Inbox, ctx: Ctx): Promise<void> {
  const look = new Look(inbox, ctx)
  for (let again_ms = await look.sweep(); again_ms !== null && !ctx.signal.aborted; again_ms = await look.sweep()) await rest(again_ms, ctx.signal)
}

async function keepWatch(inbox: Inbox, ctx: Ctx): Promise<void> {
  const look = new Look(inbox, ctx)
  const polls = inbox.poll ?? (await isOnNetwork(inbox.path))
  let wake = () => {}
  const watcher = chokidar(inbox.path, { ignoreInitial: true, followSymlinks: false, usePolling: polls, interval: POLL_MS, binaryInterval: POLL_MS, ignorePermissionErrors: true })
  let changed = false
  watcher.on('all', () => {
    changed = true
    wake()
  })
  watcher.on('error', () => { // the system hears no more, as when its watches are used up: the regular look still finds all
    changed = true
    wake()
  })
  try {
    while (!ctx.signal.aborted) {
      changed = false
      const begun_ms = performance.now()
      const again_ms = await look.sweep()
      const settle_ms = Math.max(SETTLE_MS, SETTLE_LOOKS * (performance.now() - begun_ms))
      if (changed) {
        await rest(Math.min(settle_ms, LOOK_MS), ctx.signal)
        continue
      }
      const stop = new AbortController()
      wake = () => stop.abort()
      await rest(again_ms ?? LOOK_MS, AbortSignal.any([ctx.signal, stop.signal]))
      await rest(SETTLE_MS, ctx.signal)
    }
  } finally {
    await watcher.close()
  }
}

/** One inbox, looked at again and again. */
class Look {
  readonly #inbox: Inbox
  readonly #ctx: Ctx
  readonly #intake: Intake
  readonly #heads: Heads = new Map()
  readonly #seen: Seen = new Map()
  readonly #done = new Set<string>() // keys of events that are out
  #rest_ms = REST_MS

  constructor(inbox: Inbox, ctx: Ctx) {
    this.#inbox = inbox
    this.#ctx = ctx
    this.#intake = new Intake(ctx.media)
  }

  /** Takes what is whole. Returns after how long to look again, ms; null: everything there is dealt with. */
  async sweep(): Promise<number | null> {
    const listing = await list(this.#inbox.path, this.#heads)
    const { takes, refusals } = classify(listing.entries)
    for (const { path, code, message } of listing.odd) {
      if (code === 'media/missing' && !this.#inbox.once) return LOOK_MS // a share that is not mounted now
      await this.#refuse(listing.root, relative(listing.root, path), code, message, code)
    }
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
      else await this.#refuse(listing.root, entry.path, code, message, `${entry.bytes}|${entry.mtime_ms}`)
    }
    const trouble = await this.#takeAll(ready, listing)
    if (trouble) {
      again.push(this.#rest_ms)
      this.#rest_ms = Math.min(MOST_REST_MS, this.#rest_ms * 2)
    } else this.#rest_ms = REST_MS
    return again.length === 0 ? null : Math.max(50, Math.min(...again))
  }

  #unstable_ms(entry: Take['entry']): number {
    return unstable_ms(entry, this.#seen, this.#inbox.once ?? false, this.#ctx.config.stable_s, Date.now())
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
        await this.#ctx.emit('arrived', key, await this.#intake.take(root, take, this.#inbox.camera ?? take.camera ?? basename(root)))
      }
    } catch (cause) {
      if (!(cause instanceof Fault)) throw cause
      if (cause.code === 'media/changed') return false
      if (cause.code === 'media/missing' && !this.#inbox.once) return true // taken away meanwhile
      if (cause.code === 'media/unmounted' || (cause.code === 'media/full' && !this.#inbox.once)) return false
      await this.#refuse(root, take.entry.path, cause.code, cause.message, `${take.entry.bytes}|${take.entry.mtime_ms}`)
      return true
    }
    this.#done.add(key)
    return true
  }

  /** @param inside Relative to the root; empty: the inbox itself. */
  async #refuse(root: string, inside: string, code: string, message: string, state: string): Promise<void> {
    const name = join(root, inside)
    const key = `${name}|${state}`
    if (this.#done.has(key)) return
    const camera = this.#inbox.camera ?? cardOf(inside).at(-1) ?? basename(root)
    if (!(await this.#ctx.known('refused', key))) await this.#ctx.emit('refused', key, { name, camera, code, message })
    this.#done.add(key)
  }
}

async function rest(ms: number, signal: AbortSignal): Promise<void> {
  await wait(ms, undefined, { signal }).catch((cause: unknown) => {
    if (!signal.aborted) throw cause
  })
}
