import type { Period } from '../port.ts'
import type { Clip } from './clip.ts'
import type { Draft } from './draft.ts'
import { after, epoch32, fromEpoch32, key } from './keys.ts'
import type { Snapshot } from './snapshot.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** Of each hour of a day: sightings, then clips. One record serves hours, days and months. */
const WORDS = 48

export interface Bin { readonly start_ms: number; readonly sightings: number; readonly clips: number }

/** The changes of one batch to the counts. */
export class HourChanges {
  readonly #draft: Draft
  readonly #days = new Map<number, Int32Array>()

  constructor(draft: Draft) {
    this.#draft = draft
  }

  replace(before: Clip | null, now: Clip | null): void {
    this.#count(before, -1)
    this.#count(now, 1)
  }

  settle(): void {
    for (const [day, by] of this.#days) {
      if (by.every((n) => n === 0)) continue
      const at = key('H', epoch32(day))
      const stored = this.#draft.get(at)
      const counts = Buffer.alloc(WORDS * 4)
      for (let i = 0; i < WORDS; i++) counts.writeUInt32LE((stored?.readUInt32LE(i * 4) ?? 0) + by[i]!, i * 4)
      if (counts.every((byte) => byte === 0)) this.#draft.del(at)
      else this.#draft.put(at, counts)
    }
  }

  #count(clip: Clip | null, by: number): void {
    if (!clip) return
    if (clip.asset.start_ms !== null) this.#add(clip.asset.start_ms, 1, by)
    for (const { at_ms } of clip.hits) if (at_ms !== null) this.#add(at_ms, 0, by) // by its own hour, which need not be the clip's
  }

  #add(at_ms: number, what: 0 | 1, by: number): void {
    const day = Math.floor(at_ms / DAY_MS)
    const counts = this.#days.get(day) ?? new Int32Array(WORDS)
    this.#days.set(day, counts)
    const word = Math.floor((at_ms - day * DAY_MS) / HOUR_MS) * 2 + what
    counts[word] = counts[word]! + by
  }
}

/** Bins are whole: those at the ends of the period count what lies in them, also outside of it. Empty ones are left out. UTC. */
export async function histogram(now: Snapshot, period: Period, by: 'hour' | 'day' | 'month'): Promise<Bin[]> {
  const from_ms = floor(period.from_ms, by)
  const days = { gte: key('H', epoch32(day(from_ms))), lt: after(key('H', epoch32(day(endOf(period.to_ms, by))))) }
  const bins = new Map<number, { start_ms: number; sightings: number; clips: number }>()
  for await (const [k, counts] of now.walk(days)) {
    const day_ms = fromEpoch32(k.subarray(1)) * DAY_MS
    for (let hour = 0; hour < 24; hour++) {
      const [sightings, clips] = [counts.readUInt32LE(hour * 8), counts.readUInt32LE(hour * 8 + 4)]
      const start_ms = floor(day_ms + hour * HOUR_MS, by)
      if (sightings + clips === 0 || start_ms < from_ms || start_ms >= period.to_ms) continue
      const bin = bins.get(start_ms) ?? { start_ms, sightings: 0, clips: 0 }
      bins.set(start_ms, bin)
      bin.sightings += sightings
      bin.clips += clips
    }
  }
  return [...bins.values()]
}

/** What JavaScript's dates can say. */
const LAST_MS = 8.64e15
const clamp = (at_ms: number) => Math.max(-LAST_MS + 366 * DAY_MS, Math.min(LAST_MS - 366 * DAY_MS, at_ms))
const day = (at_ms: number) => Math.floor(at_ms / DAY_MS)

function floor(at_ms: number, by: 'hour' | 'day' | 'month'): number {
  const t = clamp(at_ms)
  if (by !== 'month') return t - (((t % (by === 'hour' ? HOUR_MS : DAY_MS)) + DAY_MS) % (by === 'hour' ? HOUR_MS : DAY_MS))
  const date = new Date(t)
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth())
}

const endOf = (at_ms: number, by: 'hour' | 'day' | 'month') => (by === 'month' ? floor(at_ms, by) + 31 * DAY_MS : clamp(at_ms))
