import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { AssetDoc, TrackDoc } from '../../core/contract/records.ts'
import { byCamera } from './drives.ts'
import { simplify, type LatLon } from './simplify.ts'

const START_MS = Date.UTC(2026, 0, 1, 12)
const STEP_DEG = 0.0001 // 11.12 m northwards

const asset = (over: Partial<AssetDoc>): AssetDoc => ({
  _id: 'asset:a', kind: 'asset', sha256: 'a', media_kind: 'video', media: { volume: 'media', path: 'a', bytes: 1, sha256: 'a' }, name: 'a.mp4', camera: 'car', channel: 'front', event: 'normal',
  start_ms: START_MS, duration_s: 60, clock: { offset_s: 0, from: 'gps' }, width_px: 1, height_px: 1, fps: 1, codec: 'h264', audio: false, playable: true, fixes: 0,
  dropped_fixes: { no_fix: 0, zero: 0, static: 0, jump: 0, no_time: 0, invalid: 0 }, notes: [], ...over,
})
const track = (t_s: number[], lat: (i: number) => number, lon: (i: number) => number = () => 30): TrackDoc => {
  const none = t_s.map(() => null)
  return { _id: 'track:a', kind: 'track', asset: 'a', source: 'test', at_ms: none, t_s, lat_deg: t_s.map((_, i) => lat(i)), lon_deg: t_s.map((_, i) => lon(i)), speed_mps: none, heading_deg: none, altitude_m: none }
}
const seconds = (n: number, from = 0) => Array.from({ length: n }, (_, i) => from + i)
const north = (n: number, from = 0) => track(seconds(n), (i) => 50 + (from + i) * STEP_DEG)

describe('what lies in one drive', () => {
  test('clips of one camera, whatever the channel', () => {
    expect([asset({ channel: 'front' }), asset({ channel: 'rear', event: 'locked' })].map(byCamera.key)).toEqual(['car', 'car'])
    expect(byCamera.key(asset({ camera: 'van' }))).toBe('van')
  })
  test('no photos', () => expect(byCamera.key(asset({ media_kind: 'image' }))).toBeNull())
  test("a log without breaks goes with the camera's clips; one of a whole day would tie its drives together", () => {
    expect(byCamera.key(asset({ media_kind: 'track', duration_s: 600, fixes: 590, name: 'GPSData.txt' }))).toBe('car')
    expect(byCamera.key(asset({ media_kind: 'track', duration_s: 36_000, fixes: 3600, name: 'GPSData.txt' }))).toBeNull()
  })
  test('a GPX of its own is a drive of its own', () => {
    expect(byCamera.key(asset({ media_kind: 'track', duration_s: 3600, fixes: 60, name: 'sunday.gpx' }))).toBe('car: sunday.gpx')
  })
  test('the gap is the one configured', () => expect(byCamera.gap_s({ gap_s: 77 })).toBe(77))
})

describe('how far it was', () => {
  test('along the fixes: 59 steps of 11.12 m', () => {
    const drive = byCamera.summarise([{ asset: asset({}), track: north(60) }])
    expect(drive.distance_m).toBeCloseTo(59 * 11.1195, 0)
    expect(drive).toMatchObject({ start_ms: START_MS, end_ms: START_MS + 60_000 })
  })
  test('front and rear count once, as does a log beside them', () => {
    const once = byCamera.summarise([{ asset: asset({}), track: north(60) }]).distance_m
    const all = byCamera.summarise([{ asset: asset({}), track: north(60) }, { asset: asset({ channel: 'rear' }), track: north(60) }, { asset: asset({ media_kind: 'track' }), track: north(60) }])
    expect(all.distance_m).toBe(once)
  })
  test('from clip to clip too, when the second begins where the first ended', () => {
    const next = asset({ start_ms: START_MS + 60_000 })
    expect(byCamera.summarise([{ asset: asset({}), track: north(60) }, { asset: next, track: north(60, 60) }]).distance_m).toBeCloseTo(119 * 11.1195, 0)
  })
  test('not across a silence of the receiver, nor across a jump', () => {
    const silent = track([0, 1, 2, 30, 31, 32], (i) => 50 + i * STEP_DEG)
    expect(byCamera.summarise([{ asset: asset({}), track: silent }]).distance_m).toBeCloseTo(4 * 11.1195, 1)
    const jumpy = track([0, 1, 2, 3], (i) => (i < 2 ? 50 : 51) + i * STEP_DEG)
    expect(byCamera.summarise([{ asset: asset({}), track: jumpy }]).distance_m).toBeCloseTo(2 * 11.1195, 1)
  })
  test('over 180° the short way', () => {
    const pacific = track([0, 1], () => 0, (i) => (i === 0 ? 179.9999 : -179.9999))
    expect(byCamera.summarise([{ asset: asset({}), track: pacific }]).distance_m).toBeCloseTo(22.2, 1)
  })
  test('nothing without a track', () => {
    expect(byCamera.summarise([{ asset: asset({ duration_s: null }), track: null }])).toEqual({ start_ms: START_MS, end_ms: START_MS, distance_m: 0, line: [] })
  })
})

describe('the line on the map', () => {
  test('a straight way is two points, a corner a third', () => {
    const corner = track(seconds(101), (i) => 50 + Math.min(i, 50) * STEP_DEG, (i) => 30 + Math.max(0, i - 50) * STEP_DEG)
    expect(byCamera.summarise([{ asset: asset({}), track: corner }]).line).toEqual([[50, 30], [50 + 50 * STEP_DEG, 30], [50 + 50 * STEP_DEG, 30 + 50 * STEP_DEG]])
  })
  test('a long winding way has at most 500 points, and is drawn at once', () => {
    const winding = track(seconds(20_000), (i) => 50 + i * STEP_DEG, (i) => 30 + Math.sin(i / 5) * 0.001 + Math.sin(i / 100) * 0.01)
    const begun = performance.now()
    const { line } = byCamera.summarise([{ asset: asset({ duration_s: 20_000 }), track: winding }])
    expect(performance.now() - begun).toBeLessThan(2_000)
    expect(line.length).toBeGreaterThan(50)
    expect(line.length).toBeLessThanOrEqual(500)
  })
  test('over 180° it stays as straight as it was', () => {
    expect(simplify([[0, 179.99], [0, -180], [0, -179.99]], 5)).toEqual([[0, 179.99], [0, -179.99]])
  })
  test('it keeps both ends, adds nothing, and no point is further off than allowed', () => {
    const way = fc.array(fc.tuple(fc.double({ min: 50, max: 50.01, noNaN: true }), fc.double({ min: 30, max: 30.01, noNaN: true })), { minLength: 2, maxLength: 80 })
    fc.assert(fc.property(way, (points: LatLon[]) => {
      const kept = simplify(points, 5)
      expect(kept[0]).toEqual(points[0])
      expect(kept.at(-1)).toEqual(points.at(-1))
      for (const p of kept) expect(points).toContain(p)
      for (const p of points) expect(Math.min(...kept.slice(1).map((b, i) => off_m(p, kept[i]!, b)))).toBeLessThan(5.5)
    }))
  })
})

/** Distance from a stretch in metres, on a plane at 50° north. */
function off_m(p: LatLon, a: LatLon, b: LatLon): number {
  const flat = (q: LatLon) => [(q[1] - a[1]) * 111_195 * Math.cos((50 * Math.PI) / 180), (q[0] - a[0]) * 111_195] as const
  const [[px, py], [bx, by]] = [flat(p), flat(b)]
  const part = bx * bx + by * by === 0 ? 0 : Math.min(1, Math.max(0, (px * bx + py * by) / (bx * bx + by * by)))
  return Math.hypot(px - part * bx, py - part * by)
}
