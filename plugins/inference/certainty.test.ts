import { expect, test } from 'vitest'
import { certainty, characters } from './certainty.ts'

test('a sure reading without rivals is nearly certain, a poor one is not', () => {
  expect(certainty([{ text: 'ABC1234', score: -0.3 }], 1)).toBeGreaterThan(0.9)
  expect(certainty([{ text: 'ABC1234', score: -5 }], 1)).toBeLessThan(0.4)
})

test('an equal rival halves it, and more frames that agree settle it', () => {
  const rivals = [{ text: 'ABC1234', score: -0.5 }, { text: 'A8C1234', score: -0.5 }]
  expect(certainty(rivals, 1)).toBeCloseTo(certainty(rivals.slice(0, 1), 1) / 2)
  const better = [{ text: 'ABC1234', score: -0.5 }, { text: 'A8C1234', score: -1.5 }]
  expect(certainty(better, 3)).toBeGreaterThan(certainty(better, 1))
})

test('each character tells what else it may be; other lengths tell nothing of it', () => {
  const chars = characters([{ text: 'OUH', score: -1 }, { text: 'DUH', score: -1 }, { text: '0UH', score: -2 }, { text: 'UH', score: -1 }], 1)
  expect(chars.map(({ c }) => c)).toEqual(['O', 'U', 'H'])
  expect(chars[0]!.alt).toEqual(['D', '0'])
  expect(chars[0]!.p).toBeCloseTo(1 / (2 + Math.exp(-1)))
  expect(chars[1]).toEqual({ c: 'U', p: expect.closeTo(1), alt: [] })
})
