/** A core of the campaign: log, board, events and its own work behind a unix socket, in a process that may be killed at any moment. */
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createRegistry } from '../../core/plugins/registry.ts'
import { openLog } from '../../core/store/log.ts'
import { openBoard } from '../../core/tasks/board.ts'
import { openEvents } from '../../core/tasks/events.ts'
import { openOutcomes } from '../../core/tasks/outcomes.ts'
import { startOwnWork, type OwnStage, type OwnWork } from '../../core/tasks/own.ts'
import { HOME, serve } from '../../core/tasks/testing/bench.ts'
import { folder } from '../../core/tasks/testing/folder.ts'
import { plugins } from './flow-items.ts'

const dir = process.argv[2]!
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

/** What the campaign asks, beside what devices and flows do. */
process.on('message', (question: 'counts') => {
  void board.counts(HOME).then((counts) => process.send?.({ question, counts, unrouted: outcomes.unrouted() }))
})
process.on('disconnect', () => process.exit(0))

const socket = join(dir, 'core.sock')
await rm(socket, { force: true })
const server = serve({ board, outcomes, events }).listen(socket)
await once(server, 'listening')
process.send?.('ready')
