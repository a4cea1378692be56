/**
 * A core of the campaign: log, board, events and its own work behind a unix socket, in a process that may be killed at any moment.
 * With a port there is a door for a Node-RED elsewhere as well, which comes in with a key.
 */
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import Koa from 'koa'
import { openAccess } from '../../core/access/access.ts'
import { failures } from '../../core/http/failure.ts'
import { whoSent, type DoorState } from '../../core/http/pass.ts'
import { createRegistry } from '../../core/plugins/registry.ts'
import { openLog } from '../../core/store/log.ts'
import { openBoard } from '../../core/tasks/board.ts'
import { openEvents } from '../../core/tasks/events.ts'
import { openOutcomes } from '../../core/tasks/outcomes.ts'
import { startOwnWork, type OwnStage, type OwnWork } from '../../core/tasks/own.ts'
import { boardRoutes } from '../../core/tasks/port-http.ts'
import { openSeat } from '../../core/tasks/seat.ts'
import { seatRoutes } from '../../core/tasks/seat-http.ts'
import { HOME, serve } from '../../core/tasks/testing/bench.ts'
import { folder } from '../../core/tasks/testing/folder.ts'
import manifest from '../../package.json' with { type: 'json' }
import { plugins } from './flow-items.ts'

const dir = process.argv[2]!
const port = process.argv[3] === undefined ? null : Number(process.argv[3])
const nobody = () => { throw new Error('the items ask for nothing of the library') }

const registry = createRegistry(plugins, {})
const log = await openLog(join(dir, 'log'))
const outcomes = await openOutcomes({ log, clock: Date.now })
let own: OwnWork | null = null
const board = await openBoard({ log, outcomes, stages: (name) => registry.stage(name)?.stage ?? null, stageNames: registry.stages.map(({ name }) => name), volumes: folder(dir), clock: Date.now, sweep_ms: 250, onWork: () => own?.wake() })
const events = openEvents({ log, outcomes, clock: Date.now })
own = startOwnWork({
  board, home: HOME, clock: Date.now, warn: (error) => console.error(error),
  stages: Object.fromEntries(registry.stages.flatMap(({ name, stage }): [string, OwnStage][] => (stage.own ? [[name, stage.own as OwnStage]] : []))),
  given: () => ({ config: registry.config('flow'), look: { track: nobody, plates: nobody, drives: nobody }, say: nobody, edit: nobody }),
})

const seat = openSeat({ elsewhere: 'a Node-RED of the campaign', clock: () => performance.now() })
const access = await openAccess({ log })

/** What the campaign asks, beside what devices and flows do. */
process.on('message', (question: 'counts' | 'all' | 'key') => {
  void (question === 'key' ? access.keys.add('red', 'flows').then((key) => process.send?.(key)) : told(question))
})

async function told(question: 'counts' | 'all'): Promise<void> {
  const now = { counts: await board.counts(HOME), unrouted: outcomes.unrouted(), held: seat.state().held.total, gone: [], missing: [] }
  if (question === 'counts') return void process.send?.(now)
  const gone = (await events.list(HOME, { type: 'flow.node-gone', limit: 1_000 })).filter(({ payload }) => payload['node'] !== 'extra').map(({ payload }) => JSON.stringify(payload))
  const inputs = async (stage: string) => new Set((await board.tasks(HOME, { stage, limit: 1_000 })).map(({ input }) => input['n']))
  const [second, caught] = await Promise.all([inputs('item.second'), inputs('item.caught')])
  const missing = (await board.tasks(HOME, { stage: 'item.first', limit: 1_000 })).filter(({ input, state }) => state === 'complete' && Number(input['n']) % 5 !== 0 && !second.has(input['n']) && !caught.has(input['n']))
    .map(({ input, made, completed_ms }) => JSON.stringify({ n: input['n'], made, completed_ms }))
  process.send?.({ ...now, gone, missing })
}
process.on('disconnect', () => process.exit(0))

const socket = join(dir, 'core.sock')
await rm(socket, { force: true })
const server = serve({ board, outcomes, events }).listen(socket)
await once(server, 'listening')
if (port !== null) await elsewhere(port)
process.send?.('ready')

async function elsewhere(port: number): Promise<void> {
  const app = new Koa<DoorState>()
  const say = (_: object, message: string) => console.error(message)
  app.use(failures({ error: say, warn: say, info: () => undefined }))
  app.use(async (ctx, next) => {
    Object.assign(ctx.state, await whoSent(access, ctx.req))
    await next()
  })
  app.use(seatRoutes({ seat, isUnrouted: (seq) => outcomes.get(seq) !== null, told: async () => ({ version: manifest.version, counts: await board.counts(HOME), unable: {} }) }).routes())
  app.use(boardRoutes({ board, outcomes, events, seat }).routes())
  await once(app.listen(port, '127.0.0.1'), 'listening')
}
