import { expect, test } from 'vitest'
import { when } from './when.ts'

const NOW_MS = new Date(2026, 10, 20, 14, 31, 0).getTime() // a Friday
const at = (year: number, month: number, day: number, hour = 0, minute = 0, second = 0) => new Date(year, month, day, hour, minute, second).getTime()

test('times are read as people say them, the past before the future', () => {
  expect(when('14:32', NOW_MS)).toBe(at(2026, 10, 20, 14, 32))
  expect(when('tue 14:32', NOW_MS)).toBe(at(2026, 10, 17, 14, 32))
  expect(when('Friday 9.05', NOW_MS)).toBe(at(2026, 10, 20, 9, 5))
  expect(when('yesterday 18:04:12', NOW_MS)).toBe(at(2026, 10, 19, 18, 4, 12))
  expect(when('3 dec', NOW_MS)).toBe(at(2025, 11, 3))
  expect(when('20 nov 2024 7:00', NOW_MS)).toBe(at(2024, 10, 20, 7))
  expect(when('2026-02-03', NOW_MS)).toBe(at(2026, 1, 3))
  expect(when('-2h', NOW_MS)).toBe(NOW_MS - 7_200_000)
  expect(when('-3d', NOW_MS)).toBe(NOW_MS - 259_200_000)
})

test('what is no time is none: plates, commands, days that do not exist', () => {
  for (const text of ['', 'KU418OT', '12', '31 feb', '25:00', '14:61', 'go to map', '2026-13-01', 'theme', 'from', 'web', 'sa', 'SA', 'sata', 'mo 14:32']) expect(when(text, NOW_MS)).toBeNull()
})
