/** A machine that joined: a real `viewshed agent` with a folder of its own, in a namespace of its own where there are any. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Client } from '../../core/http/client.ts'
import { shiftedClock } from './clock.ts'
import type { DeviceHost } from './net.ts'
import { descendants, isStage, send, type Wake } from './processes.ts'

const CLI = fileURLToPath(new URL('../cli.ts', import.meta.url))
const PAIRING_MS = 180_000
const GOODBYE_MS = 20_000

export interface Device {
  readonly name: string
  readonly host: DeviceHost | null // null: there are no namespaces here
  readonly folder: string
  clock_s: number // ahead of the true time from its next start on
  alive(): boolean
  start(): void
  /** Starts it and has it accepted at the door. */
  join(api: () => Promise<Client>): Promise<void>
  /** Its stage processes. */
  stages(): Promise<number[]>
  /** @param whole every process of it; else only the agent, and what it leaves is looked for */
  kill(whole: boolean): Promise<void>
  /** As somebody who switches it off: by SIGTERM. False: it had to be killed. */
  goodbye(): Promise<boolean>
  /** @param whole with its stages, as a machine asleep */
  freeze(whole: boolean): Promise<number[]>
  thaw(pids: readonly number[]): void
  /** What it keeps for later is gone: its scratch and its cache, not who it is. */
  wipe(): Promise<void>
  /** From now on no filmstrip is finished there until it is released. */
  hold(): Promise<void>
  release(): Promise<void>
}

export interface DeviceOptions {
  readonly name: string
  readonly folder: string
  readonly url: string // of the appliance, as it sees it
  readonly host: DeviceHost | null
  readonly wake: Wake // looks after what must end with its agent
  readonly mounts: Readonly<Record<string, string>> // volume → folder
  readonly tools: string // made: a folder of tools that it finds first
  readonly quality: number // of its pictures, 2 to 31: each device has an ffmpeg that makes other bytes, as another version does
}

export function openDevice({ name, folder, url, host, wake, mounts, tools, quality }: DeviceOptions): Device {
  let agent: ChildProcess | null = null

  const device: Device = {
    name, host, folder, clock_s: 0,
    alive: () => agent !== null && agent.exitCode === null && agent.signalCode === null,
    start() {
      // It dies with us, however we end.
      const words = ['setpriv', '--pdeathsig', 'KILL', ...(host?.enter ?? []), process.execPath, '--disable-warning=ExperimentalWarning', CLI, 'agent', '--join', url, '--folder', folder, '--name', name]
      agent = spawn(words[0]!, words.slice(1), {
        stdio: ['ignore', 'ignore', process.env.VIEWSHED_CRASH_VERBOSE ? 'inherit' : 'ignore'],
        env: { ...process.env, VIEWSHED_LOG: 'warn', PATH: `${tools}:${process.env.PATH}`, ...(device.clock_s === 0 ? {} : shiftedClock(device.clock_s)) },
      })
    },
    async join(api) {
      await mkdir(folder, { recursive: true })
      await writeFile(join(folder, 'agent.yaml'), JSON.stringify({ mounts, cache_bytes: CACHE_BYTES }))
      await writeTools(tools, quality)
      device.start()
      const deadline_ms = Date.now() + PAIRING_MS
      for (; ;) {
        const waiting = (await (await api()).devices()).joining.find((one) => one.name === name)
        if (waiting) return void (await (await api()).acceptDevice({ code: waiting.code }))
        if (!device.alive()) throw new Error(`${name} ended before it was accepted`)
        if (Date.now() > deadline_ms) throw new Error(`${name} did not come to the door within ${PAIRING_MS / 1000} s`)
        await wait(100)
      }
    },
    async stages() {
      return device.alive() ? (await descendants(agent!.pid!)).filter(isStage).map(({ pid }) => pid) : []
    },
    async kill(whole) {
      if (!device.alive()) return
      const ended = once(agent!, 'exit')
      const below = await descendants(agent!.pid!)
      for (const pid of [agent!.pid!, ...(whole ? below.map(({ pid }) => pid) : [])]) send(pid, 'SIGKILL')
      await ended
      wake.mourn(below, `the agent of ${name}`)
    },
    async goodbye() {
      if (!device.alive()) return true
      const ended = once(agent!, 'exit')
      const below = await descendants(agent!.pid!)
      agent!.kill('SIGTERM')
      const late = new AbortController()
      const went = await Promise.race([ended.then(() => true), wait(GOODBYE_MS, false, { signal: late.signal })])
      late.abort()
      if (!went) {
        agent!.kill('SIGKILL')
        await ended
      }
      wake.mourn(below, `the goodbye of ${name}`)
      return went
    },
    async freeze(whole) {
      if (!device.alive()) return []
      const agentOnly = [agent!.pid!]
      send(agent!.pid!, 'SIGSTOP') // first: it starts nothing more while the others are looked up
      if (!whole) return agentOnly
      const below = (await descendants(agent!.pid!)).map(({ pid }) => pid)
      for (const pid of below) send(pid, 'SIGSTOP')
      return [...below, ...agentOnly]
    },
    thaw(pids) {
      for (const pid of pids) send(pid, 'SIGCONT')
    },
    async wipe() {
      for (const inside of KEPT) for (const entry of await entries(join(folder, inside))) await rm(join(folder, inside, entry), { recursive: true, force: true, maxRetries: 5 })
    },
    hold: () => writeFile(join(tools, HOLD), ''),
    release: () => rm(join(tools, HOLD)),
  }
  return device
}

async function writeTools(folder: string, quality: number): Promise<void> {
  await mkdir(folder, { recursive: true })
  const path = join(folder, 'ffmpeg')
  await writeFile(path, `#!/bin/sh
for last; do :; done
case "$last" in *.jpg)
  while [ -e "\${0%/*}/${HOLD}" ]; do sleep 0.1; done
  # One more option before the last word, which is the file.
  n=$#; for word; do n=$((n - 1)); shift; if [ $n = 0 ]; then set -- "$@" -q:v ${quality} "$word"; else set -- "$@" "$word"; fi; done;;
esac
PATH="\${PATH#*:}" exec ffmpeg "$@"
`)
  await chmod(path, 0o755)
}

const HOLD = 'hold'
const CACHE_BYTES = 20e6
const KEPT = ['scratch', 'cache']

async function entries(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (e) {
    if (e instanceof Error && 'code' in e && e.code === 'ENOENT') return [] // it has not come that far
    throw e
  }
}
