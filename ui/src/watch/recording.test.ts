import { expect, test } from 'vitest'
import type { AssetView } from '../../../core/store/port.ts'
import { fastest, nearestMoment, recordingOf, takeAt, whereAt } from './recording.ts'

const T0_MS = 1_760_000_000_000
/** A clip of a minute that drives east along the equator, 0.0001° (11 m) a second, from `from_s` of the axis on. */
function clip(name: string, channel: 'front' | 'rear', from_s: number, seconds: readonly number[]): AssetView {
  const track = { _id: '', kind: 'track' as const, asset: name, source: 'test', at_ms: seconds.map((s) => T0_MS + (from_s + s) * 1000), t_s: [...seconds], lat_deg: seconds.map(() => 0), lon_deg: seconds.map((s) => (from_s + s) * 0.0001), speed_mps: seconds.map(() => null), heading_deg: seconds.map(() => null), altitude_m: seconds.map(() => null) }
  return {
    asset: { _id: '', kind: 'asset', sha256: name, media_kind: 'video', media: { volume: 'media', path: name, bytes: 1, sha256: name }, name, camera: 'c', channel, event: 'normal', start_ms: T0_MS + from_s * 1000, duration_s: 60, clock: { offset_s: 0, from: 'gps' }, width_px: 1, height_px: 1, fps: 30, codec: 'h264', audio: false, playable: true, fixes: seconds.length, dropped_fixes: { no_fix: 0, zero: 0, static: 0, jump: 0, no_time: 0, invalid: 0 }, notes: [] },
    track: seconds.length > 0 ? track : null, sightings: [], hits: [], pictures: null, copies: [], removed: [], drive: null, drive_kept: false,
  }
}
const each = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i)

test('clips lie on one axis: a moment names its clip, a gap the next one', () => {
  const recording = recordingOf([clip('b', 'front', 90, each(0, 59)), clip('a', 'front', 0, each(0, 59)), clip('r', 'rear', 0, [])])
  expect(recording.channels).toEqual(['front', 'rear'])
  expect(recording.length_s).toBe(150)
  expect(takeAt(recording, 'front', 30)?.view.asset.sha256).toBe('a')
  expect(takeAt(recording, 'front', 75)?.view.asset.sha256).toBe('b')
  expect(takeAt(recording, 'front', 100)?.view.asset.sha256).toBe('b')
  expect(takeAt(recording, 'rear', 100)?.view.asset.sha256).toBe('r')
})

test('where the receiver was silent there is no place, and the way across was not driven', () => {
  const recording = recordingOf([clip('a', 'front', 0, [...each(0, 20), ...each(50, 59)])])
  expect(whereAt(recording, 10)?.lon_deg).toBeCloseTo(0.001, 9)
  expect(whereAt(recording, 10)?.heading_deg).toBeCloseTo(90, 6)
  expect(whereAt(recording, 35)).toBeNull()
  expect(recording.driven_m).toBeCloseTo(29 * 11.1195, 0) // 20 s and 9 s of driving
  expect(recording.fixes.filter((fix) => fix.gap)).toHaveLength(1)
})

test('the moment of a place is that of the nearest fix', () => {
  const recording = recordingOf([clip('a', 'front', 0, each(0, 59))])
  expect(nearestMoment(recording.fixes, (fix) => Math.abs(fix.lon_deg - 0.00312))?.t_s).toBe(31)
  expect(nearestMoment([], () => 0)).toBeNull()
})

test('of very many fixes the fastest is found, and an unknown speed is none', () => {
  const fix = (speed_mps: number | null) => ({ t_s: 0, lat_deg: 0, lon_deg: 0, speed_mps, heading_deg: null, driven_m: 0, gap: false })
  expect(fastest([...Array.from({ length: 400_000 }, () => fix(20)), fix(31), fix(null)], 10)).toBe(31)
  expect(fastest([fix(null)], 10)).toBe(10)
})
