/** Node-RED and the real board, over the real socket: both are killed or restarted while work is under way. */
import { once } from 'node:events'
import { rm, mkdtemp } from 'node:fs/promises'
import type { Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { HOME, inProcess, serve } from '../core/tasks/testing/bench.ts'
import { makePalette } from './palette.ts'
import { startFlows } from './process.ts'
import type { FlowEntry } from './red.ts'
import { testPlugin } from './testing/start.ts'

const node = (id: string, type: string, wires: readonly string[], more: Partial<FlowEntry> = {}): FlowEntry => ({ id, type, z: 'tab', x: 0, y: 0, wires: [wires], ...more })
const FLOW = [
  { id: 'tab', type: 'tab', label: 'Test' },
  node('came', 'test.came', ['first']),
  node('first', 'test.first', ['twice']),
  node('twice', 'function', ['second'], { func: 'return [[msg, { payload: { n: msg.payload.n }, other: true }]]', outputs: 1, initialize: '', finalize: '' }), // the same work, asked for by two messages
  node('second', 'test.second', ['last']),
  node('last', 'function', [], { func: 'return null', outputs: 1, initialize: '', finalize: '' }),
]
const STAGES = Object.fromEntries(Object.entries(testPlugin.stages!).map(([name, stage]) => [`test.${name}`, stage]))

test('Node-RED is killed and core restarted while 120 events pass two stages: every work is done, and every outcome is taken', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'viewshed-flows-'))
  const coreSocket = join(folder, 'core.sock')
  const bench = await inProcess({ stages: (name) => STAGES[name] ?? null, stageNames: Object.keys(STAGES) })
  let door = await open()
  const quiet = () => undefined
  const flows = await startFlows({
    userDir: join(folder, 'user'), socketPath: join(folder, 'red.sock'), coreSocket, credentialKeyPath: join(folder, 'key'),
    token: 'flows flow home home', secret: 's', palette: makePalette([testPlugin]), defaultFlow: FLOW, logger: { info: quiet, warn: quiet, error: quiet },
  })

  async function open(): Promise<Server> {
    const server = serve(bench).listen(coreSocket)
    await once(server, 'listening')
    return server
  }
  async function shut(): Promise<void> {
    door.close()
    door.closeAllConnections()
    await once(door, 'close')
  }
  let done = 0
  async function work(): Promise<void> {
    for (const { id, token } of await bench.board.claim('nas', HOME, Object.keys(STAGES), 8)) {
      await bench.board.complete('nas', { id, token, output: {}, files: [] })
      done++
    }
    await new Promise((resolve) => setTimeout(resolve, 5))
  }

  try {
    for (let round = 0; round < 3; round++) {
      for (let n = 40 * round; n < 40 * (round + 1); n++) await bench.events.emit(HOME, 'test.came', `event ${n}`, { n })
      while (done < 80 * round + 10 || !flows.state().running) await work()
      process.kill(flows.state().pid!, 'SIGKILL')
      if (round === 1) {
        await shut()
        await bench.restart()
        door = await open()
      }
    }
    while (done < 240 || bench.outcomes.unrouted() > 0) await work()
    expect((await bench.board.counts(HOME)).map(({ stage, pending, complete, parked }) => ({ stage, pending, complete, parked }))).toEqual([
      { stage: 'test.first', pending: 0, complete: 120, parked: 0 },
      { stage: 'test.second', pending: 0, complete: 120, parked: 0 },
    ])
    expect(done).toBe(240)
  } finally {
    await flows.stop()
    await shut()
    await bench.close()
    await rm(folder, { recursive: true })
  }
}, 120_000)
