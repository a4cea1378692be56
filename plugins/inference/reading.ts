import { isSamePlace, type TextBox } from './boxes.ts'
import { beam, confused, logLikelihood, type Posterior } from './decode.ts'
import type { Detector } from './detector.ts'
import { logPrior, type Region } from './formats.ts'
import type { Picture } from './picture.ts'
import type { Recognised, Recogniser } from './recogniser.ts'
import { strip, VIEWS } from './views.ts'

/** A text that a box may show. Scores are logs of unnormalised probabilities; 0 is a sure reading in a common format. */
export interface Candidate {
  readonly text: string // A–Z 0–9
  readonly score: number
}

/** What one box of one picture says. */
export interface Reading {
  readonly box: TextBox
  readonly candidates: readonly Candidate[] // best first, at least one
  readonly raw: string // the recogniser's own text
}

/** A view that does not know a text at all counts as this, not as impossible: one bad view must not outvote four good ones. */
const VIEW_FLOOR = -8
const BEAM_WIDTH = 8
const TEXTS_PER_VIEW = 4
const KEPT = 8
/** Below it, even the best view shows something other than A–Z 0–9. */
const LATIN_MIN = 0.75
/** A box is not worth four more views below it: it would have to gain that much. */
const GLANCE_MIN = -12
/** What scores below is nothing that more pictures of it would make a plate. */
const SCORE_MIN = -7

/** Every place of the picture that may show a plate, best first; no two at one place. */
export async function readPlates(picture: Picture, detector: Detector, recogniser: Recogniser, region: Region): Promise<Reading[]> {
  const boxes = await detector.find(picture)
  const glances = await recogniser.read(boxes.map((box) => strip(picture, box, VIEWS[0]!)))
  const worth = [...boxes.keys()].filter((i) => isWorth(glances[i]!, region))
  const rest = VIEWS.slice(1)
  const others = await recogniser.read(worth.flatMap((i) => rest.map((view) => strip(picture, boxes[i]!, view))))
  const readings: Reading[] = []
  worth.forEach((i, place) => {
    const views = [glances[i]!, ...others.slice(place * rest.length, (place + 1) * rest.length)]
    const candidates = vote(views, region)
    if (candidates.length > 0 && candidates[0]!.score >= SCORE_MIN) readings.push({ box: boxes[i]!, candidates, raw: glances[i]!.raw })
  })
  return bestOfEachPlace(readings)
}

function isWorth(glance: Recognised, region: Region): boolean {
  if (glance.latin < LATIN_MIN) return false
  const best = vote([glance], region)[0]
  return best !== undefined && best.score >= GLANCE_MIN
}

/** The texts that any view proposes, each scored by all: the mean log likelihood of the views, and how common such a plate is. */
export function vote(views: readonly Recognised[], region: Region): Candidate[] {
  const posteriors: Posterior[] = views.map((view) => confused(view.posterior))
  const texts = new Set(posteriors.flatMap((posterior) => beam(posterior, BEAM_WIDTH).slice(0, TEXTS_PER_VIEW)))
  const floor = Math.exp(VIEW_FLOOR)
  return [...texts]
    .filter((text) => text.length >= 4 && text.length <= 8)
    .map((text) => {
      const sum = posteriors.reduce((total, posterior) => total + Math.log(Math.exp(logLikelihood(posterior, text)) + floor), 0)
      return { text, score: sum / posteriors.length + logPrior(text, region) }
    })
    .sort((a, b) => b.score - a.score)
    .slice(0, KEPT)
}

function bestOfEachPlace(readings: Reading[]): Reading[] {
  const kept: Reading[] = []
  for (const reading of readings.sort((a, b) => b.candidates[0]!.score - a.candidates[0]!.score)) {
    if (!kept.some((other) => isSamePlace(other.box, reading.box))) kept.push(reading)
  }
  return kept
}
