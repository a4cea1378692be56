import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { LibraryFile, LibraryItem, VolumeSight } from '../../core/contract/retention.ts'
import { plan } from './plan.ts'
import { archived, asset, copy, DAY_MS, GOOD, item, library, NOW_MS, original, settings, shaOf, sight } from './testing.ts'

const clip = asset(1) // 100 days old, 1440 lines: due for 720p
const due = [original(clip), copy(clip, '720p'), archived(clip)]
const lineOf = (files: readonly LibraryFile[], over: Partial<LibraryItem> = {}, rules = settings(), volumes?: Record<string, VolumeSight>, role = 'original') =>
  plan(library([item(over.asset ?? clip, files, over)], volumes), rules).lines.find((line) => line.role === role)!

test('an original whose rung is made, checked and archived steps down, and wins its bytes', () => {
  expect(lineOf(due)).toEqual({
    sha256: clip.sha256, role: 'original', name: '1.MP4', camera: 'Van', start_ms: NOW_MS - 100 * DAY_MS, media: clip.media, goes: true, to: '720p', reason: 'steps',
    why: 'its 720p copy was read back 10 days ago; the same on archive was read back 10 days ago', wins_bytes: 1001, replaced_by: [due[1]!.media, due[2]!.media],
  })
  expect(lineOf(due.slice(0, 2), {}, settings({ replaced_by: 'copy' }))).toMatchObject({ goes: true, replaced_by: [due[1]!.media] })
})

test('every rung above the one that is due goes with it; the one that is due and the archive stay', () => {
  const { lines } = plan(library([item(clip, [...due, copy(clip, '1080p')])]), settings())
  expect(lines.map(({ role, goes, reason }) => [role, goes, reason])).toEqual([['original', true, 'steps'], ['1080p', true, 'steps'], ['archive', false, 'other-volume'], ['720p', false, 'young']])
})

test('crops only: the last video goes when another volume holds it, and otherwise stays', () => {
  const old = asset(2, { start_ms: NOW_MS - 400 * DAY_MS })
  expect(lineOf([copy(old, '540p'), archived(old)], { asset: old }, settings(), undefined, '540p')).toMatchObject({ goes: true, to: 'crops', reason: 'goes', replaced_by: [archived(old).media] })
  expect(lineOf([copy(old, '540p'), copy(old, '720p')], { asset: old }, settings(), undefined, '540p')).toMatchObject({ goes: false, reason: 'sole' })
})

test('crops only: an original goes for the same bytes and for nothing less, as the page says, also when a smaller copy lies beside rotten ones', () => {
  const old = asset(2, { start_ms: NOW_MS - 400 * DAY_MS })
  const beside: LibraryFile = { ...copy(old, '720p'), role: 'archive-720p', media: { ...copy(old, '720p').media, volume: 'archive', path: `${old.sha256}/video_720p.mp4` } }
  expect(lineOf([original(old), archived(old), beside], { asset: old })).toMatchObject({ goes: true, replaced_by: [archived(old).media] })
  expect(lineOf([original(old), archived(old, { verified_ms: null }), beside], { asset: old })).toMatchObject({ goes: false, to: 'crops', reason: 'unverified' })
  expect(lineOf([original(old), beside], { asset: old })).toMatchObject({ goes: false, to: 'crops', reason: 'sole' })
  expect(lineOf([original(old), beside], { asset: old }, settings({ replaced_by: 'copy' }))).toMatchObject({ goes: true, replaced_by: [beside.media] })
})

test('what came in yesterday stays, whatever year its camera believes it to be', () => {
  const flat = asset(3, { start_ms: NOW_MS - 11 * 365 * DAY_MS })
  const arrived = (days: number) => lineOf([original(flat, { written_ms: NOW_MS - days * DAY_MS }), archived(flat)], { asset: flat })
  expect(arrived(1)).toMatchObject({ goes: false, to: 'original', reason: 'young', why: 'it came in 1 day ago; originals stay 14 days' })
  expect(arrived(-1)).toMatchObject({ goes: false, reason: 'young' }) // our own clock was wrong
  expect(arrived(14)).toMatchObject({ goes: true, to: 'crops' })
  const limits = [{ volume: 'media', camera: null, most_gb: 0, least_free_gb: null }]
  expect(lineOf([original(flat, { written_ms: NOW_MS - DAY_MS }), archived(flat)], { asset: flat }, settings({ limits }))).toMatchObject({ goes: false, reason: 'young' }) // nor when the disk is full
})

test('a copy that is not there yet is asked for, from the original', () => {
  const { lines, makes } = plan(library([item(clip, [original(clip), archived(clip)])]), settings())
  expect(lines.find(({ role }) => role === 'original')).toMatchObject({ goes: false, reason: 'to-make', why: 'its 720p copy is yet to be made' })
  expect(makes).toEqual([{ sha256: clip.sha256, rung: '720p', media: clip.media }])
  expect(plan(library([item(clip, [original(clip, { there: false }), copy(clip, '1080p')])]), settings()).makes).toEqual([{ sha256: clip.sha256, rung: '720p', media: copy(clip, '1080p').media }])
})

test('a small copy in the archive folder is a second one: it plays when the first is gone, and never lets an original go by itself', () => {
  const second = { ...copy(clip, '720p'), role: 'archive-720p', media: { ...copy(clip, '720p').media, volume: 'archive', path: `${clip.sha256}/video_720p.mp4` } }
  expect(lineOf([due[0]!, archived(clip), second])).toMatchObject({ goes: false, reason: 'to-make' })
  expect(lineOf([...due, second])).toMatchObject({ goes: true, replaced_by: [due[1]!.media, due[2]!.media] })
  expect(lineOf([...due, second], {}, settings(), undefined, 'archive-720p')).toMatchObject({ goes: false, reason: 'other-volume' })
  const old = asset(2, { start_ms: NOW_MS - 400 * DAY_MS })
  const last = { ...copy(old, '540p'), role: 'archive-540p', media: { ...copy(old, '540p').media, volume: 'archive', path: `${old.sha256}/video_540p.mp4` } }
  expect(lineOf([copy(old, '540p'), last], { asset: old }, settings(), undefined, '540p')).toMatchObject({ goes: true, reason: 'goes', replaced_by: [last.media] })
})

describe('stays', () => {
  const small = (over: Partial<LibraryFile>) => [due[0]!, copy(clip, '720p', over), due[2]!]
  const archive = (over: Partial<LibraryFile>) => [due[0]!, due[1]!, archived(clip, over)]
  const other = (over: Parameters<typeof asset>[1]) => ({ asset: asset(1, over) })
  const cases: readonly [why: string, reason: string, files: readonly LibraryFile[], over?: Partial<LibraryItem>, volumes?: Record<string, VolumeSight>][] = [
    ['a picture', 'no-video', due, other({ media_kind: 'image' })], ['a track', 'no-video', due, other({ media_kind: 'track' })], ['a recording without a picture', 'no-video', due, other({ width_px: null })],
    ['marked keep', 'kept', due, { kept: true }], ['locked by the camera', 'locked', due, other({ event: 'locked' })], ['recorded by hand', 'locked', due, other({ event: 'manual' })], ['an event', 'event', due, other({ event: 'event' })],
    ['without a date', 'undated', due, other({ start_ms: null })], ['kept and without a date', 'kept', due, { ...other({ start_ms: null }), kept: true }],
    ['young', 'young', due, other({ start_ms: NOW_MS - 29 * DAY_MS })], ['dated into the future', 'young', due, other({ start_ms: NOW_MS + DAY_MS })], ['with a start that is no number', 'young', due, other({ start_ms: Number.NaN })],
    ['not looked at', 'unread', due, { looked: false }],
    ['on a volume nobody knows', 'volume', due, {}, { archive: sight() }], ['on a volume that is not mounted', 'volume', due, {}, { media: sight({ mounted: false }), archive: sight() }],
    ['on an empty volume', 'volume', due, {}, { media: sight({ there: 0 }), archive: sight() }], ['on a volume of which nothing is known', 'volume', due, {}, { media: sight({ files: 0, there: 0 }), archive: sight() }],
    ['on a volume that shrank', 'volume', due, {}, { media: sight({ there: 97 }), archive: sight() }], ['that is not where it should be', 'missing', [original(clip, { there: false }), due[1]!, due[2]!]],
    ['that nobody could look for', 'missing', [original(clip, { there: null }), due[1]!, due[2]!]],
    ['whose archive is not mounted', 'away', due, {}, { media: sight(), archive: sight({ mounted: false }) }], ['whose archive is nowhere', 'away', due, {}, { media: sight() }],
    ['without an archive copy', 'sole', due.slice(0, 2)], ['whose archive is the same volume', 'sole', archive({ media: { ...archived(clip).media, volume: 'media' } })],
    ['whose archive copy is not there', 'mismatch', archive({ there: false })], ['whose archive copy has another digest', 'sole', archive({ media: { ...archived(clip).media, sha256: shaOf(9) } })],
    ['whose archive copy has another size', 'sole', archive({ media: { ...archived(clip).media, bytes: 999 } })],
    ['whose archive copy was never read back', 'unverified', archive({ verified_ms: null })], ['whose archive copy was read back tomorrow', 'unverified', archive({ verified_ms: NOW_MS + DAY_MS })],
    ['whose archive copy was read back too long ago', 'stale', archive({ verified_ms: NOW_MS - 367 * DAY_MS })],
    ['whose small copy is empty', 'mismatch', small({ media: { ...copy(clip, '720p').media, bytes: 0 } })], ['whose small copy is not there', 'mismatch', small({ there: false })],
    ['whose small copy was not checked', 'poor', small({ checks: {} })], ['whose small copy was checked in no frame', 'poor', small({ checks: { ...GOOD, ssim_frames: 0 } })],
    ['whose small copy is short', 'poor', small({ checks: { ...GOOD, duration_s: 59.8 } })], ['whose small copy lost frames', 'poor', small({ checks: { ...GOOD, frames: 1797 } })],
    ['whose small copy looks different', 'poor', small({ checks: { ...GOOD, ssim_min: 0.89 } })], ['whose small copy has no number for its likeness', 'poor', small({ checks: { ...GOOD, ssim_min: Number.NaN } })],
    ['whose copy lies at its own place', 'shared', small({ media: { ...copy(clip, '720p').media, path: clip.media.path } })],
  ]
  test.each(cases)('%s: %s', (_, reason, files, over, volumes) => {
    expect(lineOf(files, over, settings(), volumes)).toMatchObject({ goes: false, reason, wins_bytes: 0, replaced_by: [] })
  })
})

test('a run takes the oldest, and no more than its part of a volume', () => {
  const items = Array.from({ length: 40 }, (_, n) => { const of = asset(n, { start_ms: NOW_MS - (300 - n) * DAY_MS, width_px: 1280, height_px: 960 }); return item(of, [original(of), copy(of, n < 90 ? '540p' : '720p'), copy(of, '720p'), archived(of)]) })
  const { lines } = plan(library(items, { media: sight({ files: 120, there: 120 }), archive: sight({ files: 40, there: 40 }) }), settings({ most_part: 0.05 }))
  expect(lines.filter(({ goes }) => goes)).toHaveLength(6)
  expect(Math.max(...lines.filter(({ goes }) => goes).map(({ start_ms }) => start_ms!))).toBeLessThanOrEqual(NOW_MS - 297 * DAY_MS)
  expect(lines.filter(({ reason }) => reason === 'later').length).toBeGreaterThan(10)
})

describe('a volume that is too full', () => {
  const items = [30, 20, 15].map((age, n) => { const of = asset(n + 1, { start_ms: NOW_MS - age * DAY_MS + 1, media: { ...asset(n + 1).media, bytes: 10e9 } }); return item(of, [original(of), copy(of, '1080p'), archived(of)]) })
  const go = (rules: Parameters<typeof settings>[0], volumes?: Record<string, VolumeSight>) => plan(library(items, volumes), settings({ most_part: 1, ...rules })).lines.filter(({ goes }) => goes).map(({ name }) => name)
  const limit = { volume: 'media', camera: null, most_gb: null, least_free_gb: null }
  test('sends down the oldest, only as many as it takes', () => {
    expect(go({})).toEqual([])
    expect(go({ limits: [{ ...limit, most_gb: 25 }] })).toEqual(['1.MP4'])
    expect(go({ limits: [{ ...limit, most_gb: 15 }] })).toEqual(['1.MP4', '2.MP4'])
    expect(go({ limits: [{ ...limit, least_free_gb: 5 }] }, { media: sight({ bytes_free: 3e9 }), archive: sight() })).toEqual(['1.MP4'])
  })
  test('and no more on the nights on which what was sent down still rests in the trash', () => {
    expect(go({ limits: [{ ...limit, least_free_gb: 25 }] }, { media: sight({ bytes_free: 3e9 }), archive: sight() })).toEqual(['1.MP4', '2.MP4', '3.MP4'])
    expect(go({ limits: [{ ...limit, least_free_gb: 25 }] }, { media: sight({ bytes_free: 3e9, bytes_resting: 20e9 }), archive: sight() })).toEqual(['1.MP4'])
    expect(go({ limits: [{ ...limit, least_free_gb: 25 }] }, { media: sight({ bytes_free: 3e9, bytes_resting: 30e9 }), archive: sight() })).toEqual([])
  })
  test('of one camera, when it says so', () => {
    expect(go({ limits: [{ ...limit, camera: 'Car', most_gb: 1 }] })).toEqual([])
    expect(go({ limits: [{ ...limit, camera: 'Van', most_gb: 25 }] })).toEqual(['1.MP4'])
  })
  test('and nothing that is younger than originals always are', () => expect(new Set(go({ keep_days: 25, limits: [{ ...limit, most_gb: 1 }] }))).toEqual(new Set(['1.MP4'])))
})

/** For any library, faults and settings. Said once more in the plainest way, and in no word of the planner's. */
test('nothing is ever planned that is kept, locked, an only verified copy, or on a volume that is away, empty, unknown or shrunk', () => {
  // Mostly what lets a clip go: otherwise hardly one of them would.
  const maybe = <T>(usual: T, ...values: T[]) => fc.oneof({ weight: 3 * values.length + 1, arbitrary: fc.constant(usual) }, { weight: values.length, arbitrary: fc.constantFrom(usual, ...values) })
  const file = (n: number) => fc.record({
    role: fc.constantFrom('original', 'archive', '1080p', '720p', '540p', '720p', 'archive', 'archive-720p', 'other'),
    volume: maybe('by role', 'media', 'archive', 'shed'), path: maybe('own', `raw/front/${n}.MP4`, 'raw/front/1.MP4'), bytes: maybe(300, 0), sha256: maybe('by role', shaOf(n), shaOf(99)),
    verified_ms: maybe<number | null>(NOW_MS - DAY_MS, null, NOW_MS + DAY_MS, NOW_MS - 400 * DAY_MS, Number.NaN), there: maybe<boolean | null>(true, false, null), written_ms: maybe<number | null>(NOW_MS - 300 * DAY_MS, null, NOW_MS - DAY_MS, NOW_MS + DAY_MS),
    checks: maybe<LibraryFile['checks']>(GOOD, {}, { ...GOOD, ssim_min: 0.5 }, { ...GOOD, frames: 10 }, { ...GOOD, duration_s: null }),
  }).map(({ role, volume, path, bytes, sha256, ...rest }): LibraryFile => {
    const whole = role === 'original' || role === 'archive'
    return { role, ...rest, media: {
      volume: volume === 'by role' ? (role.startsWith('archive') ? 'archive' : 'media') : volume, path: path === 'own' ? (role === 'original' ? `raw/front/${n}.MP4` : `derived/${n}/${role}`) : path,
      bytes: whole && bytes !== 0 ? 1000 + n : bytes, sha256: sha256 === 'by role' ? (whole ? shaOf(n) : shaOf(n + 1000)) : sha256,
    } }
  })
  const one = (n: number) => fc.record({
    asset: fc.record({
      media_kind: maybe('video' as const, 'image' as const, 'track' as const), event: maybe('normal' as const, 'locked' as const, 'parking' as const, 'event' as const, 'manual' as const),
      start_ms: fc.constantFrom(null, 0, NOW_MS - 400 * DAY_MS, NOW_MS - 250 * DAY_MS, NOW_MS - 100 * DAY_MS, NOW_MS - 40 * DAY_MS, NOW_MS, NOW_MS + DAY_MS, Number.NaN), height_px: maybe<number | null>(1440, 720, 480, null),
    }).map((over) => asset(n, over)),
    kept: maybe(false, true), drives: maybe<readonly string[]>([], ['drive:1']), looked: maybe(true, false), sightings: maybe(0, 3), area: maybe<string | null>(null, 'home'), extra: fc.array(file(n), { maxLength: 4 }), written_ms: maybe<number | null>(null, NOW_MS - 300 * DAY_MS, NOW_MS - DAY_MS, NOW_MS + DAY_MS),
  }).map(({ asset: of, extra, written_ms, ...rest }): LibraryItem => ({ asset: of, files: [original(of, { written_ms }), ...extra], ...rest }))
  const seen = (extra: Partial<VolumeSight>) => maybe<VolumeSight | undefined>(sight(extra), undefined, sight({ mounted: false }), sight({ there: 0 }), sight({ files: 0, there: 0 }), sight({ there: 60 }), sight({ bytes_free: null }), sight({ bytes_free: 0 }))
  const rules = fc.record({
    replaced_by: maybe('archive' as const, 'copy' as const), volumes: maybe(['media'], ['media', 'archive'], [], ['shed']), keep_days: maybe(14, 0, 300), wait_for_reader: fc.boolean(), most_part: maybe(1, 0.05), min_ssim: maybe(0.9, 0.95, 1),
    limits: maybe<ReturnType<typeof settings>['limits']>([], [{ volume: 'media', camera: null, most_gb: 0, least_free_gb: null }], [{ volume: 'media', camera: 'Van', most_gb: null, least_free_gb: 1e6 }]),
    ladder: maybe(settings().ladder, { '1080p': 0, '720p': 0, '540p': 0, crops: 0 }, { '1080p': null, '720p': 1, '540p': null, crops: null }, { '1080p': null, '720p': null, '540p': null, crops: 1 }),
  }).map(settings)
  let gone = 0
  fc.assert(fc.property(fc.tuple(one(1), one(2), one(3)), fc.record({ media: seen({}), archive: seen({}), shed: seen({ mounted: false }) }), rules, (items, found, rule) => {
    const volumes = Object.fromEntries(Object.entries(found).filter((entry): entry is [string, VolumeSight] => entry[1] !== undefined))
    const { lines } = plan(library(items, volumes), rule)
    expect(lines).toHaveLength(items.reduce((sum, { files }) => sum + files.length, 0)) // every file has its line
    const going = lines.filter((line) => line.goes)
    const goesAt = new Set(going.map(({ media }) => `${media.volume}/${media.path}`))
    for (const line of lines) expect([line.why === '', line.wins_bytes]).toEqual([false, line.goes ? line.media.bytes : 0])
    for (const line of going) {
      gone++
      const { asset: of, files, kept } = items.find(({ asset: { sha256 } }) => sha256 === line.sha256)!
      expect([kept, of.media_kind, ['normal', 'parking'].includes(of.event), of.start_ms === null || Number.isNaN(of.start_ms)]).toEqual([false, 'video', true, false])
      expect((NOW_MS - of.start_ms!) / DAY_MS).toBeGreaterThanOrEqual(rule.keep_days)
      expect((NOW_MS - (files[0]!.written_ms ?? -Infinity)) / DAY_MS).toBeGreaterThanOrEqual(rule.keep_days)
      const sound = (name: string) => { const v = volumes[name]; return v?.mounted === true && v.there > 0 && v.files > 0 && v.files - v.there <= Math.max(1, v.files * rule.most_missing) }
      expect(sound(line.media.volume)).toBe(true)
      expect(rule.volumes).toContain(line.media.volume)
      expect(items.flatMap((i) => i.files).filter(({ media }) => media.volume === line.media.volume && media.path === line.media.path)).toHaveLength(1)
      // What is left of it: not planned itself, there, on a sound volume, read back, and the same bytes or a good smaller copy.
      const left = files.filter(({ media, there, verified_ms }) => !goesAt.has(`${media.volume}/${media.path}`) && there === true && media.bytes > 0 && sound(media.volume) && verified_ms !== null && verified_ms <= NOW_MS && verified_ms > NOW_MS - 366 * DAY_MS)
      const same = left.filter(({ media }) => media.sha256 === of.sha256 && media.volume !== line.media.volume)
      const small = left.filter(({ checks, media }) => checks === GOOD && media.sha256 !== of.sha256)
      expect(line.replaced_by.length).toBeGreaterThan(0)
      for (const ref of line.replaced_by) expect(left.map(({ media }) => media)).toContainEqual(ref)
      expect(same.length + small.length).toBeGreaterThan(0)
      if (line.media.sha256 === of.sha256 && rule.replaced_by === 'archive') expect(same.length).toBeGreaterThan(0)
      if (line.to === 'crops') expect([...same, ...small].some(({ media }) => media.volume !== line.media.volume)).toBe(true)
    }
    for (const [name, { files }] of Object.entries(volumes)) expect(going.filter(({ media }) => media.volume === name).length).toBeLessThanOrEqual(Math.ceil(files * rule.most_part))
  }), { numRuns: 6000 })
  expect(gone).toBeGreaterThan(200) // otherwise nothing was tried
})
