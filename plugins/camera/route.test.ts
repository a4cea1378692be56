import { expect, test } from 'vitest'
import type { Clip } from './clip.ts'
import type { Door } from './door.ts'
import { routeOf } from './route.ts'
import { gpsClip } from './testing/gps-clip.ts'

const PIECE_BYTES = 64 << 10

/** Sends from where it was asked to, and does not listen to where it should end. */
function endless(whole: Buffer): { readonly door: Door; readonly most_bytes: () => number } {
  let most_bytes = 0
  const ask: Door['ask'] = async (_, { from = 0 }) => ({
    status: 206, type: 'video/mp4', from, total: whole.length, end: () => undefined,
    async *body() {
      let sent = 0
      for (let at = from; at < whole.length; at += PIECE_BYTES) {
        most_bytes = Math.max(most_bytes, (sent += PIECE_BYTES))
        yield whole.subarray(at, at + PIECE_BYTES)
      }
    },
  })
  return { door: { address: 'camera', ask, text: () => Promise.reject(new Error('nobody asks for it here')) }, most_bytes: () => most_bytes }
}

const clip: Clip = { name: '2026_0302_074112_000001F.MP4', path: '/clip.MP4', bytes: null, time: null, channel: 'front', event: 'normal', beside: [] }

test('of a camera that does not listen to where a part should end no more is read than was asked for', async () => {
  const { bytes, read } = gpsClip(1, Array.from({ length: 60 }, (_, second) => ({ lat_deg: 52 + second * 0.001, lon_deg: 13, knots: 30 })))
  const { door, most_bytes } = endless(read(0, bytes))
  expect((await routeOf(clip, door, new AbortController().signal))?.fixes.length).toBeGreaterThan(5)
  expect(most_bytes()).toBeLessThanOrEqual(2 * PIECE_BYTES)
})

test('of a clip whose receiver found itself late, lost itself early or for long, a few fixes are not taken for the whole of it', async () => {
  const home = { lat_deg: 52, lon_deg: 13, knots: 0 }
  const isWhole = async (hasFix: (second: number) => boolean, seconds = 60) => {
    const { bytes, read } = gpsClip(1, Array.from({ length: seconds }, (_, second) => (hasFix(second) ? home : null)))
    return (await routeOf(clip, endless(read(0, bytes)).door, new AbortController().signal))?.whole
  }
  expect(await isWhole(() => true)).toBe(true)
  expect(await isWhole((second) => second < 25 || second > 29)).toBe(true)
  expect(await isWhole((second) => second > 0)).toBe(false)
  expect(await isWhole((second) => second < 59)).toBe(false)
  expect(await isWhole((second) => second < 10 || second > 50)).toBe(false)
  expect(await isWhole((second) => second === 59)).toBe(false)
  expect(await isWhole(() => true, 2)).toBe(false)
  expect(await isWhole(() => false)).toBe(undefined)
})
