import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import type { AssetDoc, Doc } from '../../contract/records.ts'
import { openCatalogue, type OpenCatalogue } from '../catalogue.ts'
import type { Rule } from '../derive-drives.ts'
import type { Index } from '../port.ts'
import { indexContract, type Edited } from './index.contract.ts'
import { openIndexes } from './index.ts'
import { naiveIndex } from './testing/naive.ts'
import { asset, copy, media, pictures, refusal, sha, sighting, sightings, track } from './testing/sample.ts'

const root = await mkdtemp(join(tmpdir(), 'viewshed-index-'))
afterAll(() => rm(root, { recursive: true }))
let folders = 0
const folder = () => join(root, String(folders++))

const HOME = { org: 'home', site: 'home', role: 'admin' } as const
const byCamera: Rule = {
  name: 'clip', gap_s: 600,
  grouping: {
    key: (a: AssetDoc) => (a.media_kind === 'video' ? a.camera : null),
    summarise: (members) => ({
      start_ms: members[0]!.asset.start_ms!, end_ms: Math.max(...members.map(({ asset: a }) => a.start_ms! + a.duration_s! * 1000)),
      distance_m: members.length, line: members.flatMap(({ track: t }) => t?.lat_deg.map((lat, i) => [lat, t.lon_deg[i]!] as const) ?? []),
    }),
  },
}
let clock = 0
const open = (dir: string) => openCatalogue({ dir, groupings: [byCamera], clock: () => ++clock })

async function fill(catalogue: OpenCatalogue, docs: readonly Doc[], edits: readonly Edited[]): Promise<void> {
  await catalogue.apply(docs.map((doc, i) => ({ seq: String(i), org: 'home', site: 'home', docs: [doc] })))
  for (const { target, set } of edits) await catalogue.edit(HOME, 'somebody', target, set)
}

async function documents(catalogue: OpenCatalogue): Promise<Doc[]> {
  return (await catalogue.changes('home', 0, 1e6)).changes.flatMap(({ doc }) => doc ?? [])
}

indexContract('the index on level', async (docs, edits) => {
  const dir = folder()
  const catalogue = await open(join(dir, 'catalogue'))
  const indexes = openIndexes({ dir: join(dir, 'index'), catalogue })
  await indexes.ready(HOME)
  await fill(catalogue, docs, edits)
  await indexes.caughtUp(HOME)
  return { index: indexes.index(HOME), close: async () => { await indexes.close(); await catalogue.close() } }
})

indexContract('every document looked through', async (docs, edits) => {
  const catalogue = await open(folder())
  await fill(catalogue, docs, edits)
  const all = await documents(catalogue)
  return { index: naiveIndex(() => all), close: () => catalogue.close() }
})

// A small world in which everything meets everything: few clips, few plates that look alike, the same streets.
const plate = fc.constantFrom('AB12', 'A812', 'AB1Z', 'B12', 'O0', '00', 'X', 'AB123')
const seen = fc.record({ plate: fc.option(plate), at_s: fc.constantFrom(0, 5, 12.5, 33, 59, 200), confidence: fc.constantFrom(0.2, 0.5, 0.9), crop: fc.boolean() })
  .map((s) => sighting(s.plate, s.at_s, { confidence: s.confidence, crop: s.crop ? media('crop.jpg') : null }))
const clipName = fc.constantFrom('a', 'b', 'c', 'd', 'e').map(sha)
const start = fc.option(fc.constantFrom(-5e6, 0, 60_000, 500_000, 700_000, 86_400_000 - 1, 8.64e7 * 40, 1.7e12))
const assetOf = (name: fc.Arbitrary<string>) =>
  fc.record({ name, start_ms: start, camera: fc.constantFrom('x', 'y'), kind: fc.constantFrom('video' as const, 'video' as const, 'image' as const), bytes: fc.nat(9) })
    .map(({ name: n, start_ms, camera, kind, bytes }): Doc => asset(n, { start_ms, camera, media_kind: kind, duration_s: kind === 'video' ? 60 : null, media: media('x', bytes) }))
const trackOf = (name: fc.Arbitrary<string>) =>
  fc.record({ name, lat: fc.constantFrom(-89, 0, 50, 50.01), lon: fc.constantFrom(-180, 8, 8.3, 179.99), step: fc.constantFrom(0, 0.001, 0.1) })
    .map(({ name: n, lat, lon, step }): Doc => track(n, [lat, lon], [step / 10, -step]))
const sightingsOf = (name: fc.Arbitrary<string>, most: number) =>
  fc.record({ name, seen: fc.array(seen, { maxLength: most }), stage: fc.constantFrom('inference.plates', 'inference.cars') }).map(({ name: n, seen: s, stage }): Doc => sightings(n, s, stage))
const document = fc.oneof(
  assetOf(clipName), trackOf(clipName), { arbitrary: sightingsOf(clipName, 4), weight: 3 },
  fc.record({ name: clipName, stage: fc.constantFrom('clip.thumbs' as const, 'clip.filmstrip' as const) }).map(({ name, stage }): Doc => pictures(name, stage, [320])),
  clipName.map((name): Doc => copy(name, 'archive')), fc.constantFrom('f', 'g').map((name): Doc => refusal(name)),
)
/** Three whole clips first, so that what comes later changes something. */
const beginning = fc.tuple(...['a', 'b', 'c'].map(sha).flatMap((name) => [assetOf(fc.constant(name)), trackOf(fc.constant(name)), sightingsOf(fc.constant(name), 4)]))
const world = fc.tuple(beginning, fc.array(fc.array(document, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 6, size: 'max' })).map(([first, later]) => [[...first], ...later])

/** Every question, some ways. */
async function interview(index: Index): Promise<unknown> {
  const everywhere = { south: -90, north: 90, west: -180, east: 180 }
  const street = { south: 49.95, north: 50.005, west: 7.9, east: 8.35 }
  const dateLine = { south: -1, north: 51, west: 170, east: 8.1 }
  const period = { from_ms: 0, to_ms: 600_000 }
  const told: Record<string, unknown> = {}
  for (const text of ['AB12', 'A', '0O', 'B1?', '*2', 'A*', '?', 'Q', 'ABI2'])
    for (const mode of ['exact', 'part', 'fuzzy'] as const) told[`${mode} ${text}`] = await index.plates({ text, mode, limit: 4 })
  for (const text of ['AB12', 'X']) told[`plate ${text}`] = await index.plate(text, 5)
  told['newest'] = await index.newestPlates(5)
  for (const name of ['a', 'b', 'c', 'd', 'e']) told[`asset ${name}`] = await index.asset(sha(name))
  for (const p of [null, period, { from_ms: 59_999, to_ms: 60_000 }]) {
    told[`assets ${p?.from_ms}`] = await index.assets(p, 4)
    told[`assets past ${p?.from_ms}`] = await index.assets(p, 4, sha('b'))
    for (const [name, bounds] of Object.entries({ everywhere, street, dateLine }))
      for (const limit of [1, 100]) {
        told[`drives ${name} ${p?.from_ms} ${limit}`] = await index.drives({ period: p, bounds, limit })
        for (const min_confidence of [0, 0.5]) told[`view ${name} ${p?.from_ms} ${limit} ${min_confidence}`] = await index.view({ bounds, period: p, min_confidence, limit })
      }
  }
  const drives = await index.drives({ period: null, bounds: null, limit: 100 })
  told['drives'] = drives
  told['each drive'] = await Promise.all(drives.map((d) => index.drive(d.id)))
  for (const by of ['hour', 'day', 'month'] as const) told[`by ${by}`] = await index.histogram({ period: { from_ms: -1e7, to_ms: 2e12 }, by })
  told['refusals'] = await index.refusals(10)
  told['totals'] = await index.totals()
  return told
}

test('whatever comes, in batches and corrections of any order, the index answers as if every document were looked through', async () => {
  await fc.assert(fc.asyncProperty(world, fc.array(fc.tuple(clipName, plate, fc.nat(3))), async (batches, corrections) => {
    const dir = folder()
    const catalogue = await open(join(dir, 'catalogue'))
    const indexes = openIndexes({ dir: join(dir, 'index'), catalogue })
    for (const [i, docs] of batches.entries()) {
      await catalogue.apply([{ seq: String(i), org: 'home', site: 'home', docs }])
      if (i % 2 === 0) await indexes.caughtUp(HOME) // else it sees several at once
    }
    const said = await documents(catalogue)
    for (const [name, is, i] of corrections) {
      const doc = said.find((d) => d._id === `sightings:${name}:inference.plates`)
      if (Array.isArray(doc?.['sightings']) && i < doc['sightings'].length) await catalogue.edit(HOME, 'somebody', doc._id, { [`plate:${i}`]: is })
    }
    await indexes.caughtUp(HOME)
    const all = await documents(catalogue)
    const answered = await interview(indexes.index(HOME))
    expect(answered).toEqual(await interview(naiveIndex(() => all)))
    await indexes.close()

    await rm(join(dir, 'index'), { recursive: true })
    const again = openIndexes({ dir: join(dir, 'index'), catalogue })
    await again.caughtUp(HOME)
    expect(await interview(again.index(HOME))).toEqual(answered)
    await again.close()
    await catalogue.close()
  }), { numRuns: 25 })
}, 60_000)

async function library(): Promise<{ dir: string; catalogue: OpenCatalogue; answers: unknown }> {
  const dir = folder()
  const catalogue = await open(join(dir, 'catalogue'))
  const docs = Array.from({ length: 300 }, (_, i) => [asset(sha(i), { start_ms: i * 60_000 }), track(sha(i), [50 + i / 1000, 8], [0, 0.001]), sightings(sha(i), [sighting(`AB${i}`, 5), sighting('X', 7)])]).flat()
  await catalogue.apply(docs.map((doc, i) => ({ seq: String(i), org: 'home', site: 'home', docs: [doc] })))
  const indexes = openIndexes({ dir: join(dir, 'index'), catalogue })
  await indexes.caughtUp(HOME)
  const answers = await interview(indexes.index(HOME))
  await indexes.close()
  return { dir, catalogue, answers }
}

test('an index that is cut off, garbled, of another version or ahead of its catalogue is made anew and answers the same', async () => {
  const { dir, catalogue, answers } = await library()
  const at = join(dir, 'index', 'home', 'home')
  const settled = openIndexes({ dir: join(dir, 'index'), catalogue }) // opening makes tables of what was only in the journal
  await settled.ready(HOME)
  await settled.close()
  const whole = join(dir, 'whole')
  await cp(at, whole, { recursive: true })
  const tables = (await readdir(at)).filter((f) => /\.(ldb|log)$/.test(f)).map((f) => join(at, f))
  const manifest = (await readdir(at)).filter((f) => f.startsWith('MANIFEST')).map((f) => join(at, f))[0]!
  expect(tables.some((f) => f.endsWith('.ldb'))).toBe(true)
  const damages: Record<string, () => Promise<void>> = {
    'tables cut short': async () => { for (const t of tables) await truncate(t, Math.floor((await stat(t)).size * 0.6)) },
    'tables cut off': async () => { for (const t of tables) await truncate(t, 100) },
    'tables gone': async () => { for (const t of tables) await rm(t) },
    'no manifest': () => rm(manifest),
    'garbled manifest': () => writeFile(manifest, 'nothing of the kind'),
    'garbled tables': async () => { for (const t of tables) await writeFile(t, Buffer.alloc(5000, 7)) },
  }
  for (const [what, damage] of Object.entries(damages)) {
    await rm(at, { recursive: true })
    await cp(whole, at, { recursive: true })
    await damage()
    const indexes = openIndexes({ dir: join(dir, 'index'), catalogue })
    await indexes.caughtUp(HOME)
    expect(await interview(indexes.index(HOME)), what).toEqual(answers)
    await indexes.close()
  }
  const { Level } = await import('level')
  for (const [what, k, value] of [['another version', '!version', '0'], ['ahead', '!seq', '99999999']] as const) {
    const db = new Level(at)
    await db.put(k, value)
    await db.put('totally', 'else')
    await db.close()
    const indexes = openIndexes({ dir: join(dir, 'index'), catalogue })
    await indexes.caughtUp(HOME)
    expect(await interview(indexes.index(HOME)), what).toEqual(answers)
    await indexes.close()
  }
  await catalogue.close()
}, 60_000)

test('an index that was left between two batches goes on where it was', async () => {
  const { dir, catalogue, answers } = await library()
  const at = join(dir, 'index')
  await rm(at, { recursive: true })
  // What lies on the disk after each batch is what a process that dies there leaves behind.
  const left: string[] = []
  const first = openIndexes({ dir: at, catalogue })
  const copies: Promise<void>[] = []
  first.onChange(() => {
    const to = join(dir, `left${left.length}`)
    left.push(to)
    copies.push(cp(at, to, { recursive: true }))
  })
  await first.caughtUp(HOME)
  await Promise.allSettled(copies)
  await first.close()
  expect(left.length).toBeGreaterThan(1) // or nothing lay between
  for (const one of new Set([left[0]!, left.at(-1)!])) {
    const indexes = openIndexes({ dir: one, catalogue })
    await indexes.caughtUp(HOME)
    expect(await interview(indexes.index(HOME))).toEqual(answers)
    await indexes.close()
  }
  await catalogue.close()
}, 60_000)

test('an index whose process was killed after a batch goes on from there', async () => {
  const { dir, catalogue, answers } = await library()
  await catalogue.close()
  await rm(join(dir, 'index'), { recursive: true })
  const module = (name: string) => JSON.stringify(new URL(name, import.meta.url).href)
  const follow = `
    import { openCatalogue } from ${module('../catalogue.ts')}
    import { openIndexes } from ${module('./index.ts')}
    const catalogue = await openCatalogue({ dir: ${JSON.stringify(join(dir, 'catalogue'))}, groupings: [], clock: () => 0 })
    await openIndexes({ dir: ${JSON.stringify(join(dir, 'index'))}, catalogue }).caughtUp({ org: 'home', site: 'home' })`
  const child = spawn(process.execPath, ['--input-type=module', '-e', follow], { env: { ...process.env, VIEWSHED_CRASH_AT: 'index.batch:1' }, stdio: ['ignore', 'ignore', 'inherit'] })
  const [, signal] = (await once(child, 'exit')) as [number | null, string | null]
  expect(signal).toBe('SIGKILL')
  const again = await open(join(dir, 'catalogue'))
  const indexes = openIndexes({ dir: join(dir, 'index'), catalogue: again })
  await indexes.caughtUp(HOME)
  expect(await interview(indexes.index(HOME))).toEqual(answers)
  await indexes.close()
  await again.close()
}, 60_000)

test('another org and another site see nothing of it, and cannot name it', async () => {
  const dir = folder()
  const catalogue = await open(join(dir, 'catalogue'))
  const indexes = openIndexes({ dir: join(dir, 'index'), catalogue })
  const A = sha('a')
  await fill(catalogue, [asset(A, { start_ms: 0 }), track(A, [50, 8], [0, 0.001]), sightings(A, [sighting('AB12', 5)]), refusal('f')], [])
  await indexes.caughtUp(HOME)
  const [drive] = await indexes.index(HOME).drives({ period: null, bounds: null, limit: 1 })
  for (const scope of [{ ...HOME, site: 'shed' }, { ...HOME, org: 'neighbour' }]) {
    await indexes.caughtUp(scope)
    expect(await interview(indexes.index(scope))).toEqual(await interview(naiveIndex(() => [])))
    expect(await indexes.index(scope).drive(drive!.id)).toBeNull()
    expect(await catalogue.reader(scope).get(`asset:${A}`)).toBeNull()
    // The same file at another place is another clip there.
    await catalogue.apply([{ seq: '1', org: scope.org, site: scope.site, docs: [asset(A, { name: 'theirs', start_ms: null })] }])
    await indexes.caughtUp(scope)
    expect((await indexes.index(scope).asset(A))?.asset.name).toBe('theirs')
  }
  await indexes.caughtUp(HOME)
  expect(await indexes.index(HOME).asset(A)).toMatchObject({ asset: { name: 'clip.mp4' }, hits: [{ plate: 'AB12' }] })
  expect(() => indexes.index({ ...HOME, site: '../home' })).toThrow(/no name of a site/)
  await indexes.close()
  await catalogue.close()
})
