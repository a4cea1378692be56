import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Clip } from './clip.ts'
import { isParkedAt, whyNot } from './filter.ts'
import { inOrder } from './order.ts'
import { pause_ms } from './presence.ts'
import { stopsOf } from './route.ts'
import { CHANGED_REST_MS, settled, UNSAID_REST_MS, type Seen } from './settled.ts'

const clip = (name: string, time: string, over: Partial<Clip> = {}): Clip => ({
  name, path: `/DCIM/${name}`, bytes: 100, time, channel: name.includes('R.') ? 'rear' : 'front', event: 'normal', beside: [], ...over,
})

describe('who comes first', () => {
  const clips = [
    clip('2026_0302_080000_000001F.MP4', '2026-03-02T08:01'), clip('2026_0302_080000_000001R.MP4', '2026-03-02T08:01'),
    clip('2026_0302_090000_000002F.MP4', '2026-03-02T09:01', { event: 'parking' }), clip('2026_0301_090000_000000F.MP4', '2026-03-01T09:01', { event: 'locked' }),
    clip('2026_0302_100000_000003F.MP4', '2026-03-02T10:01'),
  ]
  const names = (order: Parameters<typeof inOrder>[1]) => inOrder(clips, order).map(({ name }) => name.slice(10, -4))
  test('locked ones, then by time, lenses together', () => {
    expect(names({ order: 'newest', events: [] })).toEqual(['090000_000000F', '100000_000003F', '090000_000002F', '080000_000001F', '080000_000001R'])
    expect(names({ order: 'oldest', events: [] })).toEqual(['090000_000000F', '080000_000001F', '080000_000001R', '090000_000002F', '100000_000003F'])
  })
  test('then the kinds that were named', () => {
    expect(names({ order: 'oldest', events: ['parking'] })).toEqual(['090000_000000F', '090000_000002F', '080000_000001F', '080000_000001R', '100000_000003F'])
  })
  test('nothing is lost or doubled', () => {
    const any = fc.array(fc.record({ n: fc.nat(20), event: fc.constantFrom('normal' as const, 'locked' as const, 'parking' as const), t: fc.nat(5) }))
    fc.assert(fc.property(any, fc.constantFrom('newest' as const, 'oldest' as const), (some, order) => {
      const given = some.map(({ n, event, t }) => clip(`${n}F.MP4`, `2026-03-02T0${t}:00`, { event }))
      const out = inOrder(given, { order, events: ['parking'] })
      expect(new Set(out)).toEqual(new Set(given))
      expect(out.length).toBe(given.length)
      expect(out.findLastIndex((c) => c.event === 'locked')).toBe(given.filter((c) => c.event === 'locked').length - 1)
    }))
  })
})

describe('what is being written is left alone', () => {
  const [one, two, three] = [clip('2026_0302_080000_000001F.MP4', '2026-03-02T08:01'), clip('2026_0302_080100_000002F.MP4', '2026-03-02T08:02'), clip('2026_0302_080200_000003F.MP4', '2026-03-02T08:03')]
  const rear = clip('2026_0302_080100_000002R.MP4', '2026-03-02T08:02')
  const names = (clips: readonly Clip[]) => clips.map(({ name }) => name.slice(17, -4))
  test('the last of each lens, as long as it records', () => {
    const seen: Seen = new Map()
    for (const now of [0, 1e9]) expect(names(settled({ clips: [one!, two!, rear], recording: true }, seen, now))).toEqual(['000001F'])
    expect(names(settled({ clips: [one!, two!, rear], recording: false }, seen, 2e9))).toEqual(['000001F', '000002F', '000002R'])
  })
  test('with a clock that went back, the last by number too', () => {
    const back = clip('2015_0101_000000_000004F.MP4', '2015-01-01T00:01')
    expect(names(settled({ clips: [one!, back, two!, three!], recording: true }, new Map(), 0))).toEqual(['000001F', '000002F'])
  })
  test('a camera that does not say is given the time of its longest clip', () => {
    const seen: Seen = new Map()
    const look = { clips: [one!, two!], recording: null }
    expect(names(settled(look, seen, 0))).toEqual(['000001F'])
    expect(names(settled(look, seen, UNSAID_REST_MS - 1))).toEqual(['000001F'])
    expect(names(settled(look, seen, UNSAID_REST_MS))).toEqual(['000001F', '000002F'])
  })
  test('what has just changed rests, whichever it is', () => {
    const seen: Seen = new Map()
    settled({ clips: [one!, two!], recording: false }, seen, 0)
    const grown = { ...one!, bytes: 200 }
    expect(names(settled({ clips: [grown, two!], recording: false }, seen, 10_000))).toEqual(['000002F'])
    expect(names(settled({ clips: [grown, two!], recording: false }, seen, 10_000 + CHANGED_REST_MS))).toEqual(['000001F', '000002F'])
  })
  test('an empty listing says nothing', () => {
    const seen: Seen = new Map()
    settled({ clips: [one!, two!], recording: false }, seen, 0)
    expect(settled({ clips: [], recording: false }, seen, 10_000)).toEqual([])
    expect(names(settled({ clips: [one!, two!], recording: false }, seen, 20_000))).toEqual(['000001F', '000002F'])
  })
})

describe('what stays on the camera', () => {
  const home = { lat_deg: 52, lon_deg: 13, radius_m: 100 }
  const at = (...places: [number, number][]) => ({ fixes: places.map(([lat_deg, lon_deg], i) => ({ t_s: i * 5, lat_deg, lon_deg, speed_mps: 0 })), whole: true })
  const parked = at([52, 13], [52.0001, 13], [52, 13.0001])
  test('kinds that are skipped by name', () => {
    expect(whyNot({ event: 'parking' }, { skip: ['parking'] }, null)).toBe('parking recordings are skipped')
    expect(whyNot({ event: 'locked' }, { skip: ['locked'] }, null)).toBe('locked recordings are skipped')
  })
  test('parked at home, but never what was locked or happened, and nothing whose place is not known', () => {
    expect(whyNot({ event: 'parking' }, { skip: [], home }, parked)).toBe('parked at home')
    expect(whyNot({ event: 'normal' }, { skip: [], home }, parked)).toBe('parked at home')
    for (const event of ['locked', 'event', 'manual'] as const) expect(whyNot({ event }, { skip: [], home }, parked)).toBe(null)
    expect(whyNot({ event: 'normal', mayBeLocked: true }, { skip: [], home }, parked)).toBe(null)
    expect(whyNot({ event: 'parking' }, { skip: [], home }, null)).toBe(null)
    expect(whyNot({ event: 'parking' }, { skip: [] }, parked)).toBe(null)
  })
  test('leaving home, or parking elsewhere, is not parking at home', () => {
    expect(isParkedAt(home, at([52, 13], [52.0006, 13]))).toBe(false) // 67 m: within the fence, and it moved
    expect(isParkedAt(home, at([52, 13], [52.01, 13]))).toBe(false)
    expect(isParkedAt(home, at([52.01, 13], [52.01, 13]))).toBe(false)
    expect(isParkedAt(home, { ...parked, fixes: parked.fixes.map((fix, i) => ({ ...fix, speed_mps: i })) })).toBe(false)
    expect(isParkedAt(home, { ...parked, whole: false })).toBe(false)
  })
  test('stops are where it stood for a while', () => {
    expect(stopsOf(at([52, 13], [52.01, 13], [52.01, 13.00001], [52.01, 13], [52.02, 13]))).toEqual([{ from_s: 5, to_s: 15, lat_deg: 52.01, lon_deg: 13 }])
    expect(stopsOf(at([52, 13]))).toEqual([])
  })
})

test('an arrival is noticed within ten seconds, whenever it was asked for last', () => {
  const pauses = Array.from({ length: 40 }, (_, misses) => pause_ms(misses))
  expect(pauses).toEqual(pauses.toSorted((a, b) => a - b)) // it backs off
  expect(Math.max(...pauses) + 3_000).toBeLessThan(10_000) // and an answer's time
})
