import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decode, headOf, overlap } from './heads.ts'

// A model of 64 × 64 pixels has 8² + 4² + 2² = 84 cells; 85 with the stride of 64.
const SIDE = 64
const CELLS = 84

test('a family shows by the shape of its output', () => {
  expect(headOf([1, 25200, 85], 640, 640)).toEqual({ family: 'anchors', classes: 80 })
  expect(headOf([1, 8400, 85], 640, 640)).toEqual({ family: 'grid', classes: 80 })
  expect(headOf([1, 3549, 85], 416, 416)).toEqual({ family: 'grid', classes: 80 })
  expect(headOf([1, 84, 8400], 640, 640)).toEqual({ family: 'anchor-free', classes: 80 })
  expect(headOf([1, 5, 8400], 640, 640)).toEqual({ family: 'anchor-free', classes: 1 })
  expect(headOf([1, 300, 6], 640, 640)).toEqual({ family: 'end-to-end', classes: null })
  expect(headOf([1, 85, 22, 22], 352, 352)).toEqual({ family: 'fastest', classes: 80 })
})

test('what is no detector is not taken for one', () => {
  expect(headOf([1, 1000], 224, 224)).toBeNull() // a classifier
  expect(headOf([1, 40, 6625], 320, 48)).toBeNull() // a recogniser of text
  expect(headOf([1, 1, 640, 640], 640, 640)).toBeNull() // a segmentation
  expect(headOf([8, 84, 8400], 640, 640)).toBeNull()
})

/** Rows of numbers as one flat array of the shape [1, rows, columns], all else 0. */
function flat(rows: number, columns: number, filled: Record<number, readonly number[]>): Float32Array {
  const data = new Float32Array(rows * columns)
  for (const [row, values] of Object.entries(filled)) data.set(values, Number(row) * columns)
  return data
}

test('anchors: middle and size in pixels, objectness times class', () => {
  const dims = [1, 3 * CELLS, 7]
  const data = flat(3 * CELLS, 7, { 5: [32, 16, 16, 8, 0.9, 0.1, 0.8], 9: [32, 16, 16, 8, 0.5, 0.1, 0.5] })
  expect(decode(headOf(dims, SIDE, SIDE)!, data, dims, SIDE, SIDE, 0.4)).toEqual([
    { left: 0.375, top: 0.1875, right: 0.625, bottom: 0.3125, cls: 1, score: expect.closeTo(0.72) },
  ])
})

test('grid: offsets from the cell and logs of the size, by stride', () => {
  const dims = [1, CELLS, 6]
  const data = flat(CELLS, 6, {
    10: [0.5, 0.5, 0, 0, 0.9, 1], // stride 8, column 2, row 1: middle (20, 12), 8 by 8
    83: [0, 0, Math.log(2), 0, 0.8, 1], // stride 32, column 1, row 1: middle (32, 32), 64 by 32
  })
  expect(decode(headOf(dims, SIDE, SIDE)!, data, dims, SIDE, SIDE, 0.4)).toEqual([
    { left: 0.25, top: 0.125, right: 0.375, bottom: 0.25, cls: 0, score: expect.closeTo(0.9) },
    { left: expect.closeTo(0), top: 0.25, right: expect.closeTo(1), bottom: 0.75, cls: 0, score: expect.closeTo(0.8) },
  ])
})

test('grid: an export that was decoded already is taken as it is', () => {
  const dims = [1, CELLS, 6]
  const data = flat(CELLS, 6, { 10: [32, 16, 16, 8, 0.9, 1] })
  expect(decode(headOf(dims, SIDE, SIDE)!, data, dims, SIDE, SIDE, 0.4)).toMatchObject([{ left: 0.375, top: 0.1875 }])
})

test('anchor-free: one column a cell, no objectness', () => {
  const dims = [1, 6, CELLS]
  const data = new Float32Array(6 * CELLS)
  for (const [channel, value] of [32, 16, 16, 8, 0.2, 0.7].entries()) data[channel * CELLS + 40] = value
  expect(decode(headOf(dims, SIDE, SIDE)!, data, dims, SIDE, SIDE, 0.4)).toEqual([
    { left: 0.375, top: 0.1875, right: 0.625, bottom: 0.3125, cls: 1, score: expect.closeTo(0.7) },
  ])
})

test('end to end: corners, score, class, thinned out by the model itself', () => {
  const dims = [1, 3, 6]
  const data = flat(3, 6, { 0: [16, 16, 32, 32, 0.5, 2], 1: [0, 0, 64, 64, 0.9, 7] })
  expect(decode(headOf(dims, SIDE, SIDE)!, data, dims, SIDE, SIDE, 0.4)).toEqual([
    { left: 0, top: 0, right: 1, bottom: 1, cls: 7, score: expect.closeTo(0.9) },
    { left: 0.25, top: 0.25, right: 0.5, bottom: 0.5, cls: 2, score: 0.5 },
  ])
})

test('fastest: one box a cell, its middle moved by a hyperbolic tangent', () => {
  const dims = [1, 7, 2, 2]
  const data = new Float32Array(7 * 4)
  for (const [channel, value] of [1, 0, 0, 0, 0, 0, 1].entries()) data[channel * 4 + 3] = value // right, bottom
  expect(decode(headOf(dims, SIDE, SIDE)!, data, dims, SIDE, SIDE, 0.5)).toEqual([
    { left: 0.25, top: 0.25, right: 0.75, bottom: 0.75, cls: 1, score: 1 },
  ])
})

test('of overlapping boxes of a class the surest stays, those of other classes too', () => {
  const dims = [1, 3 * CELLS, 7]
  const data = flat(3 * CELLS, 7, { 1: [32, 32, 20, 20, 1, 0.6, 0], 2: [33, 32, 20, 20, 1, 0.9, 0], 3: [33, 33, 20, 20, 1, 0, 0.7] })
  const found = decode(headOf(dims, SIDE, SIDE)!, data, dims, SIDE, SIDE, 0.4)
  expect(found.map(({ cls, score }) => [cls, Number(score.toFixed(1))])).toEqual([[0, 0.9], [1, 0.7]])
})

test('a box overlaps itself wholly, and others as they it', () => {
  const corner = fc.double({ min: 0, max: 1, noNaN: true })
  const area = fc.tuple(corner, corner, corner, corner).map(([a, b, c, d]) => ({ left: Math.min(a, b), right: Math.max(a, b) + 0.01, top: Math.min(c, d), bottom: Math.max(c, d) + 0.01 }))
  fc.assert(fc.property(area, area, (a, b) => {
    expect(overlap(a, a)).toBeCloseTo(1)
    expect(overlap(a, b)).toBeCloseTo(overlap(b, a))
    expect(overlap(a, b)).toBeGreaterThanOrEqual(0)
    expect(overlap(a, b)).toBeLessThanOrEqual(1 + 1e-9)
  }))
})

test('numbers that are none find nothing', () => {
  const dims = [1, 6, CELLS]
  expect(decode(headOf(dims, SIDE, SIDE)!, new Float32Array(6 * CELLS).fill(NaN), dims, SIDE, SIDE, 0.4)).toEqual([])
})
