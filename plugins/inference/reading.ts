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
/** Against a text with digits (letters), when a view's own text has none at all: brands and dates become plates by an O
 *  that is taken for a 0, or the other way about. */
const INVENTED = -1.5
/** For a text on a vehicle. */
const ON_VEHICLE = 0.5
/** Below it, even the best view shows something other than A–Z 0–9. */
const LATIN_MIN = 0.75
/** A box is not worth four more views below it: no plate of 115 photos was lost by it. */
const GLANCE_MIN = -8
/** What scores below is nothing that more pictures of it would make a plate. */
const SCORE_MIN = -7

/** Every place of the picture that may show a plate, best first; no two at one place.
 *  @param vehicles where vehicles were seen: plates are likelier there */
export async function readPlates(picture: Picture, detector: Detector, recogniser: Recogniser, region: Region, vehicles: readonly Area[], signal?: AbortSignal): Promise<Reading[]> {
  const glances: Glance[] = []
  for (const box of await detector.find(picture)) {
    signal?.throwIfAborted()
    const view = await recogniser.read(strip(picture, box, VIEWS[0]!))
    const score = view.latin < LATIN_MIN ? -Infinity : (vote([view], region)[0]?.score ?? -Infinity)
    if (score >= GLANCE_MIN) glances.push({ box, view, score })
  }
  const readings: Reading[] = []
  for (const { box, view: glance } of bestOfEachPlace(glances)) {
    signal?.throwIfAborted()
    const views = [glance]
    for (const view of VIEWS.slice(1)) views.push(await recogniser.read(strip(picture, box, view)))
    const bonus = vehicles.some((area) => holds(area, box)) ? ON_VEHICLE : 0
    const candidates = vote(views, region).map(({ text, score }) => ({ text, score: score + bonus }))
    if (candidates.length > 0 && candidates[0]!.score >= SCORE_MIN) readings.push({ box, candidates, raw: glance.raw })
  }
  return readings.sort((a, b) => b.candidates[0]!.score - a.candidates[0]!.score)
}

/** A box by its first view alone. */
interface Glance {
  readonly box: TextBox
  readonly view: Recognised
  readonly score: number
}

/** An upright part of a picture, pixels. */
export interface Area {
  readonly left: number
  readonly top: number
  readonly right: number
  readonly bottom: number
}

const holds = (area: Area, { x, y }: TextBox) => x >= area.left && x <= area.right && y >= area.top && y <= area.bottom

/** The texts that any view proposes, each scored by all: the mean log likelihood of the views, and how common such a plate is. */
export function vote(views: readonly Recognised[], region: Region): Candidate[] {
  const posteriors: Posterior[] = views.map((view) => confused(view.posterior))
  const texts = new Set(posteriors.flatMap((posterior) => beam(posterior, BEAM_WIDTH).slice(0, TEXTS_PER_VIEW)))
  const floor = Math.exp(VIEW_FLOOR)
  return [...texts]
    .filter((text) => text.length >= 4 && text.length <= 8)
    .map((text) => {
      const sum = posteriors.reduce((total, posterior) => total + Math.log(Math.exp(logLikelihood(posterior, text)) + floor), 0)
      return { text, score: sum / posteriors.length + logPrior(text, region) + invented(text, views) }
    })
    .sort((a, b) => b.score - a.score)
    .slice(0, KEPT)
}

function invented(text: string, views: readonly Recognised[]): number {
  const lacking = (kind: RegExp) => (kind.test(text) ? views.filter((view) => !kind.test(view.raw)).length / views.length : 0)
  return INVENTED * (lacking(/[0-9]/) + lacking(/[a-z]/i))
}

/** A box and the pairs it was joined to lie over each other: only the likeliest is worth four more views. */
function bestOfEachPlace(glances: Glance[]): Glance[] {
  const kept: Glance[] = []
  for (const glance of glances.sort((a, b) => b.score - a.score)) {
    if (!kept.some((other) => isSamePlace(other.box, glance.box))) kept.push(glance)
  }
  return kept
}
