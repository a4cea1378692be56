/** What a stage that misbehaves costs: its own task's attempt, and nothing else. */
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Fault } from '../core/contract/fault.ts'
import { openChildren, type Children, type ChildrenOptions } from './children.ts'
import { census } from './family.ts'

const ROGUES = fileURLToPath(new URL('./test/rogue-plugins.ts', import.meta.url))
const MARK = `isolation-${process.pid}`
const linux = process.platform === 'linux'

let dir: string
let children: Children
let opened = 0
/** Each with a mark of its own, as each agent has: whoever sees a stage of that mark end, ends all that carries it. */
const open = (options: Partial<ChildrenOptions> = {}) => openChildren({ scratch: join(dir, 'scratch'), onGroup: () => undefined, mark: `${MARK}-${++opened}`, plugins: ROGUES, ...options })
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'isolation-'))
  children = open()
})
afterEach(async () => {
  children.stop()
  await vi.waitFor(() => expect(census(MARK, new Set())).toEqual([]), { timeout: 10_000 })
  await rm(dir, { recursive: true, force: true })
})

let count = 0
const run = (stage: string, text = 'hello') =>
  children.run('rogue', 128, { kind: 'run', task: `t${++count}`, token: 'lease', stage: `rogue.${stage}`, input: { text }, options: {}, config: {}, attempt: 1, mounts: [], far: { specs: [], known: {} }, cache: { folder: '/nowhere', most_bytes: 0 }, core: { token: '' } }, () => undefined)
const codeOf = (promise: Promise<unknown>) => promise.then(() => 'done', (e: unknown) => (e instanceof Fault ? e.code : e))

test.each([
  ['segv', 'stage/crashed'], ['exit', 'stage/crashed'], ['abort', 'stage/crashed'], ['flood', 'output/invalid'],
  ...(linux ? [['heap', 'stage/memory'], ['buffers', 'stage/memory'], ['native', 'stage/memory']] as const : []),
] as const)('%s costs its task %s; one beside it and one after it are done, and the agent grows by little', async (stage, code) => {
  const before = process.memoryUsage().rss
  const [rogue, beside] = [run(stage), run('echo')]
  expect(await codeOf(rogue.result)).toBe(code)
  expect(await codeOf(beside.result)).toBe('done')
  expect(await codeOf(run('echo').result)).toBe('done')
  expect(process.memoryUsage().rss - before).toBeLessThan(200 << 20)
}, 90_000)

/** Each doubles, or starts others, only so often: a machine must live through this test also when nothing stops them. */
describe.runIf(linux).each([['bounded by the kernel where it can be', true], ['counted', false]] as const)('a stage that starts processes without end, %s', (_, bounded) => {
  beforeEach(() => {
    children.stop()
    children = open({ bounded })
  })

  test.each(['forks', 'scatter'])('is ended with all of them (%s)', async (stage) => {
    const beside = run('echo')
    expect(await codeOf(beside.result)).toBe('done')
    expect(await codeOf(run(stage).result)).toBe('stage/failed')
    await vi.waitFor(() => expect(census(MARK, new Set())).toEqual([]), { timeout: 10_000 })
    expect(await codeOf(run('echo').result)).toBe('done')
  }, 60_000)

  test('and ends leaves none behind that had gone to a group of its own', async () => {
    expect(await codeOf(run('daemon').result)).toBe('stage/crashed')
    await vi.waitFor(() => expect(census(MARK, new Set())).toEqual([]), { timeout: 10_000 })
  })
})

describe('a stage writes', () => {
  test('in its own scratch', async () => {
    expect(await codeOf(run('outsideInScratch', 'file').result)).toBe('done')
  })

  test('in a folder that it was given besides', async () => {
    children.stop()
    children = open({ writes: [join(dir, 'cache')] })
    await mkdir(join(dir, 'cache'))
    expect(await codeOf(run('outside', join(dir, 'cache', 'x')).result)).toBe('done')
  })

  test('nowhere else: not beside it, not by way of a link or of .., not in the scratch of another stage', async () => {
    await mkdir(join(dir, 'elsewhere'))
    await mkdir(join(dir, 'scratch', 'stage-99'), { recursive: true })
    expect(await codeOf(run('outside', join(dir, 'elsewhere', 'x')).result)).toBe('media/outside')
    expect(await codeOf(run('outside', join(dir, 'scratch', 'stage-99', 'x')).result)).toBe('media/outside')
    expect(await codeOf(run('outsideInScratch', '../../../elsewhere/x').result)).toBe('media/outside')
    expect(await codeOf(run('link', join(dir, 'elsewhere')).result)).not.toBe('done')
    expect((await run('viaNode', join(dir, 'elsewhere', 'x')).result).output).toEqual({ text: '1' }) // it failed there as well
    expect(await readdir(join(dir, 'elsewhere'))).toEqual([])
    expect(existsSync(join(dir, 'scratch', 'stage-99', 'x'))).toBe(false)
  })
})

test('a stage that gives no sign of life has stalled, whether it listens or spins', async () => {
  children.stop()
  children = open({ stall_ms: 1_500 })
  const [silent, deaf, beside] = [run('silent'), run('deaf'), run('echo')]
  expect(await codeOf(silent.result)).toBe('stage/stalled')
  expect(await codeOf(deaf.result)).toBe('stage/stalled')
  expect(await codeOf(beside.result)).toBe('done')
})

test('what a process had in scratch goes with it', async () => {
  expect(await codeOf(run('outsideInScratch', 'file').result)).toBe('done')
  expect((await readdir(join(dir, 'scratch'))).length).toBe(1)
  children.stop()
  await vi.waitFor(async () => expect(await readdir(join(dir, 'scratch'))).toEqual([]), { timeout: 10_000 })
})
