/**
 * Works through tasks as fast as it can until it is stopped: `node power-child.ts <folder>` says `<task> <state of things>`
 * for each promise it was given, a line each, as soon as it was. `published`: the task is kept. `complete`: output, outcome, file.
 * With `--look` it says what is there instead, and ends.
 */
import { createHash } from 'node:crypto'
import { mkdir, open, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { openLog, past } from '../../store/log.ts'
import { openBoard } from '../board.ts'
import { openOutcomes } from '../outcomes.ts'
import type { TaskRecord } from '../record.ts'
import { rulesOf, STAGES } from './stages.ts'

const HOME = { org: 'home', site: 'home', role: 'device' } as const
const [dir = '', look] = process.argv.slice(2)

const synced = async (path: string, content?: string) => {
  const file = await open(path, content === undefined ? 'r' : 'w')
  if (content !== undefined) await file.writeFile(content)
  await file.sync()
  await file.close()
}

const log = await openLog(join(dir, 'log'))
const clock = () => 1_000_000_000_000
if (look === '--look') {
  const tasks = (await log.range({ gte: 't!', lt: past('t!') })).map(([, value]) => JSON.parse(value) as TaskRecord)
  const outcomes = await openOutcomes({ log, clock })
  const answered = new Set((await outcomes.outcomes(null, 1_000_000, 0)).map(({ task }) => task))
  for (const { id, state } of tasks) console.log(`${id} ${state === 'complete' && answered.has(id) ? 'complete' : 'published'}`)
} else {
  await mkdir(join(dir, 'media'))
  await synced(dir)
  const outcomes = await openOutcomes({ log, clock })
  const staged = new Map<string, string>()
  const board = await openBoard({
    log, outcomes, clock, stages: rulesOf, stageNames: Object.keys(STAGES), sweep_ms: 0,
    volumes: {
      verify: async () => undefined,
      place: async (_task, token, files) => {
        for (const { path } of files) {
          await rename(staged.get(token)!, join(dir, path))
          await synced(dirname(join(dir, path)))
        }
      },
      drop: async (_task, token) => void staged.delete(token ?? ''),
      tasks: async () => [],
    },
  })
  let next = 0
  const one = async () => {
    for (;;) {
      const clip = `${next++}`
      const [published] = await board.publish(HOME, [{ stage: 'clip.thumb', input: { clip, length: 1 }, waiter: { node: 'n', root: clip, message: { payload: { clip } } } }])
      console.log(`${published!.id} published`)
      const [claim] = await board.claim('nas', HOME, ['clip.thumb'], 1)
      const picture = { volume: 'media', path: `media/${clip}.jpg`, bytes: clip.length, sha256: createHash('sha256').update(clip).digest('hex') }
      await synced(join(dir, `${clip}.staged`), clip)
      staged.set(claim!.token, join(dir, `${clip}.staged`))
      await board.complete('nas', { id: claim!.id, token: claim!.token, output: { picture }, files: clip.endsWith('0') ? [picture] : [] })
      console.log(`${claim!.id} complete`)
    }
  }
  await Promise.all(Array.from({ length: 16 }, one))
}
await log.close()
