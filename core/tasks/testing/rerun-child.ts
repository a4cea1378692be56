/**
 * A box whose every task is done once and then asked for again: `node rerun-child.ts <folder>`. It says how many that were, then
 * does them, and says what is there in the end, as JSON. Killed in between, the next life in the same folder goes on.
 */
import { join } from 'node:path'
import { openLog, past } from '../../store/log.ts'
import { openBoard } from '../board.ts'
import { openEvents } from '../events.ts'
import { openOutcomes } from '../outcomes.ts'
import { rulesOf, STAGES } from './stages.ts'

const COUNT = 300
const HOME = { org: 'home', site: 'home', role: 'operator' } as const
const [dir = ''] = process.argv.slice(2)
const clock = () => 1_000_000_000_000
const log = await openLog(join(dir, 'log'))
const outcomes = await openOutcomes({ log, clock })
const events = openEvents({ log, outcomes, clock })
const board = await openBoard({
  log, outcomes, clock, stages: rulesOf, stageNames: Object.keys(STAGES), sweep_ms: 0,
  volumes: { verify: async () => undefined, place: async () => undefined, drop: async () => undefined, tasks: async () => [] },
})

async function finish(): Promise<void> {
  for (;;) {
    const claims = await board.claim('nas', HOME, ['clip.probe'], 64)
    if (claims.length === 0) return
    await Promise.all(claims.map(({ id, token }) => board.complete('nas', { id, token, output: { length: 1 }, files: [] })))
  }
}
const all = () => board.tasks(HOME, { limit: 10 * COUNT })

if ((await all()).length === 0) {
  const clips = Array.from({ length: COUNT }, (_, n) => `clip-${n}`)
  await board.publish(HOME, clips.map((clip) => ({ stage: 'clip.probe', input: { clip }, waiter: { node: 'probe', root: clip, message: { payload: { clip } } } })))
  await finish()
  await outcomes.acknowledge((await outcomes.outcomes(null, COUNT, 0)).map(({ seq }) => seq))
}
const changed = await board.rerun(HOME, { stage: 'clip.probe' }, 'Ann')
await finish()
const asked = (await events.list(HOME, { type: 'task.rerun', limit: 1_000 })).flatMap(({ payload }) => payload['tasks'] as string[])
console.log(JSON.stringify({
  changed,
  runs: (await all()).map(({ run, state, input }) => `${String(input['clip'])} ${run} ${state}`).sort(),
  outcomes: (await outcomes.outcomes(null, 10 * COUNT, 0)).map(({ node, message }) => `${node} ${JSON.stringify(message)}`).sort(),
  audited: asked.length === new Set(asked).size ? asked.length : `${asked.length}, some twice`,
  waiting: (await log.range({ gte: 'd!', lt: past('d!') })).filter(([, value]) => !value.includes('"message":null')).length,
}))
await board.close()
outcomes.close()
await log.close()
