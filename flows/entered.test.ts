import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openEntered, takeEntered } from './entered.ts'

let dir: string
const path = () => join(dir, 'entered')
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'entered-'))
  await writeFile(join(dir, 'flows.json'), JSON.stringify([
    { id: 'tab', type: 'tab', label: 'Drive' }, { id: 'sub', type: 'subflow', name: 'Twice' },
    { id: 'a', type: 'function', name: 'Loop', z: 'tab' }, { id: 'b', type: 'switch', z: 'tab' }, { id: 'inner', type: 'change', z: 'sub' },
  ]))
})
afterEach(() => rm(dir, { recursive: true }))

test.each([
  [['b', 'a'], { id: 'a', name: 'Loop', tab: 'Drive' }],
  [['a-much-longer-id-than-the-one-after-it', 'b'], { id: 'b', name: 'switch', tab: 'Drive' }],
  [['a', 'gone'], null],
  [['a', 'x'.repeat(1_000)], null],
  [[], null],
] as const)('of %j the last is told to whoever comes when the process is gone', (ids, told) => {
  const entered = openEntered(path())
  for (const id of ids) entered.enter({ id })
  expect(takeEntered(path(), dir)).toEqual(told) // nobody had closed it
  expect(takeEntered(path(), dir)).toBeNull() // and of the next process nothing is known yet
  entered.close()
})

test('a node in a copy of a subflow is that of the subflow; after a deploy none was entered', () => {
  const entered = openEntered(path())
  entered.enter({ id: 'copy-7', _alias: 'inner' })
  expect(takeEntered(path(), dir)).toEqual({ id: 'inner', name: 'change', tab: 'Twice' })
  const next = openEntered(path())
  next.enter({ id: 'a' })
  next.forget()
  expect(takeEntered(path(), dir)).toBeNull()
  for (const one of [entered, next]) one.close()
})

test('without a flow file, or with a broken one, there is no name to tell', async () => {
  for (const text of ['nonsense', null]) {
    const entered = openEntered(path())
    entered.enter({ id: 'a' })
    await (text === null ? rm(join(dir, 'flows.json')) : writeFile(join(dir, 'flows.json'), text))
    expect(takeEntered(path(), dir)).toBeNull()
    entered.close()
  }
})
