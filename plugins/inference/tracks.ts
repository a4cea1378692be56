/**
 * From readings of single frames to plates: one track for each time a plate is in the picture. Pure.
 *
 * A single frame is easily wrong; the same wrong text twice is rare. So a track is believed for frames that agree.
 */
import type { Slant } from './boxes.ts'
import type { Candidate, Reading } from './reading.ts'

/** What was found in one frame that was looked at. */
export interface Look {
  readonly frame: number // counts the frames of the clip that were sampled, whether looked at or not
  readonly at_s: number
  readonly width_px: number
  readonly height_px: number
  readonly readings: readonly Reading[]
}

/** One reading with its frame. */
export interface Seen {
  readonly look: Look
  readonly reading: Reading
}

export interface Track {
  readonly seen: readonly Seen[] // in order of time
}

/** A track of which we are sure enough. */
export interface Plate {
  readonly text: string
  readonly candidates: readonly Candidate[] // of all frames together, best first; the first is `text`
  readonly best: Seen // the surest of the frames that agree
  readonly agreeing: readonly Seen[]
  readonly from_s: number
  readonly to_s: number
}

/** Frames that a plate may be missed in before its next reading starts another track. */
const MAX_MISSED = 3

/** Gathers readings that are of one plate: like texts at a place that can be reached from one frame to the next. */
export function follow(looks: readonly Look[]): Track[] {
  const tracks: Seen[][] = []
  let open: Seen[][] = []
  looks.forEach((look, index) => {
    open = open.filter((track) => index - looks.indexOf(track.at(-1)!.look) <= MAX_MISSED + 1)
    const free = new Set(open)
    for (const reading of look.readings) {
      const seen = { look, reading }
      let nearest: Seen[] | null = null
      let least = Infinity
      for (const track of free) {
        const cost = strangeness(track, seen)
        if (cost < least) [nearest, least] = [track, cost]
      }
      if (nearest !== null) {
        nearest.push(seen)
        free.delete(nearest)
      } else {
        const track = [seen]
        tracks.push(track)
        open.push(track)
      }
    }
  })
  return tracks.map((seen) => ({ seen }))
}

/** Two readings can be of one plate when some text is at most so much less likely in both together than the best of each. */
const SHARED_MIN = -5
/** A reading below is not to be trusted in every character. */
const UNSURE_SCORE = -2.5

/** How badly a reading goes on a track; Infinity when it cannot. Two plates of one company that follow each other differ
 *  in a single character, so a like text is not enough where both were read surely. */
function strangeness(track: readonly Seen[], next: Seen): number {
  const away = distance(track.at(-1)!.reading.box, next.reading.box)
  if (away > MAX_AWAY) return Infinity
  return Math.min(...track.slice(-3).map((seen) => unlikeness(seen, next, away))) + away / 10
}

/** Widths of a plate that it moves at most from one frame to the next. */
const MAX_AWAY = 8

function unlikeness(a: Seen, b: Seen, away: number): number {
  if (textOf(a) === textOf(b)) return 0
  if (isCut(textOf(a), textOf(b)) || isCut(textOf(b), textOf(a))) return 1
  const shared = Math.max(...[...a.reading.candidates, ...b.reading.candidates].map(({ text }) => shortfall(a.reading, text) + shortfall(b.reading, text)))
  if (shared >= SHARED_MIN) return 1 - shared / 5
  const unsure = Math.min(a.reading.candidates[0]!.score, b.reading.candidates[0]!.score) < UNSURE_SCORE
  return unsure && away < 2 && textDistance(textOf(a), textOf(b)) <= 2 ? 3 : Infinity
}

/** By how much a text is less likely than the best, 0 or below; -Infinity when it is no candidate. */
const shortfall = ({ candidates }: Reading, text: string): number =>
  (candidates.find((candidate) => candidate.text === text)?.score ?? -Infinity) - candidates[0]!.score

/** Whether the first text is the second with an end cut off, as by a box that is too narrow. */
const isCut = (part: string, text: string): boolean => part.length < text.length && text.length - part.length <= 2 && text.includes(part)

/** Between the middles, in widths of the larger. */
const distance = (a: Slant, b: Slant): number => Math.hypot(a.x - b.x, a.y - b.y) / Math.max(a.width, b.width)

const textOf = (seen: Seen): string => seen.reading.candidates[0]!.text

/** Changes, insertions and deletions that make one text of the other (Levenshtein). */
export function textDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    }
    row = next
  }
  return row[b.length]!
}

/** What must hold for a track to be a plate. Scores are those of `Candidate`. */
const SURE_SCORE = -1.2 // one reading alone
const AGREED_SCORE = -4 // the best of two or three that agree
const OFTEN = 4
const OFTEN_SCORE = -4.6 // the best of so many that agree
const MEAN_SCORE = -5 // of all frames, those that read otherwise counted as misses

/** A frame that does not have a text among its candidates says so much against it. */
const MISSED_SCORE = -9

/** The plates of a clip in order of time, each once for each time it came into view. */
export function plates(looks: readonly Look[]): Plate[] {
  const believed = follow(looks).filter((track) => !isOverlay(track)).map(settle).filter((plate) => plate !== null)
  return withoutEchoes(believed).sort((a, b) => a.from_s - b.from_s)
}

/** A photo has no second look: what scores below is left out. */
const PHOTO_SCORE = -4.4

/** The plates of a photo, best first. */
export function photoPlates(look: Look): Plate[] {
  return look.readings
    .map((reading) => ({ look, reading }))
    .filter((seen) => seen.reading.candidates[0]!.score >= PHOTO_SCORE && !isStamp(seen))
    .map((seen) => ({ text: textOf(seen), candidates: seen.reading.candidates, best: seen, agreeing: [seen], from_s: 0, to_s: 0 }))
}

/** The text on which the frames agree; null when they do not, or it is no plate. */
export function settle({ seen }: Track): Plate | null {
  const texts = new Set(seen.flatMap(({ reading }) => reading.candidates.map((candidate) => candidate.text)))
  const candidates = [...texts].map((text) => ({
    text, score: seen.reduce((sum, { reading }) => sum + scoreOf(reading, text), 0) / seen.length,
  })).sort((a, b) => b.score - a.score)
  const winner = candidates[0]!
  const agreeing = seen.filter((one) => textOf(one) === winner.text)
  if (agreeing.length === 0) return null
  const best = agreeing.reduce((a, b) => (scoreOf(b.reading, winner.text) > scoreOf(a.reading, winner.text) ? b : a))
  const top = scoreOf(best.reading, winner.text)
  const enough = agreeing.length === 1 ? SURE_SCORE : agreeing.length < OFTEN ? AGREED_SCORE : OFTEN_SCORE
  const believed = top >= enough && (agreeing.length === 1 || winner.score >= MEAN_SCORE)
  if (!believed || !/[A-Z]/.test(winner.text) || !/[0-9]/.test(winner.text)) return null
  return { text: winner.text, candidates, best, agreeing, from_s: seen[0]!.look.at_s, to_s: seen.at(-1)!.look.at_s }
}

/** What it costs a text that a frame shows it with an end cut off. */
const CUT_COST = 2

function scoreOf(reading: Reading, text: string): number {
  let best = MISSED_SCORE
  for (const candidate of reading.candidates) {
    if (candidate.text === text) best = Math.max(best, candidate.score)
    else if (isCut(candidate.text, text)) best = Math.max(best, candidate.score - CUT_COST)
  }
  return best
}

/** The rim into which cameras burn their stamp, in parts of the picture's height. */
const RIM = 0.13
/** What moves less is fixed to the picture; of its width. */
const STILL = 0.004
/** Speeds, coordinates and the time of day, whose letters are no part of a plate. */
const STAMP = /\d\s*(km\/?h?|mph)\b|[NSEW]:?\s?\d{1,3}[.°]\d|\d[:：]\d\d\s?[AP]M/i
/** Dates and times, wherever they stand: digits with what stands between them. */
const CLOCK = /^[^a-z]*\d[:：/.\-=]\d[^a-z]*$/i

/** Whether a text belongs to the picture's frame rather than to the world: a stamp, or what does not move at the rim. */
function isOverlay({ seen }: Track): boolean {
  const share = (test: (one: Seen) => boolean) => seen.filter(test).length / seen.length
  if (share(isStamp) >= 0.5) return true
  if (seen.length < 3 || share(isAtRim) < 1) return false
  const spread = (values: number[]) => Math.max(...values) - Math.min(...values)
  const { width_px } = seen[0]!.look
  return spread(seen.map(({ reading }) => reading.box.y)) < STILL * width_px
    && spread(seen.map(({ reading }) => reading.box.x - reading.box.width / 2)) < 3 * STILL * width_px // its last digits come and go
}

const isStamp = (one: Seen): boolean =>
  STAMP.test(one.reading.raw) || CLOCK.test(one.reading.raw) || (isAtRim(one) && !/[a-z]/i.test(one.reading.raw))

const isAtRim = ({ look, reading: { box } }: Seen): boolean => box.y < RIM * look.height_px || box.y > (1 - RIM) * look.height_px

/** Seconds within which the same text is the same appearance, though it was lost between. */
const SAME_AGAIN_S = 6
/** … and within which a text that is nearly the same is the same plate misread. */
const MISREAD_S = 1.5

/** Drops misreadings of a plate that is better known, and joins the pieces of one appearance. */
function withoutEchoes(all: readonly Plate[]): Plate[] {
  const kept: Plate[] = []
  for (const plate of [...all].sort((a, b) => b.agreeing.length - a.agreeing.length || b.candidates[0]!.score - a.candidates[0]!.score)) {
    const near = kept.findIndex((other) => isEcho(plate, other))
    if (near < 0) {
      kept.push(plate)
      continue
    }
    const other = kept[near]!
    const from_s = Math.min(other.from_s, plate.from_s)
    const to_s = Math.max(other.to_s, plate.to_s)
    kept[near] = { ...other, from_s, to_s, agreeing: plate.text === other.text ? [...other.agreeing, ...plate.agreeing] : other.agreeing }
  }
  return kept
}

/** The same text soon again; or a text that differs little at about the same time, and was seen much more rarely. */
function isEcho(plate: Plate, other: Plate): boolean {
  const gap = gap_s(plate, other)
  if (plate.text === other.text) return gap <= SAME_AGAIN_S
  if (gap > MISREAD_S) return false
  if (isCut(plate.text, other.text)) return true
  return plate.agreeing.length * 2 <= other.agreeing.length && textDistance(plate.text, other.text) <= 2
}

const gap_s = (a: Plate, b: Plate): number => Math.max(0, a.from_s - b.to_s, b.from_s - a.to_s)
