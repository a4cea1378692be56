import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CopyDoc } from '../../core/contract/records.ts'
import { judge, plan, type Original, type Policy } from './plan.ts'

const NOW_MS = Date.UTC(2026, 6, 1)
const DAY_MS = 24 * 60 * 60 * 1000
const SHA = 'a'.repeat(64)
const OTHER_SHA = 'b'.repeat(64)

const clip = (over: Partial<Original> = {}): Original => ({
  _id: `asset:${SHA}`, kind: 'asset', sha256: SHA, media_kind: 'video',
  media: { volume: 'media', path: 'raw/front/2026-01-01/0001F.MP4', bytes: 1000, sha256: SHA },
  name: '0001F.MP4', camera: 'front', channel: 'front', event: 'normal', start_ms: NOW_MS - 100 * DAY_MS, duration_s: 60,
  clock: { offset_s: 0, from: 'gps' }, width_px: 2560, height_px: 1440, fps: 30, codec: 'h264', audio: true, playable: true,
  fixes: 60, dropped_fixes: { no_fix: 0, zero: 0, static: 0, jump: 0, no_time: 0, invalid: 0 }, notes: [], ...over,
})
const archived = (over: Partial<CopyDoc> = {}): CopyDoc => ({
  _id: `copy:${SHA}:archive`, kind: 'copy', asset: SHA, role: 'archive',
  media: { volume: 'archive', path: `${SHA}/0001F.MP4`, bytes: 1000, sha256: SHA }, verified_ms: NOW_MS - 10 * DAY_MS, checks: {}, ...over,
})
const GOOD = { duration_s: 60, original_duration_s: 60, frames: 1800, original_frames: 1800, ssim_min: 0.96, ssim_mean: 0.97, ssim_frames: 12 }
const slim = (over: Partial<CopyDoc> = {}): CopyDoc => ({
  _id: `copy:${SHA}:720p`, kind: 'copy', asset: SHA, role: '720p',
  media: { volume: 'media', path: `derived/aa/${SHA}/720p.mp4`, bytes: 300, sha256: OTHER_SHA }, verified_ms: NOW_MS - 10 * DAY_MS, checks: GOOD, ...over,
})
const byArchive: Policy = { keep_days: 90, replaced_by: 'archive', verified_days: 365, min_ssim: 0.9 }
const bySlim: Policy = { ...byArchive, replaced_by: '720p' }

test('an old clip whose archive copy was read back could go, and wins its bytes', () => {
  expect(judge(clip(), [archived()], byArchive, NOW_MS)).toEqual({
    sha256: SHA, name: '0001F.MP4', bytes: 1000, goes: true, reason: 'replaced', why: 'its archive copy was read back 10 days ago', wins_bytes: 1000,
  })
})

test('with the policy 720p the checked small copy is enough', () => {
  expect(judge(clip(), [slim()], bySlim, NOW_MS)).toMatchObject({ goes: true, reason: 'replaced' })
})

describe('stays', () => {
  const cases: readonly [why: string, reason: string, asset: Original, copies: CopyDoc[], policy: Policy][] = [
    ['a picture', 'no-video', clip({ media_kind: 'image' }), [archived()], byArchive],
    ['a track', 'no-video', clip({ media_kind: 'track' }), [archived()], byArchive],
    ['marked keep', 'kept', clip({ keep: true }), [archived(), slim()], byArchive],
    ['marked keep in a word', 'kept', clip({ keep: 'for the insurance' }), [archived()], byArchive],
    ['locked by the camera', 'locked', clip({ event: 'locked' }), [archived()], byArchive],
    ['an event', 'locked', clip({ event: 'event' }), [archived()], byArchive],
    ['recorded by hand', 'locked', clip({ event: 'manual' }), [archived()], byArchive],
    ['without a date', 'undated', clip({ start_ms: null }), [archived()], byArchive],
    ['a day too young', 'young', clip({ start_ms: NOW_MS - 89 * DAY_MS }), [archived()], byArchive],
    ['dated into the future', 'young', clip({ start_ms: NOW_MS + DAY_MS }), [archived()], byArchive],
    ['with a start that is no number', 'young', clip({ start_ms: Number.NaN }), [archived()], byArchive],
    ['without any copy', 'sole', clip(), [], byArchive],
    ['with somebody else’s copy', 'sole', clip(), [archived({ asset: OTHER_SHA })], byArchive],
    ['whose copy is the original itself', 'sole', clip(), [archived({ media: clip().media })], byArchive],
    ['with a small copy only, when the archive is asked for', 'sole', clip(), [slim()], byArchive],
    ['with an archive copy only, when the small one is asked for', 'sole', clip(), [archived()], bySlim],
    ['whose copy was never read back', 'unverified', clip(), [archived({ verified_ms: null })], byArchive],
    ['whose copy was read back tomorrow', 'unverified', clip(), [archived({ verified_ms: NOW_MS + DAY_MS })], byArchive],
    ['whose copy was read back too long ago', 'stale', clip(), [archived({ verified_ms: NOW_MS - 366 * DAY_MS })], byArchive],
    ['whose archive copy has another digest', 'mismatch', clip(), [archived({ media: { ...archived().media, sha256: OTHER_SHA } })], byArchive],
    ['whose archive copy has another size', 'mismatch', clip(), [archived({ media: { ...archived().media, bytes: 999 } })], byArchive],
    ['whose archive is the same volume', 'same-volume', clip(), [archived({ media: { ...archived().media, volume: 'media' } })], byArchive],
    ['whose small copy is empty', 'mismatch', clip(), [slim({ media: { ...slim().media, bytes: 0 } })], bySlim],
    ['whose small copy was not checked', 'poor', clip(), [slim({ checks: {} })], bySlim],
    ['whose small copy was checked in no frame', 'poor', clip(), [slim({ checks: { ...GOOD, ssim_frames: 0 } })], bySlim],
    ['whose small copy is short', 'poor', clip(), [slim({ checks: { ...GOOD, duration_s: 59.8 } })], bySlim],
    ['whose small copy lost frames', 'poor', clip(), [slim({ checks: { ...GOOD, frames: 1797 } })], bySlim],
    ['whose small copy looks different', 'poor', clip(), [slim({ checks: { ...GOOD, ssim_min: 0.89 } })], bySlim],
    ['whose small copy has no number for its likeness', 'poor', clip(), [slim({ checks: { ...GOOD, ssim_min: Number.NaN } })], bySlim],
  ]
  test.each(cases)('%s: %s', (_, reason, asset, copies, policy) => {
    expect(judge(asset, copies, policy, NOW_MS)).toMatchObject({ goes: false, reason, wins_bytes: 0 })
  })
})

test('whatever comes: nothing kept, locked, young, undated, sole or unverified ever goes', () => {
  // Mostly what lets a clip go: otherwise hardly one of them would.
  const maybe = <T>(usual: T, ...values: T[]) => fc.oneof({ weight: 2 * values.length + 1, arbitrary: fc.constant(usual) }, { weight: values.length, arbitrary: fc.constantFrom(usual, ...values) })
  const asset = fc.record({
    media_kind: maybe('video' as const, 'image' as const, 'track' as const), keep: maybe<unknown>(undefined, false, null, true, 'yes', 0),
    event: maybe('normal' as const, 'locked' as const, 'parking' as const, 'event' as const, 'manual' as const),
    start_ms: maybe<number | null>(NOW_MS - 91 * DAY_MS, null, 0, NOW_MS - 90 * DAY_MS, NOW_MS - 90 * DAY_MS + 1, NOW_MS, NOW_MS + DAY_MS),
  }).map((over) => clip(over))
  const copy = fc.record({
    role: maybe('archive', '720p', 'other'), asset: maybe(SHA, OTHER_SHA),
    media: fc.record({ volume: maybe('archive', 'media'), path: maybe('elsewhere', clip().media.path), bytes: maybe(1000, 300, 0), sha256: maybe(SHA, OTHER_SHA) }),
    verified_ms: maybe<number | null>(NOW_MS, null, NOW_MS - 365 * DAY_MS, NOW_MS - 366 * DAY_MS, NOW_MS + 1),
    checks: maybe<CopyDoc['checks']>(GOOD, {}, { ...GOOD, ssim_min: 0.5 }, { ...GOOD, frames: 10 }, { ...GOOD, duration_s: null }),
  }).map((over) => ({ ...archived(), ...over }))
  let gone = 0
  fc.assert(fc.property(asset, fc.array(copy, { maxLength: 3 }), maybe(byArchive, bySlim), (a, copies, policy) => {
    const line = judge(a, copies, policy, NOW_MS)
    expect(line.wins_bytes).toBe(line.goes ? a.media.bytes : 0)
    expect(line.why).not.toBe('')
    if (!line.goes) return
    gone++
    expect(a.media_kind).toBe('video')
    expect([undefined, false, null]).toContain(a.keep)
    expect(['normal', 'parking']).toContain(a.event)
    expect(a.start_ms).not.toBeNull()
    expect(a.start_ms!).toBeLessThanOrEqual(NOW_MS - 90 * DAY_MS)
    const replacing = copies.filter((c) =>
      c.asset === SHA && c.role === policy.replaced_by && c.verified_ms !== null && c.verified_ms <= NOW_MS && c.verified_ms >= NOW_MS - 365 * DAY_MS
      && (c.media.volume !== 'media' || c.media.path !== a.media.path) && c.media.bytes > 0
      && (c.role === 'archive' ? c.media.sha256 === SHA && c.media.bytes === 1000 && c.media.volume !== 'media' : c.checks === GOOD))
    expect(replacing.length).toBeGreaterThan(0)
  }), { numRuns: 10_000 })
  expect(gone).toBeGreaterThan(200) // otherwise nothing was tried
})

test('the plan names what could go first, the largest first', () => {
  const of = (n: number, bytes: number, over: Partial<Original> = {}) => {
    const sha256 = String(n).repeat(64)
    const media = { volume: 'media', path: `raw/${n}.MP4`, bytes, sha256 }
    return { asset: clip({ sha256, media, name: String(n), ...over }), copies: [archived({ asset: sha256, media: { ...media, volume: 'archive' } })] }
  }
  const lines = plan([of(1, 10), of(2, 500, { event: 'locked' }), of(3, 30)], byArchive, NOW_MS)
  expect(lines.map(({ name, goes }) => [name, goes])).toEqual([['3', true], ['1', true], ['2', false]])
})
