/**
 * Does what the planner says, and no more: plan → journal → trash → after the grace, gone. Off until an administrator switches it on.
 * Every step is synced before the next begins, and every guard is asked again before a file moves and before its bytes go.
 */
import type { Home } from '../access/scope.ts'
import { Fault } from '../contract/fault.ts'
import type { Query } from '../contract/plugin.ts'
import type { RemovalDoc, TrackDoc } from '../contract/records.ts'
import type { Library, Make, Plan, PlanLine, Terms } from '../contract/retention.ts'
import { crashPoint } from '../store/crash.ts'
import { errno } from '../store/durable.ts'
import type { Log } from '../store/log.ts'
import { ulid } from '../store/ulid.ts'
import type { Volumes } from '../store/volumes.ts'
import { Batch } from '../tasks/batch.ts'
import { noteEvent } from '../tasks/event-record.ts'
import type { Outcomes } from '../tasks/outcomes.ts'
import { spokenFor, unsafe } from './guard.ts'
import { Journal, placeOf, placesIn, removalOf, type Leaving, type RunNote, type Switch } from './journal.ts'
import { gather, returned } from './library.ts'
import { destroy, discard, placesOf, putBack, trashPath, whereIs, type Places } from './trash.ts'

export interface RetentionRooms {
  readonly home: Home
  readonly log: Log
  readonly outcomes: Pick<Outcomes, 'projected' | 'sequence'>
  readonly volumes: Pick<Volumes, 'names' | 'root' | 'resolve' | 'states' | 'far'>
  readonly query: Query // of the same home
  readonly planner: { readonly terms: Terms; readonly placed: ((track: TrackDoc) => string | null) | null; readonly plan: (library: Library) => Plan }
  /** Has a smaller copy made. Asking twice for the same is asking once. */
  readonly make: (make: Make) => Promise<void>
  /** Marks a recording keep, in a person's name. */
  readonly keep: (sha256: string, by: string) => Promise<void>
  readonly clock: () => number // UTC epoch, ms
  readonly warn: (error: unknown, message: string) => void
}

export interface Survey { readonly library: Library; readonly plan: Plan; readonly leaving: readonly Leaving[]; readonly switch: Switch; readonly last: RunNote | null; readonly terms: Terms }

export interface Retention {
  /** What would go now and why, and what is in the trash. Nothing is changed. */
  survey(): Promise<Survey>
  /** One run: what was planned goes to the trash, and what has rested there long enough is gone. Throws Fault `input/invalid` while it is off. */
  run(by: string): Promise<RunNote>
  /** Brings files back from the trash and marks their recordings keep, or the next run would take them again. Null: all. */
  undo(ids: readonly string[] | null, by: string): Promise<{ back: number; refused: readonly { name: string; why: string }[] }>
  set(on: boolean, by: string): Promise<void>
  /** What a crash left half done, from the volumes as they are. What lies on one that is away, or sick, waits for it. */
  recover(): Promise<void>
  /** What was taken and lies at its place again counts again: it is shown, verified and thinned as any other. */
  welcome(): Promise<void>
  /** Whether its hour has come since the last run began, and none is under way or waits for its turn. */
  due(): boolean
  close(): Promise<void>
}

const DAY_MS = 86_400_000
const MOST_NOTES = 50

export function openRetention(rooms: RetentionRooms): Retention {
  const { home, log, outcomes, volumes, query, planner, clock, warn } = rooms
  const journal = new Journal(log, home)
  let queue: Promise<unknown> = Promise.resolve()
  let runs = 0 // under way, or waiting for their turn
  let closed = false

  /** One at a time: two runs would each count on what the other takes. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = queue.then(work)
    queue = mine.catch(() => undefined) // whoever asked is told
    return mine
  }

  async function commit(note: { readonly type: string; readonly payload: Record<string, unknown> }, change: (batch: Batch) => void, doc?: RemovalDoc): Promise<void> {
    const batch = new Batch()
    change(batch)
    noteEvent(batch, outcomes.sequence, home, note.type, clock(), note.payload)
    if (doc) outcomes.projected.append(batch, { org: home.org, site: home.site, docs: [doc] })
    await batch.commit(log)
  }
  const said = (entry: Leaving, more: Record<string, unknown> = {}) => ({ id: entry.id, sha256: entry.sha256, role: entry.role, name: entry.name, media: entry.media, ...more })

  /** Null: the volume is away, and nothing is concluded. */
  async function placesIfMounted(entry: Leaving): Promise<Places | null> {
    try {
      return placesOf(await volumes.root(entry.media.volume), entry)
    } catch (e) {
      if (e instanceof Fault && e.code === 'media/unmounted') return null
      throw e
    }
  }

  async function survey(): Promise<Survey> {
    const leaving = await journal.all()
    const library = await gather(query, volumes, planner.placed, leaving, clock())
    return { library, plan: heldBack(planner.plan(library), leaving), leaving, switch: journal.switch, last: journal.last, terms: planner.terms }
  }

  async function recover(): Promise<void> {
    for (const entry of await journal.all()) {
      const places = await placesIfMounted(entry)
      if (places === null) continue
      const at = await lookFor(entry, places)
      if (at === null) continue
      if (entry.state === 'planned' && at.trash) await trashed(entry)
      else if (entry.state === 'planned') await commit({ type: 'retention.not-moved', payload: said(entry) }, (batch) => journal.drop(batch, entry))
      else if (at.trash) {
        if (entry.state === 'ending') await commit({ type: 'retention.rests', payload: said(entry) }, (batch) => journal.put(batch, { ...entry, state: 'trash' }))
      } else if (entry.state === 'ending') await gone(entry)
      else if (at.own) await isBack(entry, 'recovery')
      else await commit({ type: 'retention.lost', payload: said(entry, { why: 'it is neither in the trash nor at its place: somebody else removed it' }) }, (batch) => journal.drop(batch, entry), removalOf(entry, 'gone', clock()))
    }
  }

  /** Null: its disk is sick, and nothing is concluded. That one disk fails stops nobody from getting at the others. */
  async function lookFor(entry: Leaving, places: Places): Promise<{ own: boolean; trash: boolean } | null> {
    try {
      return await whereIs(places)
    } catch (e) {
      if (errno(e) === '') throw e
      warn(e, `where ${entry.name} lies on ${entry.media.volume} cannot be seen; it waits for that disk`)
      return null
    }
  }

  async function trashed(entry: Leaving): Promise<void> {
    const now = clock()
    await commit({ type: 'retention.trashed', payload: said(entry, { why: entry.why, trash: entry.trash }) }, (batch) => journal.put(batch, { ...entry, state: 'trash', at_ms: now }), removalOf(entry, 'trash', now))
    crashPoint('retention.trashed')
  }

  async function gone(entry: Leaving): Promise<void> {
    await commit({ type: 'retention.gone', payload: said(entry) }, (batch) => journal.drop(batch, entry), removalOf(entry, 'gone', clock()))
    crashPoint('retention.gone')
  }

  const isBack = (entry: Leaving, by: string) => commit({ type: 'retention.back', payload: said(entry, { by }) }, (batch) => journal.drop(batch, entry), removalOf(entry, 'back', clock()))

  async function welcome(): Promise<void> {
    for (const removal of await returned(query, volumes))
      await commit({ type: 'retention.returned', payload: { sha256: removal.asset, role: removal.role, media: removal.media } }, () => undefined, { ...removal, state: 'back', at_ms: clock() })
  }

  /** Null: it is back; otherwise why not. */
  async function bringBack(entry: Leaving, by: string): Promise<string | null> {
    const places = await placesIfMounted(entry)
    if (places === null) return `${entry.media.volume} is not mounted`
    try {
      await putBack(places, entry)
    } catch (e) {
      if (e instanceof Fault) return e.message
      throw e
    }
    await isBack(entry, by)
    return null
  }

  /** Why it stays; null: it is in the trash. */
  async function remove(entry: Leaving, leaving: ReadonlySet<string>): Promise<string | null> {
    const others = new Set([...leaving].filter((place) => place !== placeOf(entry)))
    const why = await whyNot(entry, 'own', others)
    if (why !== null) return why
    await discard(placesOf(await volumes.root(entry.media.volume), entry))
    await trashed(entry)
    return null
  }

  async function whyNot(entry: Leaving, which: keyof Places, leaving: ReadonlySet<string>): Promise<string | null> {
    if (volumes.far.has(entry.media.volume)) return `${entry.media.volume} is reached over the network: only what lies in a folder here is thinned`
    const places = await placesIfMounted(entry)
    if (places === null) return `${entry.media.volume} is not mounted`
    const spoken = await spokenFor(query, entry)
    if (spoken !== null) return spoken.why
    if (which === 'own') await volumes.resolve(entry.media.volume, entry.media.path) // no link leads out of the volume
    return unsafe(entry, places[which], volumes, query, leaving)
  }

  /** What has rested long enough and may still go is gone; what somebody has marked keep meanwhile comes back. */
  async function empty(done: Done): Promise<void> {
    const all = await journal.all()
    const leaving = placesIn(all)
    for (const entry of all) {
      if (entry.state !== 'trash' || closed) continue
      const refuse = (why: string | null) => { if (why !== null) done.refused.push({ name: entry.name, why }) }
      if ((await spokenFor(query, entry))?.kept) {
        refuse(await bringBack(entry, 'keep'))
        continue
      }
      const rested_ms = clock() - entry.at_ms
      if (rested_ms < planner.terms.grace_days * DAY_MS) continue
      const why = await tried(() => whyNot(entry, 'trash', leaving))
      if (why !== null || !journal.switch.on) {
        refuse(why)
        continue
      }
      await commit({ type: 'retention.ending', payload: said(entry) }, (batch) => journal.put(batch, { ...entry, state: 'ending' }))
      crashPoint('retention.ending')
      await destroy(placesOf(await volumes.root(entry.media.volume), entry))
      await gone(entry)
      done.freed++
      done.freed_bytes += entry.media.bytes
    }
  }

  async function run(by: string): Promise<RunNote> {
    if (!journal.switch.on) throw new Fault('input/invalid', 'Retention only reports: an administrator switches it on first.')
    const done: Done = { at_ms: clock(), by, moved: 0, moved_bytes: 0, freed: 0, freed_bytes: 0, asked: 0, refused: [] }
    const note = (): RunNote => ({ ...done, refused: done.refused.slice(0, MOST_NOTES) })
    // Before anything moves: a run that breaks off, however it does, has had its part of the day, and does not begin again every minute.
    await commit({ type: 'retention.begun', payload: { by } }, (batch) => journal.setLast(batch, note()))
    try {
      await thin(done)
    } finally {
      await commit({ type: 'retention.run', payload: { ...note() } }, (batch) => journal.setLast(batch, note()))
    }
    return note()
  }

  async function thin(done: Done): Promise<void> {
    await recover()
    await welcome()
    await empty(done)
    const { library, plan, leaving } = await survey()
    const entries = entriesOf(bounded(plan.lines, library, planner.terms.most_part), library, plan, done.at_ms)
    await plannedDown(entries)
    const places = placesIn([...leaving, ...entries])
    for (const entry of entries) {
      const why = closed || !journal.switch.on ? 'the run was ended before its turn' : await tried(() => remove(entry, places))
      if (why === null) {
        done.moved++
        done.moved_bytes += entry.media.bytes
        continue
      }
      done.refused.push({ name: entry.name, why })
      await commit({ type: 'retention.refused', payload: said(entry, { why }) }, (batch) => journal.drop(batch, entry))
      places.delete(placeOf(entry))
    }
    for (; done.asked < plan.makes.length && !closed; done.asked++) await rooms.make(plan.makes[done.asked]!)
  }

  async function plannedDown(entries: readonly Leaving[]): Promise<void> {
    if (entries.length === 0) return
    const batch = new Batch()
    for (const entry of entries) journal.put(batch, entry)
    await batch.commit(log)
    crashPoint('retention.planned')
  }

  return {
    survey,
    run(by) {
      runs++
      return inTurn(() => run(by)).finally(() => runs--)
    },
    undo: (ids, by) => inTurn(async () => {
      const refused: Refusal[] = []
      let back = 0
      for (const entry of (await journal.all()).filter(({ id, state }) => state !== 'planned' && (ids?.includes(id) ?? true))) {
        await rooms.keep(entry.sha256, by)
        const why = await bringBack(entry, by)
        if (why === null) back++
        else refused.push({ name: entry.name, why })
      }
      return { back, refused }
    }),
    // Not in turn: switching off stops a run that is under way at its next file.
    set: (on, by) => commit({ type: 'retention.switched', payload: { on, by } }, (batch) => journal.setSwitch(batch, { on, by, at_ms: clock() })),
    recover: () => inTurn(recover),
    welcome: () => inTurn(welcome),
    due: () => runs === 0 && journal.switch.on && isDue(journal.last?.at_ms ?? journal.switch.at_ms!, clock(), planner.terms.at),
    async close() {
      closed = true
      await queue
    },
  }
}

interface Refusal { readonly name: string; readonly why: string }
/** What a run has done so far. */
type Done = { -readonly [K in keyof Omit<RunNote, 'refused'>]: RunNote[K] } & { readonly refused: Refusal[] }

/** The sentence of a Fault is a reason to leave the file alone; everything else is a bug. */
async function tried(work: () => Promise<string | null>): Promise<string | null> {
  try {
    return await work()
  } catch (e) {
    if (e instanceof Fault) return e.message
    throw e
  }
}

/** Whatever the planner says: what stands for a file in the trash stays until that is gone, which could otherwise never be. */
function heldBack({ lines, makes }: Plan, leaving: readonly Leaving[]): Plan {
  const held = new Set(leaving.flatMap(({ replaced_by }) => replaced_by.map((media) => placeOf({ media }))))
  const stays = { goes: false, reason: 'stands-in', why: 'what it replaces still rests in the trash', wins_bytes: 0, replaced_by: [] }
  return { lines: lines.map((line) => (line.goes && held.has(placeOf(line)) ? { ...line, ...stays } : line)), makes }
}

/** Whatever the planner says: no more of a volume in one run than its part. */
function bounded(lines: readonly PlanLine[], { volumes }: Library, most_part: number): PlanLine[] {
  const left = new Map([...volumes].map(([name, { files, mounted }]) => [name, mounted ? Math.ceil(files * most_part) : 0]))
  return lines.filter((line) => {
    const more = left.get(line.media.volume) ?? 0
    if (line.goes) left.set(line.media.volume, more - 1)
    return line.goes && more > 0
  })
}

function entriesOf(chosen: readonly PlanLine[], { items }: Library, { lines }: Plan, at_ms: number): Leaving[] {
  const going = placesIn(lines.filter(({ goes }) => goes))
  const known = new Map(items.map((item) => [item.asset.sha256, item]))
  return chosen.map(({ sha256, role, name, media, replaced_by, why }) => {
    const id = ulid(at_ms).toLowerCase()
    const { files, drives } = known.get(sha256)!
    const left = files.filter((file) => file.there === true && !going.has(placeOf(file))).map((file) => file.role)
    return { id, state: 'planned', at_ms, sha256, role, name, media, trash: trashPath(id, media.path, at_ms), replaced_by, left, drive: drives[0] ?? null, why }
  })
}

/** The last time that the clock showed `at` lies after `last_ms`. */
export function isDue(last_ms: number, now_ms: number, at: string): boolean {
  const [hour, minute] = at.split(':').map(Number) as [number, number]
  const today = new Date(now_ms)
  today.setHours(hour, minute, 0, 0)
  if (today.getTime() > now_ms) today.setDate(today.getDate() - 1)
  return last_ms < today.getTime()
}
