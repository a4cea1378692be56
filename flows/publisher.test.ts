import { expect, test } from 'vitest'
import type { Scope } from '../core/access/scope.ts'
import { Fault } from '../core/contract/fault.ts'
import type { Publication, Published } from '../core/tasks/port.ts'
import { createPersist, createPublisher } from './publisher.ts'

const HOME: Scope = { org: 'home', site: 'home', role: 'operator' }
const work = (n: number): Publication => ({ stage: 'test.first', input: { n } })
const nOf = ({ input }: Publication) => input['n'] as number

/** A board that refuses odd numbers, and remembers what it was asked in which batch. */
function board() {
  const batches: (string | number)[][] = []
  return {
    batches,
    async publish(scope: Scope, publications: readonly Publication[]): Promise<Published[]> {
      batches.push([scope.org, ...publications.map(nOf)])
      const odd = publications.find((publication) => nOf(publication) % 2 === 1)
      if (odd) throw new Fault('input/invalid', `${nOf(odd)} is odd`)
      return publications.map((publication) => ({ id: `task ${nOf(publication)}`, state: 'pending', created: true }))
    },
  }
}

test('what is asked for in one turn is one batch; each asker gets his own answer', async () => {
  const { batches, publish } = board()
  const publisher = createPublisher({ publish }, createPersist(() => undefined))
  const ids = await Promise.all([0, 2, 4].map((n) => publisher.publish(HOME, work(n))))
  expect(ids.map(({ id }) => id)).toEqual(['task 0', 'task 2', 'task 4'])
  expect(batches).toEqual([['home', 0, 2, 4]])
})

test('one refused among many refuses only its own; orgs are never mixed', async () => {
  const { batches, publish } = board()
  const publisher = createPublisher({ publish }, createPersist(() => undefined))
  const answers = await Promise.allSettled([0, 2, 3, 4].map((n) => publisher.publish(HOME, work(n))).concat(publisher.publish({ ...HOME, org: 'other' }, work(6))))
  expect(answers.map((answer) => (answer.status === 'fulfilled' ? answer.value.id : (answer.reason as Fault).message))).toEqual(['task 0', 'task 2', '3 is odd', 'task 4', 'task 6'])
  expect(batches).toEqual([['home', 0, 2, 3, 4], ['home', 0, 2], ['home', 3, 4], ['home', 3], ['home', 4], ['other', 6]])
})

test('while core is away it asks on, and says so once, and once more when it is back', async () => {
  const said: unknown[] = []
  let away = 3
  const persist = createPersist((why) => said.push(why === null ? 'back' : (why as Error).message))
  const answer = await persist(async () => {
    if (away-- > 0) throw new Fault('core/unreachable', 'away')
    return 'done'
  })
  expect(answer).toBe('done')
  expect(said).toEqual(['away', 'back'])
})

test('whoever let go is answered nothing, neither what core did nor what it refused, and asks no more', async () => {
  const stop = new AbortController()
  let asked = 0
  const answered: unknown[] = []
  const persist = createPersist(() => undefined, stop.signal)
  const refuse = Promise.withResolvers<never>()
  const persisted = [persist(async () => { asked++; await new Promise((done) => setTimeout(done, 20)); return 'done' }), persist(() => refuse.promise), persist(async () => { asked++; throw new Fault('core/unreachable', 'away') })]
  for (const one of persisted) one.then((value) => answered.push(value), (error) => answered.push(error))
  stop.abort()
  refuse.reject(new Fault('input/invalid', 'no'))
  await new Promise((done) => setTimeout(done, 400))
  expect([answered, asked]).toEqual([[], 2])
})
