/** What it costs that Node-RED holds the order: from an outcome in the log to the next work on the board, over the real socket. */
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import type { Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { Type } from 'typebox'
import { plugin, stage } from '../core/contract/plugin.ts'
import { HOME, inProcess, serve, type Bench as Core } from '../core/tasks/testing/bench.ts'
import { makePalette } from './palette.ts'
import { startFlows, type Flows } from './process.ts'
import type { FlowEntry } from './red.ts'

const N = Type.Object({ n: Type.Integer() })
const never = async () => ({ run: async () => ({}) })
const one = () => stage({ title: 'Stage', help: '', version: 1, input: N, output: Type.Object({}), lease_s: 60, load: never })
const load = plugin({ name: 'load', title: 'Load', config: Type.Object({}), events: { came: N }, stages: { first: one(), second: one(), third: one() } })
const STAGES = Object.fromEntries(Object.entries(load.stages!).map(([name, of]) => [`load.${name}`, of]))

const node = (id: string, type: string, wires: readonly string[]): FlowEntry => ({ id, type, z: 'tab', x: 0, y: 0, wires: [wires] })
const FLOW: FlowEntry[] = [
  { id: 'tab', type: 'tab', label: 'Load' },
  node('came', 'load.came', ['first']), node('first', 'load.first', ['second']), node('second', 'load.second', ['third']), node('third', 'load.third', []),
]

const SINGLE = 200
const MANY = 2_000
const BACKLOG = 100_000
const MIB = 2 ** 20

interface World { readonly core: Core; readonly flows: Flows; readonly asked: Map<string, number>; drain(count: number): Promise<void>; close(): Promise<void> }

/** @param before What lies in the log when Node-RED starts. @param works Whether a device does the work at once. */
async function open(before: (core: Core) => Promise<void> = async () => undefined, works = true): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'viewshed-flows-'))
  const core = await inProcess({ stages: (name) => STAGES[name] ?? null, stageNames: Object.keys(STAGES) })
  await before(core)
  const asked = new Map<string, number>() // `stage n` → when its work was asked for
  const watched = new Proxy(core.board, {
    get(of, name, self) {
      if (name !== 'publish') {
        const value: unknown = Reflect.get(of, name, of)
        return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(of) : value
      }
      return (...args: Parameters<typeof core.board.publish>) => {
        for (const { stage, input } of args[1]) asked.set(`${stage} ${String(input['n'])}`, performance.now())
        return Reflect.get(of, name, self).apply(of, args)
      }
    },
  })
  const server: Server = serve({ board: watched, outcomes: core.outcomes, events: core.events }).listen(join(folder, 'core.sock'))
  await once(server, 'listening')
  const quiet = () => undefined
  const flows = await startFlows({
    userDir: join(folder, 'user'), socketPath: join(folder, 'red.sock'), coreSocket: join(folder, 'core.sock'), credentialKeyPath: join(folder, 'key'),
    token: 'flows flow home home', secret: 's', palette: makePalette([load]), defaultFlow: FLOW, logger: { info: quiet, warn: quiet, error: (line) => console.error(line) },
  })
  let over = !works
  const working = (async () => {
    while (!over) {
      const claims = await core.board.claim('nas', HOME, Object.keys(STAGES), 256)
      await Promise.all(claims.map(({ id, token }) => core.board.complete('nas', { id, token, output: {}, files: [] })))
      if (claims.length === 0) await wait(1)
    }
  })()
  return {
    core, flows, asked,
    async drain(count) {
      const done = async () => (await core.board.counts(HOME)).find((of) => of.stage === 'load.third')?.complete ?? 0
      while ((await done()) < count || core.outcomes.unrouted() > 0) await wait(5)
    },
    async close() {
      over = true
      await working
      await flows.stop()
      server.close()
      server.closeAllConnections()
      await core.close()
      await rm(folder, { recursive: true })
    },
  }
}

async function ready({ flows }: World): Promise<void> {
  while (!flows.state().running || !flows.ready()) await wait(20)
}

export async function* bench() {
  const world = await open()
  try {
    await ready(world)
    const { core, asked } = world
    for (let n = 0; n < 50; n++) await core.events.emit(HOME, 'load.came', `warm ${n}`, { n: -1 - n })
    await world.drain(50)
    const routed: number[] = []
    for (let n = 0; n < SINGLE; n++) {
      await core.events.emit(HOME, 'load.came', `single ${n}`, { n })
      const since = performance.now()
      while (!asked.has(`load.first ${n}`)) await new Promise((turn) => setImmediate(turn))
      routed.push(asked.get(`load.first ${n}`)! - since)
      while (!asked.has(`load.third ${n}`)) await wait(1)
    }
    const sorted = routed.sort((a, b) => a - b)
    yield { name: 'flows.routing', value: sorted[SINGLE / 2]!, unit: 'ms from an outcome to the next work, median', peer: null, peer_value: null, ratio: null }
    yield { name: 'flows.routing.p99', value: sorted[Math.floor(SINGLE * 0.99)]!, unit: 'ms', peer: null, peer_value: null, ratio: null }

    await world.drain(50 + SINGLE)
    const since = performance.now()
    await Promise.all(Array.from({ length: MANY }, (_, n) => core.events.emit(HOME, 'load.came', `many ${n}`, { n: 10_000 + n })))
    await world.drain(50 + SINGLE + MANY)
    yield { name: 'flows.throughput', value: (4 * MANY) / ((performance.now() - since) / 1_000), unit: 'outcomes/s through three stages, the work of the board and of the device included', peer: null, peer_value: null, ratio: null }
  } finally {
    await world.close()
  }
  yield* backlog()
}

/** A long outage of Node-RED: what happened meanwhile lies in the log. */
async function* backlog() {
  const world = await open(async (core) => {
    for (let from = 0; from < BACKLOG; from += 1_000)
      await Promise.all(Array.from({ length: 1_000 }, (_, i) => core.events.emit(HOME, 'load.came', `late ${from + i}`, { n: from + i })))
  }, false)
  let core_bytes = process.memoryUsage.rss()
  const began_bytes = core_bytes
  let red_bytes = 0
  let idle_bytes = 0
  const watching = setInterval(() => {
    core_bytes = Math.max(core_bytes, process.memoryUsage.rss())
    const rss = world.flows.state().rss_bytes ?? 0
    if (idle_bytes === 0) idle_bytes = rss
    red_bytes = Math.max(red_bytes, rss)
  }, 200)
  try {
    const since = performance.now()
    while (world.core.outcomes.unrouted() > 0) await wait(50)
    const s = (performance.now() - since) / 1_000
    yield { name: 'flows.backlog.node-red', value: (red_bytes - idle_bytes) / MIB, unit: `MiB more while ${BACKLOG} unrouted outcomes drain`, peer: null, peer_value: null, ratio: null }
    yield { name: 'flows.backlog.core', value: (core_bytes - began_bytes) / MIB, unit: 'MiB more in core, with its tasks', peer: null, peer_value: null, ratio: null }
    yield { name: 'flows.backlog.time', value: s, unit: 's, with the start of Node-RED', peer: null, peer_value: null, ratio: null }
  } finally {
    clearInterval(watching)
    await world.close()
  }
}
