/** What surrounds a deploy, through the editor's own door of a real Node-RED: what can be said against it, versions, shipped pipelines, bad input. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { FlowEntry } from './red.ts'
import { pipelineOf } from './shipped.ts'
import { bench, tokenOf, type Bench } from './testing/start.ts'

const node = (id: string, type: string, wires: readonly string[], more: Partial<FlowEntry> = {}): FlowEntry => ({ id, type, z: 'tab', x: 0, y: 0, wires: [wires], ...more })
const TAB: FlowEntry = { id: 'tab', type: 'tab', label: 'Chain', disabled: false, info: 'Two stages' }
const CHAIN = [TAB, node('came', 'test.came', ['first']), node('first', 'test.first', ['second']), node('second', 'test.second', [], { width_px: '640' })]
const OTHER: FlowEntry[] = [{ id: 'mine', type: 'tab', label: 'Mine', disabled: false, info: '' }, node('note', 'comment', [], { z: 'mine' })]

let red: Bench
beforeAll(async () => {
  red = await bench([], { pipelines: [pipelineOf(CHAIN, false)] })
  await red.until(() => red.flows.ready())
})
afterAll(() => red.close())
beforeEach(async () => {
  await red.deploy([...CHAIN, ...OTHER])
  red.core.forget()
})

const ask = async <T>(method: string, path: string, options: Parameters<Bench['ask']>[2] = {}): Promise<T> => {
  const { status, text } = await red.ask(method, `/flows/viewshed/${path}`, options)
  if (status >= 300) throw new Error(`${status} ${text}`)
  return JSON.parse(text) as T
}
const deployed = async () => (JSON.parse((await red.ask('GET', '/flows/flows', { headers: { 'node-red-api-version': 'v1' } })).text) as FlowEntry[])
type Versions = { versions: { id: string; by: string; changes: Record<string, number> }[] }
/** Kept a moment after the deploy was answered. */
const newest = async (count: number) => {
  await expect.poll(async () => (await ask<Versions>('GET', 'versions')).versions[0]?.changes).toEqual({ added: 0, changed: count, removed: 0 })
  return (await ask<Versions>('GET', 'versions')).versions
}

test('what can be said against a flow is said before it is deployed, to whoever may look; it changes nothing', async () => {
  const wrong = [TAB, node('lost', 'test.first', []), node('second', 'test.second', [], { width_px: '8' }), node('odd', 'somebody-elses', []), node('came', 'test.came', ['second'])]
  red.flows.setUnable({ 'test.second': 'needs a GPU' })
  await expect.poll(() => ask('POST', 'check', { body: wrong, token: tokenOf('read') })).toEqual({ problems: [
    { node: 'odd', level: 'error', text: 'No node of the type “somebody-elses” is installed; while it is in the flow, nothing runs at all.' },
    { node: 'second', level: 'error', text: 'Width (px) must be at least 16.' },
    { node: 'second', level: 'warning', text: 'Nothing here can run this: needs a GPU.' },
    { node: 'lost', level: 'warning', text: 'Nothing leads here: no event begins this way.' },
  ] })
  red.flows.setUnable({})
  await expect.poll(() => ask('POST', 'check', { body: CHAIN })).toEqual({ problems: [] })
  expect((await deployed()).map(({ id }) => id)).toEqual(['tab', 'came', 'first', 'second', 'mine', 'note'])
  await expect(ask('POST', 'check', { body: { not: 'a flow' } })).rejects.toThrow('400')
})

test('every deploy is a version, with who made it; one can see what changed since, and go back', async () => {
  const wider = CHAIN.map((entry) => (entry.id === 'second' ? { ...entry, width_px: '800' } : entry))
  await red.deploy([...wider, ...OTHER])
  const [now, before] = await newest(1)
  expect(now!.by).toBe('Ada')
  expect(await ask('GET', `versions/${before!.id}`)).toMatchObject({ changes: [{ id: 'second', what: 'changed', fields: [{ name: 'width_px', before: '640', after: '800' }] }] })
  await ask('POST', `versions/${before!.id}`)
  expect(await deployed()).toContainEqual(expect.objectContaining({ id: 'second', width_px: '640' }))
  await expect.poll(async () => (await newest(1))[0]!.id).not.toBe(now!.id)
  await expect(ask('POST', `versions/${before!.id}`, { token: tokenOf('read') })).rejects.toThrow('401')
  await expect(ask('GET', 'versions/..%2f..%2fkey')).rejects.toThrow('404')
  const seq = red.core.emit('test.came', { n: 1 })
  await red.core.settled()
  expect([red.core.published.at(-1)!.work, red.core.acknowledged.get(seq)]).toEqual(['["test.second",{"n":1},{"width_px":640}]', 1])
})

test('a shipped pipeline that was changed or thrown away is restored alone', async () => {
  const state = async () => (await ask<{ pipelines: { id: string; state: string }[] }>('GET', 'pipelines')).pipelines.map(({ id, state }) => [id, state])
  expect(await state()).toEqual([['tab', 'as shipped']])
  await red.deploy([...CHAIN.slice(0, 2), ...OTHER])
  expect(await state()).toEqual([['tab', 'changed']])
  await ask('POST', 'pipelines/tab')
  expect((await deployed()).map(({ id }) => id)).toEqual(['tab', 'came', 'first', 'second', 'mine', 'note'])
  await red.deploy(OTHER)
  expect(await state()).toEqual([['tab', 'not there']])
  await ask('POST', 'pipelines/tab')
  expect(await state()).toEqual([['tab', 'as shipped']])
  await expect(ask('POST', 'pipelines/other')).rejects.toThrow('404')
})

test('what is too large, no JSON, or no flow is refused with a word, and what runs runs on', async () => {
  const big = [...CHAIN, node('big', 'function', [], { func: `//${'x'.repeat(50_000_000)}` })]
  expect((await red.ask('POST', '/flows/flows', { body: big })).status).toBe(413)
  expect((await red.ask('POST', '/flows/flows', { body: { flows: 'none' } })).status).toBe(400)
  expect((await red.ask('POST', '/flows/viewshed/check', { body: 'text' })).status).toBe(400)
  const seq = red.core.emit('test.came', { n: 2 })
  await red.core.settled()
  expect(red.core.acknowledged.get(seq)).toBe(1)
})
