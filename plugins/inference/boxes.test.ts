import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isPlateShaped, isSamePlace, joined, minRect, textBoxes, upright, type Point, type TextBox, type TextMap } from './boxes.ts'

const box = (x: number, y: number, width: number, height: number, angle_rad = 0): TextBox => ({ x, y, width, height, angle_rad, sureness: 1 })

test('the smallest rectangle around a turned rectangle is that rectangle', () => {
  fc.assert(fc.property(
    fc.double({ min: 20, max: 200, noNaN: true }), fc.double({ min: 2, max: 15, noNaN: true }), fc.double({ min: -0.7, max: 0.7, noNaN: true }),
    (width, height, angle_rad) => {
      const cos = Math.cos(angle_rad)
      const sin = Math.sin(angle_rad)
      const corners = [[-1, -1], [1, -1], [1, 1], [-1, 1]].map(([i, j]): Point => {
        const [along, across] = [(i! * width) / 2, (j! * height) / 2]
        return [500 + along * cos - across * sin, 300 + along * sin + across * cos]
      })
      const rect = minRect([...corners, [500, 300]])!
      expect(rect.x).toBeCloseTo(500, 6)
      expect(rect.y).toBeCloseTo(300, 6)
      expect(rect.width).toBeCloseTo(width, 6)
      expect(rect.height).toBeCloseTo(height, 6)
      expect(rect.angle_rad).toBeCloseTo(angle_rad, 6)
    },
  ))
})

test('every point lies in the smallest rectangle', () => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 99 }), fc.integer({ min: 0, max: 99 })), { minLength: 3, maxLength: 30 }), (points) => {
    const rect = minRect(points)
    if (rect === null) return // on one line
    const cos = Math.cos(rect.angle_rad)
    const sin = Math.sin(rect.angle_rad)
    for (const [x, y] of points) {
      expect(Math.abs((x - rect.x) * cos + (y - rect.y) * sin)).toBeLessThanOrEqual(rect.width / 2 + 1e-6)
      expect(Math.abs((y - rect.y) * cos - (x - rect.x) * sin)).toBeLessThanOrEqual(rect.height / 2 + 1e-6)
    }
  }))
})

test('points on one line span no rectangle', () => {
  expect(minRect([[0, 0], [1, 1], [2, 2]])).toBeNull()
  expect(minRect([])).toBeNull()
})

test('a patch of text becomes a box in the pixels of the picture, grown by area over perimeter', () => {
  const map: TextMap = { probability: new Float32Array(100 * 50), width: 100, height: 50, cellWidth_px: 2, cellHeight_px: 2 }
  for (let y = 10; y < 20; y++) for (let x = 30; x < 70; x++) map.probability[y * 100 + x] = 0.9
  for (let y = 40; y < 43; y++) for (let x = 5; x < 8; x++) map.probability[y * 100 + x] = 0.9 // too small
  for (let y = 25; y < 35; y++) for (let x = 5; x < 40; x++) map.probability[y * 100 + x] = 0.4 // too unsure
  const grown = (40 * 10 * 1.6) / (2 * 50) // of cells, on each side
  expect(textBoxes(map)).toEqual([{
    x: 100, y: 30, width: expect.closeTo(2 * (40 + 2 * grown)), height: expect.closeTo(2 * (10 + 2 * grown)), angle_rad: 0, sureness: expect.closeTo(0.9),
  }])
})

test('two pieces of one line are also tried as one; pieces of different lines are not', () => {
  const pair = joined([box(100, 50, 60, 20), box(175, 51, 70, 20)])
  expect(pair).toHaveLength(1)
  expect(pair[0]).toMatchObject({ x: 140, width: 140, height: 20 })
  expect(joined([box(100, 50, 60, 20), box(175, 75, 70, 20)])).toEqual([])
  expect(joined([box(100, 50, 60, 20), box(300, 50, 70, 20)])).toEqual([])
})

test('plates are wider than high, level enough, and no larger than a part of the picture', () => {
  expect(isPlateShaped(box(0, 0, 100, 25), 720)).toBe(true)
  expect(isPlateShaped(box(0, 0, 25, 25), 720)).toBe(false)
  expect(isPlateShaped(box(0, 0, 400, 25), 720)).toBe(false)
  expect(isPlateShaped(box(0, 0, 100, 25, 1), 720)).toBe(false)
  expect(isPlateShaped(box(0, 0, 40, 8), 720)).toBe(false)
  expect(isPlateShaped(box(0, 0, 900, 300), 720)).toBe(false)
})

test('boxes over each other are at one place; neighbours are not', () => {
  expect(isSamePlace(box(100, 100, 80, 20), box(110, 104, 60, 20))).toBe(true)
  expect(isSamePlace(box(100, 100, 80, 20), box(200, 100, 80, 20))).toBe(false)
})

test('the upright box around a turned one stays within the picture', () => {
  expect(upright(box(50, 50, 40, 20), 200, 100)).toEqual({ left: 30, top: 40, width: 40, height: 20 })
  const turned = upright(box(50, 50, 40, 20, Math.PI / 4), 200, 100)
  expect(turned.width).toBeCloseTo(60 / Math.SQRT2)
  expect(upright(box(0, 0, 40, 20), 200, 100)).toEqual({ left: 0, top: 0, width: 20, height: 10 })
})
