import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openLog } from '../store/log.ts'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Stock, type Offer } from './stock.ts'

const home = { org: 'home', site: 'home' }
const offer = (n: number): Offer => ({ ...home, stage: 'clip.probe', order: String(n).padStart(9, '0'), id: `t${n}` })

async function withStock(act: (open: () => { stock: Stock; leased: Set<string> }, add: (n: number) => Promise<Offer>) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'viewshed-stock-'))
  const log = await openLog(dir)
  try {
    await act(() => {
      const leased = new Set<string>()
      return { stock: new Stock(log, (id) => leased.has(id), () => null), leased }
    }, async (n) => {
      await log.commit([{ type: 'put', key: `p!home!home!clip.probe!${offer(n).order}`, value: offer(n).id }])
      return offer(n)
    })
  } finally {
    await log.close()
    await rm(dir, { recursive: true, force: true })
  }
}

const drain = async (stock: Stock, leased: Set<string>, most = Number.POSITIVE_INFINITY): Promise<string[]> => {
  const taken: string[] = []
  while (taken.length < most) {
    const next = await stock.next(home, ['clip.probe'], new Set())
    if (next === null) break
    leased.add(next.id)
    taken.push(next.id)
  }
  return taken
}
const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)
const ids = (list: readonly number[]) => list.map((n) => `t${n}`)

test('three thousand pending tasks come once each and in order, though only some are in memory', async () => {
  await withStock(async (open, add) => {
    await Promise.all(numbers(0, 3_000).map(add))
    const { stock, leased } = open()
    expect(await drain(stock, leased)).toEqual(ids(numbers(0, 3_000)))
  })
})

test('what is offered ahead of a full window comes first, and pushes nothing out for good', async () => {
  await withStock(async (open, add) => {
    await Promise.all(numbers(2_000, 4_000).map(add))
    const { stock, leased } = open()
    const first = await drain(stock, leased, 1)
    for (const n of numbers(0, 1_500)) stock.offer(await add(n))
    expect([...first, ...await drain(stock, leased)]).toEqual(ids([2_000, ...numbers(0, 1_500), ...numbers(2_001, 4_000)]))
  })
})

test('whatever is added, taken, given back or put aside, in any order: each comes once, and nothing stays behind', async () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('add' as const), n: fc.integer({ min: 0, max: 99_999 }), many: fc.integer({ min: 1, max: 700 }) }),
    fc.record({ do: fc.constant('take' as const), many: fc.integer({ min: 1, max: 900 }) }),
    fc.record({ do: fc.constant('return' as const), many: fc.integer({ min: 1, max: 300 }) }),
    fc.record({ do: fc.constant('delay' as const), many: fc.integer({ min: 1, max: 50 }) }),
  )
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => withStock(async (open, add) => {
    const { stock, leased } = open()
    const all = new Map<string, Offer>()
    for (const s of steps) {
      if (s.do === 'add') await Promise.all(numbers(s.n, s.n + s.many).map(async (n) => {
        if (all.has(`t${n}`)) return
        all.set(`t${n}`, offer(n))
        stock.offer(await add(n))
      }))
      if (s.do === 'take') {
        const taken = await drain(stock, leased, s.many)
        expect(new Set(taken).size).toBe(taken.length)
      }
      if (s.do === 'return') for (const id of [...leased].slice(0, s.many)) {
        leased.delete(id)
        stock.offer(all.get(id)!)
      }
      if (s.do === 'delay') for (const id of [...leased].slice(0, s.many)) {
        leased.delete(id)
        stock.delay(all.get(id)!, 1_000)
      }
    }
    stock.due(1_000)
    await drain(stock, leased)
    expect(leased.size).toBe(all.size)
  })), { numRuns: 25 })
})
