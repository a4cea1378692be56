import fc from 'fast-check'
import { expect, test } from 'vitest'
import { beam, confused, logLikelihood, type Posterior } from './decode.ts'

// Classes: 0 blank, 1 A … 26 Z, 27 the digit 0 … 36 the digit 9. Brute force stays small by using four of them.
const CLASSES = 37
const USED = [0, 1, 2, 27]
const LETTER = new Map([[1, 'A'], [2, 'B'], [27, '0']])

const rows = fc.array(fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 4, maxLength: 4 }), { minLength: 1, maxLength: 5 })

function posterior(weights: readonly (readonly number[])[]): Posterior {
  const p = new Float64Array(weights.length * CLASSES)
  weights.forEach((row, step) => {
    const total = row.reduce((a, b) => a + b, 0)
    row.forEach((weight, i) => { p[step * CLASSES + USED[i]!] = weight / total })
  })
  return { steps: weights.length, p }
}

/** Every way to spread classes over the steps, written out: repeats fall together, blanks fall away. */
function bruteForce({ steps, p }: Posterior): Map<string, number> {
  const texts = new Map<string, number>()
  const walk = (step: number, last: number, text: string, share: number) => {
    if (step === steps) {
      texts.set(text, (texts.get(text) ?? 0) + share)
      return
    }
    for (const cls of USED) walk(step + 1, cls, cls === 0 || cls === last ? text : text + LETTER.get(cls)!, share * p[step * CLASSES + cls]!)
  }
  walk(0, 0, '', 1)
  return texts
}

test('the likelihood of a text is the sum over all ways to write it', () => {
  fc.assert(fc.property(rows, (weights) => {
    const p = posterior(weights)
    for (const [text, share] of bruteForce(p)) expect(Math.exp(logLikelihood(p, text))).toBeCloseTo(share, 9)
  }))
})

test('a text that needs more steps than there are is impossible', () => {
  const p = posterior([[1, 1, 1, 1], [1, 1, 1, 1]])
  expect(logLikelihood(p, 'ABA')).toBe(-Infinity)
  expect(logLikelihood(p, 'AA')).toBe(-Infinity) // a blank has to stand between
})

test('a beam that is wide enough finds the likeliest text', () => {
  fc.assert(fc.property(rows, (weights) => {
    const p = posterior(weights)
    const all = bruteForce(p)
    const most = Math.max(...all.values())
    expect(all.get(beam(p, 500)[0]!)).toBeCloseTo(most, 9)
  }))
})

test('hundreds of steps do not run out of the range of numbers', () => {
  const p = posterior(Array.from({ length: 600 }, (_, i) => (i === 300 ? [1, 1e6, 1, 1] : [1e6, 1, 1, 1])))
  expect(logLikelihood(p, 'A')).toBeGreaterThan(-0.1)
  expect(beam(p, 4)[0]).toBe('A')
})

test('O and 0 speak for each other, and a half D for an O; a sure D stays a D', () => {
  const seen = (shares: Record<number, number>): Posterior => {
    const p = new Float64Array(CLASSES)
    for (const [cls, share] of Object.entries(shares)) p[Number(cls)] = share
    return confused({ steps: 1, p })
  }
  const [D, O, ZERO] = [4, 15, 27]
  const zero = seen({ [ZERO]: 1 })
  expect(zero.p[O]).toBeGreaterThan(0.2)
  expect(zero.p[ZERO]).toBeGreaterThan(zero.p[O]!)
  const half = seen({ [D]: 0.5, [O]: 0.45, [ZERO]: 0.05 })
  expect(half.p[O]).toBeGreaterThan(half.p[D]!)
  const sure = seen({ [D]: 0.98, [O]: 0.02 })
  expect(sure.p[D]).toBeGreaterThan(3 * sure.p[O]!)
})
