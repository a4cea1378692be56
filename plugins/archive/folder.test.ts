import { createHash } from 'node:crypto'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { StageMedia } from '../../core/contract/media.ts'
import type { Doc } from '../../core/contract/records.ts'
import { run as copies } from './copies.ts'
import { run as folder } from './folder.ts'
import { run as missing } from './missing.ts'
import plugin, { type Due } from './plugin.ts'
import type { Static } from 'typebox'
import { summaryOf } from './summary.ts'
import { archived, asset, copy, queryOf, ref, removal, SHA, sighting, sightings, track } from './testing.ts'

const config = { enabled: true, volume: 'archive' }
const PICTURES: Doc = { _id: `pictures:${SHA}:clip.thumbs`, kind: 'pictures', asset: SHA, thumbs: [], filmstrip: null }
const P720 = copy('720p', ref('media', 'derived/720p.mp4', 'b'.repeat(64)))
const lacks = async (docs: readonly Doc[]) => (await missing({}, { config, query: queryOf(docs) })).due
const listed = async (docs: readonly Doc[], volume?: string) => (await copies(volume === undefined ? {} : { volume }, { config, query: queryOf(docs) })).copies.map(({ media, sources }) => [`${media.volume}/${media.path}`, ...sources.map((source) => `${source.volume}/${source.path}`)])

test('a summary says in plain words what was recorded, when and where, what was seen and in which picture', () => {
  const known = { asset: asset({ event: 'locked' }), track: track(), sightings: [sightings(sighting(0.5, 'KU418OT', 0.9712), sighting(20, 'FI207UM', 0.6, false))] }
  expect(summaryOf(known, '1.MP4')).toMatchObject({
    recording: { name: '1.MP4', camera: 'van', channel: 'front', kind: 'video', event: 'locked' }, start: '2026-04-12T14:30:00.000Z', clock: { from: 'gps', camera_was_off_by_s: 2 }, length_s: 60,
    original: { file: '1.MP4', bytes: 9, sha256: SHA }, looked: [{ by: 'inference.plates', model: 'reader 5', frames: 120, found: 2 }],
    route: { from: 'freegps', fixes: 4, driven_m: 137, points: [[0, 52, 4], [6, 52, 4.002], [40, 53, 5]] }, // 2/1000 of a degree east at 52° north; what lies behind the gap was not driven, as far as anybody knows
    seen: [
      { what: 'plate', plate: 'KU418OT', certainty: 0.971, at_s: 0.5, time: '2026-04-12T14:30:00.500Z', lat_deg: 52, lon_deg: 4.0005, picture: 'plates/01_0.5s_KU418OT.jpg', frame: 'frames/01_0.5s_KU418OT.webp' },
      { plate: 'FI207UM', lat_deg: null, lon_deg: null, picture: null, frame: null },
    ],
  })
})

test('without a track or a time nothing is made up', () => {
  expect(summaryOf({ asset: asset({ start_ms: null }), track: null, sightings: [] }, '1.MP4')).toMatchObject({ start: null, route: null, looked: [], seen: [] })
})

test('a folder lacks its pictures once somebody has looked, and each smaller copy once it was read back', async () => {
  expect(await lacks([asset(), archived])).toMatchObject([{ rung: null, pieces: [] }]) // read back long ago, and nobody has looked since
  expect(await lacks([asset(), { ...archived, verified_ms: Date.now() }])).toEqual([])
  expect(await lacks([asset(), { ...archived, verified_ms: Date.now() }, sightings(sighting(1, 'KU418OT', 0.9)), PICTURES, P720])).toMatchObject([
    { rung: '720p', checks: { ssim_min: 0.97 }, pieces: [{ media: P720.media, as: 'video_720p.mp4' }], summary: null },
    { rung: null, pieces: [{ as: 'plates/01_1.0s_KU418OT.jpg' }, { as: 'frames/01_1.0s_KU418OT.webp' }] },
  ])
})

test.each<[string, readonly Doc[]]>([
  ['a recording that is not archived', [asset(), sightings(), PICTURES, P720]],
  ['one whose archive is another volume', [asset(), copy('archive', ref('attic', `${SHA}/1.MP4`)), sightings(), PICTURES]],
  ['one whose folder is whole', [asset(), archived, sightings(), PICTURES, P720, copy('archive-720p', ref('archive', `${SHA}/video_720p.mp4`, 'b'.repeat(64))), { _id: `archived:${SHA}`, kind: 'archived', asset: SHA, files: [], verified_ms: 1 }]],
  ['a smaller copy that was never read back, or is in the trash', [asset(), { ...archived, verified_ms: Date.now() }, copy('720p', P720.media, null), copy('540p', ref('media', 'x.mp4')), removal('540p', ref('media', 'x.mp4'))]],
])('nothing is asked for: %s', async (_, docs) => expect(await lacks(docs)).toEqual([]))

test('without an archive nothing is asked for at all', async () => {
  expect(await missing({}, { config: { ...config, enabled: false }, query: queryOf([asset(), archived, sightings(), PICTURES]) })).toEqual({ due: [], next: null })
})

test('whatever lies on a volume is listed with where else its bytes are: the archive has the original to go by, and the original the archive', async () => {
  const picture = { media: ref('archive', `${SHA}/plates/1.jpg`, 'c'.repeat(64)), from: ref('media', 'derived/1.jpg', 'c'.repeat(64)) }
  const docs = [asset(), archived, P720, copy('archive-720p', ref('archive', `${SHA}/video_720p.mp4`, 'b'.repeat(64))), { _id: `archived:${SHA}`, kind: 'archived', asset: SHA, files: [picture, { media: ref('archive', `${SHA}/summary.json`), from: ref('media', 'derived/summary.json') }], verified_ms: 1 }]
  expect(await listed(docs)).toEqual([
    [`archive/${SHA}/plates/1.jpg`, 'media/derived/1.jpg'], [`archive/${SHA}/summary.json`, 'media/derived/summary.json'], [`archive/${SHA}/1.MP4`, 'media/raw/van/1.MP4'], [`archive/${SHA}/video_720p.mp4`, 'media/derived/720p.mp4'],
  ])
  expect(await listed(docs, 'media')).toEqual([['media/raw/van/1.MP4', `archive/${SHA}/1.MP4`], ['media/derived/720p.mp4', `archive/${SHA}/video_720p.mp4`]])
})

test('what retention took from its place is not missed, and mends nothing', async () => {
  const docs = [asset(), archived, P720, removal('original', asset().media), removal('720p', P720.media, 'gone')]
  expect(await listed(docs, 'media')).toEqual([])
  expect(await listed(docs)).toEqual([[`archive/${SHA}/1.MP4`]])
  expect(await listed([asset(), archived, removal('original', asset().media, 'back')], 'media')).toEqual([['media/raw/van/1.MP4', `archive/${SHA}/1.MP4`]])
})

test('a list of many pages misses nothing and says nothing twice', async () => {
  const shas = Array.from({ length: 700 }, (_, n) => n.toString(16).padStart(64, '0'))
  const docs = shas.flatMap((sha256) => [{ ...asset({ sha256, media: ref('archive', `raw/${sha256}`, sha256) }), _id: `asset:${sha256}` }, { ...archived, _id: `copy:${sha256}:archive`, asset: sha256, media: ref('archive', sha256, sha256) }])
  const query = queryOf(docs)
  const found: string[] = []
  for (let after: string | null = null, pages = 0; pages < 10; pages++) {
    const page: Awaited<ReturnType<typeof copies>> = await copies(after === null ? {} : { after }, { config, query })
    found.push(...page.copies.map(({ id }) => id))
    if ((after = page.next) === null) break
  }
  expect(found.toSorted()).toEqual(docs.map(({ _id }) => _id).toSorted())
})

let home: string
beforeEach(async () => { home = await mkdtemp(join(tmpdir(), 'viewshed-archive-folder-')) })
afterEach(() => rm(home, { recursive: true, force: true }))
const digest = (content: Buffer) => createHash('sha256').update(content).digest('hex')

/** @param spoil what the archive's disk makes of a file */
const media = (spoil: (path: string) => Promise<void> = async () => undefined): StageMedia => ({
  read: async (wanted) => join(home, wanted.volume, wanted.path),
  async write(volume, path, from) {
    const to = join(home, volume, path)
    await mkdir(dirname(to), { recursive: true })
    await cp(from, to)
    const made = { volume, path, bytes: (await stat(to)).size, sha256: digest(await readFile(to)) }
    await spoil(to)
    return made
  },
  async reread(wanted) {
    const found = await readFile(join(home, wanted.volume, wanted.path))
    return { sha256: digest(found), bytes: found.length, from: 'disk' }
  },
})
async function fill(spoil?: (path: string) => Promise<void>, change: (due: Static<typeof Due>) => Static<typeof Due> = (due) => due) {
  const lay = async (path: string, content: string) => {
    await mkdir(dirname(join(home, 'media', path)), { recursive: true })
    await writeFile(join(home, 'media', path), content)
    return { volume: 'media', path, bytes: content.length, sha256: digest(Buffer.from(content)) }
  }
  const one = { ...sighting(1, 'KU418OT', 0.9), crop: await lay('derived/crop.jpg', 'crop'), frame: await lay('derived/frame.jpg', 'frame') }
  const [due] = (await missing({}, { config, query: queryOf([asset(), archived, sightings(one), PICTURES]) })).due
  await mkdir(join(home, 'scratch'), { recursive: true })
  const input = change(due!)
  const output = await folder(input, { config, options: undefined, media: media(spoil), scratch: join(home, 'scratch'), attempt: 1, signal: new AbortController().signal, progress: () => undefined })
  return { input, output }
}

test('the folder can be read without us: pictures by name, and a summary that lists each file with its digest', async () => {
  const { input, output } = await fill()
  expect((await readdir(join(home, 'archive', SHA), { recursive: true })).sort()).toEqual(['frames', 'frames/01_1.0s_KU418OT.jpg', 'plates', 'plates/01_1.0s_KU418OT.jpg', 'summary.json'])
  const summary = JSON.parse(await readFile(join(home, 'archive', SHA, 'summary.json'), 'utf8')) as { seen: { picture: string }[]; files: { file: string; bytes: number; sha256: string }[] }
  expect(summary.seen[0]!.picture).toBe('plates/01_1.0s_KU418OT.jpg')
  for (const { file, bytes, sha256 } of summary.files) expect([bytes, sha256]).toEqual([(await stat(join(home, 'archive', SHA, file))).size, digest(await readFile(join(home, 'archive', SHA, file)))])
  const own = output.files.find(({ media: { path } }) => path.endsWith('/summary.json'))!
  expect(await readFile(join(home, 'media', own.from.path))).toEqual(await readFile(join(home, 'archive', own.media.path))) // so that it can be made good
  expect(summary.files.map(({ file }) => file)).toEqual(['plates/01_1.0s_KU418OT.jpg', 'frames/01_1.0s_KU418OT.jpg'])
  expect(plugin.stages!.folder!.records!(input, output)).toEqual([{ _id: `archived:${SHA}`, kind: 'archived', asset: SHA, files: output.files, verified_ms: expect.any(Number) }])
})

test('a smaller copy is recorded with what was measured of the first', async () => {
  const { input, output } = await fill(undefined, (due) => ({ ...due, rung: '720p', checks: { ssim_min: 0.97 }, summary: null, pieces: [{ media: due.pieces[0]!.media, as: 'video_720p.mp4' }] }))
  expect(plugin.stages!.folder!.records!(input, output)).toEqual([{ _id: `copy:${SHA}:archive-720p`, kind: 'copy', asset: SHA, role: 'archive-720p', media: output.files[0]!.media, verified_ms: expect.any(Number), checks: { ssim_min: 0.97 } }])
})

test('a disk that gives back other bytes than it took, and a picture that is no longer what it was, are faults', async () => {
  await expect(fill((path) => (path.endsWith('summary.json') ? writeFile(path, '{}') : Promise.resolve()))).rejects.toMatchObject({ code: 'media/digest' })
  await expect(fill(undefined, (due) => ({ ...due, pieces: due.pieces.map((piece) => ({ ...piece, media: { ...piece.media, sha256: 'd'.repeat(64) } })) }))).rejects.toMatchObject({ code: 'media/digest' })
})
