import { Type } from 'typebox'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { call, plugin } from '../contract/plugin.ts'
import { calls } from './calls.ts'
import { openTestDoor, somebody, type TestDoor } from './testing.ts'

const counter = plugin({
  name: 'counter', title: 'Counter', config: Type.Object({ step: Type.Integer() }),
  calls: {
    count: call({ input: Type.Object({ upTo: Type.Integer({ maximum: 9 }) }), output: Type.Object({ sum: Type.Integer(), org: Type.String() }), role: 'viewer', load: async () => ({
      run: async ({ upTo }, { config, query }) => ({ sum: upTo + (config as { step: number }).step, org: (await query.get<{ org: string }>('who'))!.org }),
    }) }),
    wrong: call({ input: Type.Object({}), output: Type.Object({ sum: Type.Integer() }), role: 'admin', load: async () => ({ run: async () => ({ sum: 'many' }) as never }) }),
  },
})

let door: TestDoor
beforeEach(async () => {
  door = await openTestDoor({ routers: [calls({ plugins: [counter], config: () => ({ step: 2 }), reader: (scope) => ({ get: async <T>() => ({ org: scope.org }) as T, list: async function* () { yield* [] } }) })] })
})
afterEach(() => door.close())

const ask = async (name: string, body: unknown, token?: string) => {
  const answer = await fetch(`${door.url}/api/plugins/counter/${name}`, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) } })
  return [answer.status, await answer.json()]
}

test('a call is a route: checked, within the scope of who asks, by its role', async () => {
  const viewer = door.access.mint(somebody('viewer', 'vera'))
  expect(await ask('count', { upTo: 3 }, viewer)).toEqual([200, { sum: 5, org: 'home' }])
  expect(await ask('count', { upTo: 30 }, viewer)).toMatchObject([400, { code: 'input/invalid' }])
  expect(await ask('count', { upTo: 3 })).toMatchObject([401, { code: 'access/unauthenticated' }])
  expect(await ask('wrong', {}, viewer)).toMatchObject([403, { code: 'access/denied' }])
  expect(await ask('wrong', {}, door.access.mint(somebody('flows')))).toMatchObject([500, { code: 'output/invalid' }]) // its node is in the palette
  expect(await ask('nothing', {}, viewer)).toMatchObject([404, { code: 'not-found' }])
})

test('a call that answers what it did not declare is found out', async () => {
  expect(await ask('wrong', {}, door.access.mint(somebody('admin', 'ada')))).toMatchObject([500, { code: 'output/invalid' }])
})
