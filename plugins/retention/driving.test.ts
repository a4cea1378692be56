import { expect, test } from 'vitest'
import type { LibraryItem } from '../../core/contract/retention.ts'
import { grownOld, heldOn, monthOfDriving } from './driving.ts'
import { DAY_MS, NOW_MS, settings } from './testing.ts'

const WEIGHTS = { original: 1000, '1080p': 400, '720p': 200, '540p': 100 }
const month = monthOfDriving(NOW_MS, WEIGHTS)
const bytesOn = (weeks: readonly { day: number; bytes: number }[], day: number) => weeks.find((week) => week.day >= day)!.bytes
/** Clips of one day alone, so that each has the same age. */
const alone = (which: (item: LibraryItem) => boolean) => month.filter((item) => item.asset.start_ms! < NOW_MS + DAY_MS && which(item)).slice(0, 1)

test('a month is about 34 hours on the road, a clip a minute, each with its second copy', () => {
  expect(month).toHaveLength(4 * (64 + 58 + 64 + 70 + 82 + 96 + 40) + 64 + 58)
  expect(heldOn(month, ['media'])).toBe(month.length * 1000)
  expect(heldOn(month, ['archive'])).toBe(month.length * 1000)
})

test('one clip with nothing in it: each rung in its turn, and at last no video at all', () => {
  const weeks = grownOld(alone(({ asset, sightings }) => asset.event === 'normal' && sightings === 0), settings(), WEIGHTS)
  expect([28, 35, 91, 210, 371].map((day) => bytesOn(weeks, day))).toEqual([1000, 400, 200, 100, 0])
})

test('one with a plate stays at 540p; an event and what was locked stay as they came', () => {
  const end = (which: (item: LibraryItem) => boolean) => grownOld(alone(which), settings(), WEIGHTS).at(-1)!.bytes
  expect([end(({ asset, sightings }) => asset.event === 'normal' && sightings > 0), end(({ asset }) => asset.event === 'event'), end(({ asset }) => asset.event === 'locked')]).toEqual([100, 1000, 1000])
})

test('the whole month never grows, and ends with what is worth keeping', () => {
  const weeks = grownOld(month, settings(), WEIGHTS)
  for (const [i, { bytes }] of weeks.entries()) expect(bytes).toBeLessThanOrEqual(weeks[i - 1]?.bytes ?? month.length * 1000)
  const kept = month.filter(({ asset }) => asset.event !== 'normal').length
  const read = month.filter(({ asset, sightings }) => asset.event === 'normal' && sightings > 0).length
  expect(weeks.at(-1)!.bytes).toBe(kept * 1000 + read * 100)
})

test('without a second copy nothing goes, whatever the age', () => {
  const sole = month.slice(0, 50).map((item) => ({ ...item, files: item.files.filter(({ role }) => role === 'original') }))
  expect(grownOld(sole, settings(), WEIGHTS).at(-1)!.bytes).toBeGreaterThanOrEqual(50 * 1000)
})
