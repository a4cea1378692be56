/** What goes wrong with a message in nodes of the user's, in the appliance with its real Node-RED. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { pino } from 'pino'
import { HOME } from '../core/access/scope.ts'
import { client } from '../core/http/client.ts'
import { boardClient } from '../core/tasks/board-client.ts'
import { OWN_FLOWS } from '../core/tasks/seat.ts'
import { makePalette } from '../flows/palette.ts'
import { startFlows, type Flows } from '../flows/process.ts'
import type { FlowEntry } from '../flows/red.ts'
import plugins from '../plugins/index.ts'
import { readConfig } from './config.ts'
import { openCore, type Core } from './core.ts'

const node = (id: string, type: string, wires: readonly (readonly string[])[], more: Partial<FlowEntry> = {}): FlowEntry => ({ id, type, z: 'tab', x: 0, y: 0, wires, ...more })
/** It keeps the first message of each file, and lets the second go on. */
const FLOW: readonly FlowEntry[] = [
  { id: 'tab', type: 'tab', label: 'Mine' },
  node('refused', 'folder.refused', [['keep', 'odd']]),
  node('odd', 'function', [[]], { name: 'Only odd ones', outputs: 1, initialize: '', finalize: '', func: 'if (msg.payload.name === "odd.mp4") return msg.payload.nobody.length' }),
  node('keep', 'function', [['lost'], ['note']], { outputs: 2, initialize: '', finalize: '', func: 'const seen = context.get("seen") || []; context.set("seen", [...seen, msg.payload.name]); return seen.includes(msg.payload.name) ? [null, msg] : [msg, null]' }),
  node('lost', 'link call', [[]], { links: ['nowhere'], linkType: 'static', timeout: '3600' }),
  node('nowhere', 'link in', [[]], { links: [], name: 'Nothing comes back' }),
  node('note', 'folder.refuse', [[]]),
]

let dir: string
let core: Core
let flows: Flows
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'viewshed-held-'))
  core = await openCore(readConfig({ VIEWSHED_CONFIG: join(dir, 'config'), VIEWSHED_MEDIA: join(dir, 'media'), VIEWSHED_HOST: '127.0.0.1', VIEWSHED_PORT: '0', VIEWSHED_MQTT_PORT: '0' }), plugins, pino({ level: 'silent' }))
  flows = await startFlows({
    userDir: join(dir, 'config', 'node-red'), credentialKeyPath: join(dir, 'key'), socketPath: core.sockets.flows, coreSocket: core.sockets.core, secret: core.flowSecret,
    token: core.tokenFor('flows', OWN_FLOWS, 'flows'), palette: makePalette(plugins), defaultFlow: FLOW, logger: pino({ level: 'silent' }),
  })
  core.attach(flows)
}, 120_000)
afterAll(async () => {
  await flows?.stop()
  await core?.close()
  await rm(dir, { recursive: true, force: true })
}, 60_000)

const api = () => client({ baseUrl: core.url, headers: { authorization: `Bearer ${core.tokenFor('person', 'otto', 'operator')}` } })
const happens = async (name: string) => {
  const device = boardClient({ baseUrl: core.url, token: core.tokenFor('device', 'nas', 'device') })
  await device.emit(HOME, 'folder.refused', name, { name, camera: 'Van', code: 'clip/unsupported', message: 'none of ours' })
  device.close()
}
const noted = async () => (await core.board.tasks({ ...HOME, role: 'viewer' }, { stage: 'folder.refuse', limit: 100 })).map(({ input }) => input['name'])

test('a message that a node swallowed is held; sent again it goes on, and dismissed it is no more, also for the flow', async () => {
  await happens('again.mp4')
  await happens('never.mp4')
  await expect.poll(() => flows.held().total, { timeout: 60_000 }).toBe(2)
  expect(flows.held().oldest).toMatchObject([{ type: 'folder.refused', last: 'link in:nowhere', why: 'not ended' }, { type: 'folder.refused' }])
  expect((await api().status({})).flows).toMatchObject({ held: 2, stuck: 0 })
  const [again, never] = flows.held().oldest.map(({ seq }) => seq)

  await api().resendHeld({ seqs: [again!] })
  await api().dismissHeld({ seqs: [never!] })
  await expect.poll(noted, { timeout: 60_000 }).toEqual(['again.mp4'])
  await expect.poll(async () => (await api().status({})).flows.held, { timeout: 60_000 }).toBe(0)
  expect((await api().events({ type: 'flow.dismissed' })).events.map(({ payload }) => payload)).toMatchObject([{ seq: never, by: 'otto' }])
  await flows.restart()
  await expect.poll(() => flows.state().running, { timeout: 60_000 }).toBe(true)
  expect(await noted()).toEqual(['again.mp4'])
}, 240_000)

test('what a node could not do is shown by that node with its words until somebody has seen to it', async () => {
  await happens('odd.mp4')
  await expect.poll(() => flows.held().total, { timeout: 60_000 }).toBe(1) // its other way
  await api().resendHeld({ seqs: flows.held().oldest.map(({ seq }) => seq) })
  await expect.poll(async () => (await api().status({})).flows.faults, { timeout: 60_000 }).toBe(1)
  expect((await api().flowFaults({})).faults).toMatchObject([{ node: { id: 'odd', name: 'Only odd ones', tab: 'Mine' }, words: "TypeError: Cannot read properties of undefined (reading 'length')", count: 1, title: 'A file was refused', task: null, subject: 'odd.mp4' }])
  await api().dismissFaults({ nodes: ['odd'] })
  expect([(await api().flowFaults({})).faults, (await api().status({})).flows.faults]).toEqual([[], 0])
}, 240_000)
