/** Somebody's own Node-RED: `node-red` from npm in an empty folder, with the packed palette, started by its own command. */
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { client } from '../core/http/client.ts'
import { freePort } from '../core/http/free-port.ts'
import { boardClient } from '../core/tasks/board-client.ts'
import { LIFE_HEADER } from '../core/tasks/seat.ts'
import { HOME } from '../core/access/scope.ts'
import type { FlowEntry } from '../flows/red.ts'
import plugins from '../plugins/index.ts'
import { readConfig } from './config.ts'
import { openCore, type Core } from './core.ts'
import { items } from './crash/flow-items.ts'
import { flowCampaign } from './crash/flows.ts'
import { applianceNode, installStock, startStock, whyNoStock, type StockHost } from './crash/stock-host.ts'

const why = await whyNoStock()

const node = (id: string, type: string, wires: readonly string[][], more: Partial<FlowEntry> = {}): FlowEntry => ({ id, type, z: 'tab', x: 0, y: 0, wires, ...more })
const FLOW: readonly FlowEntry[] = [
  { id: 'tab', type: 'tab', label: 'Mine' },
  node('refused', 'folder.refused', [['rule', 'odd']]),
  node('odd', 'function', [['lost']], { name: 'Only odd ones', outputs: 1, initialize: '', finalize: '', func: 'if (msg.payload.name === "a") throw new Error("not this one"); return msg.payload.name === "kept" ? msg : null' }),
  node('lost', 'link call', [[]], { links: ['nowhere'], linkType: 'static', timeout: '3600' }),
  node('nowhere', 'link in', [[]], { links: [] }),
  node('rule', 'flow.if', [['note'], ['linger']], { condition: 'name is not late' }),
  node('linger', 'function', [['note']], { outputs: 1, initialize: '', finalize: '', func: 'node.status({ text: "here" }); while (!flow.get("go")) await new Promise((r) => setTimeout(r, 20)); node.status({ text: "gone" }); return { payload: { ...msg.payload } }' }),
  node('go', 'inject', [['allow']], { props: [], repeat: '', crontab: '', once: false, topic: '' }),
  node('allow', 'function', [[]], { outputs: 0, initialize: '', finalize: '', func: 'flow.set("go", true)' }),
  node('note', 'folder.refuse', [[]]),
  node('copies', 'archive.copies', [[]]),
]

describe.skipIf(why !== null)(`a stock Node-RED with the packed palette${why === null ? '' : `: skipped, ${why}`}`, () => {
  let folder = ''
  let installed = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'viewshed-stock-'))
    installed = join(folder, 'node-red')
    await installStock(installed, [...plugins, items])
  }, 300_000)
  afterAll(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))

  test('is killed, and core, and both, while items pass it: each ends exactly once, each join fires once', async () => {
    const report = await flowCampaign({ kills: 4, count: 20, spacing_s: 2.5, seed: 20_261_128, stock: installed })
    expect(report).toMatchObject({ differences: [], items: 20 })
  }, 300_000)

  describe('and an appliance whose flows run there', () => {
    let red: StockHost
    let core: Core
    let port = 0
    let key = ''
    let statuses: Map<string, string>
    let comms: WebSocket
    const open = async (): Promise<Core> => openCore(readConfig({ VIEWSHED_CONFIG: join(folder, 'config'), VIEWSHED_MEDIA: join(folder, 'media'), VIEWSHED_HOST: '127.0.0.1', VIEWSHED_PORT: String(port), VIEWSHED_MQTT_PORT: '0' }), plugins, pino({ level: 'silent' }))
    beforeAll(async () => {
      port = await freePort()
      red = await startStock(installed, join(folder, 'user'))
      readConfig({ VIEWSHED_CONFIG: join(folder, 'config'), VIEWSHED_MEDIA: join(folder, 'media') }) // makes the folder
      await writeFile(join(folder, 'config', 'viewshed.yaml'), `flows: { elsewhere: "http://127.0.0.1:${red.port}" }`)
      core = await open()
      key = await core.access.keys.add('red', 'flows')
      statuses = new Map()
      comms = new WebSocket(`ws://127.0.0.1:${red.port}/comms`)
      await once(comms, 'open')
      comms.on('message', (raw: Buffer) => {
        for (const { topic, data } of [JSON.parse(raw.toString()) as { topic: string; data: { text?: string } }].flat()) if (topic.startsWith('status/')) statuses.set(topic.slice('status/'.length), data.text ?? '')
      })
      comms.send('{"subscribe":"status/#"}')
    }, 120_000)
    afterAll(async () => {
      comms?.terminate()
      await red?.stop()
      await core?.close()
    })

    const address = () => `http://127.0.0.1:${port}`
    const deploy = async (...appliance: FlowEntry[]) => expect(await red.deploy([...appliance, ...FLOW])).toBe(true)
    const shown = (id: string) => expect.poll(() => statuses.get(id) ?? '')
    const flows = async () => (await (await fetch(`${core.url}/api/status`, { headers: { authorization: `Bearer ${core.tokenFor('person', 'vera', 'viewer')}` } })).json() as { flows: { running: boolean; trouble: string | null } }).flows
    const happens = async (name: string) => {
      const device = boardClient({ baseUrl: core.url, token: core.tokenFor('device', 'nas', 'device') })
      await device.emit(HOME, 'folder.refused', name, { name, camera: 'Van', code: 'clip/unsupported', message: 'none of ours' })
      device.close()
    }
    /** Names of files that a refusal was asked for of. */
    const noted = async () => (await core.board.tasks({ ...HOME, role: 'viewer' }, { stage: 'folder.refuse', limit: 100 })).map(({ input }) => String(input['name'])).sort()

    test('each node that needs it says in a word what is wrong, and nothing when all is well; a rule needs nothing', async () => {
      await deploy()
      for (const id of ['refused', 'note', 'copies']) await shown(id).toBe('no appliance set')
      await deploy(applianceNode(address(), ''))
      await shown('note').toBe('no key is set')
      await deploy(applianceNode(address(), 'vs_nobody'))
      await shown('note').toBe('the key is not accepted')
      await deploy(applianceNode(address(), await core.access.keys.add('ha', 'operator')))
      await shown('note').toBe('the key is not one for flows')
      await deploy(applianceNode(`http://127.0.0.1:${await freePort()}`, key))
      await shown('note').toBe('does not answer, waiting')
      await deploy(applianceNode('viewshed', key))
      await shown('note').toBe('its address is none')
      await deploy(applianceNode(address(), key), { ...applianceNode('http://127.0.0.1:9', key), id: 'second' })
      await shown('note').toBe('two appliances are set')
      expect((await flows()).running).toBe(false)
      await deploy(applianceNode(address(), key))
      for (const id of ['refused', 'note', 'copies']) await shown(id).toBe('')
      expect(statuses.get('rule')).toBeUndefined()
      await expect.poll(flows).toMatchObject({ running: true, trouble: null })
    }, 60_000)

    test('work goes to the appliance, its counts come back beneath the node, and the button does it again', async () => {
      await happens('a')
      await expect.poll(noted).toEqual(['a'])
      await shown('note').toBe('waiting 1')
      const again = async (id: string) => (await fetch(`http://127.0.0.1:${red.port}/viewshed/again/${id}`, { method: 'POST' })).json()
      expect([await again('refused'), await again('note'), await again('nobody')]).toEqual([{ what: 'done again' }, { what: 'on its way' }, { code: 'not-found', message: expect.any(String) }])
      const check = await fetch(`http://127.0.0.1:${red.port}/viewshed/check`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(FLOW) })
      expect(await check.json()).toMatchObject({ problems: expect.arrayContaining([expect.objectContaining({ node: 'copies', text: expect.stringContaining('Nothing leads here') })]) })
    })

    test('a second one is refused; one that comes back to another in its place lets go of all it had, says so, and goes on when the other is gone', async () => {
      const second = () => boardClient({ baseUrl: core.url, token: key, headers: { [LIFE_HEADER]: 'another' } }) // with the same key
      await expect(second().outcomes(null, 1, 0)).rejects.toMatchObject({ code: 'flows/taken' })
      await happens('late') // lingers in a function
      await shown('linger').toBe('here')
      const pid = red.pid()!
      process.kill(pid, 'SIGSTOP')
      await core.close()
      core = await open() // has forgotten who routed
      const other = second()
      const taken = await other.outcomes(null, 10, 20_000)
      expect(taken).toHaveLength(1)
      await other.acknowledge(taken.map(({ seq }) => seq))
      const asking = other.outcomes('~', 1, 60_000).catch(() => null) // as long as it asks it is there
      process.kill(pid, 'SIGCONT')
      await shown('note').toBe('another Node-RED runs the flows')
      await happens('b')
      await fetch(`http://127.0.0.1:${red.port}/inject/go`, { method: 'POST' })
      await shown('linger').toBe('gone')
      await shown('note').toContain('given to another Node-RED')
      expect(await noted()).toEqual(['a'])
      other.close()
      await asking
      await expect.poll(noted).toEqual(['a', 'b'])
      await shown('note').toBe('waiting 2')
    }, 60_000)

    test('without a node of ours nothing is taken, so what happens waits; the pages are told why', async () => {
      expect(await red.deploy([applianceNode(address()), FLOW[0]!])).toBe(true)
      await expect.poll(flows).toMatchObject({ running: false, trouble: expect.stringContaining('no node of Viewshed is in its flow') })
      await happens('c')
      await deploy(applianceNode(address()))
      await expect.poll(noted).toEqual(['a', 'b', 'c'])
    }, 60_000)

    test('what a node there could not do, and what one swallowed, is known here; dismissed here, it is no more there', async () => {
      const api = client({ baseUrl: core.url, headers: { authorization: `Bearer ${core.tokenFor('person', 'otto', 'operator')}` } })
      expect((await api.flowFaults({})).faults).toMatchObject([{ node: { id: 'odd', name: 'Only odd ones', tab: 'Mine' }, words: expect.stringContaining('not this one'), count: 1, subject: 'a' }])
      await happens('kept')
      const held = async () => (await api.status({})).flows.held
      await expect.poll(async () => (await api.heldMessages({})).held, { timeout: 150_000, interval: 1_000 }).toMatchObject([{ title: 'A file was refused', subject: 'kept', last: { id: 'nowhere', name: 'link in', tab: 'Mine' }, waits: false }]) // held for a minute
      await api.dismissHeld({ seqs: (await api.heldMessages({})).held.map(({ seq }) => seq) })
      await expect.poll(held, { timeout: 30_000 }).toBe(0)
      expect((await api.events({ type: 'flow.dismissed' })).events).toHaveLength(1)
      await new Promise((resolve) => setTimeout(resolve, 5_000)) // two beats on, it has let go of it
      expect(await held()).toBe(0)
    }, 240_000)
  })

  test('the package needs no other, has the licences of what is in it, and pipelines to import', async () => {
    const made = join(installed, 'node_modules', 'node-red-contrib-viewshed')
    const { dependencies, license, keywords } = JSON.parse(await readFile(join(made, 'package.json'), 'utf8')) as { dependencies?: object; license: string; keywords: string[] }
    expect([dependencies, license, keywords.includes('node-red')]).toEqual([undefined, 'MIT', true])
    const names = await readdir(made)
    expect(names).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'runtime.cjs', 'viewshed.html', 'clip.html']))
    const runtime = await readFile(join(made, 'runtime.cjs'), 'utf8')
    expect([...runtime.matchAll(/require\("([^"]+)"\)/g)].map(([, name]) => name!).filter((name) => !name.startsWith('node:'))).toEqual([])
    expect(await readFile(join(made, 'THIRD-PARTY-LICENSES'), 'utf8')).toContain('typebox')
    expect((await readdir(join(made, 'examples'))).length).toBe(8)
  })
})
