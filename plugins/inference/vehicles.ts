/** From things seen in single frames to one vehicle for each time it is in the picture. Pure. */
import { overlap } from './heads.ts'
import type { Thing } from './objects.ts'

export interface VehicleLook {
  readonly frame: number
  readonly at_s: number
  readonly things: readonly Thing[]
}

export interface VehicleSeen {
  readonly look: VehicleLook
  readonly thing: Thing
}

export interface Vehicle {
  readonly label: string // the one that most of its frames say, weighed by their sureness
  readonly best: VehicleSeen // sure and large
  readonly seen: readonly VehicleSeen[] // in order of time
}

/** Looks in which a vehicle may be missed before it is another one. */
const MAX_MISSED = 2
/** Seen once, it must be this sure; twice, each detection's own threshold is enough. */
const SURE_SCORE = 0.6

export function vehicles(looks: readonly VehicleLook[]): Vehicle[] {
  const tracks: VehicleSeen[][] = []
  let open: { track: VehicleSeen[]; last: number }[] = []
  looks.forEach((look, index) => {
    open = open.filter(({ last }) => index - last <= MAX_MISSED + 1)
    const free = new Set(open)
    for (const thing of look.things) {
      let best: (typeof open)[number] | null = null
      let most = 0
      for (const entry of free) {
        const fit = continues(entry.track.at(-1)!.thing, thing)
        if (fit > most) [best, most] = [entry, fit]
      }
      if (best === null) {
        const track = [{ look, thing }]
        tracks.push(track)
        open.push({ track, last: index })
      } else {
        best.track.push({ look, thing })
        best.last = index
        free.delete(best)
      }
    }
  })
  const alone = looks.length === 1 // a photo
  return tracks
    .filter((seen) => alone || seen.length >= 2 || seen[0]!.thing.score >= SURE_SCORE)
    .map((seen) => ({ label: commonest(seen), seen, best: seen.reduce((a, b) => (worth(b.thing) > worth(a.thing) ? b : a)) }))
}

/** How well a thing goes on another, 0 when not: it covers it, or lies near and is of like size. */
function continues(a: Thing, b: Thing): number {
  const covered = overlap(a, b)
  if (covered >= 0.3) return 1 + covered
  const width = Math.max(a.right - a.left, b.right - b.left)
  const height = Math.max(a.bottom - a.top, b.bottom - b.top)
  const away = Math.max(Math.abs(a.left + a.right - b.left - b.right) / (2 * width), Math.abs(a.top + a.bottom - b.top - b.bottom) / (2 * height))
  const ratio = area(a) / area(b)
  return a.label === b.label && away < 0.7 && ratio > 0.5 && ratio < 2 ? 1 - away : 0
}

const area = (thing: Thing) => (thing.right - thing.left) * (thing.bottom - thing.top)
const worth = (thing: Thing) => thing.score * Math.sqrt(area(thing))

function commonest(seen: readonly VehicleSeen[]): string {
  const votes = new Map<string, number>()
  for (const { thing } of seen) votes.set(thing.label, (votes.get(thing.label) ?? 0) + thing.score)
  return [...votes].reduce((a, b) => (b[1] > a[1] ? b : a))[0]
}
