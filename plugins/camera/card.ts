/** One camera's card, over all its visits: what lies on it, what of that is in, what comes next and why the rest does not. */
import { createHash } from 'node:crypto'
import { BY_HAND, type CameraDesk, type CameraStanding, type CameraClips } from '../../core/contract/camera.ts'
import { Fault, type FaultCode } from '../../core/contract/fault.ts'
import type { Receiving } from '../../core/contract/media.ts'
import type { WatchContext } from '../../core/contract/plugin.ts'
import { momentOfName } from '../clip/names.ts'
import { clipId, keyOf, type Clip, type Driver } from './clip.ts'
import type { Door } from './door.ts'
import { fetchClip } from './fetch.ts'
import { whyNot, isParkedAt } from './filter.ts'
import { inOrder } from './order.ts'
import { doubt, staysFor } from './removal.ts'
import { routeOf, stopsOf, type Route } from './route.ts'
import { settled, CHANGED_REST_MS, type Seen } from './settled.ts'
import type { cameraEvents, CameraSettings } from './settings.ts'
import { countsOf, listOf, type ClipStanding } from './standing.ts'

export type CameraContext = Pick<WatchContext<unknown, typeof cameraEvents>, 'media' | 'signal' | 'warn' | 'emit' | 'known' | 'cameras' | 'came' | 'lock' | 'archived'>

/** It is listed again this often, also while clips are fetched: a locked one may have come. */
const LOOK_EVERY_MS = 30_000
const LEAST_MS = 500
/** Of a clip that fails, doubled each time; of a full disk or a lost mount, too. */
export const REST_MS = 4_000
export const MOST_REST_MS = 10 * 60_000
/** What may mend itself for one clip while the others go on. */
const LATER: readonly FaultCode[] = ['camera/unreachable', 'camera/invalid', 'media/missing', 'media/changed', 'media/busy', 'media/conflict']
const MOST_ROUTES = 500
/** How it is told that a clip was recorded at home. Another one decides anew what still lies on the card. */
const HOME_RULE = 2
/** Of a clip beside which lies what the camera does not send as it should, before it comes without. */
const LOG_TRIES = 2
/** Until it is asked again whether one that could not be deleted may go: each question reads a whole clip in the archive. */
const STAYS_MS = 10 * 60_000
/** Until a camera that came back is asked again whether it still has what came in: it was away for so long at least when it gives a name again. */
const SAME_MS = 10 * 60_000

interface Coming { readonly clip: Clip; readonly stop: AbortController; into: Receiving | null; had: { readonly bytes: number; readonly at_ms: number } | null; bytes_s: number | null }

export class Card {
  readonly #camera: CameraSettings
  readonly #driver: Driver
  readonly #ctx: CameraContext
  readonly #desk: CameraDesk
  readonly #said: () => void
  readonly #seen: Seen = new Map()
  readonly #done = new Map<string, string | null>() // keys of clips that are in (null), or left where they are, and why
  readonly #rests = new Map<string, { readonly until_ms: number; readonly times: number; readonly why: string }>() // of clips that failed
  readonly #sizes = new Map<string, { readonly total: number | null; readonly since_ms: number }>() // that differ from the listing's
  readonly #routes = new Map<string, Route | null>()
  readonly #stays = new Map<string, { readonly until_ms: number; readonly why: string }>() // of clips that are in and could not be deleted
  readonly #bytes = new Map<string, number>() // of clips that are in
  readonly #names = new Map<string, number>() // ids under which the camera has another clip by now than came in, and its bytes
  readonly #same = new Map<string, { readonly door: Door; readonly at_ms: number }>() // when the camera said that it has what came in
  readonly #locked = new Set<string>() // keys of clips that are in, and locked there as well
  readonly #coming = new Map<string, Coming>()
  #listed: { readonly clips: readonly Clip[]; readonly at_ms: number } | null = null
  #whole: ReadonlySet<string> = new Set() // paths of those that are not being written
  #again: Readonly<Record<string, number>> = {} // as it was heard last
  #isNewOrder = false
  #rule: string // what decides which clips are left: another rule decides anew, and another kind of clip

  /** @param said something is new to be told */
  constructor(camera: CameraSettings, driver: Driver, ctx: CameraContext, desk: CameraDesk, said: () => void) {
    this.#camera = camera
    this.#driver = driver
    this.#ctx = ctx
    this.#desk = desk
    this.#said = said
    this.#rule = createHash('sha256').update(JSON.stringify([camera.skip, camera.home ? [camera.home, HOME_RULE] : null])).digest('hex').slice(0, 12)
    this.#again = desk.order.again
  }

  /** One look, and what it brings. Returns after how long to look again, ms. Throws `camera/unreachable` when it has gone, `camera/invalid`. */
  async empty(door: Door, signal: AbortSignal): Promise<number> {
    this.#isNewOrder = false
    const look = await this.#driver.look(door, signal)
    const looked_ms = performance.now()
    const whole = settled(look, this.#seen, looked_ms)
    if (look.clips.length > 0) {
      this.#decideAnew(look.clips)
      this.#listed = { clips: look.clips, at_ms: Date.now() }
      this.#whole = new Set(whole.map(({ path }) => path))
    }
    const open: Clip[] = []
    let unsure = false
    for (const clip of whole) {
      if (clip.bytes !== null && (await this.#isDone(clip))) unsure = (await this.#compare(clip, door, signal)) || unsure
      if (!(await this.#isDone(clip)) && !this.#isSkipped(clip)) open.push(clip)
    }
    this.#said()
    for (const clip of look.clips) if (clip.event === 'locked' && this.#done.get(this.#key(clip)) === null) await this.#lock(clip)
    const rests_ms = (clip: Clip) => (this.#rests.get(this.#key(clip))?.until_ms ?? 0) - performance.now()
    const queue = this.#inOrder(open.filter((clip) => rests_ms(clip) <= 0)).values()

    const gone = new AbortController() // one of several connections found the camera gone
    const either = AbortSignal.any([signal, gone.signal])
    const worker = async () => {
      for (const clip of queue) {
        if (!this.#isSkipped(clip)) await this.#take(clip, door, either)
        if (performance.now() - looked_ms > LOOK_EVERY_MS || this.#isNewOrder) return
      }
    }
    const results = await Promise.allSettled(Array.from({ length: this.#camera.connections }, () => worker().catch((e: unknown) => {
      gone.abort()
      throw e
    })))
    signal.throwIfAborted()
    const failed = results.filter((result) => result.status === 'rejected').map(({ reason }) => reason as unknown).find((e) => !(e instanceof Error && e.name === 'AbortError'))
    if (failed) throw failed
    if (this.#isNewOrder || !queue.next().done) return 0
    // Whose sizes the list does not tell.
    for (const clip of whole.filter(({ bytes }) => bytes === null)) {
      const key = this.#key(clip)
      unsure = (await this.#compare(clip, door, signal)) || unsure
      if (this.#key(clip) !== key || performance.now() - looked_ms > LOOK_EVERY_MS || this.#isNewOrder) return 0
    }
    await this.#clear(whole, door, signal, looked_ms)
    if (this.#isNewOrder) return 0
    const closing = look.recording === false && look.clips.length > whole.length
    return Math.max(LEAST_MS, Math.min(closing || unsure ? CHANGED_REST_MS : LOOK_EVERY_MS, ...open.filter((clip) => !this.#done.has(this.#key(clip))).map(rests_ms)))
  }

  /** Somebody decided something: what is skipped now ends, what is wanted now is tried at once. */
  reorder(): void {
    const before = this.#again
    this.#again = this.#desk.order.again
    for (const [id, n] of Object.entries(this.#again)) {
      if (n <= (before[id] ?? 0)) continue
      const key = this.#keyOfId(id)
      this.#rests.delete(key)
      if (this.#done.get(key)) this.#done.delete(key)
    }
    for (const { clip, stop } of this.#coming.values()) if (this.#isSkipped(clip)) stop.abort()
    this.#isNewOrder = true
    this.#said()
  }

  get isFetching(): boolean { return this.#coming.size > 0 }

  standing(): Pick<CameraStanding, 'listed' | 'counts' | 'waiting_bytes' | 'fetching'> {
    const clips = this.#listed?.clips ?? []
    const states = clips.map((clip) => this.#standingOf(clip).state)
    return {
      listed: this.#listed && { at_ms: this.#listed.at_ms, clips: clips.length },
      counts: countsOf(states),
      waiting_bytes: clips.reduce((sum, { bytes }, i) => (states[i] === 'waiting' ? sum + (bytes ?? 0) : sum), 0),
      fetching: [...this.#coming.values()].map((coming) => ({ id: clipId(coming.clip), name: coming.clip.name, bytes: coming.clip.bytes, ...speedOf(coming) })),
    }
  }

  clips(): CameraClips {
    return listOf(inOrder(this.#listed?.clips ?? [], this.#camera).map((clip) => ({ clip, id: clipId(clip), standing: this.#standingOf(clip) })))
  }

  #standingOf(clip: Clip): ClipStanding {
    const key = this.#key(clip)
    const is = (state: ClipStanding['state'], why: string | null = null, again_ms: number | null = null): ClipStanding => ({ state, why, again_ms })
    if (this.#done.get(key) === null) return is('in', this.#stays.get(key)?.why ?? null)
    if (this.#isSkipped(clip)) return is('skipped', BY_HAND)
    const left = this.#done.get(key)
    if (left !== undefined) return is('skipped', left)
    if (this.#coming.has(key)) return is('fetching')
    const rest = this.#rests.get(key)
    if (rest) return is('failed', rest.why, Math.round(Date.now() + rest.until_ms - performance.now()))
    return is(this.#whole.has(clip.path) ? 'waiting' : 'recording')
  }

  #key = (clip: Pick<Clip, 'name' | 'time'>) => this.#keyOfId(clipId(clip))
  #keyOfId = (id: string) => keyOf(this.#camera.name, id, this.#names.get(id))
  #passedKey = (clip: Clip) => `${this.#key(clip)}|${this.#rule}|${clip.event}`
  #isSkipped = (clip: Clip) => this.#desk.order.skip.includes(clipId(clip))
  #isWanted = (clip: Clip) => Object.hasOwn(this.#again, clipId(clip))
  #of = ({ name, channel, event }: Clip) => ({ name, camera: this.#camera.name, channel, event })

  #inOrder(clips: readonly Clip[]): readonly Clip[] {
    const ordered = inOrder(clips, this.#camera)
    return [...ordered.filter(this.#isWanted), ...ordered.filter((clip) => !this.#isWanted(clip))]
  }

  /** What was left as one kind and is another by now, above all locked. */
  #decideAnew(clips: readonly Clip[]): void {
    const was = new Map(this.#listed?.clips.map((clip) => [this.#key(clip), clip.event]))
    for (const clip of clips) {
      const key = this.#key(clip)
      if (this.#done.get(key) && was.get(key) !== clip.event) this.#done.delete(key)
    }
  }

  async #isDone(clip: Clip): Promise<boolean> {
    const key = this.#key(clip)
    if (this.#done.has(key)) return true
    const came = await this.#ctx.came('arrived', key)
    if (came) {
      this.#done.set(key, null)
      this.#bytes.set(key, came.bytes)
    } else if (!this.#isWanted(clip) && (await this.#ctx.known('passed', this.#passedKey(clip)))) this.#done.set(key, whyNot(clip, this.#camera, null) ?? PARKED)
    return this.#done.has(key)
  }

  /**
   * Whether the camera has something else by now under the name of what came in: then that is a clip of its own, with another key.
   * @returns true: it may have, and is asked once more. Throws `camera/unreachable`.
   */
  async #compare(clip: Clip, door: Door, signal: AbortSignal): Promise<boolean> {
    const [id, key] = [clipId(clip), this.#key(clip)]
    const bytes = this.#bytes.get(key)
    const same = this.#same.get(key)
    if (bytes === undefined || clip.bytes === bytes || (same && (same.door === door || performance.now() - same.at_ms < SAME_MS))) return false
    const total = await sizeOf(clip, door, signal).catch(async (e: unknown) => {
      if (!(e instanceof Fault && e.code === 'camera/unreachable')) throw e
      await this.#driver.greet(door, signal)
      return null
    })
    if (total === null || total === bytes || total === this.#names.get(id)) {
      this.#same.set(key, { door, at_ms: performance.now() })
      return false
    }
    if (!this.#saysAgain(key, total)) return true
    this.#names.set(id, total)
    this.#routes.delete(momentOf(clip))
    return false
  }

  /** The camera locks what came in before, too: the driver found time for it, or the list did not tell. */
  async #lock(clip: Clip): Promise<void> {
    const key = this.#key(clip)
    if (this.#locked.has(key)) return
    // Once for each clip: a person may have taken it back meanwhile.
    if (!(await this.#ctx.known('locked', key))) {
      const when = await this.#ctx.lock('arrived', key)
      if (when === 'later') return
      if (when === 'now') await this.#ctx.emit('locked', key, this.#of(clip))
    }
    this.#locked.add(key)
  }

  /** What came in and is archived goes from the card, one after another, while nothing else is to be done. */
  async #clear(whole: readonly Clip[], door: Door, signal: AbortSignal, looked_ms: number): Promise<void> {
    if (this.#camera.delete === 'never') return
    for (const clip of whole) {
      const key = this.#key(clip)
      if (this.#done.get(key) !== null || (this.#stays.get(key)?.until_ms ?? 0) > performance.now()) continue
      const why = await this.#whyStays(clip, door, signal)
      if (why !== null) this.#stays.set(key, { until_ms: performance.now() + STAYS_MS, why })
      this.#said()
      if (performance.now() - looked_ms > LOOK_EVERY_MS || this.#isNewOrder) return
    }
  }

  /** Why it stays on the card; null: the camera was told to delete it. Throws `camera/unreachable`. */
  async #whyStays(clip: Clip, door: Door, signal: AbortSignal): Promise<string | null> {
    const key = this.#key(clip)
    const ruled = staysFor(clip, this.#camera)
    if (ruled !== null) return ruled
    const verdict = await this.#ctx.archived('arrived', key)
    const why = await doubt(verdict, clip, door, this.#ctx.media, signal)
    if (why !== null) return why
    await this.#ctx.emit('released', key, { ...this.#of(clip), archive: verdict.media! })
    try {
      await this.#driver.remove!(door, clip, signal)
      return null
    } catch (e) {
      if (e instanceof Fault && e.code === 'camera/invalid') return e.message
      throw e
    }
  }

  /** What fails of one clip alone leaves it for later. Throws what concerns the camera, and what nobody foresaw. */
  async #take(clip: Clip, door: Door, signal: AbortSignal): Promise<void> {
    const key = this.#key(clip)
    const coming: Coming = { clip, stop: new AbortController(), into: null, had: null, bytes_s: null }
    this.#coming.set(key, coming)
    try {
      const why = this.#isWanted(clip) ? null : await this.#whyNot(clip, door, signal)
      if (why === null) await this.#fetch(coming, door, AbortSignal.any([signal, coming.stop.signal]))
      else await this.#ctx.emit('passed', this.#passedKey(clip), { ...this.#of(clip), why })
      this.#done.set(key, why)
      this.#rests.delete(key)
    } catch (e) {
      if (coming.stop.signal.aborted && !signal.aborted) return void (await coming.into?.drop()) // a person told to skip it
      if (!(e instanceof Fault)) throw e
      if (e.code === 'camera/unreachable') await this.#driver.greet(door, signal) // throws when it is the camera, not the clip
      if (!LATER.includes(e.code)) throw e
      const times = this.#rests.get(key)?.times ?? 0
      this.#rests.set(key, { until_ms: performance.now() + Math.min(MOST_REST_MS, REST_MS * 2 ** times), times: times + 1, why: e.message })
    } finally {
      this.#coming.delete(key)
      this.#said()
    }
  }

  async #whyNot(clip: Clip, door: Door, signal: AbortSignal): Promise<string | null> {
    const byName = whyNot(clip, this.#camera, null)
    if (byName !== null || !(this.#camera.route_first || this.#camera.home)) return byName
    return whyNot(clip, this.#camera, await this.#route(clip, door, signal))
  }

  /** All lenses of a moment were at one place: it is read once, of whichever comes first. */
  async #route(clip: Clip, door: Door, signal: AbortSignal): Promise<Route | null> {
    const moment = momentOf(clip)
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

  #fetch(coming: Coming, door: Door, signal: AbortSignal): Promise<void> {
    const { clip } = coming
    const key = this.#key(clip)
    return fetchClip({
      key, clip, camera: this.#camera.name, door, media: this.#ctx.media, signal, agrees: (total) => this.#agrees(clip, total),
      insists: (this.#rests.get(key)?.times ?? 0) < LOG_TRIES,
      onBegin: (into) => {
        coming.into = into
        this.#said()
      },
    }, async ({ media, sidecars }) => {
      await this.#ctx.emit('arrived', key, { media, ...this.#of(clip), sidecars, source: `http://${door.address}${clip.path}` })
      this.#bytes.set(key, media.bytes)
      this.#same.set(key, { door, at_ms: performance.now() })
    })
  }

  /** A size other than the listed one is the file's when the camera said it twice, some time apart. */
  #agrees(clip: Clip, total: number | null): boolean {
    return clip.bytes === null || total === null || total === clip.bytes || this.#saysAgain(this.#key(clip), total)
  }

  #saysAgain(key: string, total: number): boolean {
    const before = this.#sizes.get(key)
    if (before?.total === total) return performance.now() - before.since_ms >= CHANGED_REST_MS / 2
    this.#sizes.set(key, { total, since_ms: performance.now() })
    return false
  }
}

/** Why a clip stays whose reason was found in an earlier life. */
const PARKED = 'parked at home'

/** What all lenses of it share. */
const momentOf = ({ name, time }: Clip) => `${momentOfName(name)}|${time ?? ''}`

/** As the camera's own answer tells it; null: it does not. Throws `camera/unreachable`. */
async function sizeOf({ path }: Clip, door: Door, signal: AbortSignal): Promise<number | null> {
  const answer = await door.ask(path, { from: 0, to: 0, signal })
  answer.end()
  return (answer.status === 200 || answer.status === 206) && !/^text\/html/i.test(answer.type) ? answer.total : null
}

/** How much of it is there, and how fast it came since it was asked last. */
function speedOf(coming: Coming): { done_bytes: number; bytes_s: number | null } {
  const now = { bytes: coming.into?.bytes ?? 0, at_ms: performance.now() }
  const { had } = coming
  if (coming.into && now.at_ms - (had?.at_ms ?? 0) >= SPEED_OVER_MS) {
    coming.had = now
    coming.bytes_s = had && Math.max(0, Math.round(((now.bytes - had.bytes) / (now.at_ms - had.at_ms)) * 1000))
  }
  return { done_bytes: now.bytes, bytes_s: coming.bytes_s }
}

const SPEED_OVER_MS = 900
