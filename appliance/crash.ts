/**
 * `npm run crash -- --kills N [--minutes M] [--seed S] [--spacing_s S] [--devices D] [--clips C]`: an appliance with devices that joined it,
 * whose processes are killed and whose links, clocks and disks fail at random while footage comes in; compared with one that
 * was left alone. Prints one JSON line; fails when documents, files, answers, tasks or deliveries differ.
 * With `--flows [--items N] [--stock]` items pass a flow instead, while Node-RED and core are killed (`crash/flows.ts`).
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Fault } from '../core/contract/fault.ts'
import type { Client } from '../core/http/client.ts'
import { MAX_INTERRUPTIONS } from '../core/tasks/machine.ts'
import { whyNoClock } from './crash/clock.ts'
import { whyNoDisk } from './crash/disk.ts'
import { drop, makeRecording, type Recording } from './crash/footage.ts'
import { readLedger, type Ledger } from './crash/ledger.ts'
import { whyNoNet } from './crash/net.ts'
import { FAULTS, fellsAppliance, KILLS, plan, type FaultKind, type Kill } from './crash/plan.ts'
import { differences, snapshot, stagedIn, type Snapshot, type Toll } from './crash/snapshot.ts'
import { openStack, type Stack } from './crash/stack.ts'
import { startViolence } from './crash/violence.ts'

/** So long may pass without a single step forward before it is called stuck. */
const STUCK_MS = 240_000
/** As much work as should lie there at least, so that every step hits something. */
const BACKLOG = 8
const LOOK_MS = 300
const TELL_EVERY_MS = 10_000
/** Part of the blows at an appliance which is still getting up that are dealt: all of them, and nothing would ever be done in between. */
const WHILE_DOWN = 0.2

export interface CrashReport {
  readonly seed: number
  readonly kills: Record<Kill, number>
  readonly faults: Record<FaultKind, number>
  readonly clips: number
  readonly devices: number
  readonly without: readonly string[] // what could not be done here, and why
  readonly toll: Toll
  readonly revived: number // tasks that were interrupted so often that they wait for a person, who has them tried again
  readonly differences: readonly string[]
  readonly seconds: number
}

export interface Campaign {
  readonly kills: number
  readonly spacing_s: number // mean time between two steps
  readonly devices: number // that join, besides the appliance's own agent
  readonly clips: number // at most: each is worked on twice, and the kills may outlast them
  readonly seed: number
  readonly minutes?: number // ends then with what was done; none: not before the last kill
  readonly env?: NodeJS.ProcessEnv // of the disturbed appliance alone
  readonly signal?: AbortSignal
  readonly say?: (line: string) => void
}

export async function crash(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: { kills: { type: 'string', default: '30' }, spacing_s: { type: 'string', default: '3' }, devices: { type: 'string', default: '3' }, seed: { type: 'string' }, clips: { type: 'string', default: '150' }, minutes: { type: 'string' }, flows: { type: 'boolean', default: false }, items: { type: 'string', default: '200' }, stock: { type: 'boolean', default: false } } })
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
  if (values.flows) {
    const [{ flowCampaign }, { installStock }, { plugins }] = await Promise.all([import('./crash/flows.ts'), import('./crash/stock-host.ts'), import('./crash/flow-items.ts')])
    const folder = values.stock ? await mkdtemp(join(tmpdir(), 'viewshed-stock-')) : null
    if (folder !== null) await installStock(join(folder, 'node-red'), plugins)
    const report = await flowCampaign({
      ...(folder === null ? {} : { stock: join(folder, 'node-red') }),
      kills: count('kills', values.kills), count: count('items', values.items), spacing_s: count('spacing_s', values.spacing_s),
      seed: values.seed === undefined ? Date.now() % 2 ** 31 : count('seed', values.seed), signal: stop.signal, say: (line) => process.stderr.write(line + '\n'),
    }).finally(() => folder !== null && rm(folder, { recursive: true, force: true, maxRetries: 5 }))
    process.stdout.write(JSON.stringify(report) + '\n')
    return void (process.exitCode = report.differences.length === 0 ? 0 : 1)
  }
  const report = await campaign({
    kills: count('kills', values.kills), spacing_s: count('spacing_s', values.spacing_s), devices: count('devices', values.devices), clips: count('clips', values.clips),
    seed: values.seed === undefined ? Date.now() % 2 ** 31 : count('seed', values.seed), ...(values.minutes === undefined ? {} : { minutes: count('minutes', values.minutes) }),
    env: process.env.VIEWSHED_BREAK ? { VIEWSHED_BREAK: process.env.VIEWSHED_BREAK } : {}, signal: stop.signal, say: (line) => process.stderr.write(line + '\n'),
  }).catch((e: unknown) => {
    if (!stop.signal.aborted) throw e
    return null // everything was taken down
  })
  if (report === null) return void (process.exitCode = 130)
  process.stdout.write(JSON.stringify(report) + '\n')
  process.exitCode = report.differences.length === 0 ? 0 : 1
}

export async function campaign({ kills, spacing_s, devices, clips, seed, minutes, env = {}, signal = new AbortController().signal, say = () => undefined }: Campaign): Promise<CrashReport> {
  const started_ms = performance.now()
  const lacks = { net: devices > 0 ? whyNoNet() : null, clock: whyNoClock(), disk: whyNoDisk() }
  const without = Object.entries(lacks).flatMap(([what, why]) => (why === null ? [] : [`${what}: ${why}`]))
  say(`seed ${seed}${without.map((line) => `; without ${line}`).join('')}`)
  const base = await mkdtemp(join(tmpdir(), 'viewshed-crash-'))
  const footage = openFootage(join(base, 'footage'), clips)
  try {
    const stack = await openStack(join(base, 'disturbed'), { devices, net: devices > 0 && lacks.net === null, disks: lacks.disk === null, env })
    const violence = startViolence(stack, { kills: KILLS, faults: FAULTS })
    const steps = plan(seed, { devices, net: lacks.net === null, clock: lacks.clock === null, disk: lacks.disk === null }, spacing_s * 1000)
    const until_ms = minutes === undefined ? Infinity : started_ms + minutes * 60_000

    let told_ms = started_ms
    const killed = () => Object.values(violence.kills).reduce((sum, n) => sum + n, 0)
    async function tell(of: Stack = stack): Promise<void> {
      if (performance.now() - told_ms < TELL_EVERY_MS) return
      told_ms = performance.now()
      const tasks = (await statusOf(of))?.tasks
      say(`${Math.round((told_ms - started_ms) / 1000)} s: ${killed()} of ${kills} kills, ${Object.values(violence.faults).reduce((sum, n) => sum + n, 0)} faults, ${footage.dropped.length} clips; ${tasks ? `${tasks.pending} tasks wait, ${tasks.running} run, ${tasks.complete} complete, ${tasks.parked} parked` : 'the appliance does not answer'}`)
    }

    async function disturb(): Promise<void> {
      let done_ms = performance.now()
      while (killed() < kills && performance.now() < until_ms) {
        const step = steps.next().value
        const up = await footage.feed(stack)
        await wait(step.wait_ms, undefined, { signal })
        await violence.tend(performance.now())
        if (!up && fellsAppliance(step.kind) && step.pick > WHILE_DOWN) continue
        if (await violence.apply(step)) done_ms = performance.now()
        else if (performance.now() - done_ms > STUCK_MS) throw new Error(`nothing could be done any more for ${STUCK_MS / 1000} s`)
        await violence.tend(performance.now())
        await tell()
      }
      await violence.end()
    }

    const found = await run(stack, signal, disturb, footage, tell)
    say(`${killed()} kills; the same footage once more, undisturbed`)
    const calm = await openStack(join(base, 'calm'))
    const expected = await run(calm, signal, () => footage.replay(calm), footage, () => tell(calm))
    return {
      seed, kills: violence.kills, faults: violence.faults, clips: footage.dropped.length, devices, without, toll: found.state.toll, revived: found.revived,
      differences: [
        ...found.orphans, ...[...expected.orphans, ...expected.state.wrong, ...expected.ledger.wrong].map((line) => `undisturbed: ${line}`),
        ...found.ledger.wrong, ...differences(expected.state, found.state), ...unlike(expected.ledger.deliveries, found.ledger.deliveries).map((line) => `deliveries: ${line}`),
      ],
      seconds: Math.round((performance.now() - started_ms) / 1000),
    }
  } finally {
    await rm(base, { recursive: true, force: true, maxRetries: 5 })
  }
}

interface End { readonly state: Snapshot; readonly ledger: Ledger; readonly orphans: readonly string[]; readonly revived: number }

/** Starts a stack, lets happen what should, waits until nothing is under way, and takes it down whatever came of it. */
async function run(stack: Stack, signal: AbortSignal, happen: () => Promise<void>, footage: Footage, tell: () => Promise<void>): Promise<End> {
  try {
    stack.start()
    await answering(stack, signal)
    await Promise.all(stack.devices.map((device) => device.join(stack.api)))
    await happen()
    const revived = await settle(stack, footage.dropped.length, signal, tell)
    await cleared(stack, signal)
    const state = await snapshot(await stack.api(), { media: join(stack.home, 'media'), archive: join(stack.home, 'archive') })
    await stack.stop()
    return { state, ledger: await readLedger(stack.home), orphans: await stack.orphans(), revived }
  } finally {
    stack.close()
  }
}

async function answering(stack: Stack, signal: AbortSignal): Promise<void> {
  while ((await statusOf(stack)) === null) {
    if (!stack.alive()) throw new Error('the appliance did not start; VIEWSHED_CRASH_VERBOSE=1 shows what it says')
    await wait(LOOK_MS, undefined, { signal })
  }
}

/** Waits until everything came in and nothing is under way, five looks in a row; or until nothing moves any more: then the comparison says what is missing. @returns How many tasks were revived. */
async function settle(stack: Stack, clips: number, signal: AbortSignal, tell: () => Promise<void>): Promise<number> {
  let moved_ms = performance.now()
  let revived = 0
  let last = ''
  for (let calm = 0; calm < 5 && performance.now() - moved_ms < STUCK_MS;) {
    await wait(LOOK_MS, undefined, { signal })
    const status = await statusOf(stack)
    if (status !== null && status.tasks.parked > 0) revived += await revive(await stack.api())
    calm = status !== null && status.totals.assets >= clips && status.tasks.pending === 0 && status.tasks.running === 0 && !status.settling ? calm + 1 : 0
    const now = JSON.stringify([status?.tasks.complete, status?.totals.assets])
    if (now !== last) moved_ms = performance.now()
    last = now
    await tell()
  }
  return revived
}

/** As a person does who comes home: what nothing is said against but that it was interrupted too often is tried again. Anything else that is parked is a difference. */
async function revive(api: Client): Promise<number> {
  const { tasks } = await api.tasks({ state: 'parked' })
  const ids = tasks.filter(({ attempts, interruptions }) => attempts === 0 && interruptions >= MAX_INTERRUPTIONS).map(({ id }) => id)
  return ids.length === 0 ? 0 : (await api.retry({ ids })).changed
}

/** What late writers left in staging goes within a minute; what has not gone after two is a difference. */
async function cleared({ home }: Stack, signal: AbortSignal): Promise<void> {
  for (let looks = 0; looks < 120_000 / LOOK_MS && (await stagedIn(join(home, 'media'), join(home, 'archive'))).length > 0; looks++) await wait(LOOK_MS, undefined, { signal })
}

/** Null: it does not answer just now. */
async function statusOf(stack: Stack) {
  try {
    return await (await stack.api()).status({})
  } catch (e) {
    if (e instanceof Error && ('code' in e || e instanceof SyntaxError)) return null // it is still starting
    throw e
  }
}

type Footage = ReturnType<typeof openFootage>

/** Recordings that are made when they are wanted. */
function openFootage(folder: string, most: number) {
  const dropped: Recording[] = []
  return {
    dropped,
    /** Puts one more into the inbox when there is little left to do. @returns whether the appliance answers */
    async feed(stack: Stack): Promise<boolean> {
      const status = await statusOf(stack)
      if (dropped.length >= most || (status !== null && (status.tasks.pending + status.tasks.running >= BACKLOG || status.totals.assets + BACKLOG / 2 <= dropped.length))) return status !== null
      if (status === null && dropped.length > 0) return false
      const recording = await makeRecording(folder, dropped.length)
      await drop(recording, join(stack.home, 'inbox'))
      dropped.push(recording)
      return status !== null
    },
    async replay(stack: Stack): Promise<void> {
      for (const recording of dropped) await drop(recording, join(stack.home, 'inbox'))
    },
  }
}

/** How two sorted lists differ, with how often each line is there. */
function unlike(expected: readonly string[], found: readonly string[]): string[] {
  const balance = new Map<string, number>()
  for (const line of found) balance.set(line, (balance.get(line) ?? 0) + 1)
  for (const line of expected) balance.set(line, (balance.get(line) ?? 0) - 1)
  return [...balance].filter(([, n]) => n !== 0).map(([line, n]) => `${line} ${n > 0 ? `${n} too many` : `${-n} missing`}`)
}

function count(name: string, given: string): number {
  const number = Number(given)
  if (!Number.isFinite(number) || number < 0) throw new Fault('input/invalid', `--${name} ${given}: a number from 0`)
  return number
}
