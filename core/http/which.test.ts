/** Trying again, leaving out and running again over HTTP: a real door, board, catalogue and index. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Type } from 'typebox'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { AssetDoc } from '../contract/records.ts'
import { openCatalogue, type OpenCatalogue } from '../store/catalogue.ts'
import { openIndexes, type Indexes } from '../store/index/index.ts'
import { asset } from '../store/index/testing/sample.ts'
import type { StageRules } from '../tasks/board.ts'
import { HOME, inProcess, type Bench } from '../tasks/testing/bench.ts'
import type { Ask } from './api.ts'
import { ApiError, client } from './client.ts'
import { openTestDoor, type TestDoor } from './testing.ts'

const JUNE_MS = Date.UTC(2026, 5, 1)
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const digest = (n: number) => n.toString(16).padStart(64, '0')
/** Three clips of the morning and two of the evening are two drives; then photos, far more than a page, all of one moment of the 10th. */
const MORNING = [1, 2, 3].map(digest)
const EVENING = [11, 12].map(digest)
const PHOTOS = Array.from({ length: 1_203 }, (_, n) => digest(1_000 + n))
const clips = (assets: readonly string[], start_ms: number) => assets.map((sha256, n) => asset(sha256, { start_ms: start_ms + n * 60_000 }))

const stage: StageRules = { version: 1, lease_s: 60, input: Type.Object({ sha256: Type.String() }), output: Type.Object({}) }
const STAGES: Readonly<Record<string, StageRules>> = { detect: stage, thumbs: stage }

let dir: string
let bench: Bench
let catalogue: OpenCatalogue
let indexes: Indexes
let door: TestDoor
let drives: readonly { id: string; assets: readonly string[] }[]
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'viewshed-which-'))
  bench = await inProcess({ stages: (name) => STAGES[name] ?? null, stageNames: Object.keys(STAGES) })
  catalogue = await openCatalogue({
    dir: join(dir, 'catalogue'), clock: () => JUNE_MS,
    groupings: [{ name: 'clip', gap_s: 600, grouping: {
      key: (a: AssetDoc) => (a.media_kind === 'video' ? a.camera : null),
      summarise: (members) => ({ start_ms: members[0]!.asset.start_ms!, end_ms: members.at(-1)!.asset.start_ms! + 60_000, distance_m: 1, line: [] }),
    } }],
  })
  indexes = openIndexes({ dir: join(dir, 'index'), catalogue })
  await indexes.ready(HOME)
  const docs = [...clips(MORNING, JUNE_MS + 8 * HOUR_MS), ...clips(EVENING, JUNE_MS + 18 * HOUR_MS), ...PHOTOS.map((sha256) => asset(sha256, { media_kind: 'image', duration_s: null, start_ms: JUNE_MS + 9 * DAY_MS }))]
  await catalogue.apply([{ seq: '1', org: 'home', site: 'home', docs }])
  await indexes.caughtUp(HOME)
  drives = await indexes.index(HOME).drives({ period: null, bounds: null, limit: 9 })
  door = await openTestDoor({ rooms: { index: (scope) => indexes.index(scope), desk: bench.board } })

  const all = [...MORNING, ...EVENING, ...PHOTOS]
  for (const name of Object.keys(STAGES)) await bench.board.publish(HOME, all.map((sha256) => ({ stage: name, input: { sha256 } })))
  await finish()
}, 60_000)
afterAll(async () => {
  await door.close()
  await indexes.close()
  await catalogue.close()
  await bench.close()
  await rm(dir, { recursive: true, force: true })
})

/** Does everything that waits. Returns how much that was. */
async function finish(): Promise<number> {
  let done = 0
  for (;;) {
    const claims = await bench.board.claim('nas', HOME, Object.keys(STAGES), 128)
    if (claims.length === 0) return done
    await Promise.all(claims.map(({ id, token }) => bench.board.complete('nas', { id, token, output: {}, files: [] })))
    done += claims.length
  }
}
const as = (role: 'operator' | 'viewer' | 'device', name?: string) => client({ baseUrl: door.url, headers: door.bearer(role, name) })
const rerun = async (which: Ask<'rerun'>) => (await as('operator', 'olga').rerun(which)).changed

test('a drive, a time and recordings are what stands for their tasks, and narrow each other', async () => {
  const morning = drives.find(({ assets }) => assets.includes(MORNING[0]!))!
  expect(await rerun({ stage: 'detect', drive: morning.id })).toBe(3)
  expect(await rerun({ stage: 'detect', from: JUNE_MS, to: JUNE_MS + DAY_MS })).toBe(2) // those of the morning wait already
  expect(await rerun({ drive: morning.id, from: JUNE_MS + 8 * HOUR_MS + 60_001, to: JUNE_MS + DAY_MS })).toBe(2) // their thumbs; the first clip had ended
  expect(await rerun({ assets: [MORNING[0]!, EVENING[0]!], drive: morning.id })).toBe(1)
  expect(await finish()).toBe(8)
  expect((await bench.events.list(HOME, { type: 'task.rerun', limit: 9 })).map(({ payload }) => payload['by'])).toEqual(Array(4).fill('olga'))
})

test('more recordings of one moment than a page holds are all found, and each is done once', async () => {
  expect(await rerun({ stage: 'thumbs', from: JUNE_MS })).toBe(PHOTOS.length + MORNING.length + EVENING.length)
  expect(await finish()).toBe(PHOTOS.length + MORNING.length + EVENING.length)
}, 60_000)

test('what waits of a drive is left out; what is parked of a time is tried again', async () => {
  const evening = drives.find(({ assets }) => assets.includes(EVENING[0]!))!
  await rerun({ drive: evening.id })
  expect(await as('operator', 'olga').cancel({ stage: 'thumbs', drive: evening.id })).toEqual({ changed: 2 })
  for (const { id, token } of await bench.board.claim('nas', HOME, ['detect'], 9)) await bench.board.fault('nas', id, token, { code: 'clip/empty', message: 'nothing in it' })
  expect(await as('operator', 'olga').retry({ from: JUNE_MS + 9 * DAY_MS })).toEqual({ changed: 0 })
  expect(await as('operator', 'olga').retry({ to: JUNE_MS + DAY_MS })).toEqual({ changed: 2 })
  expect((await bench.events.list(HOME, { type: 'task.retried', limit: 9 })).map(({ payload }) => payload)).toEqual([{ by: 'olga', tasks: [expect.any(String), expect.any(String)], stages: ['detect'] }])
  expect(await finish()).toBe(2)
})

test.each<[string, Record<string, unknown>, number, string, string]>([
  ['nothing', {}, 400, 'input/invalid', 'Say which tasks: by their ids, by a stage, by a drive, or by the time of the recordings.'],
  ['a time that ends before it begins', { stage: 'detect', from: 2, to: 1 }, 400, 'input/invalid', 'to: expected a time not before `from`.'],
  ['a drive that is not', { drive: 'nowhere' }, 404, 'not-found', 'There is no drive nowhere.'],
  ['what is no digest', { assets: ['a.mp4'] }, 400, 'input/invalid', 'assets.0: expected string, the SHA-256 of a recording.'],
  ['too many', { ids: Array(1_001).fill('t') }, 400, 'input/invalid', 'ids: expected array, at most 1000 of them.'],
])('%s is refused with a sentence, and changes nothing', async (_, which, status, code, message) => {
  for (const act of ['retry', 'cancel', 'rerun'] as const) {
    const error = await as('operator')[act](which).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(ApiError)
    expect(error).toMatchObject({ status, code, message })
  }
  expect(await finish()).toBe(0)
})

test('ids of nothing are no tasks, and a stage that nobody has none either', async () => {
  expect([await rerun({ ids: [] }), await rerun({ ids: ['unknown'], stage: 'detect' }), await rerun({ stage: 'no.such' }), await rerun({ assets: [], stage: 'detect' })]).toEqual([0, 0, 0, 0])
})

test('only who may operate the appliance may', async () => {
  for (const role of ['viewer', 'device'] as const) for (const act of ['retry', 'cancel', 'rerun'] as const)
    expect(await as(role)[act]({ stage: 'detect' }).catch((e: ApiError) => e.status)).toBe(403)
})

test('a task is shown with its run and the tasks of its chain', async () => {
  const [newest] = (await as('viewer').tasks({ stage: 'detect', state: 'complete', limit: 1 })).tasks
  expect(await as('viewer').task({ id: newest!.id })).toMatchObject({ run: 2, interrupted: [], made_by: [], made: [] })
})
