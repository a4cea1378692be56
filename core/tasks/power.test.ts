/**
 * A power cut: SIGKILL cannot show a missing fsync, for what the kernel holds outlives the process. So the writer works on
 * a disk of its own, is stopped, and that disk is copied as it is at this moment, without what only the kernel knows.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

const CHILD = join(import.meta.dirname, 'testing', 'power-child.ts')
const PROMISES = 400 // so many, and the power goes

const run = (command: string, ...args: string[]) => {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr}`)
}

let dir: string
let mounts: string[]
let child: ChildProcess | null
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'viewshed-power-'))
  mounts = []
  child = null
})
afterEach(async () => {
  if (child !== null && child.exitCode === null && child.signalCode === null) {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  for (const at of mounts) run('umount', at)
  await rm(dir, { recursive: true, force: true })
})

/** @param commit_s How long the file system may keep to itself what nobody synced. */
async function mount(image: string, commit_s: number): Promise<string> {
  const at = `${image}.mounted`
  await mkdir(at)
  run('mount', '-o', `loop,commit=${commit_s}`, image, at)
  mounts.push(at)
  return at
}

/** What the writer had been promised when the power went, and what of it the disk knows. */
async function powerCut(env: Record<string, string>): Promise<{ promised: string[]; lost: string[] }> {
  const image = join(dir, 'disk')
  run('truncate', '-s', '128M', image)
  run('mkfs.ext4', '-q', '-F', image)
  const disk = await mount(image, 300)
  const writer = spawn(process.execPath, [CHILD, disk], { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...env } })
  child = writer
  const promised: string[] = []
  const lines = createInterface(writer.stdout)
  for await (const line of lines) if (promised.push(line) === PROMISES) break
  writer.kill('SIGSTOP')
  run('cp', '--sparse=always', image, join(dir, 'copy'))
  writer.kill('SIGKILL')

  const copy = await mount(join(dir, 'copy'), 5)
  const { stdout, stderr } = spawnSync(process.execPath, [CHILD, copy, '--look'], { encoding: 'utf8', maxBuffer: 1 << 28 })
  expect(stderr).toBe('')
  const there = new Set(stdout.trim().split('\n'))
  const clips = new Set(promised.filter((line) => line.endsWith('complete')).map((line) => line.split(' ')[0]!))
  expect(clips.size).toBeGreaterThan(PROMISES / 4)
  return { promised, lost: promised.filter((line) => !there.has(line) && !there.has(line.replace('published', 'complete'))) }
}

const canMount = process.platform === 'linux' && process.getuid?.() === 0 && existsSync('/dev/loop-control') && spawnSync('mkfs.ext4', ['-V']).status === 0 && spawnSync('unshare', ['--mount', 'true']).status === 0

describe.skipIf(!canMount)('a power cut (needs root, loop devices and mkfs.ext4)', () => {
  test('loses nothing of what was promised', async () => {
    const { promised, lost } = await powerCut({})
    expect(promised).toHaveLength(PROMISES)
    expect(lost).toEqual([])
  })

  test('a log that does not sync loses some of it, so this test would see it', async () => {
    const { lost } = await powerCut({ VIEWSHED_BREAK: 'no-sync' })
    expect(lost.length).toBeGreaterThan(0)
  })
})
