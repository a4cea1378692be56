import { expect, test } from 'vitest'
import { rhythmOf } from './rhythm.ts'

test('a minute at 30 frames a second: six segments, and a look behind the key frame of each', () => {
  const { segment, windows } = rhythmOf({ frames: 1800, duration_s: 60 })
  expect([segment, windows.map(({ at }) => at)]).toEqual([300, [0, 300, 600, 900, 1200, 1500]])
  expect(windows[1]).toEqual({ at: 300, frames: [301, 306, 311, 316] })
})

test('a short one is looked at from end to end', () => {
  expect(rhythmOf({ frames: 240, duration_s: 8 }).windows).toEqual([{ at: 0, frames: [0, 20, 40, 60, 80, 100, 120, 140, 160, 180, 200, 220] }])
  expect(rhythmOf({ frames: 1, duration_s: 0.04 }).windows).toEqual([{ at: 0, frames: [0] }])
})

test('a very long one is not cut into more pieces than a list can hold, and is looked at twelve times, all over it', () => {
  const { segment, windows } = rhythmOf({ frames: 24 * 3600 * 30, duration_s: 24 * 3600 })
  expect(Math.ceil((24 * 3600 * 30) / segment)).toBeLessThanOrEqual(400)
  expect(windows).toHaveLength(12)
  expect(windows.at(-1)!.at).toBeGreaterThan(0.9 * 24 * 3600 * 30)
})

test.each([0.5, 1, 10, 29.97, 60, 240])('whatever the length, at %d frames a second: samples exist, rise, and lie behind the key frame of a segment', (fps) => {
  for (let frames = 1; frames < 9000; frames += frames < 60 ? 1 : 37) {
    const { segment, windows } = rhythmOf({ frames, duration_s: frames / fps })
    const samples = windows.flatMap((window) => window.frames)
    expect(samples.length).toBeGreaterThan(0)
    expect(samples.every((n, i) => Number.isInteger(n) && n >= 0 && n < frames && (i === 0 || n > samples[i - 1]!))).toBe(true)
    for (const { at, frames: own } of windows) expect(at % segment === 0 && (at === 0 || own.every((n) => n > at && n < at + segment))).toBe(true)
  }
})

test('a file that does not say how long it is is cut all the same', () => {
  const { segment, windows } = rhythmOf({ frames: 500, duration_s: 0 })
  expect([segment > 0, windows.length > 0]).toEqual([true, true])
})
