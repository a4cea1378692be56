import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Fault } from '../core/contract/fault.ts'
import { openChildren, type Children } from './children.ts'

const ROGUES = fileURLToPath(new URL('./test/rogue-plugins.ts', import.meta.url))
const linux = process.platform === 'linux'

let dir: string
let children: Children
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'children-'))
  children = openChildren({ scratch: dir, onGroup: () => undefined, plugins: ROGUES })
})
afterEach(async () => {
  children.stop()
  await rm(dir, { recursive: true, force: true })
})

let count = 0
const run = (stage: string, cap_mib = 128) => {
  const task = `t${++count}`
  return children.run('rogue', cap_mib, {
    kind: 'run', task, token: 'lease', stage: `rogue.${stage}`, input: { text: 'hello' }, options: {}, config: {}, attempt: 1,
    mounts: [], far: { specs: [], known: {} }, cache: { folder: '/nowhere', most_bytes: 0 }, core: { token: '' },
  }, () => undefined)
}
const codeOf = (promise: Promise<unknown>) => promise.then(() => 'done', (e: unknown) => (e instanceof Fault ? e.code : e))
const alive = (pid: number) => existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))

test('a stage keeps its process from one task to the next', async () => {
  const [first, second] = [await run('echo').result, await run('echo').result]
  expect(first.output.text).toMatch(/^hello by \d+$/)
  expect(second.output).toEqual(first.output)
})

test.runIf(linux)('the cap binds a stage and what it starts, but not what lifts it for itself', async () => {
  const { output } = await run('limits').result
  const limitsIn = (text: string) => /^Max data size +(\S+) +(\S+)/m.exec(text)!.slice(1)
  const [, hard] = limitsIn(readFileSync('/proc/self/limits', 'latin1'))
  expect(limitsIn(output.text as string)).toEqual([String((128 + 600) * 2 ** 20), hard])
})

test('a stage that was told to stop, and did, is not killed for it when its task comes again', async () => {
  const again = (stage: string) => children.run('rogue', 128, {
    kind: 'run', task: 'same', token: 'lease', stage: `rogue.${stage}`, input: { text: 'hello' }, options: {}, config: {}, attempt: 1,
    mounts: [], far: { specs: [], known: {} }, cache: { folder: '/nowhere', most_bytes: 0 }, core: { token: '' },
  }, () => undefined)
  const first = again('silent')
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  first.abort()
  expect(await codeOf(first.result)).toBe('task/cancelled')
  const second = again('silent') // longer than a deaf one is given
  expect(await Promise.race([codeOf(second.result), new Promise((resolve) => setTimeout(() => resolve('goes on'), 6_000))])).toBe('goes on')
  second.abort()
  await second.result.catch(() => undefined)
}, 30_000)

test('whatever a stage throws or answers wrongly costs its task alone, with a code', async () => {
  expect(await codeOf(run('throws').result)).toBe('stage/failed')
  expect(await codeOf(run('wrong').result)).toBe('output/invalid')
  expect(await codeOf(run('nowhere').result)).toBe('stage/unknown')
  expect(await codeOf(run('echo').result)).toBe('done')
})

test('a stage that hears no abort is killed', async () => {
  const deaf = run('deaf')
  await run('echo').result // another process; by now the deaf one spins
  deaf.abort()
  expect(await codeOf(deaf.result)).toBe('task/cancelled')
})

test.runIf(linux)('whoever kills a stage from outside interrupts it; what it had started ends with it', async () => {
  const family = run('family')
  const pidFile = join(family.scratch, 'pid')
  await vi.waitFor(() => expect(readFileSync(pidFile, 'utf8')).toMatch(/^\d+$/), { timeout: 10_000 })
  const grandchild = Number(readFileSync(pidFile, 'utf8'))
  expect(alive(grandchild)).toBe(true)
  process.kill(children.pids()[0]!, 'SIGKILL')
  expect(await codeOf(family.result)).toBe('stage/killed')
  await vi.waitFor(() => expect(alive(grandchild)).toBe(false), { timeout: 5_000 })
})

test.runIf(linux)('stage processes are gone when the process that started them is killed', async () => {
  const parent = spawn(process.execPath, ['--input-type=module', '-e', `
    import { openChildren } from ${JSON.stringify(fileURLToPath(new URL('./children.ts', import.meta.url)))}
    const children = openChildren({ scratch: ${JSON.stringify(dir)}, onGroup: () => undefined, plugins: ${JSON.stringify(ROGUES)} })
    children.run('rogue', 128, { kind: 'run', task: 't', token: 'l', stage: 'rogue.deaf', input: { text: '' }, options: {}, config: {}, attempt: 1, mounts: [], far: { specs: [], known: {} }, cache: { folder: '/nowhere', most_bytes: 0 }, core: { token: '' } }, () => undefined)
    setTimeout(() => console.log(children.pids()[0]), 500)
    setInterval(() => undefined, 1000)`], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(parent.stdout, 'data')) as [Buffer]
  const child = Number(line.toString())
  expect(alive(child)).toBe(true)
  parent.kill('SIGKILL')
  await vi.waitFor(() => expect(alive(child)).toBe(false), { timeout: 5_000 })
})
