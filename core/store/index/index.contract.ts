/** What every index answers. `open` gives one over documents that went through the catalogue, edits and drives among them. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Doc } from '../../contract/records.ts'
import type { Index, Period } from '../port.ts'
import { asset, copy, media, pictures, refusal, removal, sha, sighting, sightings, track } from './testing/sample.ts'

export interface Edited { readonly target: string; readonly set: Record<string, unknown> }
export type OpenIndex = (docs: readonly Doc[], edits: readonly Edited[]) => Promise<{ index: Index; close: () => Promise<void> }>

const DAY = Date.UTC(2024, 4, 1)
const at = (h: number, m = 0, s = 0) => DAY + ((h * 60 + m) * 60 + s) * 1000
const [A, B, C, P, L] = ['a', 'b', 'c', 'p', 'l'].map(sha) as [string, string, string, string, string]

/**
 * A and B are one drive on the morning of 1 May, eastward along 50° north; C is another, on 2 June, further north.
 * P is a picture without a time. L came without a track; its sightings have a time and no place.
 */
const docs: readonly Doc[] = [
  asset(A, { start_ms: at(8), media: media('raw/a.mp4', 100) }), track(A, [50, 8], [0, 0.001]),
  sightings(A, [sighting('AB123', 5, { crop: media('a5.jpg'), confidence: 0.8 }), sighting('AB123', 25), sighting(null, 30, { confidence: 0.5 })]),
  pictures(A, 'clip.thumbs', [640, 320]), pictures(A, 'clip.filmstrip', []), copy(A, 'archive'), copy(A, '1080p'), removal(A, 'original', 'trash', media('raw/a.mp4', 100)), removal(A, '1080p', 'gone', media(`${A}/1080p`)),
  asset(B, { start_ms: at(8, 2), media: media('raw/b.mp4', 200) }), track(B, [50, 8.01], [0, 0.001]),
  sightings(B, [sighting('A8123', 10), sighting('XAB1', 59, { crop: media('b59.jpg') })]),
  copy(B, 'archive'), removal(B, 'archive', 'back', media(`${B}/archive`)),
  asset(C, { start_ms: at(32 * 24 + 9), media: media('raw/c.mp4', 300) }), track(C, [51, 8], [0.001, 0]),
  sightings(C, [sighting('AB123', 20), sighting('WRONG1', 40)]),
  asset(P, { media_kind: 'image', start_ms: null, duration_s: null, media: media('raw/p.jpg', 400) }), sightings(P, [sighting('ZZ9', 0)]),
  asset(L, { start_ms: at(23, 59, 30), camera: 'other', media: media('raw/l.mp4', 500) }), sightings(L, [sighting('K0L', 45)]),
  refusal('b.mp4'), refusal('a.mp4'),
]
const edits: readonly Edited[] = [
  { target: `sightings:${C}:inference.plates`, set: { 'plate:1': 'RIGHT1' } },
  { target: `asset:${L}`, set: { name: 'the long night' } },
]

export function indexContract(name: string, open: OpenIndex): void {
  describe(name, () => {
    let index: Index
    let close: () => Promise<void>
    beforeAll(async () => { ({ index, close } = await open(docs, edits)) })
    afterAll(() => close())

    test('a plate is found exactly, with its count, its first and last time and its best picture', async () => {
      const { hits, counts } = await index.plates({ text: 'ab-123', mode: 'exact', limit: 10 })
      expect(hits.map(({ best: _best, ...hit }) => hit)).toEqual([{ plate: 'AB123', count: 3, first_ms: at(8, 0, 5), last_ms: at(32 * 24 + 9, 0, 20), distance: 0, why: 'exact' }])
      expect(hits[0]?.best).toMatchObject({ asset: A, index: 0, stage: 'inference.plates', confidence: 0.8, crop: { path: 'a5.jpg' } })
      expect(counts).toEqual({ exact: 1, part: 1, fuzzy: 2 })
    })

    test('a part is found anywhere, what begins with it first; ? is one character and * several', async () => {
      const part = async (text: string) => (await index.plates({ text, mode: 'part', limit: 10 })).hits.map((h) => [h.plate, h.why])
      expect(await part('AB1')).toEqual([['AB123', 'begins with it'], ['XAB1', 'contains it']])
      expect(await part('1')).toEqual([['AB123', 'contains it'], ['RIGHT1', 'contains it'], ['XAB1', 'contains it'], ['A8123', 'contains it']].sort(([a], [b]) => order.indexOf(a!) - order.indexOf(b!)))
      expect(await part('A?123')).toEqual([['AB123', 'fits the pattern'], ['A8123', 'fits the pattern']])
      expect(await part('*1')).toEqual([['RIGHT1', 'fits the pattern'], ['XAB1', 'fits the pattern']])
      expect(await part('A*3')).toEqual([['AB123', 'fits the pattern'], ['A8123', 'fits the pattern']])
      expect(await part('?AB?')).toEqual([['XAB1', 'fits the pattern']])
      expect(await part('???')).toHaveLength(6)
      expect(await part('*')).toHaveLength(6)
      expect(await part('NOWHERE')).toEqual([])
      expect(await part(' - ')).toEqual([])
    })

    test('what looks alike is near, and so is one character more, less or other; why is said in words', async () => {
      const near = async (text: string) => (await index.plates({ text, mode: 'fuzzy', limit: 10 })).hits.map((h) => [h.plate, h.distance, h.why])
      expect(await near('AB123')).toEqual([['AB123', 0, 'exact'], ['A8123', 1, 'B read as 8']])
      expect(await near('KOL')).toEqual([['K0L', 1, 'O read as 0']])
      expect(await near('KO1')).toEqual([['K0L', 2, 'O read as 0, 1 read as L']])
      expect(await near('ZZ')).toEqual([['ZZ9', 1, 'one character more']])
      expect(await near('2ZX9')).toEqual([['ZZ9', 2, 'one character less, 2 read as Z']])
      expect(await near('ZZ7')).toEqual([['ZZ9', 1, '7 is 9']])
      expect(await near('ZX7')).toEqual([])
    })

    test('all sightings of a plate come newest first, each with its moment and its place', async () => {
      const hits = await index.plate('AB123', 10)
      expect(hits.map((h) => [h.asset, h.index, h.at_ms, h.lat_deg?.toFixed(6), h.lon_deg?.toFixed(6), h.speed_mps, h.heading_deg])).toEqual([
        [C, 0, at(32 * 24 + 9, 0, 20), '51.002000', '8.000000', 10, 90],
        [A, 1, at(8, 0, 25), '50.000000', '8.002500', 10, 90],
        [A, 0, at(8, 0, 5), '50.000000', '8.000500', 10, 90],
      ])
      expect(await index.plate('AB123', 1)).toHaveLength(1)
      expect(await index.plate('AB12', 10)).toEqual([])
    })

    test('a plate that a person corrected is found under what they said and not under what was read', async () => {
      expect((await index.plate('RIGHT1', 10)).map((h) => [h.plate, h.raw])).toEqual([['RIGHT1', 'WRONG1']])
      expect(await index.plate('WRONG1', 10)).toEqual([])
      expect((await index.plates({ text: 'WRONG1', mode: 'exact', limit: 10 })).counts).toEqual({ exact: 0, part: 0, fuzzy: 0 })
    })

    test('the newest plates come first, those without a time last', async () => {
      expect((await index.newestPlates(10)).map((h) => h.plate)).toEqual(order)
      expect((await index.newestPlates(2)).map((h) => h.plate)).toEqual(['RIGHT1', 'AB123'])
    })

    test('an asset comes with all that belongs to it', async () => {
      const found = await index.asset(A)
      expect(found).toMatchObject({ asset: { sha256: A }, track: { source: 'gpmf' }, copies: [{ role: 'archive' }], removed: [{ role: '1080p', state: 'gone' }, { role: 'original', state: 'trash' }] })
      expect(await index.asset(B)).toMatchObject({ copies: [{ role: 'archive' }], removed: [] }) // it was brought back
      expect(found?.pictures?.thumbs.map((t) => t.width_px)).toEqual([320, 640])
      expect(found?.pictures?.filmstrip?.frames).toBe(10)
      expect(found?.sightings.map((s) => s.frames)).toEqual([60])
      expect(found?.hits.map((h) => [h.plate, h.at_ms])).toEqual([['AB123', at(8, 0, 5)], ['AB123', at(8, 0, 25)], [null, at(8, 0, 30)]])
      expect(found?.drive).toBe((await index.drives({ period: null, bounds: null, limit: 10 })).at(-1)?.id)
      expect(found?.drive_kept).toBe(false)
      expect((await index.asset(L))?.asset.name).toBe('the long night')
      expect(await index.asset(P)).toMatchObject({ track: null, pictures: null, copies: [], removed: [], drive: null, drive_kept: false, hits: [{ at_ms: null, lat_deg: null }] })
      expect(await index.asset(sha('nothing'))).toBeNull()
      expect(await index.asset('x')).toBeNull()
    })

    test('assets come newest first, and by period when any part of them lies in it', async () => {
      const names = async (from: number | null, to = Infinity, limit = 10) => (await index.assets(from === null ? null : { from_ms: from, to_ms: to }, limit)).map((a) => a.sha256)
      expect(await names(null)).toEqual([C, L, B, A, P])
      expect(await names(null, 0, 2)).toEqual([C, L])
      expect(await names(at(8, 0, 30), at(8, 2))).toEqual([A])
      expect(await names(at(8, 1), at(8, 2, 1))).toEqual([B, A])
      expect(await names(at(24))).toEqual([C, L])
    })

    test('assets go on after one of them, through those of one moment and those of none; after one that is not there come none', async () => {
      const past = async (sha256: string, period: Period | null = null, limit = 10) => (await index.assets(period, limit, sha256)).map((a) => a.sha256)
      expect(await past(C)).toEqual([L, B, A, P])
      expect(await past(L, null, 2)).toEqual([B, A])
      expect(await past(A)).toEqual([P])
      expect(await past(P)).toEqual([])
      expect(await past(C, { from_ms: at(8, 1), to_ms: at(8, 2, 1) })).toEqual([B, A])
      expect(await past(B, { from_ms: at(8, 1), to_ms: at(8, 2, 1) })).toEqual([A])
      expect(await past(sha('nothing'))).toEqual([])
    })

    test('drives come newest first, with their plates and a picture, by period and by any part of their line', async () => {
      const all = await index.drives({ period: null, bounds: null, limit: 10 })
      expect(all.map((d) => [d.assets, d.group, d.plates, d.thumb])).toEqual([
        [[C], 'car', 2, null], [[L], 'other', 1, null], [[A, B], 'car', 3, `media/derived/${A}/320.webp`],
      ])
      const found = async (filter: Partial<Parameters<Index['drives']>[0]>) => (await index.drives({ period: null, bounds: null, limit: 10, ...filter })).map((d) => d.assets[0])
      expect(await found({ limit: 1 })).toEqual([C])
      expect(await found({ period: { from_ms: at(8, 2, 30), to_ms: at(9) } })).toEqual([A])
      expect(await found({ period: { from_ms: at(9), to_ms: at(10) } })).toEqual([])
      // No point of the line lies in here: it only passes through.
      expect(await found({ bounds: { south: 49.9, north: 50.1, west: 8.0071, east: 8.0072 } })).toEqual([A])
      expect(await found({ bounds: { south: 50.9, north: 52, west: -10, east: 10 } })).toEqual([C])
      expect(await found({ bounds: { south: 50.9, north: 52, west: 170, east: -170 } })).toEqual([])
      expect(await found({ bounds: { south: 50.9, north: 52, west: 170, east: 9 } })).toEqual([C])
      const drive = await index.drive(all[2]!.id)
      expect(drive).toEqual(all[2])
      expect(Object.keys(drive!).sort()).toEqual(['assets', 'distance_m', 'end_ms', 'group', 'id', 'line', 'plates', 'start_ms', 'thumb'])
      expect(await index.drive('nowhere')).toBeNull()
    })

    test('a view tells sightings one by one while they are few, and counts when they are many', async () => {
      const ask = (filter: Partial<Parameters<Index['view']>[0]>) => index.view({ bounds: { south: 49, north: 52, west: 7, east: 9 }, period: null, min_confidence: 0, limit: 100, ...filter })
      const all = await ask({})
      expect(all.cells).toEqual([])
      expect(all.hits.map((h) => h.plate)).toEqual(['RIGHT1', 'AB123', 'XAB1', 'A8123', null, 'AB123', 'AB123'])
      expect((await ask({ min_confidence: 0.85 })).hits.map((h) => h.plate)).toEqual(['RIGHT1', 'AB123', 'XAB1', 'A8123', 'AB123'])
      expect((await ask({ period: { from_ms: at(8, 0, 25), to_ms: at(8, 2, 10) } })).hits.map((h) => h.plate)).toEqual([null, 'AB123'])
      expect((await ask({ bounds: { south: 50.5, north: 52, west: 7, east: 9 } })).hits.map((h) => h.plate)).toEqual(['RIGHT1', 'AB123'])
      expect((await ask({ bounds: { south: 50.5, north: 52, west: 9, east: 7 } })).hits).toEqual([])
      const many = await ask({ limit: 6 })
      expect(many.hits).toEqual([])
      expect(many.cells.reduce((sum, c) => sum + c.count, 0)).toBe(7)
      // 2 degrees are 64 cells of zoom 13, which are 0.044 degrees wide: 5 sightings along one street, 2 further north.
      expect(many.cells.map((c) => [c.count, c.lat_deg.toFixed(1), c.lon_deg.toFixed(1)])).toEqual([[2, '51.0', '8.0'], [5, '50.0', '8.0']])
    })

    test('the histogram counts sightings by their own hour, clips by their start, in whole bins', async () => {
      const bins = async (from_ms: number, to_ms: number, by: 'hour' | 'day' | 'month') => (await index.histogram({ period: { from_ms, to_ms }, by })).map((b) => [b.start_ms, b.sightings, b.clips])
      expect(await bins(at(8, 30), at(48), 'hour')).toEqual([[at(8), 5, 2], [at(23), 0, 1], [at(24), 1, 0]])
      expect(await bins(at(8), at(48), 'day')).toEqual([[at(0), 5, 3], [at(24), 1, 0]])
      expect(await bins(at(8), Date.UTC(2025, 0), 'month')).toEqual([[at(0), 6, 3], [Date.UTC(2024, 5), 2, 1]])
      expect(await bins(at(9), at(20), 'hour')).toEqual([])
    })

    test('refusals by name, and the totals', async () => {
      expect((await index.refusals(10)).map((r) => r.name)).toEqual(['a.mp4', 'b.mp4'])
      expect(await index.refusals(1)).toHaveLength(1)
      expect(await index.totals()).toEqual({ assets: 5, drives: 3, plates: 6, sightings: 9, bytes: 1500, from_ms: at(8), to_ms: at(32 * 24 + 9) })
    })
  })
}

/** All plates, the one seen last first. */
const order = ['RIGHT1', 'AB123', 'K0L', 'XAB1', 'A8123', 'ZZ9']
