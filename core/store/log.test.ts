import { spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { Level } from 'level'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { openLog, past, type LogOp } from './log.ts'

let dir: string
beforeEach(async () => { dir = await mkdtemp(join(tmpdir(), 'viewshed-log-')) })
afterEach(() => rm(dir, { recursive: true, force: true }))

const put = (key: string, value: string): LogOp => ({ type: 'put', key, value })

test('what was committed is there after it was opened again', async () => {
  const log = await openLog(join(dir, 'log'))
  await log.commit([put('a!1', 'one'), put('a!2', 'two'), put('b!1', 'other')])
  await log.commit([{ type: 'del', key: 'a!1' }])
  await log.close()

  const again = await openLog(join(dir, 'log'))
  expect(again.get('a!1')).toBeUndefined()
  expect(again.get('a!2')).toBe('two')
  expect(await again.range({ gte: 'a!', lt: past('a!') })).toEqual([['a!2', 'two']])
  await again.close()
})

test('many callers share a few syncs, half of them each, and each is answered', async () => {
  const log = await openLog(dir)
  await log.commit([put('first', '')])
  const before = log.syncs
  await Promise.all(Array.from({ length: 500 }, (_, i) => log.commit([put(`k${i}`, String(i))])))
  expect(log.syncs - before).toBe(6) // 250, 125, 63, 31, 16, 15
  expect(log.get('k499')).toBe('499')
  await log.close()
})

test('later commits win over earlier ones of the same turn', async () => {
  const log = await openLog(dir)
  await Promise.all([log.commit([put('k', '1')]), log.commit([{ type: 'del', key: 'k' }]), log.commit([put('k', '3')])])
  expect(log.get('k')).toBe('3')
  await log.close()
})

test('closing waits for the commits under way', async () => {
  const log = await openLog(dir)
  const late = log.commit([put('late', 'yes')])
  await log.close()
  await late
  const again = await openLog(dir)
  expect(again.get('late')).toBe('yes')
  await again.close()
})

test('a second process is told that the log is in use', async () => {
  const log = await openLog(dir)
  await expect(openLog(dir)).rejects.toMatchObject({ name: 'Fault', code: 'log/held' })
  await log.close()
})

test('ranges follow the bounds, the limit and the direction', async () => {
  const log = await openLog(dir)
  await log.commit(['p!1', 'p!2', 'p!3', 'q!1'].map((key) => put(key, key)))
  const keys = async (range: Parameters<typeof log.range>[0]) => (await log.range(range)).map(([key]) => key)
  expect(await keys({ gt: 'p!1', lt: past('p!') })).toEqual(['p!2', 'p!3'])
  expect(await keys({ gte: 'p!', lt: past('p!'), limit: 2 })).toEqual(['p!1', 'p!2'])
  expect(await keys({ gte: 'p!', lt: past('p!'), limit: 2, reverse: true })).toEqual(['p!3', 'p!2'])
  await log.close()
})

test('it holds what a map holds, whatever is written', async () => {
  const log = await openLog(dir)
  const op = fc.oneof(
    fc.record({ type: fc.constant('put' as const), key: fc.string({ minLength: 1, maxLength: 3 }), value: fc.string({ unit: 'binary' }) }),
    fc.record({ type: fc.constant('del' as const), key: fc.string({ minLength: 1, maxLength: 3 }) }),
  )
  const model = new Map<string, string>()
  await fc.assert(fc.asyncProperty(fc.array(fc.array(op, { maxLength: 6 }), { maxLength: 4 }), async (commits) => {
    await Promise.all(commits.map((ops) => log.commit(ops)))
    for (const o of commits.flat()) {
      if (o.type === 'put') model.set(o.key, o.value)
      else model.delete(o.key)
    }
    for (const o of commits.flat()) expect(log.get(o.key)).toBe(model.get(o.key))
  }), { numRuns: 50 })
  expect(await log.range({ gte: '\0', lt: '\uffff' })).toHaveLength(model.size)
  await log.close()
})

test('a number that many add to is, at every moment, that of what lies beside it', async () => {
  const log = await openLog(dir)
  let n = 0
  let apart = 0
  const entries = Array.from({ length: 100 }, (_, i) => log.commit([put(`e!${i}`, ''), { type: 'sum', key: 'n', add: (sign) => { n += sign }, value: () => String(n) }]).then(async () => {
    const now = new Map(await log.range({ gte: 'e!', lt: past('n') }))
    if (Number(now.get('n')) !== now.size - 1) apart++
  }))
  await Promise.all(entries)
  expect([apart, log.get('n')]).toEqual([0, '100'])
  await log.close()
})

describe('when the disk fails in the middle of a batch', () => {
  afterEach(() => vi.restoreAllMocks())
  const batch = Object.getOwnPropertyDescriptor(Level.prototype, 'batch') ?? Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Level.prototype), 'batch')!
  const failing = (wrote: boolean) => vi.spyOn(Level.prototype, 'batch').mockImplementationOnce(async function (this: Level, ...args: unknown[]) {
    if (wrote) await (batch.value as (...of: unknown[]) => Promise<void>).apply(this, args)
    throw Object.assign(new Error('Database is not open'), { code: 'LEVEL_IO_ERROR', cause: new Error('IO error: 000003.log: Input/output error') })
  } as never)
  const sum = (of: { n: number }, by: number): LogOp => ({ type: 'sum', key: 'n', add: (sign) => { of.n += sign * by }, value: () => String(of.n) })

  test('and nothing of it is there: it is told so, its part of a sum is taken back, and the next one goes on', async () => {
    const log = await openLog(dir)
    const of = { n: 0 }
    failing(false)
    await expect(log.commit([put('a', '1'), sum(of, 1)])).rejects.toMatchObject({ code: 'log/failed' })
    await log.commit([put('b', '2'), sum(of, 10)])
    expect([log.get('a'), log.get('b'), log.get('n')]).toEqual([undefined, '2', '10'])
    await log.close()
  })

  test('and it is there all the same: whoever keeps something in memory was told otherwise, so nothing more is written', async () => {
    const log = await openLog(dir)
    await log.commit([put('c', '0')])
    failing(true)
    await expect(log.commit([put('a', '0'), { type: 'del', key: 'c' }, put('a', '1')])).rejects.toMatchObject({ code: 'log/failed' })
    for (let i = 0; i < 2; i++) await expect(log.commit([put('b', '2')])).rejects.toMatchObject({ code: 'log/failed', message: expect.stringContaining('start Viewshed again') as string })
    expect([log.get('a'), log.get('b')]).toEqual(['1', undefined])
    await log.close()
    const again = await openLog(dir)
    await again.commit([put('b', '2')])
    expect([again.get('a'), again.get('b')]).toEqual(['1', '2'])
    await again.close()
  })
})

const canMount = process.platform === 'linux' && process.getuid?.() === 0 && spawnSync('unshare', ['--mount', 'true']).status === 0

describe.skipIf(!canMount)('on a disk that fills up (needs root, to mount a small one)', () => {
  let small: string
  beforeEach(() => {
    small = join(dir, 'small')
    spawnSync('mkdir', [small])
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=100m', 'tmpfs', small])
    if (mounted.status !== 0) throw new Error(mounted.stderr.toString())
  })
  afterEach(() => void spawnSync('umount', [small]))

  test('the commit that does not fit is refused whole, what was there stays, and with room it goes on', async () => {
    const log = await openLog(join(small, 'log'))
    await log.commit([put('kept', 'yes')])
    const filler = join(small, 'filler')
    spawnSync('dd', ['if=/dev/zero', `of=${filler}`, 'bs=64k']) // until it is full
    const big = Array.from({ length: 200 }, (_, i) => put(`torn${i}`, Buffer.alloc(30_000, i).toString('latin1')))
    await expect(log.commit(big)).rejects.toMatchObject({ name: 'Fault', code: 'media/full' })
    await expect(log.commit([put('small', 'x')])).rejects.toMatchObject({ code: 'media/full' })
    expect(log.get('kept')).toBe('yes')
    expect(await log.range({ gte: 'torn', lt: past('torn') })).toEqual([])

    spawnSync('rm', [filler])
    await log.commit([put('after', 'room')])
    await log.close()
    const again = await openLog(join(small, 'log'))
    expect([again.get('kept'), again.get('after'), again.get('torn0'), again.get('small')]).toEqual(['yes', 'room', undefined, undefined])
    await again.close()
  })
})
