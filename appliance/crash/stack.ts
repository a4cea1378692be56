/** The whole appliance as processes that can be found and killed. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { client, type Client } from '../../core/http/client.ts'

const CLI = fileURLToPath(new URL('../cli.ts', import.meta.url))
export const VICTIMS = ['core', 'agent', 'stage', 'node-red'] as const
export type Victim = (typeof VICTIMS)[number]

export interface Stack {
  readonly url: string
  readonly api: () => Promise<Client>
  /** Null when none of that kind is alive now. */
  pid(victim: Victim): Promise<number | null>
  /** Kills by SIGKILL; core is started again by `start`. */
  kill(victim: Victim): Promise<boolean>
  alive(): boolean
  /** What was still running seconds after the process above it was killed. */
  readonly orphans: readonly string[]
  start(): Promise<void>
  stop(): Promise<void>
}

/** @param home gets `config`, `media` and `archive`; `media/inbox` is watched */
export async function openStack(home: string, env: NodeJS.ProcessEnv = {}): Promise<Stack> {
  const port = await freePort()
  let core: ChildProcess | null = null
  const orphans: string[] = []

  async function start(): Promise<void> {
    core = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', CLI, 'serve'], {
      stdio: ['ignore', 'ignore', process.env.VIEWSHED_CRASH_VERBOSE ? 'inherit' : 'ignore'],
      env: {
        ...process.env, VIEWSHED_CONFIG: join(home, 'config'), VIEWSHED_MEDIA: join(home, 'media'), VIEWSHED_ARCHIVE: join(home, 'archive'), VIEWSHED_INBOX: join(home, 'inbox'),
        VIEWSHED_HOST: '127.0.0.1', VIEWSHED_PORT: String(port), VIEWSHED_MQTT_PORT: '0', VIEWSHED_LOG: 'warn', ...env,
      },
    })
  }

  /** By the token of its command line; a new one at each start. */
  async function api(): Promise<Client> {
    const { token } = JSON.parse(await readFile(join(home, 'config', 'run', 'door.json'), 'utf8')) as { token: string }
    return client({ baseUrl: `http://127.0.0.1:${port}`, headers: { authorization: `Bearer ${token}` } })
  }

  const alive = () => core !== null && core.exitCode === null && core.signalCode === null

  async function pid(victim: Victim): Promise<number | null> {
    if (!alive()) return null
    if (victim === 'core') return core!.pid ?? null
    const all = await descendants(core!.pid!)
    const mark = { agent: 'cli.ts\0agent', stage: 'appliance/child.ts', 'node-red': 'flows/child.ts' }[victim]
    const found = all.filter((process) => process.command.includes(mark))
    return found[Math.floor(Math.random() * found.length)]?.pid ?? null
  }

  return {
    url: `http://127.0.0.1:${port}`, api, pid, alive, start, orphans,
    async kill(victim) {
      const target = await pid(victim)
      if (target === null) return false
      const below = victim === 'stage' ? [] : await descendants(target)
      const ended = victim === 'core' ? once(core!, 'exit') : null
      try {
        process.kill(target, 'SIGKILL')
      } catch (e) {
        if (e instanceof Error && 'code' in e && e.code === 'ESRCH') return false // it ended by itself a moment ago
        throw e
      }
      await ended
      const outlived = await whoOutlives(below.map(({ pid }) => pid))
      if (outlived.length > 0) orphans.push(...below.filter(({ pid }) => outlived.includes(pid)).map(({ command }) => `outlived its ${victim}: ${command.replaceAll('\0', ' ').slice(0, 200)}`))
      return true
    },
    async stop() {
      if (!alive()) return
      const ended = once(core!, 'exit')
      core!.kill('SIGTERM')
      const late = setTimeout(() => core!.kill('SIGKILL'), 15_000)
      await ended
      clearTimeout(late)
    },
  }
}

async function descendants(root: number): Promise<{ pid: number; command: string }[]> {
  const parents = new Map<number, { parent: number; command: string }>()
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const [stat, command] = await Promise.all([readFile(`/proc/${name}/stat`, 'latin1'), readFile(`/proc/${name}/cmdline`, 'latin1')])
      parents.set(Number(name), { parent: Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]), command })
    } catch (e) {
      if (!(e instanceof Error && 'code' in e && ['ENOENT', 'ESRCH'].includes(String(e.code)))) throw e // it ended while we looked
    }
  }
  const isBelow = (pid: number): boolean => {
    for (let at = parents.get(pid)?.parent; at !== undefined && at > 1; at = parents.get(at)?.parent) if (at === root) return true
    return false
  }
  return [...parents].filter(([pid]) => isBelow(pid)).map(([pid, { command }]) => ({ pid, command }))
}

const ORPHAN_MS = 8_000

/** Those that are alive when `ORPHAN_MS` are over; returns as soon as there are none. */
async function whoOutlives(pids: readonly number[]): Promise<number[]> {
  const deadline = Date.now() + ORPHAN_MS
  for (let left = [...pids]; ;) {
    left = (await Promise.all(left.map(async (pid) => ((await isAlive(pid)) ? [pid] : [])))).flat()
    if (left.length === 0 || Date.now() > deadline) return left
    await new Promise((next) => setTimeout(next, 50))
  }
}

async function isAlive(pid: number): Promise<boolean> {
  try {
    return !/^State:\s+Z/m.test(await readFile(`/proc/${pid}/status`, 'latin1'))
  } catch (e) {
    if (e instanceof Error && 'code' in e && ['ENOENT', 'ESRCH'].includes(String(e.code))) return false
    throw e
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
