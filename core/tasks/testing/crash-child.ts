/**
 * A box in one process: events come in, a flow of three stages routes, two devices work, a projector writes. It runs
 * until nothing is left to do, and says what it then has. Killed anywhere and started again in the same folder, it must
 * end with the same. `node crash-child.ts <folder>`; the last line is JSON.
 */
import { createHash } from 'node:crypto'
import { appendFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openLog, past } from '../../store/log.ts'
import { openBoard } from '../board.ts'
import { openEvents } from '../events.ts'
import { openOutcomes } from '../outcomes.ts'
import type { Claim, Outcome, Publication } from '../port.ts'
import { folder } from './folder.ts'
import { rulesOf, STAGES } from './stages.ts'

const CLIPS = 6
const HOME = { org: 'home', site: 'home', role: 'device' } as const
const STAGE_NAMES = Object.keys(STAGES)

const dir = process.argv[2]
if (dir === undefined) throw new Error('which folder?')
let now_ms = 1_000_000_000_000
const clock = () => now_ms
const log = await openLog(join(dir, 'log'))
const outcomes = await openOutcomes({ log, clock })
const events = openEvents({ log, outcomes, clock })
const volumes = folder(dir)
const board = await openBoard({
  log, outcomes, clock, ticks: clock, volumes, stages: rulesOf, stageNames: STAGE_NAMES, random: () => 0, sweep_ms: 0,
  onTrouble: (error) => { throw error },
})

// -- the flow: an event is probed, then thumbs and plates, then the exchange with the lab

function routes({ kind, node, message, seq }: Outcome): Publication[] {
  const payload = message['payload'] as Record<string, unknown>
  const ask = (stage: string, of: string): Publication => ({ stage, input: payload, waiter: { node: of, root: seq, message: { payload } } })
  if (kind === 'event') return [ask('clip.probe', 'probe')]
  if (node === 'probe') return [ask('clip.thumb', 'thumb'), ask('plate.read', 'plates'), ask('plate.read', 'plates too')]
  if (node === 'thumb') return [ask('lab.exchange', 'exchange')]
  return []
}

/** What came out where the flow ends, a line each time: sent again it comes again, under the same number. */
const ends = join(dir, 'ends')
async function route(): Promise<boolean> {
  const some = await outcomes.outcomes(null, 5, 0)
  await board.publish(HOME, some.flatMap(routes))
  for (const { seq, task, node, message } of some) appendFileSync(ends, `${JSON.stringify({ seq, delivery: `${task} ${node}`, payload: message['payload'] })}\n`)
  await outcomes.acknowledge(some.map(({ seq }) => seq))
  return some.length > 0
}

// -- two devices. What one does differs from what the other would do, as with real encoders

const chance = (of: string) => createHash('sha256').update(of).digest()[0]! / 256
const silent: { device: string; claim: Claim }[] = []

async function work(device: string): Promise<boolean> {
  const claims = await board.claim(device, HOME, STAGE_NAMES, 2)
  await Promise.all(claims.map(async (claim) => {
    const what = chance(`${claim.stage} ${claim.input['clip']} ${claim.attempt}`)
    if (what < 0.2 && claim.attempt < 3) await board.fault(device, claim.id, claim.token, { code: 'tool/failed', message: 'as it happens' })
    else if (what < 0.4 && !silent.some((other) => other.claim.id === claim.id)) silent.push({ device, claim })
    else await answer(device, claim)
  }))
  return claims.length > 0
}

async function answer(device: string, { id, token, stage, input }: Claim): Promise<void> {
  if (board.within(HOME, id) === false) return
  const clip = String(input['clip'])
  if (stage === 'clip.thumb') {
    const files = [await volumes.stage(id, token, `thumbs/${clip}.jpg`, `${clip} ${token}`), await volumes.stage(id, token, `thumbs/${clip}-small.jpg`, `small ${token}`)]
    await board.complete(device, { id, token, output: { picture: files[0] }, files })
  } else if (stage === 'clip.probe') await board.complete(device, { id, token, output: { length: clip.length, secret: token }, files: [] })
  else await board.complete(device, { id, token, output: stage === 'plate.read' ? { plates: [token] } : {}, files: [] })
}

/** Those who fell silent speak again, too late. */
async function late(): Promise<boolean> {
  const some = silent.splice(0)
  for (const { device, claim } of some) await answer(device, claim)
  return some.length > 0
}

// -- the projector

async function project(): Promise<boolean> {
  const some = await outcomes.projections.pending(3)
  for (const { docs } of some) await log.commit(docs.map((doc) => ({ type: 'put' as const, key: `catalogue!${doc._id}`, value: JSON.stringify(doc) })))
  await outcomes.projections.drop(some.map(({ seq }) => seq))
  return some.length > 0
}

for (let n = 0; n < CLIPS; n++) await events.emit(HOME, 'folder.arrived', `clip ${n}`, { clip: `clip-${n}`, id: String(n % 2) })
for (;;) {
  const busy = [await route(), await work('nas'), await work('pc'), await project()].some(Boolean)
  if (busy) continue
  const { pending, running } = (await board.counts(HOME)).reduce((sum, count) => ({ pending: sum.pending + count.pending, running: sum.running + count.running }), { pending: 0, running: 0 })
  if (pending + running === 0 && outcomes.unrouted() === 0 && outcomes.projections.waiting() === 0 && !await late()) break
  now_ms += 20_000
  await board.sweep()
}

// -- what is there now; what differs between two devices' answers is checked to be one answer and then left out

const wrong: string[] = []
const tasks = await board.tasks(HOME, { limit: 1_000 })
const seen = readFileSync(ends, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as { seq: string; delivery: string; payload: Record<string, unknown> })
for (const [delivery, times] of Map.groupBy(seen.filter(({ delivery }) => !delivery.startsWith('null')), ({ delivery }) => delivery)) {
  if (new Set(times.map(({ seq }) => seq)).size > 1) wrong.push(`${delivery} was answered ${times.length} times`)
  const output = tasks.find(({ id }) => delivery.startsWith(id))?.output ?? {}
  for (const { payload } of times) for (const [field, value] of Object.entries(output))
    if (field !== 'secret' && JSON.stringify(payload[field]) !== JSON.stringify(value)) wrong.push(`${delivery} heard another ${field}`)
}
const files = await volumes.files()
for (const { output } of tasks) {
  const picture = output?.['picture'] as { path: string; sha256: string } | undefined
  if (picture === undefined) continue
  const content = files[picture.path] ?? 'no file'
  if (createHash('sha256').update(content).digest('hex') !== picture.sha256) wrong.push(`${picture.path} is not what its task wrote`)
  if (files[picture.path.replace('.jpg', '-small.jpg')] !== `small ${content.split(' ')[1]}`) wrong.push(`${picture.path} is mixed of two answers`)
}
const catalogue = (await log.range({ gte: 'catalogue!', lt: past('catalogue!') })).map(([key, value]) => ({ key, doc: JSON.parse(value) as Record<string, unknown> }))
for (const { key, doc } of catalogue) {
  const task = tasks.find(({ stage, input }) => key === `catalogue!pictures:${input['clip']}` && stage === 'clip.thumb')
  if (doc['kind'] === 'pictures' && JSON.stringify(doc['picture']) !== JSON.stringify(task?.output?.['picture'])) wrong.push(`${key} is not what its task said`)
}
console.log(JSON.stringify({
  wrong,
  tasks: tasks.map(({ id, stage, state, input }) => `${stage} ${state} ${String(input['clip'])} ${id}`).sort(),
  counts: (await board.counts(HOME)).map((count) => ({ ...count, per_hour: 0 })), // of this start alone
  answered: [...new Set(seen.map(({ delivery, payload }) => `${delivery} ${String(payload['clip'])}`))].sort(),
  files: Object.keys(files),
  staged: await volumes.staged(),
  catalogue: catalogue.map(({ key }) => key),
  events: (await events.list(HOME, { limit: 1_000 })).map(({ type, payload }) => `${type} ${String(payload['clip'])}`),
  journal: await log.range({ gte: 'j!', lt: past('j!') }),
}))
await board.close()
outcomes.close()
await log.close()
