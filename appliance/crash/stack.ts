/** The whole appliance as processes that can be found and killed, with the devices that joined it. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, rm, readdir } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { client, type Client } from '../../core/http/client.ts'
import { freePort } from '../../core/http/free-port.ts'
import { shiftedClock } from './clock.ts'
import { openDevice, type Device } from './device.ts'
import { openDisk, type Disk } from './disk.ts'
import { openNet, type Net } from './net.ts'
import { descendants, isStage, openWake, send, type Process } from './processes.ts'

const CLI = fileURLToPath(new URL('../cli.ts', import.meta.url))
const STOP_MS = 15_000
const VOLUME_MIB = 1024
/** The plates stage wants 512 MiB of scratch. */
const DEVICE_MIB = 700
export type Victim = 'core' | 'agent' | 'stage' | 'node-red'

export interface Stack {
  readonly home: string
  readonly url: string // in its own namespace, where it has one
  readonly mqttPort: number // likewise
  readonly devices: readonly Device[]
  readonly disks: { readonly volume: Disk | null; readonly device: ReadonlyMap<string, Disk> } // by the device's name
  clock_s: number // of the appliance: ahead of the true time from its next start on
  /** By the token of its command line; a new one at each start. */
  api(): Promise<Client>
  alive(): boolean
  start(): void
  /** What of that kind is alive now on the appliance itself. */
  pids(victim: Victim): Promise<number[]>
  /** By SIGKILL; what it leaves is looked after. False: it had ended by itself. Core is started again by `start`. */
  kill(victim: Victim, pid: number): Promise<boolean>
  /** The own agent's scratch. */
  wipe(): Promise<void>
  /** What was still running long after the process above it was gone. */
  orphans(): Promise<readonly string[]>
  /** Everything ends, devices first. */
  stop(): Promise<void>
  /** Takes down what `openStack` set up; after `stop`, or without it when nothing matters any more. */
  close(): void
}

export interface StackOptions {
  readonly devices?: number
  readonly net?: boolean // each device in a namespace of its own, the appliance too
  readonly disks?: boolean // of limited size
  readonly env?: NodeJS.ProcessEnv // of the appliance alone
}

/** @param home gets `config`, `media`, `archive`, `inbox` and a folder for each device. The second device has the volumes as folders, the others have them over HTTP. */
export async function openStack(home: string, { devices: count = 0, net: apart = false, disks = false, env = {} }: StackOptions = {}): Promise<Stack> {
  for (const folder of ['config', 'media', 'archive', 'inbox']) await mkdir(join(home, folder), { recursive: true })
  const volume = disks ? openDisk(join(home, 'media'), VOLUME_MIB) : null
  const small = new Map<string, Disk>()
  const net: Net | null = apart ? openNet(count) : null
  const port = net ? 8080 : await freePort()
  const mqttPort = net ? 1883 : await freePort()
  let core: ChildProcess | null = null
  const wake = openWake()
  const stubborn: string[] = []

  const devices: Device[] = []
  for (let n = 1; n <= count; n++) {
    const name = `device-${n}`
    const folder = join(home, name)
    const host = net?.devices[n - 1] ?? null
    if (disks && n === count) small.set(name, openDisk(folder, DEVICE_MIB))
    devices.push(openDevice({
      name, folder, host, wake, url: `http://${host?.appliance ?? '127.0.0.1'}:${port}`,
      mounts: n === 2 ? { media: join(home, 'media'), archive: join(home, 'archive') } : {},
      tools: join(home, 'tools', name), quality: 5 + n,
    }))
  }

  const alive = () => core !== null && core.exitCode === null && core.signalCode === null
  const below = async (): Promise<Process[]> => (alive() ? descendants(core!.pid!) : [])

  const stack: Stack = {
    home, url: `http://127.0.0.1:${port}`, mqttPort, devices, disks: { volume, device: small }, clock_s: 0, alive,
    async api() {
      const { socketPath, token } = JSON.parse(await readFile(join(home, 'config', 'run', 'door.json'), 'utf8')) as { socketPath: string; token: string }
      return client({ fetch: overSocket(socketPath), headers: { authorization: `Bearer ${token}` } })
    },
    start() {
      const words = ['setpriv', '--pdeathsig', 'KILL', ...(net?.appliance.enter ?? []), process.execPath, '--disable-warning=ExperimentalWarning', CLI, 'serve']
      core = spawn(words[0]!, words.slice(1), {
        stdio: ['ignore', 'ignore', process.env.VIEWSHED_CRASH_VERBOSE ? 'inherit' : 'ignore'],
        env: {
          ...process.env, VIEWSHED_CONFIG: join(home, 'config'), VIEWSHED_MEDIA: join(home, 'media'), VIEWSHED_ARCHIVE: join(home, 'archive'), VIEWSHED_INBOX: join(home, 'inbox'),
          VIEWSHED_HOST: net ? '0.0.0.0' : '127.0.0.1', VIEWSHED_PORT: String(port), VIEWSHED_MQTT_PORT: String(mqttPort), VIEWSHED_LOG: 'warn',
          ...(stack.clock_s === 0 ? {} : shiftedClock(stack.clock_s)), ...env,
        },
      })
    },
    async pids(victim) {
      if (victim === 'core') return alive() ? [core!.pid!] : []
      return (await below()).filter(victim === 'stage' ? isStage : ({ command }) => command.includes(MARK[victim])).map(({ pid }) => pid)
    },
    async kill(victim, pid) {
      const beneath = victim === 'stage' ? [] : await descendants(pid)
      const ended = victim === 'core' ? once(core!, 'exit') : null
      if (!send(pid, 'SIGKILL')) return false
      await ended
      wake.mourn(beneath, `its ${victim}`)
      return true
    },
    async wipe() {
      const scratch = join(home, 'config', 'scratch')
      for (const entry of await readdir(scratch)) await rm(join(scratch, entry), { recursive: true, force: true, maxRetries: 5 })
    },
    orphans: async () => [...stubborn, ...(await wake.orphans())],
    async stop() {
      await Promise.all(devices.map(async (device) => { if (!(await device.goodbye())) stubborn.push(`${device.name} did not end by SIGTERM`) }))
      if (alive()) {
        const beneath = await below()
        const ended = once(core!, 'exit')
        core!.kill('SIGTERM')
        const late = setTimeout(() => core!.kill('SIGKILL'), STOP_MS)
        await ended
        clearTimeout(late)
        wake.mourn(beneath, 'the appliance')
      }
    },
    close() {
      if (alive()) send(core!.pid!, 'SIGKILL')
      net?.close() // what still runs in there, too
      for (const disk of [volume, ...small.values()]) disk?.close()
    },
  }
  return stack
}

/** What tells them by their command lines. */
const MARK = { agent: 'cli.ts\0agent', 'node-red': 'flows/child.ts' }

/** The appliance may be in a namespace of its own; its socket is a file like any other. */
const overSocket = (socketPath: string): typeof fetch => (path, { method, headers, body, signal } = {}) => new Promise((resolve, reject) => {
  const ask = request({ socketPath, path: String(path as string), method, headers: headers as Record<string, string>, signal: signal ?? undefined })
  ask.once('error', reject)
  ask.once('response', (answer) => {
    const parts: Buffer[] = []
    answer.on('data', (part: Buffer) => parts.push(part)).once('error', reject).once('end', () => resolve(new Response(Buffer.concat(parts), { status: answer.statusCode! })))
  })
  ask.end(body as string | undefined)
})
