import { link, mkdir, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { HOME } from '../access/scope.ts'
import type { DriveDoc } from '../contract/records.ts'
import type { Library, Plan } from '../contract/retention.ts'
import { isDue } from './retention.ts'
import { openWorld, originalsGo, TERMS, type World } from './testing.ts'

let world: World
afterEach(() => world.close())
const open = async (plan: (library: Library) => Plan = originalsGo, terms = TERMS) => { world = await openWorld(plan, { terms }) }
const on = () => world.retention.set(true, 'anna')
const trashed = async () => Object.keys(await world.files()).filter((path) => path.includes('.viewshed/trash'))

test('off it only reports: nothing moves, and a run is refused', async () => {
  await open()
  const sha = await world.record('one', {}, { '720p': ['media', 'small'] })
  const before = await world.files()
  const { plan, switch: state, last } = await world.retention.survey()
  expect(plan.lines.filter(({ goes }) => goes).map(({ sha256 }) => sha256)).toEqual([sha])
  expect([state.on, last, world.retention.due()]).toEqual([false, null, false])
  await expect(world.retention.run('anna')).rejects.toMatchObject({ code: 'input/invalid' })
  expect(await world.files()).toEqual(before)
})

test('a file goes to the trash, rests, and is gone after its grace; the catalogue says so and plays what is left', async () => {
  await open()
  const sha = await world.record('one', {}, { '720p': ['media', 'small'] })
  await on()
  expect(await world.retention.run('anna')).toMatchObject({ moved: 1, moved_bytes: 3, freed: 0, refused: [] })
  const [inTrash] = await trashed()
  expect(inTrash).toMatch(/^media\/\.viewshed\/trash\/2026-07-01\/[0-9a-z]{26}\/raw\/[0-9a-f]{8}\.MP4$/)
  expect(await world.files()).toEqual({ [inTrash!]: 'one', [`media/${sha.slice(0, 8)}/720p.mp4`]: 'small' })
  expect(await world.told(`removal:${sha}:original`)).toMatchObject({ state: 'trash', left: ['720p'], why: 'the test says so' })
  world.pass(13)
  expect(await world.retention.run('anna')).toMatchObject({ moved: 0, freed: 0 })
  world.pass(1.01)
  expect(await world.retention.run('anna')).toMatchObject({ freed: 1, freed_bytes: 3 })
  expect(await world.files()).toEqual({ [`media/${sha.slice(0, 8)}/720p.mp4`]: 'small' })
  expect(await world.told(`removal:${sha}:original`)).toMatchObject({ state: 'gone' })
  expect(await world.told(`asset:${sha}`)).toMatchObject({ sha256: sha, playable: true })
  expect((await world.retention.survey()).leaving).toEqual([])
})

test('a drive that is marked keep, now under another id, brings back what lay in it and takes in what comes later', async () => {
  const rule = { name: 'clip', gap_s: 600, grouping: { key: ({ camera }: { camera: string }) => camera, summarise: () => ({ start_ms: 0, end_ms: 0, distance_m: 0, line: [] }) } }
  world = await openWorld(originalsGo, { groupings: [rule] })
  const drive = async () => { for await (const { _id, alias_of } of world.query.list<DriveDoc>('drive')) if (alias_of === null) return _id; throw new Error('there is none') }
  const minutes = (start: number) => ({ start_ms: start * 60_000 })
  await world.record('later', minutes(12), { '720p': ['media', 'small later'] })
  await on()
  expect(await world.retention.run('anna')).toMatchObject({ moved: 1 })
  const first = await drive()
  await world.record('earlier', minutes(6))
  expect(await drive()).not.toBe(first)
  await world.catalogue.edit({ ...HOME, role: 'admin' }, 'anna', await drive(), { keep: true })
  await world.record('first', minutes(0))
  world.pass(15)
  expect(await world.retention.run('anna')).toMatchObject({ freed: 0 })
  expect(await trashed()).toEqual([])
  const { library } = await world.retention.survey()
  expect(library.items.map(({ kept, drives }) => [kept, drives.includes(first)])).toEqual([[true, true], [true, true], [true, true]])
})

test('what stands for a file in the trash stays until that is gone, though the planner lets it go the next day', async () => {
  const down = ({ items }: Library): Plan => ({ makes: [], lines: items.flatMap(({ asset, files }) => files.map((file, i) => ({
    sha256: asset.sha256, role: file.role, name: asset.name, camera: asset.camera, start_ms: 0, media: file.media, goes: i === 0 && files.length > 1, to: '720p', reason: 'steps', why: 'one rung a day',
    wins_bytes: 0, replaced_by: i === 0 ? files.slice(1, 2).map(({ media }) => media) : [],
  }))) })
  await open(down)
  await world.record('one', {}, { '1080p': ['media', 'smaller'], '720p': ['media', 'small'] })
  await on()
  expect(await world.retention.run('anna')).toMatchObject({ moved: 1, refused: [] })
  expect((await world.retention.survey()).plan.lines).toMatchObject([{ role: '1080p', goes: false, reason: 'stands-in' }, { role: '720p', goes: false }])
  world.pass(1)
  expect(await world.retention.run('anna')).toMatchObject({ moved: 0, freed: 0, refused: [] })
  world.pass(14)
  expect(await world.retention.run('anna')).toMatchObject({ moved: 1, freed: 1, refused: [] })
  world.pass(14)
  expect(await world.retention.run('anna')).toMatchObject({ moved: 0, freed: 1, refused: [] })
  expect(Object.values(await world.files())).toEqual(['small'])
})

test('a disk that fails stops no recovery: what lies on it waits, the others are settled', async () => {
  await open()
  const [one, two] = [await world.record('one', {}, { '720p': ['archive', 'small one'] }), await world.record('two', {}, { '720p': ['archive', 'small two'] })]
  await on()
  await world.retention.run('anna')
  const { leaving } = await world.retention.survey()
  const sick = leaving.find(({ sha256 }) => sha256 === one)!
  await rm(dirname(world.path('media', sick.trash)), { recursive: true })
  await symlink('raw', dirname(world.path('media', sick.trash))) // ELOOP for whoever looks below it
  await rm(world.path('media', leaving.find(({ sha256 }) => sha256 === two)!.trash))
  await world.retention.recover()
  expect(world.warned).toEqual([expect.stringContaining('it waits for that disk')])
  expect((await world.retention.survey()).leaving.map(({ sha256 }) => sha256)).toEqual([one])
  expect(await world.told(`removal:${two}:original`)).toMatchObject({ state: 'gone' })
})

test('the planner sees since when a file lies there', async () => {
  await open()
  await world.record('one', {}, { '720p': ['media', 'small'] })
  const { library } = await world.retention.survey()
  for (const { written_ms } of library.items[0]!.files) expect(Math.abs(Date.now() - written_ms!)).toBeLessThan(60_000)
})

test('what rests in the trash of a volume is seen as coming free there', async () => {
  await open()
  await world.record('one', {}, { '720p': ['archive', 'small'] })
  await on()
  const resting = async () => [...(await world.retention.survey()).library.volumes].map(([name, { bytes_resting }]) => [name, bytes_resting])
  expect(await resting()).toEqual([['media', 0], ['archive', 0]])
  await world.retention.run('anna')
  expect(await resting()).toEqual([['media', 3], ['archive', 0]])
  world.pass(15)
  await world.retention.run('anna')
  expect(await resting()).toEqual([['media', 0], ['archive', 0]])
})

test('undo brings it back and keeps it: the next run leaves it alone', async () => {
  await open(({ items, ...rest }) => originalsGo({ items: items.filter(({ kept }) => !kept), ...rest }))
  const sha = await world.record('one', {}, { '720p': ['media', 'small'] })
  const before = await world.files()
  await on()
  await world.retention.run('anna')
  expect(await world.retention.undo(null, 'anna')).toEqual({ back: 1, refused: [] })
  expect(await world.files()).toEqual(before)
  expect(await world.told(`removal:${sha}:original`)).toMatchObject({ state: 'back' })
  expect(await world.told(`asset:${sha}`)).toMatchObject({ keep: true })
  expect(await world.retention.run('anna')).toMatchObject({ moved: 0 })
})

test('what somebody brings back to its place after it is gone counts again, with nothing else to tell of it', async () => {
  await open()
  const sha = await world.record('one', {}, { '720p': ['media', 'small'] })
  const own = world.path('media', `raw/${sha.slice(0, 8)}.MP4`)
  await on()
  await world.retention.run('anna')
  world.pass(15)
  await world.retention.run('anna')
  const roles = async () => (await world.retention.survey()).library.items[0]!.files.map(({ role }) => role)
  await writeFile(own, 'half')
  await world.retention.welcome()
  expect([(await world.told(`removal:${sha}:original`))?.['state'], await roles()]).toEqual(['gone', ['720p']])
  await writeFile(own, 'one')
  await world.retention.welcome()
  expect([(await world.told(`removal:${sha}:original`))?.['state'], await roles()]).toEqual(['back', ['original', '720p']])
  const before = await world.told(`removal:${sha}:original`)
  world.pass(1)
  await world.retention.welcome()
  expect(await world.told(`removal:${sha}:original`)).toEqual(before)
})

test('undo overwrites nothing: another file at its place stays, and so does the one in the trash', async () => {
  await open()
  const sha = await world.record('one', {}, { '720p': ['media', 'small'] })
  await on()
  await world.retention.run('anna')
  await writeFile(world.path('media', `raw/${sha.slice(0, 8)}.MP4`), 'new')
  expect(await world.retention.undo(null, 'anna')).toMatchObject({ back: 0, refused: [{ why: expect.stringContaining('holds other bytes') }] })
  expect(Object.values(await world.files()).sort()).toEqual(['new', 'one', 'small'])
})

test('what somebody marks keep while it rests comes back by itself', async () => {
  await open()
  const sha = await world.record('one', {}, { '720p': ['media', 'small'] })
  await on()
  await world.retention.run('anna')
  await world.catalogue.edit({ org: 'home', site: 'home', role: 'admin' }, 'ben', `asset:${sha}`, { keep: true })
  world.pass(20)
  expect(await world.retention.run('anna')).toMatchObject({ freed: 0 })
  expect(await trashed()).toEqual([])
  expect(Object.values(await world.files())).toContain('one')
})

describe('the last look refuses', () => {
  const own = (sha: string) => world.path('media', `raw/${sha.slice(0, 8)}.MP4`)
  const small = (sha: string) => world.path('media', `${sha.slice(0, 8)}/720p.mp4`)
  /** Done after the plan was made and before anything moved. */
  const cases: readonly [what: string, why: RegExp, spoil: (sha: string) => Promise<unknown>][] = [
    ['a copy that was changed by a byte', /does not read back/, (sha) => writeFile(small(sha), 'smalL')],
    ['a copy that was cut off', /does not read back/, (sha) => writeFile(small(sha), 'sma')],
    ['a copy that is gone', /is not on volume/, (sha) => unlink(small(sha))],
    ['a copy that is a folder', /is not there/, async (sha) => { await unlink(small(sha)); await mkdir(small(sha)) }],
    ['an original that was changed', /somebody changed it/, (sha) => writeFile(own(sha), 'two')],
    ['an original that is gone', /is not on volume/, (sha) => unlink(own(sha))],
    ['an original behind a link out of the volume', /leads out of volume/, async (sha) => { await writeFile(world.path('archive', 'x'), 'one'); await unlink(own(sha)); await symlink(world.path('archive', 'x'), own(sha)) }],
    ['a volume whose marker is gone', /media is not mounted/, () => unlink(world.path('media', '.viewshed/volume.json'))],
    ['another volume under its name', /media is not mounted/, () => writeFile(world.path('media', '.viewshed/volume.json'), JSON.stringify({ id: 'other', name: 'media', created: 'x' }))],
    ['a recording that was marked keep meanwhile', /marked it keep/, (sha) => world.catalogue.edit({ org: 'home', site: 'home', role: 'admin' }, 'ben', `asset:${sha}`, { keep: 'for the insurance' })],
    ['a recording that was locked meanwhile', /locked/, (sha) => world.catalogue.edit({ org: 'home', site: 'home', role: 'admin' }, 'ben', `asset:${sha}`, { event: 'locked' })],
    ['when it was switched off meanwhile', /ended before its turn/, () => world.retention.set(false, 'ben')],
  ]
  test.each(cases)('%s', async (_, why, spoil) => {
    let spoiled: (() => Promise<unknown>) | null = null
    await open(originalsGo)
    const sha = await world.record('one', {}, { '720p': ['media', 'small'] })
    await on()
    // The first thing after the plan is its journal: what is done before that is done in time.
    spoiled = () => spoil(sha)
    const { commit } = world.log
    world.log.commit = async (ops) => {
      if (spoiled && ops.some(({ key }) => key.includes('leaving!'))) { const act = spoiled; spoiled = null; await act() }
      return commit.call(world.log, ops)
    }
    const note = await world.retention.run('anna')
    expect(note).toMatchObject({ moved: 0, refused: [{ why: expect.stringMatching(why) }] })
    expect(await trashed()).toEqual([])
    expect((await world.retention.survey()).leaving).toEqual([])
  })

  test('a copy that is the same file under another name', async () => {
    await open(({ items, ...rest }) => originalsGo({ items, ...rest }))
    const sha = await world.record('one', {}, { archive: ['archive', 'one'] })
    const there = world.path('archive', `${sha.slice(0, 8)}/archive.mp4`)
    await unlink(there)
    await link(own(sha), there)
    await on()
    expect(await world.retention.run('anna')).toMatchObject({ moved: 0, refused: [{ why: expect.stringContaining('the very same file') }] })
  })

  test('one of two files that would replace each other', async () => {
    await open((library) => { const plan = originalsGo(library); return { ...plan, lines: plan.lines.map((line) => ({ ...line, goes: true, replaced_by: plan.lines.filter((other) => other !== line).map(({ media }) => media) })) } })
    await world.record('one', {}, { '720p': ['media', 'small'] })
    await on()
    expect(await world.retention.run('anna')).toMatchObject({ moved: 1, refused: [{ why: expect.stringContaining('on its way out itself') }] })
    expect((await trashed()).map((path) => path.endsWith('720p.mp4'))).toEqual([true])
  })

  test('after the grace as well: a copy that rotted meanwhile keeps what is in the trash', async () => {
    await open()
    const sha = await world.record('one', {}, { '720p': ['media', 'small'] })
    await on()
    await world.retention.run('anna')
    await writeFile(small(sha), 'smalL')
    world.pass(20)
    expect(await world.retention.run('anna')).toMatchObject({ freed: 0, refused: [{ why: expect.stringContaining('does not read back') }] })
    expect(await trashed()).toHaveLength(1)
    await world.retention.set(false, 'anna')
    expect(await world.retention.undo(null, 'anna')).toMatchObject({ back: 1 }) // also while it is off
  })

  test('a volume that is away while it rests: nothing is concluded until it is back', async () => {
    await open()
    await world.record('one', {}, { '720p': ['archive', 'small'] })
    await on()
    await world.retention.run('anna')
    await rename(world.roots.media, `${world.roots.media}.away`)
    await mkdir(world.roots.media)
    world.pass(20)
    expect(await world.retention.run('anna')).toMatchObject({ freed: 0, refused: [{ why: 'media is not mounted' }] })
    await rm(world.roots.media, { recursive: true })
    await rename(`${world.roots.media}.away`, world.roots.media)
    expect(await world.retention.run('anna')).toMatchObject({ freed: 1 })
  })
})

test('whatever the planner says, a run takes no more than its part of a volume', async () => {
  await open(originalsGo, { ...TERMS, most_part: 0.1 })
  for (let n = 0; n < 12; n++) await world.record(`clip ${n}`, {}, { '720p': ['archive', `small ${n}`] })
  await on()
  expect(await world.retention.run('anna')).toMatchObject({ moved: 2 })
  expect(await world.retention.run('anna')).toMatchObject({ moved: 1 })
})

test('its hour comes once, however long a run lasts or waits, and also when it breaks off after files have moved', async () => {
  await open()
  for (const content of ['one', 'two']) await world.record(content, {}, { '720p': ['media', `small ${content}`] })
  await on()
  world.pass(1)
  expect(world.retention.due()).toBe(true)
  const { commit } = world.log
  const dues: boolean[] = []
  world.log.commit = async (ops) => {
    dues.push(world.retention.due())
    await commit.call(world.log, ops)
    if ((await trashed()).length === 1) throw new Error('the disk is sick')
  }
  const first = world.retention.run('its hour')
  expect(world.retention.due()).toBe(false)
  await expect(first).rejects.toThrow('the disk is sick')
  world.log.commit = commit
  expect(new Set(dues)).toEqual(new Set([false]))
  expect([world.retention.due(), (await trashed()).length]).toEqual([false, 1])
  expect((await world.retention.survey()).last).toMatchObject({ by: 'its hour' })
  world.pass(1)
  expect(world.retention.due()).toBe(true)
})

test('a smaller copy that is missing is asked for', async () => {
  await open((library) => ({ lines: [], makes: library.items.map(({ asset }) => ({ sha256: asset.sha256, rung: '720p', media: asset.media })) }))
  const sha = await world.record('one')
  await on()
  expect(await world.retention.run('anna')).toMatchObject({ asked: 1 })
  expect(world.made).toMatchObject([{ sha256: sha, rung: '720p' }])
})

test('its hour comes once a day', () => {
  const at = (day: number, hour: number) => new Date(2026, 6, day, hour).getTime()
  expect([isDue(at(1, 12), at(1, 20), '03:00'), isDue(at(1, 12), at(2, 2), '03:00'), isDue(at(1, 12), at(2, 3), '03:00'), isDue(at(2, 3), at(2, 23), '03:00'), isDue(at(2, 3), at(9, 1), '03:00')]).toEqual([false, false, true, false, true])
})
