/**
 * From the recogniser's probabilities to texts of plates: connectionist temporal classification over A–Z 0–9.
 * Pure. (Graves et al., "Connectionist Temporal Classification", ICML 2006.)
 */

export const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'
/** Class 0 is the blank; class i is `ALPHABET[i - 1]`. */
export const CLASSES = ALPHABET.length + 1

/** For each step along the strip the probability of each class; a step sums to 1 and no class has none. */
export interface Posterior {
  readonly steps: number
  readonly p: Float64Array // steps × CLASSES
}

export const classOf = (char: string): number => ALPHABET.indexOf(char) + 1

/** Characters that look alike on plates, and how often one is taken for the other; O and 0 are one stamp in many countries. */
const ALIKE: readonly (readonly [a: string, b: string, share: number])[] = [
  ['O', '0', 0.3], ['I', '1', 0.3],
  ['Q', '0', 0.05], ['D', '0', 0.05], ['Q', 'O', 0.03],
  ['B', '8', 0.04], ['S', '5', 0.04], ['Z', '2', 0.04], ['G', '6', 0.04],
  ['Z', '7', 0.02], ['T', '1', 0.02], ['I', 'L', 0.02], ['L', '1', 0.02], ['A', '4', 0.02], ['M', 'H', 0.02], ['M', 'N', 0.02],
  ['7', '1', 0.02], ['G', 'C', 0.02],
  ['T', '7', 0.01], ['U', '0', 0.01], ['W', 'H', 0.01], ['Y', 'V', 0.01], ['P', 'F', 0.01], ['U', 'J', 0.01],
  ['K', 'H', 0.005], ['E', 'F', 0.005], ['E', 'B', 0.005],
]

/** What is read as the second though the first is written, and hardly ever the other way: a narrow O looks half like a D
 *  (Brazil), a D looks like itself. */
const TAKEN_FOR: readonly (readonly [written: string, read: string, share: number])[] = [['O', 'D', 0.25], ['D', 'O', 0.03]]

/** For each class that is written what it may be read as, and to what share that speaks for it. The shares do not sum to 1:
 *  where O and 0 are one stamp, what was read as either speaks for both, and the format of the plate decides. */
const READ_AS: readonly (readonly (readonly [read: number, share: number])[])[] = readAs()

/** No class is impossible: a picture may show anything. */
const FLOOR = 1e-3

/** Takes into account that the recogniser mistakes like characters for each other. */
export function confused(posterior: Posterior): Posterior {
  const p = new Float64Array(posterior.p.length)
  for (let at = 0; at < p.length; at += CLASSES) {
    for (let cls = 0; cls < CLASSES; cls++) {
      let sum = 0
      for (const [read, share] of READ_AS[cls]!) sum += share * posterior.p[at + read]!
      p[at + cls] = sum
    }
    let total = 0
    for (let cls = 0; cls < CLASSES; cls++) total += p[at + cls]!
    for (let cls = 0; cls < CLASSES; cls++) p[at + cls] = (p[at + cls]! / total) * (1 - FLOOR) + FLOOR / CLASSES
  }
  return { steps: posterior.steps, p }
}

/** Log of the probability that the strip shows exactly `text`: the sum over all ways to spread it over the steps. */
export function logLikelihood({ steps, p }: Posterior, text: string): number {
  // States: blank, first, blank, second, … blank. Scaled to 1 after each step, for the product of many steps leaves the range of a double.
  const states = 2 * text.length + 1
  const cls = new Uint8Array(states)
  for (let i = 0; i < text.length; i++) cls[2 * i + 1] = classOf(text[i]!)
  let now = new Float64Array(states)
  let next = new Float64Array(states)
  now[0] = 1 // before the first step: nothing written
  let log = 0
  for (let step = 0; step < steps; step++) {
    const at = step * CLASSES
    let total = 0
    for (let s = 0; s < states; s++) {
      let sum = now[s]!
      if (s > 0) sum += now[s - 1]!
      if (s > 1 && s % 2 === 1 && cls[s] !== cls[s - 2]) sum += now[s - 2]!
      sum *= p[at + cls[s]!]!
      next[s] = sum
      total += sum
    }
    if (total === 0) return -Infinity
    for (let s = 0; s < states; s++) next[s]! /= total
    log += Math.log(total)
    ;[now, next] = [next, now]
  }
  return log + Math.log(text.length === 0 ? now[0]! : now[states - 1]! + now[states - 2]!)
}

/** A beam does not follow what is less probable at a step. */
const STEP_MIN = 0.0025

interface Prefix {
  readonly text: string
  blank: number // probability of all ways that end in a blank
  open: number // … that end in the text's last character
}

/** The `width` most probable texts found by prefix beam search, most probable first. */
export function beam({ steps, p }: Posterior, width: number): string[] {
  let prefixes: Prefix[] = [{ text: '', blank: 1, open: 0 }]
  for (let step = 0; step < steps; step++) {
    const at = step * CLASSES
    const grown = new Map<string, Prefix>()
    const prefix = (text: string) => {
      let entry = grown.get(text)
      if (entry === undefined) grown.set(text, (entry = { text, blank: 0, open: 0 }))
      return entry
    }
    for (const { text, blank, open } of prefixes) {
      const stay = prefix(text)
      stay.blank += (blank + open) * p[at]!
      const last = text === '' ? 0 : classOf(text.at(-1)!)
      if (last > 0) stay.open += open * p[at + last]!
      for (let cls = 1; cls < CLASSES; cls++) {
        const share = p[at + cls]!
        if (share < STEP_MIN) continue
        // The same character again only starts anew after a blank.
        prefix(text + ALPHABET[cls - 1]!).open += (cls === last ? blank : blank + open) * share
      }
    }
    prefixes = [...grown.values()].sort((a, b) => b.blank + b.open - a.blank - a.open).slice(0, width)
    const total = prefixes.reduce((sum, entry) => sum + entry.blank + entry.open, 0)
    for (const entry of prefixes) {
      entry.blank /= total
      entry.open /= total
    }
  }
  return prefixes.map((entry) => entry.text)
}

function readAs() {
  const shares = Array.from({ length: CLASSES }, (_, cls) => new Map([[cls, 1]]))
  const set = (written: string, read: string, share: number) => shares[classOf(written)]!.set(classOf(read), share)
  for (const [a, b, share] of ALIKE) {
    set(a, b, share)
    set(b, a, share)
  }
  for (const [written, read, share] of TAKEN_FOR) set(written, read, share)
  return shares.map((of) => [...of])
}
