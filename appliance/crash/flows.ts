/**
 * `npm run crash -- --flows --kills 300`: items pass a flow with every shape of node while Node-RED, core or both are killed and the flow
 * is deployed anew, at random moments. In the end every item has ended exactly once, and every join has fired exactly once.
 * With `--stock` that Node-RED is none of ours: it comes from npm, with the packed palette, and has a key.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Fault } from '../../core/contract/fault.ts'
import { freePort } from '../../core/http/free-port.ts'
import { HOME } from '../../core/tasks/testing/bench.ts'
import { boardClient } from '../../core/tasks/board-client.ts'
import type { StageCount } from '../../core/tasks/port.ts'
import { ownHost, type FlowHost } from './flow-host.ts'
import { answerTo, expected, itemFlow, items } from './flow-items.ts'
import { seeded } from './random.ts'
import { applianceNode, startStock } from './stock-host.ts'

const DEVICE = 'nas'
const CORE = fileURLToPath(new URL('./flow-core.ts', import.meta.url))
const STAGES = Object.keys(items.stages!).map((name) => `item.${name}`)
const CALM_MS = 2_000
const STUCK_MS = 180_000

export type Blow = 'node-red' | 'core' | 'both' | 'deploy'
const BLOWS: readonly Blow[] = ['node-red', 'node-red', 'core', 'both', 'deploy']

export interface FlowReport {
  readonly seed: number
  readonly items: number
  readonly blows: Record<Blow, number>
  readonly completed: number // answers that a device gave and that counted
  readonly computed: number // answers that it gave: more where one was cut off
  readonly differences: readonly string[]
  readonly seconds: number
}

/** @param stock Where `installStock` was; none: our own Node-RED. */
export async function flowCampaign({ kills, count, spacing_s, seed, kinds = BLOWS, stock, signal, say = () => undefined }: { kills: number; count: number; spacing_s: number; seed: number; kinds?: readonly Blow[]; stock?: string; signal?: AbortSignal; say?: (line: string) => void }): Promise<FlowReport> {
  const started_ms = performance.now()
  const dir = await mkdtemp(join(tmpdir(), 'viewshed-flow-crash-'))
  const random = seeded(seed)
  const coreSocket = join(dir, 'core.sock')
  const blows: Record<Blow, number> = { 'node-red': 0, core: 0, both: 0, deploy: 0 }
  const device = boardClient({ socketPath: coreSocket, token: `device ${DEVICE} home home` })
  const port = stock === undefined ? null : await freePort()
  let core = await startCore(dir, port)
  const host = port === null ? await ownHost({ dir, coreSocket, say }) : await stockHost({ folder: stock!, dir, core, port, say })
  let over = false
  let computed = 0
  let completed = 0
  const trouble: string[] = []

  const emitting = (async () => {
    const every_ms = (kills * spacing_s * 1_000 * 0.9) / count
    for (let n = 1; n <= count && !over; n++) {
      await again(() => device.emit(HOME, 'item.came', `item ${n}`, { n }))
      await wait(every_ms)
    }
  })()
  const working = (async () => {
    while (!over) {
      const claims = await again(() => device.claim(DEVICE, HOME, STAGES, 8))
      if (claims.length === 0) await wait(50)
      await Promise.all(claims.map(async ({ id, token, stage, input }) => {
        computed++
        if ((await again(() => device.complete(DEVICE, { id, token, output: answerTo(stage, input), files: [] }))) === 'complete') completed++
      }))
    }
  })()

  /** Core may be away just now. */
  async function again<T>(what: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await what()
      } catch (error) {
        if (over || !(error instanceof Fault) || error.code !== 'core/unreachable') throw error
        await wait(50)
      }
    }
  }

  async function strike(blow: Blow): Promise<boolean> {
    const pid = host.pid()
    if (blow === 'deploy') return host.deploy(itemFlow(random.next() < 0.5))
    if (blow !== 'core') {
      if (pid === null) return false
      process.kill(pid, 'SIGKILL')
    }
    if (blow !== 'node-red') {
      core.kill('SIGKILL')
      await once(core, 'exit')
      core = await startCore(dir, port)
    }
    return true
  }

  try {
    const killed = () => blows['node-red'] + blows.core + blows.both
    while (killed() < kills) {
      await wait(random.wait(spacing_s * 1_000), undefined, { signal })
      const blow = kinds[Math.floor(random.next() * kinds.length)]!
      if (await strike(blow)) blows[blow]++
      if (killed() % 25 === 0) say(`${Math.round((performance.now() - started_ms) / 1000)} s: ${JSON.stringify(blows)}`)
    }
    await emitting
    trouble.push(...await settled())
    const { counts, gone, missing } = await look(core, 'all')
    trouble.push(...unlike(expected(count), counts), ...gone.map((line) => `gone: ${line}`), ...missing.map((line) => `missing: ${line}`))
    trouble.push(...[host.trouble()].filter((line) => line !== null))
    return { seed, items: count, blows, completed, computed, differences: trouble, seconds: Math.round((performance.now() - started_ms) / 1000) }
  } finally {
    over = true
    await host.stop()
    core.kill('SIGKILL')
    device.close()
    await Promise.allSettled([emitting, working])
    await rm(dir, { recursive: true, force: true, maxRetries: 5 })
  }

  /** Until nothing is under way for a while, or nothing moves any more. */
  async function settled(): Promise<string[]> {
    let last = ''
    for (let calm_ms = performance.now(), moved_ms = calm_ms; ;) {
      await wait(100, undefined, { signal })
      const { counts, unrouted, held: heldThere } = await look(core)
      const now = JSON.stringify(counts.map((count) => ({ ...count, per_hour: 0 }))) // a rate sinks while nothing moves
      const held = host.held() + heldThere
      if (now !== last) moved_ms = performance.now()
      last = now
      if (unrouted > 0 || held > 0 || counts.some(({ pending, running }) => pending + running > 0)) calm_ms = performance.now()
      if (performance.now() - calm_ms > CALM_MS) return []
      if (performance.now() - moved_ms > STUCK_MS) return [`stuck: ${unrouted} unrouted, ${held} held, ${now}`]
    }
  }
}

/** Started, told where its appliance is, and the flow deployed. */
async function stockHost({ folder, dir, core, port, say }: { folder: string; dir: string; core: ChildProcess; port: number; say: (line: string) => void }): Promise<FlowHost> {
  const told = once(core, 'message')
  core.send('key')
  const [key] = (await told) as [string]
  const host = await startStock(folder, join(dir, 'user'), say)
  const address = `http://127.0.0.1:${port}`
  if (!(await host.deploy([applianceNode(address, key), ...itemFlow(false)]))) throw new Error('Node-RED does not take the flow')
  return { ...host, deploy: (flow) => host.deploy([applianceNode(address), ...flow]) }
}

async function startCore(dir: string, port: number | null): Promise<ChildProcess> {
  const core = fork(CORE, [dir, ...(port === null ? [] : [String(port)])], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  await Promise.race([once(core, 'message'), once(core, 'exit').then(() => { throw new Error('core did not start') })])
  return core
}

interface Look { readonly counts: StageCount[]; readonly unrouted: number; readonly held: number; readonly gone: readonly string[]; readonly missing: readonly string[] }

async function look(core: ChildProcess, question: 'counts' | 'all' = 'counts'): Promise<Look> {
  const answer = once(core, 'message')
  core.send(question)
  const [said] = (await answer) as [Look]
  return said
}

function unlike(wanted: Record<string, number>, counts: readonly StageCount[]): string[] {
  return Object.entries(wanted).flatMap(([stage, want]) => {
    const { pending = 0, complete = 0, parked = 0 } = counts.find((count) => count.stage === stage) ?? {}
    return complete === want && pending === 0 && parked === 0 ? [] : [`${stage}: ${complete} complete of ${want}, ${pending} pending, ${parked} parked`]
  })
}
