/**
 * `npm run crash -- --kills N`: an appliance whose processes are killed at random while footage comes in, compared with
 * one that was left alone. Prints one JSON line; fails when documents, files, answers or tasks differ.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { drop, makeFootage, type Recording } from './crash/footage.ts'
import { differences, snapshot, type Snapshot } from './crash/snapshot.ts'
import { openStack, VICTIMS, type Stack, type Victim } from './crash/stack.ts'

const SETTLE_MS = 180_000

export interface CrashReport {
  readonly kills: Record<Victim, number>
  readonly differences: readonly string[]
  readonly seconds: number
}

export async function crash(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: { kills: { type: 'string', default: '30' }, spacing_s: { type: 'string', default: '2' }, clips: { type: 'string', default: '12' } } })
  const report = await campaign(Number(values.kills), Number(values.spacing_s), Number(values.clips), process.env.VIEWSHED_BREAK ? { VIEWSHED_BREAK: process.env.VIEWSHED_BREAK } : {})
  process.stdout.write(JSON.stringify(report) + '\n')
  process.exitCode = report.differences.length === 0 ? 0 : 1
}

/** @param spacing_s mean time between two kills @param clips how many recordings come in @param env of the disturbed appliance alone */
export async function campaign(kills: number, spacing_s: number, clips: number, env: NodeJS.ProcessEnv = {}): Promise<CrashReport> {
  const started_ms = Date.now()
  const base = await mkdtemp(join(tmpdir(), 'viewshed-crash-'))
  try {
    const footage = await makeFootage(join(base, 'footage'), clips)
    const expected = await undisturbed(join(base, 'calm'), footage)
    const { found, counts, orphans } = await disturbed(join(base, 'killed'), footage, kills, spacing_s, env)
    return { kills: counts, differences: [...orphans, ...expected.wrong.map((line) => `undisturbed: ${line}`), ...differences(expected, found)], seconds: Math.round((Date.now() - started_ms) / 1000) }
  } finally {
    await rm(base, { recursive: true, force: true, maxRetries: 5 })
  }
}

async function undisturbed(home: string, footage: readonly Recording[]): Promise<Snapshot> {
  await mkdir(join(home, 'inbox'), { recursive: true })
  const stack = await openStack(home)
  await stack.start()
  for (const recording of footage) await drop(recording, join(home, 'inbox'))
  const state = await settle(stack, home, footage.length)
  await stack.stop()
  return state
}

async function disturbed(home: string, footage: readonly Recording[], kills: number, spacing_s: number, env: NodeJS.ProcessEnv): Promise<{ found: Snapshot; counts: Record<Victim, number>; orphans: readonly string[] }> {
  await mkdir(join(home, 'inbox'), { recursive: true })
  const stack = await openStack(home, env)
  await stack.start()
  const counts: Record<Victim, number> = { core: 0, agent: 0, stage: 0, 'node-red': 0 }
  let dropped = 0
  let last_ms = Date.now()
  for (let n = 0; n < kills;) {
    // Footage comes in all the while, so that every kill hits something under way.
    for (; dropped < footage.length && dropped <= (n * footage.length) / kills; dropped++) await drop(footage[dropped]!, join(home, 'inbox'))
    await wait(-Math.log(1 - Math.random()) * spacing_s * 1000)
    const victim = VICTIMS[Math.floor(Math.random() * VICTIMS.length)]!
    if (await stack.kill(victim)) {
      counts[victim]++
      n++
      last_ms = Date.now()
      if (process.stderr.isTTY) process.stderr.write(`\r${n}/${kills} `)
    } else if (Date.now() - last_ms > 120_000) throw new Error('nothing left to kill for two minutes')
    if (!stack.alive()) await stack.start()
  }
  for (; dropped < footage.length; dropped++) await drop(footage[dropped]!, join(home, 'inbox'))
  const found = await settle(stack, home, footage.length)
  await stack.stop()
  return { found, counts, orphans: stack.orphans }
}

/** Waits until everything came in and nothing is under way, twice in a row. */
async function settle(stack: Stack, home: string, clips: number): Promise<Snapshot> {
  const deadline = Date.now() + SETTLE_MS
  let calm = 0
  while (Date.now() < deadline && calm < 5) {
    await wait(300)
    calm = (await isCalm(stack, clips)) ? calm + 1 : 0
  }
  return snapshot(await stack.api(), { media: join(home, 'media'), archive: join(home, 'archive') })
}

async function isCalm(stack: Stack, clips: number): Promise<boolean> {
  try {
    const { totals, tasks, settling } = await (await stack.api()).status({})
    return totals.assets >= clips && tasks.pending === 0 && tasks.running === 0 && !settling
  } catch (e) {
    if (e instanceof Error && ('code' in e || e instanceof SyntaxError)) return false // it is still starting
    throw e
  }
}
