import { spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import type { MediaRef } from '../contract/media.ts'
import type { AssetDoc, Doc, DriveDoc } from '../contract/records.ts'
import { openCatalogue, type OpenCatalogue } from './catalogue.ts'
import type { Rule } from './derive-drives.ts'
import { asset, media, sha, sighting, sightings, track } from './index/testing/sample.ts'
import type { Projection } from './port.ts'

const root = await mkdtemp(join(tmpdir(), 'viewshed-catalogue-'))
afterAll(() => rm(root, { recursive: true }))
let folders = 0
const folder = () => join(root, String(folders++))

const HOME = { org: 'home', site: 'home', role: 'admin' } as const
const MINUTE = 60_000
const rule = (gap_s: number): Rule => ({
  name: 'clip', gap_s,
  grouping: {
    key: (a: AssetDoc) => (a.media_kind === 'video' ? a.camera : null),
    summarise: (members) => ({
      start_ms: members[0]!.asset.start_ms!, end_ms: Math.max(...members.map((m) => m.asset.start_ms! + m.asset.duration_s! * 1000)),
      distance_m: members.filter((m) => m.track !== null).length, line: [],
    }),
  },
})
let now_ms = 1000
const open = (dir = folder(), gap_s = 600) => openCatalogue({ dir, groupings: [rule(gap_s)], clock: () => now_ms })
const projection = (docs: readonly Doc[], site = 'home', org = 'home'): Projection => ({ seq: '1', org, site, docs })
const all = async (catalogue: OpenCatalogue, org = 'home') => (await catalogue.changes(org, 0, 1e6)).changes
const drives = async (catalogue: OpenCatalogue) => {
  const found: DriveDoc[] = []
  for await (const drive of catalogue.reader(HOME).list<DriveDoc>('drive')) found.push(drive)
  return found
}
const live = async (catalogue: OpenCatalogue) => (await drives(catalogue)).filter((d) => d.alias_of === null).sort((a, b) => a.start_ms - b.start_ms || (a.group < b.group ? -1 : 1))
const clips = async (catalogue: OpenCatalogue) => (await live(catalogue)).map((d) => d.assets)
const [A, B, C, D] = ['a', 'b', 'c', 'd'].map(sha) as [string, string, string, string]
const clip = (name: string, minute: number, more: Partial<AssetDoc> = {}) => asset(name, { start_ms: minute * MINUTE, ...more })

describe('writing', () => {
  test('applying a projection twice writes it once, also after a restart', async () => {
    const dir = folder()
    const docs = [clip(A, 0), track(A, [50, 8], [0, 0.001]), sightings(A, [sighting('AB1', 1)])]
    const first = await open(dir)
    await first.apply([projection(docs)])
    const before = await all(first)
    await first.apply([projection(docs), projection(docs)])
    expect(await all(first)).toEqual(before)
    await first.close()
    const second = await open(dir)
    await second.apply([projection(docs)])
    expect(await all(second)).toEqual(before)
    expect(before.map((c) => c.doc?.kind).sort()).toEqual(['asset', 'drive', 'sightings', 'track'])
    await second.close()
  })

  test('the last projection of a document wins, within a batch and after it', async () => {
    const catalogue = await open()
    await catalogue.apply([projection([clip(A, 0, { name: 'one' })]), projection([clip(A, 0, { name: 'two' })])])
    expect(await catalogue.reader(HOME).get<AssetDoc>(`asset:${A}`)).toEqual(clip(A, 0, { name: 'two' }))
    await catalogue.apply([projection([clip(A, 0, { name: 'three' })])])
    expect(await catalogue.reader(HOME).get<AssetDoc>(`asset:${A}`)).toEqual(clip(A, 0, { name: 'three' }))
    await catalogue.close()
  })

  test('the same bytes once more: what locked them stays said, they stay their camera’s, and their original stays where it is known while it lies there', async () => {
    const [first, second, third] = ['raw/van/1.mp4', 'raw/by-hand/1.mp4', 'raw/card/1.mp4'].map((path) => ({ ...media(path), sha256: A })) as [MediaRef, MediaRef, MediaRef]
    const lying = new Set([first.path, second.path, third.path])
    const catalogue = await openCatalogue({ dir: folder(), groupings: [], clock: () => now_ms, lies: async ({ path }) => lying.has(path) })
    const known = async () => { const { event, media: { path }, name } = (await catalogue.reader(HOME).get<AssetDoc>(`asset:${A}`))!; return [event, path, name] }
    await catalogue.apply([projection([clip(A, 0, { event: 'locked', media: first })]), projection([clip(A, 0, { media: second, name: 'again' })])])
    expect(await known()).toEqual(['locked', first.path, 'again'])
    await catalogue.apply([projection([clip(A, 0, { event: 'parking', media: third, camera: '9C33-6BBD' })])])
    expect(await known()).toEqual(['locked', first.path, 'clip.mp4'])
    expect((await catalogue.reader(HOME).get<AssetDoc>(`asset:${A}`))!.camera).toBe('car')
    lying.delete(first.path)
    await catalogue.apply([projection([clip(A, 0, { media: second })])])
    expect(await known()).toEqual(['locked', second.path, 'clip.mp4'])
    await catalogue.edit(HOME, 'me', `asset:${A}`, { event: 'normal' })
    expect((await known())[0]).toBe('normal') // a person may take it back
    await catalogue.close()
  })

  test('every write reaches the disk before it counts', async () => {
    const { SyncedDown } = await import('./synced-leveldown.ts')
    const binding = createRequire(createRequire(import.meta.url).resolve('leveldown'))('./binding') as Record<string, (...args: unknown[]) => unknown>
    const seen: unknown[] = []
    const plain = { batch_do: binding['batch_do']!, batch_write: binding['batch_write']!, db_put: binding['db_put']! }
    const spy = (name: keyof typeof plain, at: number) => { binding[name] = (...args) => { seen.push((args[at] as { sync?: boolean }).sync); return plain[name](...args) } }
    spy('batch_do', 2)
    spy('batch_write', 1)
    spy('db_put', 3)
    try {
      const catalogue = await open()
      await catalogue.apply([projection([clip(A, 0)])])
      await catalogue.edit(HOME, 'me', `asset:${A}`, { name: 'x' })
      await catalogue.close()
      const db = SyncedDown(folder()) as unknown as { open(done: () => void): void; put(k: string, v: string, done: () => void): void; close(done: () => void): void }
      await new Promise<void>((done) => db.open(done))
      await new Promise<void>((done) => db.put('a', 'b', done))
      await new Promise<void>((done) => db.close(done))
    } finally {
      Object.assign(binding, plain)
    }
    expect(seen.length).toBeGreaterThan(3)
    expect(seen.every((sync) => sync === true)).toBe(true)
  })

  test('a projection is one batch with the drives that follow from it', async () => {
    const catalogue = await open()
    let told = 0
    catalogue.onChange(() => told++)
    await catalogue.apply([projection([clip(A, 0), clip(B, 1)])])
    expect(told).toBe(1)
    await catalogue.apply([projection([clip(A, 0), clip(B, 1)])])
    expect(told).toBe(1)
    await catalogue.close()
  })
})

describe('scope', () => {
  test('the same file at two sites is two documents, and neither sees the other', async () => {
    const catalogue = await open()
    await catalogue.apply([projection([clip(A, 0, { name: 'ours' })]), projection([clip(A, 0, { name: 'theirs' })], 'shed'), projection([clip(B, 0)], 'home', 'neighbour')])
    const name = async (site: string, id: string) => (await catalogue.reader({ ...HOME, site }).get<AssetDoc>(id))?.name
    expect(await name('home', `asset:${A}`)).toBe('ours')
    expect(await name('shed', `asset:${A}`)).toBe('theirs')
    expect(await name('home', `asset:${B}`)).toBeUndefined()
    expect(await name('home', `shed:asset:${A}`)).toBeUndefined()
    expect(await clips(catalogue)).toEqual([[A]])
    await catalogue.edit({ ...HOME, site: 'shed' }, 'they', `asset:${A}`, { name: 'edited' })
    expect(await name('home', `asset:${A}`)).toBe('ours')
    await expect(catalogue.edit(HOME, 'me', `asset:${B}`, { name: 'x' })).rejects.toMatchObject({ code: 'not-found' })
    await catalogue.close()
  })

  test('names that are no names are refused', async () => {
    const catalogue = await open()
    for (const site of ['', '..', 'a/b', 'A', '-a', 'a:b', 'x'.repeat(33)]) {
      expect(() => catalogue.reader({ ...HOME, site })).toThrow(/no name of a site/)
      await expect(catalogue.apply([projection([], site)])).rejects.toMatchObject({ code: 'input/invalid' })
      await expect(catalogue.changes(site, 0, 1)).rejects.toMatchObject({ code: 'input/invalid' })
    }
    await catalogue.close()
  })
})

describe('edits', () => {
  test('the latest word on a field wins, also when the clock was set back; a new projection does not overwrite it', async () => {
    const catalogue = await open()
    await catalogue.apply([projection([clip(A, 0)])])
    now_ms = 5000
    await catalogue.edit(HOME, 'me', `asset:${A}`, { name: 'first', camera: 'van' })
    now_ms = 10
    await catalogue.edit(HOME, 'me', `asset:${A}`, { name: 'second' })
    await catalogue.apply([projection([clip(A, 0, { name: 'machine', audio: true })])])
    expect(await catalogue.reader(HOME).get<AssetDoc>(`asset:${A}`)).toMatchObject({ name: 'second', camera: 'van', audio: true })
    expect((await live(catalogue)).map((d) => d.group)).toEqual(['van'])
    await catalogue.close()
  })

  test('what a person cannot say is refused and changes nothing', async () => {
    const catalogue = await open()
    await catalogue.apply([projection([clip(A, 0), sightings(A, [sighting('AB1', 1)])])])
    const before = await all(catalogue)
    const target = `sightings:${A}:inference.plates`
    for (const set of [{}, { sha256: B }, { _id: 'x' }, { _rev: '1' }, { kind: 'x' }, { 'plate:1': 'AB2' }, { 'plate:x': 'AB2' }, { 'plate:0': 'not a plate' }, { 'plate:0': 7 }])
      await expect(catalogue.edit(HOME, 'me', target, set)).rejects.toMatchObject({ code: 'input/invalid' })
    expect(await all(catalogue)).toEqual(before)
    await catalogue.edit(HOME, 'me', target, { 'plate:0': null })
    expect(await catalogue.reader(HOME).get(target)).toMatchObject({ sightings: [{ plate: null, raw: 'AB1' }] })
    await catalogue.close()
  })

  test('lists page through and lay edits over', async () => {
    const catalogue = await open()
    const names = Array.from({ length: 600 }, (_, i) => sha(i))
    await catalogue.apply([projection(names.map((name) => clip(name, 0)))])
    await catalogue.edit(HOME, 'me', `asset:${names[7]}`, { name: 'edited' })
    const listed: AssetDoc[] = []
    for await (const doc of catalogue.reader(HOME).list<AssetDoc>('asset')) listed.push(doc)
    expect(listed.map((d) => d.sha256)).toEqual([...names].sort())
    expect(listed.filter((d) => d.name === 'edited').map((d) => d.sha256)).toEqual([names[7]])
    const some: AssetDoc[] = []
    for await (const doc of catalogue.reader(HOME).list<AssetDoc>('asset', { from: listed[5]!._id, to: listed[9]!._id, limit: 3 })) some.push(doc)
    expect(some).toEqual(listed.slice(5, 8))
    await catalogue.close()
  })
})

describe('drives', () => {
  test('clips lie together while the gap is shorter; front and rear overlap', async () => {
    const catalogue = await open()
    await catalogue.apply([projection([clip(A, 0), clip(B, 0, { channel: 'rear', duration_s: 120 }), clip(C, 11.9), clip(D, 23)])])
    expect(await clips(catalogue)).toEqual([[A, B].sort().concat(C), [D]]) // A and B begin together; 9.9 min after B's end; D 10.1 min after C's
    await catalogue.close()
  })

  test('a late clip between two drives makes them one, and the old name leads there', async () => {
    const catalogue = await open()
    await catalogue.apply([projection([clip(A, 0)]), projection([clip(C, 16)])])
    const [first, second] = await live(catalogue)
    expect(await clips(catalogue)).toEqual([[A], [C]])
    await catalogue.apply([projection([clip(B, 8)])])
    expect(await clips(catalogue)).toEqual([[A, B, C]])
    expect((await live(catalogue))[0]?._id).toBe(first?._id)
    expect((await drives(catalogue)).find((d) => d._id === second?._id)).toMatchObject({ alias_of: first?._id.slice('drive:'.length), assets: [] })
    await catalogue.close()
  })

  test('what is kept stays kept: with an earlier clip, joined to another, parted by a clock that is put right; and only until somebody takes it back', async () => {
    const catalogue = await open()
    const kept = async () => (await live(catalogue)).map((d) => [d.assets, (d as { keep?: boolean }).keep ?? false])
    await catalogue.apply([projection([clip(C, 16)])])
    await catalogue.edit(HOME, 'ann', (await live(catalogue))[0]!._id, { keep: true })
    await catalogue.apply([projection([clip(B, 12)])])
    expect(await kept()).toEqual([[[B, C], true]])
    await catalogue.apply([projection([clip(A, -4)])])
    await catalogue.edit(HOME, 'ben', (await live(catalogue))[0]!._id, { keep: true })
    await catalogue.edit(HOME, 'ben', (await live(catalogue))[0]!._id, { keep: false })
    expect(await kept()).toEqual([[[A], false], [[B, C], true]])
    await catalogue.apply([projection([clip(D, 4)])])
    expect(await kept()).toEqual([[[A, D, B, C], true]])
    await catalogue.edit(HOME, 'me', `asset:${C}`, { start_ms: 100 * MINUTE })
    expect(await kept()).toEqual([[[A, D, B], true], [[C], true]])
    for (const { _id } of await live(catalogue)) await catalogue.edit(HOME, 'ann', _id, { keep: false })
    await catalogue.edit(HOME, 'me', `asset:${C}`, { start_ms: 99 * MINUTE })
    expect(await kept()).toEqual([[[A, D, B], false], [[C], false]])
    await catalogue.close()
  })

  test('a clip without a time, or of a kind that its rule leaves apart, lies in none; a clock that is put right moves it', async () => {
    const catalogue = await open()
    await catalogue.apply([projection([clip(A, 0), asset(B, { start_ms: null }), clip(C, 1, { media_kind: 'image', media: media('x') })])])
    expect(await clips(catalogue)).toEqual([[A]])
    await catalogue.edit(HOME, 'me', `asset:${B}`, { start_ms: 2 * MINUTE })
    expect(await clips(catalogue)).toEqual([[A, B]])
    await catalogue.edit(HOME, 'me', `asset:${B}`, { start_ms: null })
    await catalogue.edit(HOME, 'me', `asset:${A}`, { start_ms: null })
    expect(await clips(catalogue)).toEqual([])
    await catalogue.close()
  })

  test('a track that comes later is in the drive', async () => {
    const catalogue = await open()
    await catalogue.apply([projection([clip(A, 0)])])
    expect((await live(catalogue))[0]?.distance_m).toBe(0)
    await catalogue.apply([projection([track(A, [50, 8], [0, 0.001])])])
    expect((await live(catalogue))[0]?.distance_m).toBe(1)
    await catalogue.close()
  })

  test('another gap in the settings gathers what is there anew', async () => {
    const dir = folder()
    const first = await open(dir, 600)
    await first.apply([projection([clip(A, 0), clip(B, 5), clip(C, 30)])])
    expect(await clips(first)).toEqual([[A, B], [C]])
    await first.close()
    for (const [gap_s, expected] of [[60, [[A], [B], [C]]], [3600, [[A, B, C]]], [600, [[A, B], [C]]]] as const) {
      const later = await open(dir, gap_s)
      await later.apply([projection([])])
      expect(await clips(later)).toEqual(expected)
      await later.close()
    }
  })

  test('any order, batching and repetition of the same projections gives the same catalogue', async () => {
    const one = fc.record({ name: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h').map(sha), minute: fc.integer({ min: 0, max: 60 }), camera: fc.constantFrom('x', 'y'), tracked: fc.boolean(), again: fc.constantFrom(null, 'locked', 'manual') })
      .map(({ name, minute, camera, tracked, again }) => [[clip(name, minute, { camera }), ...(tracked ? [track(name, [50, 8], [0, 0.001])] : [])], ...(again === null ? [] : [[clip(name, minute, { camera, event: again })]])])
    const told = fc.uniqueArray(one, { selector: ([docs]) => docs![0]!._id, maxLength: 8 }).map((ways) => ways.flat())
    const orders = told.chain((projections) => fc.record({
      projections: fc.constant(projections),
      order: fc.shuffledSubarray([...projections, ...projections], { minLength: projections.length * 2 }),
      cuts: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 32, maxLength: 32 }),
    }))
    const state = async (catalogue: OpenCatalogue) =>
      (await all(catalogue)).flatMap(({ id, doc }) => (doc && (doc['alias_of'] ?? null) === null ? [[id, doc] as const] : [])).sort(([a], [b]) => (a < b ? -1 : 1))
    await fc.assert(fc.asyncProperty(orders, async ({ projections, order, cuts }) => {
      const [straight, shuffled] = [await open(), await open()]
      await straight.apply(projections.map((docs) => projection(docs)))
      for (let i = 0, cut = 0; i < order.length; i += cuts[cut++]!) await shuffled.apply(order.slice(i, i + cuts[cut]!).map((docs) => projection(docs)))
      expect(await state(shuffled)).toEqual(await state(straight))
      await straight.close()
      await shuffled.close()
    }), { numRuns: 25 })
  })
})

const canMount = process.platform === 'linux' && process.getuid?.() === 0 && spawnSync('unshare', ['--mount', 'true']).status === 0

describe.skipIf(!canMount)('on a disk that fills up (needs root, to mount a small one)', () => {
  test('what is taken after there is room again is there after a crash, and so is what was there before', async ({ onTestFinished }) => {
    const small = folder()
    spawnSync('mkdir', [small])
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=120m', 'tmpfs', small])
    if (mounted.status !== 0) throw new Error(mounted.stderr.toString())
    onTestFinished(() => void spawnSync('umount', [small]))
    const dir = join(small, 'catalogue')
    const catalogue = await open(dir)
    const names = Array.from({ length: 24 }, (_, i) => sha(`clip${i}`))
    const large = (name: string) => projection([clip(name, 0, { name: 'x'.repeat(400_000) })])
    await catalogue.apply([large(names[0]!)])
    const filler = join(small, 'filler')
    spawnSync('dd', ['if=/dev/zero', `of=${filler}`, 'bs=64k']) // until it is full
    for (let i = 0; i < 3; i++) await expect(catalogue.apply([large(names[1]!)])).rejects.toMatchObject({ code: 'media/full' })
    expect(await catalogue.reader(HOME).get(`asset:${names[0]}`)).toMatchObject({ sha256: names[0] }) // read all the while

    spawnSync('rm', [filler])
    for (const name of names.slice(2)) await catalogue.apply([large(name)])
    const crashed = folder()
    spawnSync('cp', ['-r', dir, crashed])
    const again = await open(crashed)
    const there = await Promise.all(names.map((name) => again.reader(HOME).get(`asset:${name}`)))
    expect(there.map((asset) => asset !== null)).toEqual(names.map((_, i) => i !== 1))
    await Promise.all([catalogue.close(), again.close()])
  })
})
