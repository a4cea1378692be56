/** An appliance whose flows run in somebody's own Node-RED, as viewshed.yaml says, and one whose own Node-RED runs them. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { pino } from 'pino'
import { client } from '../core/http/client.ts'
import { boardClient } from '../core/tasks/board-client.ts'
import { NOTHING_HELD } from '../core/tasks/held.ts'
import { LIFE_HEADER, type BeatAnswer } from '../core/tasks/seat.ts'
import plugins from '../plugins/index.ts'
import { readConfig } from './config.ts'
import { openCore, type Core } from './core.ts'

let dir: string
let core: Core | null
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'viewshed-elsewhere-'))
  core = null
})
afterEach(async () => {
  await core?.close()
  await rm(dir, { recursive: true, force: true })
})

const config = async (lines: string) => {
  await writeFile(join(dir, 'viewshed.yaml'), lines)
  return readConfig({ VIEWSHED_CONFIG: dir, VIEWSHED_MEDIA: join(dir, 'media'), VIEWSHED_HOST: '127.0.0.1', VIEWSHED_PORT: '0', VIEWSHED_MQTT_PORT: '0' })
}
async function open(lines: string) {
  const opened = core = await openCore(await config(lines), plugins, pino({ level: 'silent' }))
  const viewer = opened.tokenFor('person', 'vera', 'viewer')
  const key = await opened.access.keys.add('red', 'flows')
  return {
    key, api: client({ baseUrl: opened.url, headers: { authorization: `Bearer ${viewer}` } }),
    ask: async (method: string, path: string, { token = key, body, life = 'one' }: { token?: string; body?: object; life?: string } = {}) => {
      const answer = await fetch(opened.url + path, { method, redirect: 'manual', headers: { authorization: `Bearer ${token}`, [LIFE_HEADER]: life, ...(body ? { 'content-type': 'application/json' } : {}) }, ...(body ? { body: JSON.stringify(body) } : {}) })
      const text = await answer.text()
      return { status: answer.status, location: answer.headers.get('location'), body: (text.startsWith('{') ? JSON.parse(text) : text) as Record<string, unknown> }
    },
    viewer, admin: opened.tokenFor('person', 'ann', 'admin'), own: opened.tokenFor('flows', 'flows', 'flows'),
  }
}

test('flows elsewhere: a key of the flows routes, and says what is shown; the page is told where, and /flows leads there', async () => {
  const { api, ask, viewer, admin, own } = await open('flows: { elsewhere: "http://red.lan:1880" }')
  expect((await api.status({})).flows).toEqual({ running: false, trouble: 'They run in your Node-RED at http://red.lan:1880, which has not been heard since the appliance started.', held: 0, stuck: 0, faults: 0, elsewhere: 'http://red.lan:1880', last: null })

  const flow = [{ id: 'tab', type: 'tab' }, { id: 'a', type: 'clip.probe', z: 'tab', wires: [['b']] }, { id: 'b', type: 'switch', z: 'tab', wires: [['c']] }, { id: 'c', type: 'inference.plates', z: 'tab', wires: [[]] }]
  const told = await ask('POST', '/api/flows/beat', { body: { host: 'pi', idle: null, held: { total: 2, stuck: 0, oldest: [] }, flow } })
  expect(told.body as unknown as BeatAnswer).toMatchObject({ asks_flow: false, unable: {}, counts: expect.arrayContaining([expect.objectContaining({ stage: 'clip.probe', pending: 0 })]) })
  expect((await api.status({})).flows).toEqual({ running: true, trouble: null, held: 2, stuck: 0, faults: 0, elsewhere: 'http://red.lan:1880', last: null })
  expect((await api.work({})).links).toContainEqual({ from: 'clip.probe', to: 'inference.plates' })

  expect((await ask('GET', '/api/flows', { token: admin })).body).toMatchObject({ elsewhere: 'http://red.lan:1880', pid: null, lines: [], palettes: { on: false, installed: [] } })
  for (const [path, body] of [['restart', {}], ['palettes', { on: true, name: 'x' }], ['palettes/remove', { name: 'x' }]] as const) expect(await ask('POST', `/api/flows/${path}`, { token: admin, body })).toMatchObject({ status: 503, body: { code: 'flows/unavailable', message: 'The flows run in your Node-RED at http://red.lan:1880: do it there.' } })

  expect((await ask('GET', '/api/outcomes')).body).toEqual({ outcomes: [] })
  expect((await ask('GET', '/api/outcomes', { life: 'two' }))).toMatchObject({ status: 409, body: { code: 'flows/taken', message: expect.stringContaining('pi') } })
  expect((await ask('GET', '/api/outcomes', { token: own }))).toMatchObject({ status: 409, body: { code: 'flows/taken' } })
  expect(await ask('GET', '/flows/some/where', { token: viewer })).toMatchObject({ status: 302, location: 'http://red.lan:1880/' })
  expect((await ask('GET', '/flows', { token: 'nobody' })).status).toBe(401)
})

test('what a node there swallowed is shown with its age and that node; sent again by the next beat, or dismissed, which is durable before it is heard of', async () => {
  const { api, ask } = await open('flows: { elsewhere: "http://red.lan:1880" }')
  const operator = core!.tokenFor('person', 'otto', 'operator')
  for (const name of ['a.mp4', 'b.mp4', 'c.mp4']) await ask('POST', '/api/events', { token: core!.tokenFor('device', 'nas', 'device'), body: { type: 'folder.refused', key: name, payload: { name: `/inbox/${name}`, camera: 'Van', code: 'clip/unsupported', message: 'no' } } })
  const [a, b, c] = ((await ask('GET', '/api/outcomes')).body['outcomes'] as { seq: string }[]).map(({ seq }) => seq)
  const flow = [{ id: 'tab', type: 'tab', label: 'Mine' }, { id: 'j', type: 'join', name: 'Both halves', z: 'tab' }]
  const says = (...held: [seq: string | undefined, held_s: number][]) => ask('POST', '/api/flows/beat', { body: { host: 'pi', idle: null, flow, held: { total: held.length, stuck: held.filter(([, s]) => s >= 60).length, oldest: held.map(([seq, s]) => ({ seq, type: 'folder.refused', node: null, held_ms: s * 1000, last: 'join:j', words: 'no half', why: 'not ended' })) } } })
  await says([a, 90], [b, 90], [c, 5])

  expect((await api.status({})).flows).toMatchObject({ held: 3, stuck: 2 })
  const shown = await api.heldMessages({})
  expect(shown).toEqual({ stuck: 2, held: ['a.mp4', 'b.mp4'].map((subject, i) => ({ seq: [a, b][i], title: 'A file was refused', subject, asset: null, task: null, since_ms: expect.any(Number) as number, last: { id: 'j', name: 'Both halves', tab: 'Mine' }, words: 'no half', waits: false })) })
  expect(Math.abs(Date.now() - 90_000 - shown.held[0]!.since_ms)).toBeLessThan(60_000)

  const order = (what: string, seqs: readonly (string | undefined)[], token = operator) => ask('POST', `/api/flows/held/${what}`, { token, body: { seqs } })
  expect([(await order('resend', [a], core!.tokenFor('person', 'vera', 'viewer'))).status, (await order('dismiss', [])).status]).toEqual([403, 400])
  expect([(await order('resend', [a])).status, (await order('dismiss', [b])).status]).toEqual([200, 200])
  expect(await api.heldMessages({})).toEqual({ stuck: 0, held: [] })
  expect(((await ask('GET', '/api/outcomes')).body['outcomes'] as { seq: string }[]).map(({ seq }) => seq)).toEqual([a, c])
  expect((await api.events({ type: 'flow.dismissed' })).events.map(({ payload }) => payload)).toEqual([{ seq: b, node: null, type: 'folder.refused', task: null, by: 'otto' }])
  expect((await says([a, 92], [b, 92], [c, 7])).body).toMatchObject({ resend: [a], ended: [b] })
  expect((await says([a, 1], [c, 9])).body).toMatchObject({ resend: [], ended: [] })
})

test('a Node-RED that is killed gives way as soon as another one has begun', async () => {
  const { ask, key } = await open('flows: { elsewhere: "http://red.lan:1880" }')
  const killed = boardClient({ baseUrl: core!.url, token: key, headers: { [LIFE_HEADER]: 'killed' } })
  await killed.acknowledge([])
  const asking = killed.outcomes(null, 1, 60_000).catch(() => null)
  expect((await ask('GET', '/api/outcomes')).status).toBe(409)
  killed.close()
  await asking
  await expect.poll(async () => (await ask('GET', '/api/outcomes')).status, { timeout: 10_000 }).toBe(200) // silence alone would take 15 s
})

test('a key that is revoked while its question waits hears nothing of what comes then', async () => {
  const { ask } = await open('flows: { elsewhere: "http://red.lan:1880" }')
  const asking = ask('GET', '/api/outcomes?wait_ms=20000')
  await ask('POST', '/api/flows/beat', { body: { host: 'pi', idle: null, held: NOTHING_HELD } }) // the question before it has come in
  await core!.access.keys.revoke('red')
  await ask('POST', '/api/events', { token: core!.tokenFor('device', 'nas', 'device'), body: { type: 'folder.refused', key: 'k', payload: { name: 'a', camera: 'Van', code: 'clip/unsupported', message: 'no' } } })
  expect(await asking).toMatchObject({ status: 401, body: { code: 'access/unauthenticated' } })
})

test('flows here: a key of the flows is told who routes and what to write, and core’s own Node-RED routes', async () => {
  const { api, ask, own, viewer } = await open('')
  for (const [method, path, body] of [['GET', '/api/outcomes'], ['POST', '/api/outcomes/ack', { seqs: [] }], ['POST', '/api/board/publish', { calls: [] }], ['POST', '/api/events', { type: 'flow.at', key: 'k', payload: {} }], ['POST', '/api/flows/beat', { host: 'pi', idle: null, held: NOTHING_HELD }]] as const)
    expect([path, await ask(method, path, { body })]).toMatchObject([path, { status: 409, body: { code: 'flows/taken', message: expect.stringContaining('viewshed.yaml') } }])
  expect((await ask('GET', '/api/outcomes', { token: own })).body).toEqual({ outcomes: [] })
  expect((await ask('POST', '/api/flows/beat', { token: viewer, body: { host: 'pi', idle: null, held: NOTHING_HELD } })).status).toBe(403)
  expect((await api.status({})).flows.elsewhere).toBeNull()
})

test('an address that is none is refused with its field', async () => {
  for (const lines of ['flows: { elsewhere: red.lan }', 'flows: { elsewhere: true }', 'flows: elsewhere', 'flows: { at: "http://red.lan" }']) await expect(config(lines)).rejects.toThrow(/flows/)
})
