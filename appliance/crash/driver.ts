/**
 * The stores, the board and the projection in one process, over a few small files, until nothing is left to do. Killed at
 * a named point and started again it must end in the same state: `node driver.ts DIR` prints that state as JSON.
 */
import { createHash } from 'node:crypto'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { Type } from 'typebox'
import { HOME, type Scope } from '../../core/access/scope.ts'
import { MediaRef } from '../../core/contract/media.ts'
import type { CopyDoc, Doc } from '../../core/contract/records.ts'
import type { Library, Plan } from '../../core/contract/retention.ts'
import { openCatalogue } from '../../core/store/catalogue.ts'
import { isBroken } from '../../core/store/crash.ts'
import { hashFile } from '../../core/store/durable.ts'
import { openIndexes } from '../../core/store/index/index.ts'
import { openLog } from '../../core/store/log.ts'
import { startProjector } from '../../core/store/projector.ts'
import { openRetention } from '../../core/retention/retention.ts'
import { openVolumes } from '../../core/store/volumes.ts'
import { openBoard, type StageRules } from '../../core/tasks/board.ts'
import { openEvents } from '../../core/tasks/events.ts'
import { openOutcomes } from '../../core/tasks/outcomes.ts'
import type { Claim } from '../../core/tasks/port.ts'

const SOURCES = 4
const STEP_MS = 15_000 // longer than a lease and a first back-off
const LEASE_S = 10
const SCOPE: Scope = { ...HOME, role: 'device' }

const Seen = Type.Object({ n: Type.Integer(), media: MediaRef })
const First = Type.Object({ n: Type.Integer(), crop: MediaRef })
const stages: Record<string, StageRules> = {
  'work.look': { version: 1, lease_s: LEASE_S, input: Seen, output: First, records: ({ n, media }, { crop }) => [asset(n, media), pictures(media, crop)] },
  'work.keep': { version: 1, lease_s: LEASE_S, input: First, output: Type.Object({ by: Type.String() }), records: ({ n, crop }, { by }) => [{ _id: `copy:${crop.sha256}:test`, kind: 'copy', asset: crop.sha256, role: by, n }] },
}

const dir = process.argv[2]!
const sources = join(dir, 'sources')
await mkdir(sources, { recursive: true })
let now_ms = Date.UTC(2026, 0, 1)
const clock = () => now_ms

const log = await openLog(join(dir, 'log'))
const volumes = await openVolumes([{ name: 'media', root: join(dir, 'media'), org: HOME.org }], {
  get: (name) => log.get(`volume!${name}`), set: (name, id) => log.commit([{ type: 'put', key: `volume!${name}`, value: id }]),
})
await volumes.sweep((error) => { throw error })
const outcomes = await openOutcomes({ log, clock })
const board = await openBoard({ log, outcomes, volumes, clock, ticks: clock, random: () => 0, sweep_ms: 0, stages: (name) => stages[name] ?? null, stageNames: Object.keys(stages) })
const events = openEvents({ log, outcomes, clock })
const catalogue = await openCatalogue({ dir: join(dir, 'catalogue'), clock, groupings: [] })
const projector = startProjector({ projections: outcomes.projections, catalogue })
const indexes = openIndexes({ dir: join(dir, 'index'), catalogue })
await indexes.ready(HOME)

for (let n = 0; n < SOURCES; n++) await arrive(n)
// A life that begins anew begins at the same moment: what the former one had put off is further away now.
for (let idle = 0; idle < 3 || (idle < 100 && (await unfinished()));) {
  const busy = [await route(), await work()].includes(true)
  idle = busy ? 0 : idle + 1
  if (!busy) now_ms += STEP_MS
  await board.sweep()
}
while (!projector.idle() || outcomes.projections.waiting() > 0) await new Promise((next) => setTimeout(next, 5))
await thin()
await indexes.caughtUp(HOME)
process.stdout.write(JSON.stringify(await state(), null, 1) + '\n')
process.exit(0)

/** Sources 0 and 3 go for the copy that was made of them; 3 is brought back; after the grace 0 is gone. */
async function thin(): Promise<void> {
  const query = catalogue.reader(SCOPE)
  const retention = openRetention({
    home: HOME, log, outcomes, volumes, query, clock, make: async () => undefined, keep: (sha256, by) => catalogue.edit(SCOPE, by, `asset:${sha256}`, { keep: true }),
    warn: (error) => { throw error },
    planner: { terms: { grace_days: 14, at: '03:00', most_part: 1, steps: [], says: [] }, placed: null, plan: thinned },
  })
  for (const n of [0, 3]) await copied(n)
  await retention.recover()
  await retention.set(true, 'driver')
  await retention.run('driver')
  const back = (await retention.survey()).leaving.filter(({ name }) => name === '3.bin')
  await retention.undo(back.map(({ id }) => id), 'driver')
  now_ms += 40 * 86_400_000 // a former life may have been further
  await retention.run('driver')
  while (!projector.idle() || outcomes.projections.waiting() > 0) await new Promise((next) => setTimeout(next, 5))
}

async function copied(n: number): Promise<void> {
  const media = await volumes.put('media', `copies/${n}.bin`, join(sources, `${n}.bin`))
  const copy: CopyDoc = { _id: `copy:${media.sha256}:archive`, kind: 'copy', asset: media.sha256, role: 'archive', media, verified_ms: 0, checks: {} }
  await catalogue.apply([{ seq: '', ...HOME, docs: [copy as CopyDoc & Doc] }])
}

function thinned({ items }: Library): Plan {
  return { makes: [], lines: items.filter(({ kept, files }) => !kept && files.length > 1).map(({ asset, files: [own, copy] }) => ({
    sha256: asset.sha256, role: own!.role, name: asset.name, camera: asset.camera, start_ms: asset.start_ms, media: own!.media, goes: own!.role === 'original', to: 'archive', reason: 'goes', why: 'it was copied', wins_bytes: 0, replaced_by: [copy!.media],
  })) }
}

async function unfinished(): Promise<boolean> {
  return (await board.counts(SCOPE)).some(({ pending, running }) => pending + running > 0)
}

async function arrive(n: number): Promise<void> {
  const key = `source-${n}`
  if (await events.known(HOME, 'in.arrived', key)) return
  const path = join(sources, `${n}.bin`)
  await writeFile(path, `recording ${n} `.repeat(1000))
  await events.emit(HOME, 'in.arrived', key, { n, media: await volumes.put('media', `raw/${n}.bin`, path) })
}

/** The flow: an arrival is looked at, what was looked at is kept. */
async function route(): Promise<boolean> {
  const due = await outcomes.outcomes(null, 100, 0)
  for (const { seq, type, message, scope } of due) {
    const next = { 'in.arrived': 'work.look', 'work.look': 'work.keep' }[type]
    if (isBroken('ack-early')) await outcomes.acknowledge([seq])
    if (next) await board.publish({ ...scope, role: 'admin' }, [{ stage: next, input: message.payload as Record<string, unknown>, waiter: { node: `node ${next}`, message, root: seq } }])
    if (!isBroken('ack-early')) await outcomes.acknowledge([seq])
  }
  return due.length > 0
}

/** Two devices. The first is slow with source 1 and finds itself too late; source 2 fails once. */
async function work(): Promise<boolean> {
  const [claim] = await board.claim('first', SCOPE, Object.keys(stages), 1)
  if (!claim) return false
  const n = claim.input.n as number
  const slow = n === 1 && claim.stage === 'work.look' && claim.attempt === 1
  if (n === 2 && claim.stage === 'work.look' && claim.attempt === 1) await board.fault('first', claim.id, claim.token, { code: 'stage/failed', message: 'once' })
  else if (slow) {
    now_ms += STEP_MS
    await board.sweep()
    const again = (await board.claim('second', SCOPE, [claim.stage], 10)).find((other) => other.id === claim.id)
    if (again) await finish('second', again)
    await finish('first', claim)
  } else await finish('first', claim)
  return true
}

/** Encoders are not byte-deterministic: each device writes other bytes. */
async function finish(device: string, claim: Claim): Promise<void> {
  const n = claim.input.n as number
  if (claim.stage === 'work.keep') return void (await board.complete(device, { id: claim.id, token: claim.token, output: { by: 'anybody' }, files: [] }))
  const local = join(sources, `${n}.${device}.crop`)
  await writeFile(local, `crop of ${n} by ${n === 1 ? device : 'anybody'}`)
  const crop = await volumes.stage(claim.id, claim.token, 'media', `derived/${n}.crop`, local)
  await board.complete(device, { id: claim.id, token: claim.token, output: { n, crop }, files: [crop] })
}

function asset(n: number, media: MediaRef): Doc {
  return {
    _id: `asset:${media.sha256}`, kind: 'asset', sha256: media.sha256, media_kind: 'video', media, name: `${n}.bin`, camera: 'test', channel: 'front', event: 'normal',
    start_ms: Date.UTC(2026, 0, 1, 12, n), duration_s: 60, clock: { offset_s: 0, from: 'name' }, width_px: 1, height_px: 1, fps: 1, codec: null, audio: false, playable: false,
    fixes: 0, dropped_fixes: { no_fix: 0, zero: 0, static: 0, jump: 0, no_time: 0, invalid: 0 }, notes: [],
  }
}

function pictures(media: MediaRef, crop: MediaRef): Doc {
  return { _id: `pictures:${media.sha256}:test`, kind: 'pictures', asset: media.sha256, thumbs: [{ width_px: 1, media: crop }], filmstrip: null }
}

async function state() {
  const index = indexes.index(SCOPE)
  const assets = await index.assets(null, 100)
  const views = await Promise.all(assets.map((a) => index.asset(a.sha256)))
  const root = join(dir, 'media')
  const files = (await readdir(root, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const held = await Promise.all(files.filter((path) => !path.endsWith('volume.json')).map(async (path) => [relative(root, path), await hashFile(path)] as const))
  const byPath = new Map(held)
  const wrong = views.flatMap((view) => (view?.pictures?.thumbs ?? []).filter(({ media }) => byPath.get(media.path) !== media.sha256).map(({ media }) => `${media.path} is not what the catalogue says`))
  const tasks = await board.tasks(SCOPE, { limit: 100 })
  return {
    wrong,
    files: held.map(([path, digest]) => (path === 'derived/1.crop' ? path : `${path} ${digest}`)).sort(),
    assets: assets.map((a) => a._id).sort(),
    pictures: views.filter((view) => view?.pictures?.thumbs.length === 1).length,
    totals: await index.totals(),
    tasks: tasks.map((task) => `${task.stage} ${task.stage === 'work.keep' && (task.input.n as number) === 1 ? 'of source 1' : createHash('sha1').update(JSON.stringify(task.input)).digest('hex')} ${task.state}`).sort(),
    arrivals: (await events.list({ ...SCOPE, role: 'admin' }, { type: 'in.arrived', limit: 100 })).length,
    removed: views.flatMap((view) => (view?.removed ?? []).map(({ media, state, left }) => `${media.path} ${state}, ${left.join()} is left`)).sort(),
    unrouted: outcomes.unrouted(),
    unplaced: board.unplaced(),
  }
}
