import { expect, test } from 'vitest'
import { nearestLine, nearestSpot, REACH_PX } from './pick.ts'

const drive = (name: string, ...parts: number[][]) => ({ name, parts: parts.map((line) => Float64Array.from(line)) })
const ZOOMED = 1024

test('of several spots the nearest is meant, and none that is further away than a finger is wide', () => {
  const spots = [{ x: 0, y: 0 }, { x: 5, y: 0 }, { x: 6, y: 0 }]
  expect(nearestSpot(spots, { x: 5.2, y: 0, scale: 1 })).toBe(1)
  expect(nearestSpot(spots, { x: 5.6, y: 0, scale: 1 })).toBe(2)
  expect(nearestSpot(spots, { x: 6 + REACH_PX, y: 0, scale: 1 })).toBe(-1)
  expect(nearestSpot([], { x: 0, y: 0, scale: 1 })).toBe(-1)
})

test('a finger is as wide on the screen at every zoom', () => {
  const at = (away_px: number, scale: number) => nearestSpot([{ x: 100, y: 50 }], { x: 100 + away_px / scale, y: 50, scale })
  for (const scale of [1, 2, 4096, 2 ** 19]) expect([at(REACH_PX - 0.1, scale), at(REACH_PX + 0.1, scale)]).toEqual([0, -1])
})

test('a line is met between its points, not where it would go on, and a drive by each of its strokes', () => {
  const long = drive('long', [0, 0, 10, 0])
  const far = drive('far', [0, 90, 10, 90], [0, 100, 0, 110])
  const at = (x: number, y: number) => nearestLine([long, far], { x, y, scale: ZOOMED })?.name ?? null
  expect(at(5, 0.001)).toBe('long')
  expect(at(5, (REACH_PX + 1) / ZOOMED)).toBe(null)
  expect(at(10 + (REACH_PX + 1) / ZOOMED, 0)).toBe(null)
  expect(at(0.001, 105)).toBe('far')
  expect(at(5, 95)).toBe(null)
})

test('a stroke whose two points are one is a spot', () => {
  expect(nearestLine([drive('still', [3, 3, 3, 3])], { x: 3, y: 3.001, scale: ZOOMED })?.name).toBe('still')
})
