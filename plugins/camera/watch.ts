/** The life of a watcher beside cameras: each is waited for, listed, and emptied in order, while it is there. Nothing of it is changed. */
import { setTimeout as wait } from 'node:timers/promises'
import { extname } from 'node:path/posix'
import { createHash } from 'node:crypto'
import { Fault, type FaultCode } from '../../core/contract/fault.ts'
import type { MediaRef, Receiving } from '../../core/contract/media.ts'
import type { WatchContext } from '../../core/contract/plugin.ts'
import { momentOfName } from '../clip/names.ts'
import { dayOf, safeFolder } from '../folder/layout.ts'
import { keyOf, type Clip, type Driver } from './clip.ts'
import type { Door } from './door.ts'
import { whyNot, isParkedAt } from './filter.ts'
import { inOrder } from './order.ts'
import { arrival } from './presence.ts'
import { pull } from './pull.ts'
import { routeOf, stopsOf, type Route } from './route.ts'
import { settled, CHANGED_REST_MS, type Seen } from './settled.ts'
import type { cameraEvents, CameraSettings } from './settings.ts'

export type CameraContext = Pick<WatchContext<unknown, typeof cameraEvents>, 'media' | 'signal' | 'emit' | 'known'>

const VOLUME = 'media'
/** It is listed again this often, also while clips are fetched: a locked one may have come. */
const LOOK_EVERY_MS = 30_000
const LEAST_MS = 500
/** Of a clip that fails, doubled each time; of a full disk or a lost mount, too. */
const REST_MS = 4_000
const MOST_REST_MS = 10 * 60_000

/** Stays until the signal. Throws `config/invalid`. */
export async function watchCameras(cameras: readonly CameraSettings[], driver: Driver, ctx: CameraContext): Promise<void> {
  const twice = cameras.find(({ name }, i) => cameras.findIndex((other) => safeFolder(other.name) === safeFolder(name)) !== i)
  if (twice) throw new Fault('config/invalid', `two cameras are called ${twice.name}: their clips would lie in one folder; give each a name of its own`)
  await Promise.all(cameras.filter(({ paused }) => !paused).map((camera) => keepWatch(camera, driver, ctx)))
}

async function keepWatch(camera: CameraSettings, driver: Driver, ctx: CameraContext): Promise<void> {
  const card = new Card(camera, driver, ctx)
  let rest_ms = REST_MS
  const addresses = [camera.address, ...(camera.alternative === undefined ? [] : [camera.alternative])]
  while (!ctx.signal.aborted) {
    try {
      const door = await arrival(addresses, driver, camera.connections, ctx.signal)
      for (;;) {
        const again_ms = await card.empty(door)
        rest_ms = REST_MS
        await wait(again_ms, undefined, { signal: ctx.signal })
      }
    } catch (e) {
      if (ctx.signal.aborted) return
      if (!(e instanceof Fault)) throw e
      if (e.code === 'camera/unreachable') continue // it drove away
      if (!TROUBLES.includes(e.code)) throw e
      await wait(rest_ms, undefined, { signal: ctx.signal }).catch(() => undefined)
      rest_ms = Math.min(MOST_REST_MS, rest_ms * 2)
    }
  }
}

/** One camera's card, over all its visits. */
class Card {
  readonly #camera: CameraSettings
  readonly #driver: Driver
  readonly #ctx: CameraContext
  readonly #seen: Seen = new Map()
  readonly #done = new Set<string>() // keys of clips that are in, or left where they are
  readonly #rests = new Map<string, { readonly until_ms: number; readonly times: number }>() // of clips that failed
  readonly #sizes = new Map<string, { readonly total: number | null; readonly since_ms: number }>() // that differ from the listing's
  readonly #routes = new Map<string, Route | null>()
  #rule: string // what decides which clips are left: another rule decides anew

  constructor(camera: CameraSettings, driver: Driver, ctx: CameraContext) {
    this.#camera = camera
    this.#driver = driver
    this.#ctx = ctx
    this.#rule = createHash('sha256').update(JSON.stringify([camera.skip, camera.home ?? null])).digest('hex').slice(0, 12)
  }

  /** One look, and what it brings. Returns after how long to look again, ms. Throws `camera/unreachable` when it has gone, `camera/invalid`. */
  async empty(door: Door): Promise<number> {
    const look = await this.#driver.look(door, this.#ctx.signal)
    const looked_ms = performance.now()
    const whole = new Set(settled(look, this.#seen, looked_ms))
    const open: Clip[] = []
    for (const clip of whole) if (!(await this.#isDone(clip))) open.push(clip)
    const rests_ms = (clip: Clip) => (this.#rests.get(this.#key(clip))?.until_ms ?? 0) - performance.now()
    const queue = inOrder(open.filter((clip) => rests_ms(clip) <= 0), this.#camera).values()

    const gone = new AbortController() // one of several connections found the camera gone
    const signal = AbortSignal.any([this.#ctx.signal, gone.signal])
    const worker = async () => {
      for (const clip of queue) {
        await this.#take(clip, door, signal)
        if (performance.now() - looked_ms > LOOK_EVERY_MS) return
      }
    }
    const results = await Promise.allSettled(Array.from({ length: this.#camera.connections }, () => worker().catch((e: unknown) => {
      gone.abort()
      throw e
    })))
    this.#ctx.signal.throwIfAborted()
    const failed = results.filter((result) => result.status === 'rejected').map(({ reason }) => reason as unknown).find((e) => !(e instanceof Error && e.name === 'AbortError'))
    if (failed) throw failed
    if (!queue.next().done) return 0
    const closing = look.recording === false && look.clips.some((clip) => !whole.has(clip))
    return Math.max(LEAST_MS, Math.min(closing ? CHANGED_REST_MS : LOOK_EVERY_MS, ...open.filter((clip) => !this.#done.has(this.#key(clip))).map(rests_ms)))
  }

  #key = (clip: Pick<Clip, 'name' | 'time'>) => keyOf(this.#camera.name, clip)
  #passedKey = (clip: Clip) => `${this.#key(clip)}|${this.#rule}`

  async #isDone(clip: Clip): Promise<boolean> {
    const key = this.#key(clip)
    if (this.#done.has(key)) return true
    if (!(await this.#ctx.known('arrived', key)) && !(await this.#ctx.known('passed', this.#passedKey(clip)))) return false
    this.#done.add(key)
    return true
  }

  /** What fails of one clip alone leaves it for later. Throws what concerns the camera, and what nobody foresaw. */
  async #take(clip: Clip, door: Door, signal: AbortSignal): Promise<void> {
    const key = this.#key(clip)
    try {
      const why = await this.#whyNot(clip, door, signal)
      if (why === null) await this.#fetch(clip, door, signal)
      else await this.#ctx.emit('passed', this.#passedKey(clip), { ...this.#of(clip), why })
      this.#done.add(key)
      this.#rests.delete(key)
    } catch (e) {
      if (!(e instanceof Fault)) throw e
      if (e.code === 'camera/unreachable') await this.#driver.greet(door, signal) // throws when it is the camera, not the clip
      if (!LATER.includes(e.code)) throw e
      const times = this.#rests.get(key)?.times ?? 0
      this.#rests.set(key, { until_ms: performance.now() + Math.min(MOST_REST_MS, REST_MS * 2 ** times), times: times + 1 })
    }
  }

  async #whyNot(clip: Clip, door: Door, signal: AbortSignal): Promise<string | null> {
    const byName = whyNot(clip, this.#camera, null)
    if (byName !== null || !(this.#camera.route_first || this.#camera.home)) return byName
    return whyNot(clip, this.#camera, await this.#route(clip, door, signal))
  }

  /** All lenses of a moment were at one place: it is read once, of whichever comes first. */
  async #route(clip: Clip, door: Door, signal: AbortSignal): Promise<Route | null> {
    const moment = `${momentOfName(clip.name)}|${clip.time ?? ''}`
    const known = this.#routes.get(moment)
    if (known !== undefined) return known
    const route = await routeOf(clip, door, signal).catch((e: unknown) => {
      if (e instanceof Fault && e.code === 'camera/unreachable') return null // a camera that chokes on it still gives the clip
      throw e
    })
    this.#routes.set(moment, route)
    if (this.#routes.size > MOST_ROUTES) this.#routes.delete(this.#routes.keys().next().value!)
    if (route) {
      await this.#ctx.emit('route', this.#key(clip), {
        ...this.#of(clip), fixes: [...route.fixes], stops: [...stopsOf(route)], at_home: this.#camera.home ? isParkedAt(this.#camera.home, route) : null,
      })
    }
    return route
  }

  async #fetch(clip: Clip, door: Door, signal: AbortSignal): Promise<void> {
    const received: Receiving[] = []
    try {
      const sidecars: { media: MediaRef; format: string }[] = []
      for (const beside of clip.beside) {
        const into = await this.#receive(beside.name, clip)
        received.push(into)
        const media = await this.#place(into, beside.name, clip, () => pull({ door, into, signal, file: { path: beside.path, bytes: null, time: clip.time } }))
        if (media && beside.format !== null) sidecars.push({ media, format: beside.format })
      }
      const into = await this.#receive(clip.name, clip)
      received.push(into)
      const media = await this.#place(into, clip.name, clip, () => pull({ door, into, signal, file: clip, agrees: (total) => this.#agrees(clip, total) }))
      if (!media) throw new Fault('media/missing', `${clip.path} is no longer on the card`)
      await this.#ctx.emit('arrived', this.#key(clip), { media, ...this.#of(clip), sidecars, source: `http://${door.address}${clip.path}` })
      for (const file of received) await file.drop()
    } finally {
      for (const file of received) await file.close()
    }
  }

  #receive(name: string, clip: Clip): Promise<Receiving> {
    return this.#ctx.media.receive(VOLUME, this.#pathOf(name, clip), name === clip.name ? this.#key(clip) : `${this.#key(clip)}|${name}`)
  }

  #pathOf(name: string, clip: Clip): string {
    return `raw/${safeFolder(this.#camera.name)}/${dayOf(clip.name) ?? clip.time?.slice(0, 10) ?? 'undated'}/${name}`
  }

  /** Null: it is not on the card (any more). Other bytes of its name get one of their own: after a clock was set back, names come again. */
  async #place(into: Receiving, name: string, clip: Clip, fetch: () => Promise<void>): Promise<MediaRef | null> {
    if (into.placed) return into.placed
    try {
      await fetch()
    } catch (e) {
      if (e instanceof Fault && e.code === 'media/missing') return null
      throw e
    }
    try {
      return await into.place()
    } catch (e) {
      if (!(e instanceof Fault && e.code === 'media/conflict')) throw e
      const path = this.#pathOf(name, clip)
      const extension = extname(path)
      return into.place(`${path.slice(0, path.length - extension.length)}~${createHash('sha256').update(this.#key(clip)).digest('hex').slice(0, 8)}${extension}`)
    }
  }

  /** A size other than the listed one is the file's when the camera said it twice, some time apart. */
  #agrees(clip: Clip, total: number | null): boolean {
    if (clip.bytes === null || total === null || total === clip.bytes) return true
    const key = this.#key(clip)
    const before = this.#sizes.get(key)
    if (before?.total === total) return performance.now() - before.since_ms >= CHANGED_REST_MS / 2
    this.#sizes.set(key, { total, since_ms: performance.now() })
    return false
  }

  #of = ({ name, channel, event }: Clip) => ({ name, camera: this.#camera.name, channel, event })
}

/** What may mend itself for one clip while the others go on. */
const LATER: readonly FaultCode[] = ['camera/unreachable', 'camera/invalid', 'media/missing', 'media/changed', 'media/busy', 'media/conflict']
/** What may mend itself for the camera, or for our own disk. */
const TROUBLES: readonly FaultCode[] = ['camera/invalid', 'media/full', 'media/unmounted']
const MOST_ROUTES = 500
