/** Palettes that somebody installs: real packages, by the editor's own doors of a real Node-RED. */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { installedPalettes, removePalette } from './installed.ts'
import type { FlowEntry } from './red.ts'
import { NAME, packPackage, writePackage } from './testing/package.ts'
import { bench, tokenOf, type Bench } from './testing/start.ts'

const TAB: FlowEntry = { id: 'tab', type: 'tab', label: 'Test' }
const FLOW: readonly FlowEntry[] = [
  TAB, { id: 'came', type: 'test.came', z: 'tab', x: 0, y: 0, wires: [['turned']] },
  { id: 'turned', type: 'upside-down', z: 'tab', x: 0, y: 0, wires: [['first']] }, { id: 'first', type: 'test.first', z: 'tab', x: 0, y: 0, wires: [[]] },
]

let dir: string
let tarball: Buffer
let on = false
let red: Bench
const open = async (flow: readonly FlowEntry[]) => {
  red = await bench(flow, { palettes: () => on })
  await red.until(() => red.flows.ready())
}
const userDir = () => join(red.socketPath, '..', 'user')

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'palette-'))
  tarball = await readFile(await packPackage(dir))
})
afterAll(() => rm(dir, { recursive: true }))
afterEach(async () => {
  on = false
  await red.close()
})

async function upload(): Promise<number> {
  const form = new FormData()
  form.append('tarball', new Blob([tarball]), 'palette.tgz')
  const request = new Request('http://red', { method: 'POST', body: form })
  const answer = await red.send('POST', '/flows/nodes', Buffer.from(await request.arrayBuffer()), request.headers.get('content-type')!)
  return answer.status
}

test('nothing is installed until that is switched on; then a palette is, works, is there after a restart, and can be removed again', async () => {
  await open([])
  expect(await upload()).toBe(404)
  expect(await red.ask('POST', '/flows/nodes', { body: { module: NAME } })).toMatchObject({ status: 404 })
  expect(await installedPalettes(userDir())).toEqual([])

  on = true
  await red.flows.restart()
  await red.until(() => red.flows.ready())
  expect((await red.ask('POST', '/flows/nodes', { body: { module: NAME }, token: tokenOf('read') })).status).toBe(401)
  expect(await upload()).toBe(200)
  expect(await installedPalettes(userDir())).toEqual([{ name: NAME, version: '1.2.3' }])
  await red.deploy(FLOW)
  red.core.emit('test.came', { n: 3 })
  await red.core.settled()
  expect(red.core.published.at(-1)).toMatchObject({ stage: 'test.first', input: { n: -3 } })

  on = false // what is there stays and works, nothing more comes
  await red.flows.restart()
  await red.until(() => red.flows.state().running)
  expect(await upload()).toBe(404)
  red.core.emit('test.came', { n: 4 })
  await red.core.settled()
  expect(red.core.published.at(-1)).toMatchObject({ input: { n: -4 } })

  await red.flows.restart(() => removePalette(userDir(), NAME))
  await red.until(() => red.flows.ready())
  expect(await installedPalettes(userDir())).toEqual([])
  expect(existsSync(join(userDir(), 'node_modules', NAME))).toBe(false)
  expect(red.flows.state()).toMatchObject({ running: false, stopped: expect.stringContaining('upside-down') as string }) // and what waits for it is not lost
  await expect(removePalette(userDir(), NAME)).rejects.toMatchObject({ code: 'not-found' })
  await expect(removePalette(userDir(), '--help')).rejects.toMatchObject({ code: 'not-found' })
}, 120_000)

test('a palette that ends Node-RED as it is loaded is left out in the end; the editor answers, and without it the flows run again', async () => {
  await open([TAB])
  await writePackage(join(userDir(), 'node_modules', NAME), 'setTimeout(() => process.exit(1), 50); module.exports = () => undefined')
  await writeFile(join(userDir(), 'package.json'), JSON.stringify({ name: 'x', version: '0.0.1', private: true, dependencies: { [NAME]: '~1.2.3' } }))
  await red.flows.restart()
  await red.until(() => red.flows.state().leftOut && red.flows.ready())
  expect(red.flows.state()).toMatchObject({ running: false, safe: { why: 'crashing', last: null } })
  expect((await red.ask('GET', '/flows/flows')).status).toBe(200)
  await red.flows.restart(() => removePalette(userDir(), NAME))
  await red.until(() => red.flows.state().running)
  expect(red.flows.state()).toMatchObject({ leftOut: false, safe: null })
}, 120_000)

test('what fails while Node-RED is down leaves it running', async () => {
  await open([TAB])
  const { starts } = red.flows.state()
  await expect(red.flows.restart(() => removePalette(userDir(), 'nobody'))).rejects.toMatchObject({ code: 'not-found', message: 'No palette nobody is installed.' })
  await red.until(() => red.flows.state().running)
  expect(red.flows.state().starts).toBe(starts + 1)
})

test('restarted again and again, also while it is being started after a kill: one process runs, and none after it was told to stop', async () => {
  await open([TAB])
  for (let i = 0; i < 5; i++) {
    const pid = red.flows.state().pid
    if (pid !== null) process.kill(pid, 'SIGKILL')
    await new Promise((resolve) => setTimeout(resolve, 60 + 20 * i)) // about when it is started again by itself
    await Promise.all([red.flows.restart(), red.flows.restart()])
  }
  await red.until(() => red.flows.state().running)
  const running = () => execFileSync('ps', ['-eo', 'pid,ppid,args'], { encoding: 'utf8' }).split('\n').filter((line) => line.includes('flows/testing/child.ts') && Number(line.trim().split(/\s+/)[1]) === process.pid)
  expect(running().length).toBe(1)
  const restarting = red.flows.restart().catch(() => undefined)
  await red.flows.stop()
  await restarting
  expect(running()).toEqual([])
}, 60_000)
