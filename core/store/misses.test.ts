import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Level } from 'level'
import { openLog, type Log } from './log.ts'

let dir: string
let log: Log
const ask = vi.spyOn(Level.prototype, 'getSync')
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'viewshed-misses-'))
  log = await openLog(dir, { mostlyNew: ['t!'] })
})
afterEach(async () => {
  await log.close()
  await rm(dir, { recursive: true, force: true })
})
const put = (key: string) => log.commit([{ type: 'put', key, value: key }])
const miss = (times: number) => { for (let n = 0; n < times; n++) log.get(`t!nobody ${n}`) }
/** Whether the store is asked for a key that is not there. */
const asks = (key: string) => {
  ask.mockClear()
  log.get(key)
  return ask.mock.calls.length > 0
}

test('after a thousand questions for what was not there it is no longer asked for such keys, of those prefixes alone', async () => {
  await put('t!known')
  miss(999)
  expect(asks('t!new')).toBe(true)
  await expect.poll(() => asks('t!new')).toBe(false)
  expect([asks('u!new'), log.get('t!known')]).toEqual([true, 't!known'])
})

test('what was there before it was opened, and what is written while the keys are looked through, is found', async () => {
  await log.commit(Array.from({ length: 5_000 }, (_, n) => ({ type: 'put' as const, key: `t!old ${n}`, value: `t!old ${n}` })))
  await log.close()
  log = await openLog(dir, { mostlyNew: ['t!'] })
  miss(1_000)
  for (let n = 0; asks('t!new'); n++) {
    await put(`t!young ${n}`)
    expect(log.get(`t!young ${n}`)).toBe(`t!young ${n}`)
  }
  expect(Array.from({ length: 5_000 }, (_, n) => log.get(`t!old ${n}`)).filter((value) => value === undefined)).toEqual([])
  expect(log.get('t!young 0')).toBe('t!young 0')
})

test('it holds what a map holds, whatever is written and thrown away', async () => {
  miss(1_000)
  await expect.poll(() => asks('t!new')).toBe(false)
  const map = new Map<string, string>()
  const key = fc.integer({ min: 0, max: 20 }).map((n) => `${n % 2 ? 't' : 'u'}!${n}`)
  await fc.assert(fc.asyncProperty(fc.array(fc.tuple(fc.constantFrom('put' as const, 'del' as const), key), { maxLength: 20 }), async (steps) => {
    for (const [type, of] of steps) {
      await log.commit([type === 'put' ? { type, key: of, value: of } : { type, key: of }])
      if (type === 'put') map.set(of, of)
      else map.delete(of)
    }
    for (let n = 0; n <= 20; n++) for (const of of [`t!${n}`, `u!${n}`]) expect(log.get(of)).toBe(map.get(of))
  }), { numRuns: 20 })
})

test('closing waits until it looks no more', async () => {
  await log.commit(Array.from({ length: 5_000 }, (_, n) => ({ type: 'put' as const, key: `t!${n}`, value: '' })))
  miss(1_000)
  await log.close()
  log = await openLog(dir, { mostlyNew: ['t!'] })
})
