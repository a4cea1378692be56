import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CRASH_POINTS } from '../../core/store/crash.ts'

const DRIVER = fileURLToPath(new URL('./driver.ts', import.meta.url))

let base: string
let count = 0
beforeAll(async () => { base = await mkdtemp(join(tmpdir(), 'points-')) })
afterAll(() => rm(base, { recursive: true, force: true }))

const fresh = () => join(base, String(++count))

async function run(dir: string, env: NodeJS.ProcessEnv = {}): Promise<{ killed: boolean; state: Record<string, unknown> | null }> {
  // Compiling beside the main thread may stand still for ever with it as a process ends (nodejs/node#54918), and these end by the dozen.
  const driver = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--no-concurrent-recompilation', DRIVER, dir], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } })
  let out = ''
  let said = ''
  driver.stderr.on('data', (data: Buffer) => { said += data.toString() })
  driver.stdout.on('data', (data: Buffer) => { out += data.toString() })
  const [code, signal] = (await once(driver, 'close')) as [number | null, NodeJS.Signals | null]
  if (code !== 0 && signal !== 'SIGKILL') throw new Error(`the driver ended by ${signal ?? code}: ${said}`)
  return { killed: signal === 'SIGKILL', state: code === 0 ? (JSON.parse(out) as Record<string, unknown>) : null }
}

let expected: Record<string, unknown>
beforeAll(async () => {
  const dir = fresh()
  const seen = join(base, 'seen')
  expected = (await run(dir, { VIEWSHED_CRASH_SEEN: seen })).state!
  expect((await readFile(seen, 'utf8')).trim().split('\n').sort()).toEqual([...CRASH_POINTS].sort()) // none is named and never passed
  expect(expected).toMatchObject({ wrong: [], unrouted: 0, unplaced: 0, arrivals: 4, pictures: 4 })
})

test('run again over what is there, nothing is done twice', async () => {
  const dir = fresh()
  await run(dir)
  expect((await run(dir)).state).toEqual(expected)
})

/** Once in CI; `VIEWSHED_POINTS=all` also when the point was passed before. */
const TIMES = process.env.VIEWSHED_POINTS === 'all' ? [1, 3] : [1]

describe.each(CRASH_POINTS)('killed at %s', (point) => {
  test.each(TIMES)('for the %s. time, it ends in the same state', async (nth) => {
    const dir = fresh()
    const first = await run(dir, { VIEWSHED_CRASH_AT: `${point}:${nth}` })
    if (nth === 1) expect(first.killed).toBe(true)
    expect((await run(dir)).state).toEqual(expected)
  })
})

describe('a build that was broken on purpose is caught', () => {
  test('acknowledging before the next work is published loses it', async () => {
    const dir = fresh()
    expect((await run(dir, { VIEWSHED_BREAK: 'ack-early', VIEWSHED_CRASH_AT: 'outcome.acknowledged:2' })).killed).toBe(true)
    expect((await run(dir)).state).not.toEqual(expected)
  })

  test('taking a late answer mixes two devices: the volume refuses the second file', async () => {
    await expect(run(fresh(), { VIEWSHED_BREAK: 'no-lease-check' })).rejects.toThrow('media/conflict')
  })
})
