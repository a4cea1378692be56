/**
 * The cameras that watchers look after: how each stands, as its watcher says, and what people decided, as the watcher is told.
 * A watcher says what is new and hears what changed in one exchange, at least every `EXCHANGE_MS`; over MQTT it only hears that it should ask now.
 */
import { createHash, randomUUID } from 'node:crypto'
import { Value } from 'typebox/value'
import type { Home, Principal, Scope } from '../access/scope.ts'
import { BY_HAND, type CameraClip, type CameraOrder } from '../contract/camera.ts'
import { Fault } from '../contract/fault.ts'
import { MediaRef } from '../contract/media.ts'
import type { Answer, Ask, CameraDetail, CameraView } from '../http/api.ts'
import type { Log } from '../store/log.ts'
import type { Sequence } from '../tasks/sequence.ts'
import type { Archived } from './archived.ts'
import { retrying, skipping } from './decide.ts'
import { openMemory, type Heard } from './memory.ts'
import { openOrders, type AuditEvent } from './orders.ts'

export interface CamerasParts {
  readonly log: Log
  readonly sequence: Sequence
  /** Tells pages and watchers that something is new. */
  readonly announce: (home: Home, kinds: readonly string[]) => void
  readonly clock: () => number // UTC epoch, ms
  readonly warn: (error: unknown, message: string) => void
  /** What a watcher said when a clip came in; null: it never did. */
  readonly found: (home: Home, type: string, key: string) => Promise<{ readonly payload: Record<string, unknown> } | null>
  readonly archived: (scope: Scope, original: MediaRef) => Promise<Archived>
  /** Lays it over a document of the library. Throws `not-found`. */
  readonly edit: (scope: Scope, by: string, target: string, set: Record<string, unknown>) => Promise<void>
}

export interface Cameras {
  /** What a watcher says of its cameras, answered with the orders that it does not know. Fault `config/invalid`: another one watches a camera of that name. */
  heard(ask: Ask<'sayCameras'>, who: Principal): Answer<'sayCameras'>
  views(scope: Scope): readonly CameraView[]
  /** Fault `not-found`. */
  view(scope: Scope, id: string): CameraDetail
  /** Synced. Fault `not-found`. */
  steer(ask: Ask<'steerCamera'>, by: Principal): Promise<void>
  /** Synced. Clips by id, or by name. @returns how many. Fault `not-found`. */
  skip(ask: Ask<'skipClips'>, by: Principal): Promise<number>
  /** Those that are named, or all that failed. */
  retry(ask: Ask<'retryClips'>, by: Principal): Promise<number>
  here(id: string, by: Principal): void
  /** Of a clip that came in: what its archive gives back now. */
  archived(ask: Ask<'clipArchived'>, who: Principal): Promise<Answer<'clipArchived'>>
  /** The file of a clip that came in; null: it never did. */
  came(ask: Ask<'clipCame'>, who: Principal): Promise<MediaRef | null>
  /** Of a clip that came in and is locked in its camera by now. Synced. */
  lock(ask: Ask<'lockClip'>, who: Principal): Promise<Answer<'lockClip'>['locked']>
  close(): Promise<void>
}

/** How often a watcher speaks when nothing is new. */
export const EXCHANGE_MS = 10_000
const SILENT_MS = 3 * EXCHANGE_MS
const SAVE_EVERY_MS = 60_000
/** Watchers hear of their orders by it, beside the pages' `cameras`. */
export const ORDERS = 'camera-orders'

export async function openCameras({ log, sequence, announce, clock, warn, found: came, archived, edit }: CamerasParts): Promise<Cameras> {
  const orders = await openOrders({ log, sequence, clock })
  const memory = await openMemory(log)
  const life = randomUUID() // a watcher that hears another one says everything anew
  const saving = setInterval(() => void memory.save().catch((error: unknown) => warn(error, 'how cameras stand is not saved yet; it is tried again')), SAVE_EVERY_MS).unref()

  const isWatched = ({ heard_ms }: Heard) => heard_ms !== null && clock() - heard_ms < SILENT_MS
  const found = (home: Home, id: string): Heard => {
    const heard = memory.of(home, id)
    if (heard) return heard
    throw new Fault('not-found', `There is no camera ${id}. There are: ${memory.all(home).map(({ name }) => name).join(', ') || 'none yet'}.`)
  }
  const viewOf = (heard: Heard): CameraView => {
    const { name, device, heard_ms, standing, home } = heard
    const isThere = isWatched(heard)
    return {
      ...standing, id: name, device, heard_ms, watched: isThere, paused_by: orders.of(home, name).paused ? 'person' : standing.paused ? 'settings' : null,
      ...(isThere ? {} : { address: null, fetching: [], trouble: null }),
    }
  }
  /** As it will be when the watcher has heard of it: pages do not wait for that. */
  const decided = (clips: readonly CameraClip[], { skip, again }: CameraOrder): CameraClip[] => {
    const stays = new Set(skip)
    return clips.map((clip) => {
      if (clip.state !== 'in' && stays.has(clip.id)) return { ...clip, state: 'skipped', why: BY_HAND, again_ms: null }
      const isOld = clip.state === 'skipped' && (clip.why === BY_HAND || Object.hasOwn(again, clip.id))
      return isOld ? { ...clip, state: 'waiting', why: null } : clip
    })
  }

  async function change(camera: Heard, how: (order: CameraOrder) => CameraOrder, event: AuditEvent): Promise<void> {
    await orders.change(camera.home, camera.name, how, event)
    announce(camera.home, ['cameras', ORDERS])
  }

  return {
    heard({ plugin, names, words, knows }, { id: device, scope }) {
      const home = { org: scope.org, site: scope.site }
      for (const name of names) {
        const other = memory.of(home, name)
        if (other && isWatched(other) && (other.plugin !== plugin || other.device !== device)) throw new Fault('config/invalid', `a camera called ${name} is watched already (${other.plugin} on ${other.device}): their clips would lie in one folder; give each a name of its own`)
      }
      const now_ms = clock()
      let news = false
      for (const gone of memory.all(home)) if (gone.plugin === plugin && gone.device === device && !names.includes(gone.name)) {
        memory.forget(gone)
        news = true
      }
      for (const name of names) {
        const before = memory.of(home, name)
        const word = words.find((one) => one.name === name)
        if (!word) {
          if (before) memory.hear({ ...before, plugin, device, heard_ms: now_ms })
          continue
        }
        news = true
        // A watcher that was started anew has not seen what its former life has: a car that is away keeps its list.
        const isNew = word.standing.listed === null && before !== null
        memory.hear({
          home, name, plugin, device, heard_ms: now_ms,
          standing: { ...word.standing, seen_ms: word.standing.seen_ms ?? before?.standing.seen_ms ?? null, ...(isNew ? { listed: before.standing.listed, counts: before.standing.counts, waiting_bytes: before.standing.waiting_bytes } : {}) },
          clips: isNew ? before.clips : word.clips ?? before?.clips ?? { clips: [], more: 0 },
        })
      }
      if (news) announce(home, ['cameras'])
      return {
        life,
        orders: names.flatMap((name) => {
          const order = orders.of(home, name)
          const version = versionOf(order)
          return knows[name] === version ? [] : [{ name, version, order }]
        }),
      }
    },

    views: (scope) => memory.all(scope).map(viewOf).sort((a, b) => (a.id < b.id ? -1 : 1)),
    view(scope, id) {
      const heard = found(scope, id)
      return { ...viewOf(heard), ...heard.clips, clips: decided(heard.clips.clips, orders.of(heard.home, id)) }
    },

    steer: ({ id, mode }, by) => change(found(by.scope, id), (order) => ({ ...order, paused: mode === 'paused' }), { type: 'camera.steered', payload: { camera: id, by: by.name, mode } }),
    async skip({ id, clips }, by) {
      const camera = found(by.scope, id)
      const named = idsOf(camera, clips)
      await change(camera, (order) => skipping(order, named), { type: 'camera.skipped', payload: { camera: id, by: by.name, clips: named } })
      return named.length
    },
    async retry({ id, clips }, by) {
      const camera = found(by.scope, id)
      const named = clips ? idsOf(camera, clips) : camera.clips.clips.filter(({ state }) => state === 'failed').map((clip) => clip.id)
      if (named.length > 0) await change(camera, (order) => retrying(order, named, clock()), { type: 'camera.retried', payload: { camera: id, by: by.name, clips: named } })
      return named.length
    },
    here(id, by) {
      const { home, name } = found(by.scope, id)
      orders.here(home, name)
      announce(home, [ORDERS])
    },
    async archived({ type, key }, { scope }) {
      const event = await came(scope, type, key)
      const media = event?.payload['media']
      if (!Value.Check(MediaRef, media)) return { media: null, original: null, why: 'it never came in' }
      const found = await archived(scope, media)
      return 'why' in found ? { media: null, original: media, why: found.why } : { media: found.media, original: media, why: null }
    },
    async came({ type, key }, { scope }) {
      const media = (await came(scope, type, key))?.payload['media']
      return Value.Check(MediaRef, media) ? media : null
    },
    async lock({ type, key }, { scope }) {
      const event = await came(scope, type, key)
      const media = event?.payload['media']
      if (!Value.Check(MediaRef, media)) return 'later'
      if (event!.payload['event'] === 'locked') return 'before'
      try {
        await edit(scope, String(event!.payload['camera']), `asset:${media.sha256}`, { event: 'locked' })
        return 'now'
      } catch (e) {
        if (e instanceof Fault && e.code === 'not-found') return 'later'
        throw e
      }
    },
    async close() {
      clearInterval(saving)
      await memory.save()
    },
  }
}

/** A clip may be called by its name alone; after a clock was set back, that may be two. An id that is not in the list may be beyond its end. */
function idsOf({ name: camera, clips: { clips } }: Heard, named: readonly string[]): string[] {
  return named.flatMap((word) => {
    const ids = clips.filter(({ id, name }) => id === word || name === word).map(({ id }) => id)
    if (ids.length === 0 && !word.includes('|')) throw new Fault('not-found', `${camera} has no clip ${word} on its card, as far as is known here.`)
    return ids.length > 0 ? ids : [word]
  })
}

const versionOf = (order: CameraOrder): string => createHash('sha256').update(JSON.stringify(order)).digest('base64url').slice(0, 16)
