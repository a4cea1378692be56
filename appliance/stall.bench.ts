/** What everybody else notices while a function in the flow loops without end, and how long until it is mended: asked every 100 ms, the slowest answer counts. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import mqtt from 'mqtt'
import { CAPABILITY, CONDITIONS } from '../core/devices/testing.ts'
import type { Ask } from '../core/http/api.ts'
import { client } from '../core/http/client.ts'
import type { FlowEntry } from '../flows/red.ts'
import { openStack } from './crash/stack.ts'
import type { Figure } from './figure.ts'
import { admit, ask, claim, light } from './test/light.ts'

const EVERY_MS = 100
const BEFORE_MS = 5_000
const LIMIT_MS = 120_000
const GPX = `<?xml version="1.0"?><gpx version="1.1" creator="bench" xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>${
  Array.from({ length: 60 }, (_, i) => `<trkpt lat="${52.5 + i / 10_000}" lon="13.4"><time>2026-11-20T12:00:${String(i).padStart(2, '0')}Z</time></trkpt>`).join('')}</trkseg></trk></gpx>`

export async function* bench(): AsyncGenerator<Figure> {
  const home = await mkdtemp(join(tmpdir(), 'viewshed-stall-'))
  const stack = await openStack(home)
  try {
    stack.start()
    await until(() => fetch(`${stack.url}/flows/flows`, { method: 'HEAD' }).then(({ status }) => status === 401, () => false))
    const { token } = JSON.parse(await readFile(join(home, 'config', 'run', 'door.json'), 'utf8')) as { token: string }
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'node-red-api-version': 'v1' }
    const api = client({ baseUrl: stack.url, headers })
    const flowsAnswer = () => fetch(`${stack.url}/flows/flows`, { headers }).then(({ ok }) => ok, () => false)
    const status = async () => (await api.status({})).flows
    await until(flowsAnswer)
    const flow = (await (await fetch(`${stack.url}/flows/flows`, { headers })).json()) as FlowEntry[]
    const deploy = async (func: string) => {
      const entries = [
        ...flow.map((entry) => (entry.id === 'viewshed_arrived' ? { ...entry, wires: [['loop']] } : entry)),
        { id: 'loop', type: 'function', z: 'viewshed_drive', name: 'Loops', func, outputs: 1, x: 220, y: 90, wires: [['viewshed_probe']] },
      ]
      const { ok, status } = await fetch(`${stack.url}/flows/flows`, { method: 'POST', headers, body: JSON.stringify(entries) })
      if (!ok) throw new Error(`the deploy was answered with ${status}`)
    }

    const device = light('light', '127.0.1.1')
    await admit(stack.url, device, api)
    await ask(stack.url, device, '/api/device/hello', { capability: CAPABILITY, conditions: CONDITIONS } satisfies Ask<'hello'>)
    const feed = await mqtt.connectAsync(`mqtt://127.0.0.1:${stack.mqttPort}`, { username: '@cli', password: token, clientId: '@cli:bench', keepalive: 0, reconnectPeriod: 0 }, false)
    const doors: Record<string, () => Promise<unknown>> = {
      page: async () => (await fetch(`${stack.url}/`)).arrayBuffer(),
      api: () => api.status({}),
      board: () => claim(stack.url, device),
      mqtt: () => new Promise((answered) => {
        const heard = ({ cmd }: { cmd?: string }) => { if (cmd === 'pingresp') answered(feed.off('packetreceive', heard)) }
        feed.on('packetreceive', heard)
        feed.sendPing()
      }),
    }
    /** The slowest answer at each door, ms, until it is over. */
    const slowest = async (isOver: () => Promise<boolean>): Promise<Record<string, number>> => {
      const worst: Record<string, number> = Object.fromEntries(Object.keys(doors).map((door) => [door, 0]))
      for (const from_ms = performance.now(); !(await isOver());) {
        if (performance.now() - from_ms > LIMIT_MS) throw new Error(`it is not over after ${LIMIT_MS / 1000} s`)
        for (const [door, knock] of Object.entries(doors)) {
          const asked_ms = performance.now()
          await knock()
          worst[door] = Math.max(worst[door]!, performance.now() - asked_ms)
        }
        await wait(EVERY_MS)
      }
      return worst
    }

    await deploy('while (true) {}')
    await until(async () => (await status()).running)
    const calm_ms = performance.now() + BEFORE_MS
    const calm = await slowest(async () => performance.now() > calm_ms)

    await writeFile(join(home, 'inbox', 'drive.gpx'), GPX)
    await until(async () => (await api.events({ type: 'folder.arrived' })).events.length > 0)
    const stood_ms = performance.now()
    const stalled = await slowest(async () => (await status()).trouble?.includes('safe mode') === true && flowsAnswer())
    const back_s = (performance.now() - stood_ms) / 1000
    await deploy('return msg')
    const mended_ms = performance.now()
    await until(async () => (await api.assets({})).assets.length === 1 && (await status()).trouble === null)
    const drained_s = (performance.now() - mended_ms) / 1000
    await feed.endAsync(true)
    device.agent.destroy()

    for (const door of Object.keys(doors)) yield { name: `stall.${door}`, value: stalled[door]!, unit: 'ms, the slowest answer while a function looped', peer: 'before it did', peer_value: calm[door]!, ratio: stalled[door]! / calm[door]! }
    yield { name: 'stall.back', value: back_s, unit: 's until Node-RED answered in safe mode, of which it stood still for 10', peer: null, peer_value: null, ratio: null }
    yield { name: 'stall.drained', value: drained_s, unit: 's from the deploy of the mended flow until what waited had passed it', peer: null, peer_value: null, ratio: null }
  } finally {
    await stack.stop()
    stack.close()
    await rm(home, { recursive: true, force: true, maxRetries: 5 })
  }
}

async function until(is: () => Promise<boolean>): Promise<void> {
  for (const from_ms = performance.now(); !(await is()); await wait(EVERY_MS)) if (performance.now() - from_ms > LIMIT_MS) throw new Error(`it did not come to it within ${LIMIT_MS / 1000} s`)
}
