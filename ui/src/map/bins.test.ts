import { expect, test } from 'vitest'
import { merged } from './bins.ts'

const DAY_MS = 86_400_000
const bin = (day: number, clips: number) => ({ start_ms: day * DAY_MS, sightings: 0, clips })

test('days that are joined stand as far apart as they are wide, whichever of them had something', () => {
  expect(merged([bin(2, 1), bin(3, 2), bin(5, 3), bin(10, 4)], 3, DAY_MS)).toEqual([bin(0, 1), bin(3, 5), bin(9, 4)])
  expect(merged([bin(2, 1), bin(3, 2)], 1, DAY_MS)).toEqual([bin(2, 1), bin(3, 2)])
})
