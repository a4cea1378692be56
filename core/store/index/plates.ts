import type { PlateHit, SightingHit } from '../port.ts'
import type { Clip } from './clip.ts'
import type { Draft } from './draft.ts'
import { fold, nearness, variants } from './fold.ts'
import { clipOf, key, newestFirst, refOf, timeIn } from './keys.ts'
import { FITS, pattern, typed } from './pattern.ts'
import { startingWith, type Snapshot } from './snapshot.ts'

/** All sightings of one plate in a few numbers. */
interface Tally { readonly count: number; readonly first_ms: number | null; readonly last_ms: number | null; readonly best: Candidate }
/** @field at The end of its `p` key, latin1: its inverted time, clip and number, so that of equals the newest comes first. */
interface Candidate { readonly at: string; readonly crop: boolean; readonly confidence: number }

const tallyKey = (plate: string) => key('P', plate)
const newestKey = (plate: string, tally: Tally) => key('N', newestFirst(tally.last_ms), plate)
const isBetter = (a: Candidate, b: Candidate) =>
  a.crop !== b.crop ? a.crop : a.confidence !== b.confidence ? a.confidence > b.confidence : a.at < b.at

/** The changes of one batch to the plates. */
export class PlateChanges {
  readonly #draft: Draft
  readonly #plates = new Map<string, { gone: Candidate[]; come: Candidate[] }>()

  constructor(draft: Draft) {
    this.#draft = draft
  }

  replace(before: Clip | null, now: Clip | null): void {
    const old = entriesOf(before)
    const fresh = entriesOf(now)
    for (const [id, { plate, seen }] of old) {
      if (isSame(fresh.get(id)?.seen, seen)) continue
      this.#of(plate).gone.push(seen)
      this.#draft.del(seenKey(plate, seen))
    }
    for (const [id, { plate, seen }] of fresh) {
      if (isSame(old.get(id)?.seen, seen)) continue
      this.#of(plate).come.push(seen)
      this.#draft.put(seenKey(plate, seen), seenValue(seen))
    }
  }

  /** Brings what is told of each plate up to date. @returns How many plates are there more than before. */
  async settle(): Promise<number> {
    let more = 0
    for (const [plate, { gone, come }] of this.#plates) {
      const before = this.#draft.json<Tally>(tallyKey(plate))
      const now = await this.#tally(plate, before, gone, come)
      if (before) this.#draft.del(newestKey(plate, before))
      if (now) {
        this.#draft.putJson(tallyKey(plate), now)
        this.#draft.put(newestKey(plate, now), Buffer.alloc(0))
      } else this.#draft.del(tallyKey(plate))
      if (!before && now) this.#name(plate, true)
      if (before && !now) this.#name(plate, false)
      more += Number(now !== null) - Number(before !== undefined)
    }
    return more
  }

  async #tally(plate: string, before: Tally | undefined, gone: readonly Candidate[], come: readonly Candidate[]): Promise<Tally | null> {
    // As long as nothing that stands in the tally went, the rest needs no second look.
    const marks = before ? [before.first_ms, before.last_ms] : []
    const intact = before && before.count > gone.length && gone.every((g) => g.at !== before.best.at && !marks.includes(timeOf(g)))
    if (intact) return grown({ ...before, count: before.count - gone.length }, come)
    if (!before && gone.length === 0) return grown(null, come)
    const all = await this.#draft.range(key('p', plate, '\0'))
    return grown(null, all.map(([k, value]) => candidate(plate, k, value)))
  }

  #name(plate: string, there: boolean): void {
    const folded = key('F', fold(plate))
    const others = (this.#draft.json<string[]>(folded) ?? []).filter((p) => p !== plate)
    const alike = there ? [...others, plate].sort() : others
    if (alike.length > 0) this.#draft.putJson(folded, alike)
    else this.#draft.del(folded)
    for (let i = 0; i < plate.length; i++) {
      const rest = key('x', plate.slice(i), '\0', plate)
      if (there) this.#draft.put(rest, Buffer.alloc(0))
      else this.#draft.del(rest)
    }
  }

  #of(plate: string): { gone: Candidate[]; come: Candidate[] } {
    const known = this.#plates.get(plate) ?? { gone: [], come: [] }
    this.#plates.set(plate, known)
    return known
  }
}

function entriesOf(clip: Clip | null): Map<string, { plate: string; seen: Candidate }> {
  const entries = new Map<string, { plate: string; seen: Candidate }>()
  if (!clip) return entries
  const ref = clipOf(clip.asset.sha256)
  for (const [i, hit] of clip.hits.entries()) {
    if (hit.plate === null) continue
    const at = Buffer.concat([newestFirst(hit.at_ms), refOf(ref, i)]).toString('latin1')
    entries.set(`${hit.plate}\0${at}`, { plate: hit.plate, seen: { at, crop: hit.crop !== null, confidence: hit.confidence } })
  }
  return entries
}

const isSame = (a: Candidate | undefined, b: Candidate) => a !== undefined && a.crop === b.crop && a.confidence === b.confidence
const timeOf = (seen: Candidate) => timeIn(Buffer.from(seen.at, 'latin1'))
const seenKey = (plate: string, seen: Candidate) => key('p', plate, '\0', Buffer.from(seen.at, 'latin1'))

function seenValue({ crop, confidence }: Candidate): Buffer {
  const value = Buffer.alloc(9)
  value.writeUInt8(Number(crop))
  value.writeDoubleLE(confidence, 1)
  return value
}

const candidate = (plate: string, k: Buffer, value: Buffer): Candidate =>
  ({ at: k.subarray(key('p', plate, '\0').length).toString('latin1'), crop: value.readUInt8() === 1, confidence: value.readDoubleLE(1) })

function grown(tally: Tally | null, come: readonly Candidate[]): Tally | null {
  let now = tally
  for (const seen of come) {
    const t = timeOf(seen)
    now = {
      count: (now?.count ?? 0) + 1,
      first_ms: t === null ? (now?.first_ms ?? null) : Math.min(t, now?.first_ms ?? Infinity),
      last_ms: t === null ? (now?.last_ms ?? null) : Math.max(t, now?.last_ms ?? -Infinity),
      best: !now || isBetter(seen, now.best) ? seen : now.best,
    }
  }
  return now
}

const hitKey = (at: Buffer) => key('s', at.subarray(8))

/** Newest first. */
export async function sightingsOf(now: Snapshot, plate: string, limit: number): Promise<SightingHit[]> {
  const prefix = key('p', plate, '\0')
  const keys = await now.keys(startingWith(prefix, limit))
  return now.jsons<SightingHit>(keys.map((k) => hitKey(k.subarray(prefix.length))))
}

export async function newestPlates(now: Snapshot, limit: number): Promise<PlateHit[]> {
  const keys = await now.keys(startingWith(key('N'), limit))
  return told(now, keys.map((k) => ({ plate: k.subarray(9).toString(), distance: 0, why: 'exact' })), limit, () => 0)
}

interface Named { readonly plate: string; readonly distance: number; readonly why: string }

/** More plates than these are not looked through for a part: whoever typed one letter types another. */
export const MOST_PARTS = 2000
const MOST_LOOKED_AT = 20_000

/** All three ways of looking at once, for their counts; the hits of one. `part` counts no further than `MOST_PARTS`. */
export async function searchPlates(now: Snapshot, text: string, mode: 'exact' | 'part' | 'fuzzy', limit: number) {
  const asked = typed(text)
  const whole = /[?*]/.test(asked) || asked === '' ? null : asked
  const found: Record<typeof mode, readonly Named[]> = {
    exact: whole !== null && (await now.get(tallyKey(whole))) ? [{ plate: whole, distance: 0, why: 'exact' }] : [],
    part: asked === '' ? [] : await parts(now, asked),
    fuzzy: whole === null ? [] : await near(now, whole),
  }
  return {
    hits: await told(now, found[mode], limit, byFit),
    counts: { exact: found.exact.length, part: found.part.length, fuzzy: found.fuzzy.length },
  }
}

const rank = (why: string) => FITS.findIndex((fit) => fit === why)
const byFit = (a: Named, b: Named) => a.distance - b.distance || rank(a.why) - rank(b.why)

async function near(now: Snapshot, whole: string): Promise<Named[]> {
  const alike = await now.jsons<string[]>([...variants(fold(whole))].map((folded) => key('F', folded)))
  return alike.flat().flatMap((plate) => {
    const how = nearness(whole, plate)
    return how ? [{ plate, ...how }] : []
  })
}

async function parts(now: Snapshot, asked: string): Promise<Named[]> {
  const { fit, head, run } = pattern(asked)
  const found = new Map<string, Named>()
  let looked = 0
  const look = async (prefix: Buffer, plateIn: (k: Buffer) => string) => {
    for await (const [k] of now.walk(startingWith(prefix))) {
      if (found.size >= MOST_PARTS || ++looked > MOST_LOOKED_AT) return
      const plate = plateIn(k)
      const why = fit(plate)
      if (why) found.set(plate, { plate, distance: 0, why })
    }
  }
  const whole = (k: Buffer) => k.subarray(1).toString()
  const behindRest = (k: Buffer) => k.subarray(k.indexOf(0) + 1).toString()
  if (run.text === '') await look(key('P'), whole)
  else if (head !== null && !(run.ends && run.text.length > head.length)) await look(key('P', head), whole)
  else if (run.ends) await look(key('x', run.text, '\0'), behindRest)
  else {
    await look(key('P', run.text), whole) // what begins with it comes before what only contains it
    await look(key('x', run.text), behindRest)
  }
  return [...found.values()]
}

/** The first `limit`, by `compare` and then newest first, with all that is told of them. */
async function told(now: Snapshot, named: readonly Named[], limit: number, compare: (a: Named, b: Named) => number): Promise<PlateHit[]> {
  const tallies = await now.jsons<Tally>(named.map(({ plate }) => tallyKey(plate)))
  const chosen = named.map((name, i) => ({ name, tally: tallies[i]! }))
    .sort((a, b) => compare(a.name, b.name) || newestTime(a.tally, b.tally) || (a.name.plate < b.name.plate ? -1 : 1)).slice(0, limit)
  const best = await now.jsons<SightingHit>(chosen.map(({ tally }) => hitKey(Buffer.from(tally.best.at, 'latin1'))))
  return chosen.map(({ name, tally }, i) => ({ ...name, plate: name.plate, count: tally.count, first_ms: tally.first_ms, last_ms: tally.last_ms, best: best[i]! }))
}

const newestTime = (a: Tally, b: Tally) => (a.last_ms === b.last_ms ? 0 : a.last_ms === null ? 1 : b.last_ms === null ? -1 : b.last_ms - a.last_ms)
