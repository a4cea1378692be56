import type { Sighting } from '../../core/contract/records.ts'
import type { Candidate } from './reading.ts'

type Character = Sighting['chars'][number]

/** Alternatives that are less probable are not worth a person's look. */
const ALT_MIN = 0.01
/** Frames of one plate share their lighting and angle: many of them are not so many independent looks. */
const MAX_LOOKS = 3
/** Where a reading is as often right as wrong, and how fast that changes; fitted to photos of plates from three regions. */
const EVEN_SCORE = -4.2
const SLOPE = 1.1

/** How probable it is that the first of the candidates is what the plate says, 0 to 1: its share among them, and how well
 *  it was seen at all. `looks` is the number of frames that agree; scores are means over frames. */
export function certainty(candidates: readonly Candidate[], looks: number): number {
  const share = shares(candidates, looks)[0]!
  return share / (1 + Math.exp(-SLOPE * (candidates[0]!.score - EVEN_SCORE)))
}

/** For each character of the first candidate how probable it is, and what else it may be, likeliest first. */
export function characters(candidates: readonly Candidate[], looks: number): Character[] {
  const share = shares(candidates, looks)
  const text = candidates[0]!.text
  return Array.from(text, (c, at) => {
    const weights = new Map<string, number>()
    let total = 0
    candidates.forEach((candidate, i) => {
      if (candidate.text.length !== text.length) return // which of its characters stands here is not told
      const other = candidate.text[at]!
      weights.set(other, (weights.get(other) ?? 0) + share[i]!)
      total += share[i]!
    })
    const likely = [...weights].sort((a, b) => b[1] - a[1])
    return {
      c, p: Math.min(1, weights.get(c)! / total),
      alt: likely.filter(([other, weight]) => other !== c && weight / total >= ALT_MIN).map(([other]) => other),
    }
  })
}

/** The candidates' probabilities, as if one of them were right. */
function shares(candidates: readonly Candidate[], looks: number): number[] {
  const top = Math.max(...candidates.map((candidate) => candidate.score))
  const weights = candidates.map((candidate) => Math.exp((candidate.score - top) * Math.min(MAX_LOOKS, looks)))
  const total = weights.reduce((a, b) => a + b, 0)
  return weights.map((weight) => weight / total)
}
