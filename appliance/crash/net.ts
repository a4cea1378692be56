/**
 * Hosts of our own making: a network namespace for the appliance, one for each device, and a link from each of them to
 * the appliance's. Nothing of it touches the network of this machine. Needs root, `ip`, `tc`, `iptables` and `nsenter`.
 */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { isRunning, send } from './processes.ts'
import { tool, whyNot } from './tool.ts'

export interface Host {
  /** Words before a command, so that it runs there. */
  readonly enter: readonly string[]
}

export interface DeviceHost extends Host {
  /** Where it sees the appliance. */
  readonly appliance: string
  cut(): void
  restore(): void
  /** Both ways. */
  slow(rate_mbit: number): void
  /** @param part of all packets that are lost, each way, 0 to 1 */
  lose(part: number): void
  /** Neither slow nor lossy any more. */
  mend(): void
}

export interface Net {
  readonly appliance: Host
  readonly devices: readonly DeviceHost[]
  /** What still runs in there is ended. */
  close(): void
}

const PREFIX = 'vsc' // namespaces are called vsc-<pid>-<which>-<host>
const FOLDER = '/run/netns'
let opened = 0

export function openNet(devices: number): Net {
  sweepNets()
  const own = `${PREFIX}-${process.pid}-${++opened}`
  const hub = `${own}-hub`
  const made: string[] = []
  const make = (name: string) => {
    tool('ip', 'netns', 'add', name)
    made.push(name)
    tool('ip', '-n', name, 'link', 'set', 'dev', 'lo', 'up')
  }
  const close = () => {
    for (const name of made.splice(0).reverse()) end(name)
  }
  try {
    make(hub)
    return { appliance: { enter: entering(hub) }, devices: Array.from({ length: devices }, (_, i) => device(i + 1)), close }
  } catch (e) {
    close()
    throw e
  }

  function device(n: number): DeviceHost {
    const name = `${own}-${n}`
    const there = `to-${n}` // the end at the appliance
    make(name)
    // Made with its far end inside the other namespace: it goes with either of them.
    tool('ip', '-n', hub, 'link', 'add', there, 'type', 'veth', 'peer', 'name', 'up', 'netns', name)
    tool('ip', '-n', hub, 'addr', 'add', `10.83.${n}.1/30`, 'dev', there)
    tool('ip', '-n', name, 'addr', 'add', `10.83.${n}.2/30`, 'dev', 'up')
    tool('ip', '-n', hub, 'link', 'set', 'dev', there, 'up')
    tool('ip', '-n', name, 'link', 'set', 'dev', 'up', 'up')
    const ends = [[hub, there], [name, 'up']] as const
    const [enter, ...into] = entering(name)
    const iptables = (...words: readonly string[]) => tool(enter!, ...into, 'iptables', ...words)
    return {
      enter: entering(name), appliance: `10.83.${n}.1`,
      cut: () => void tool('ip', '-n', name, 'link', 'set', 'dev', 'up', 'down'),
      restore: () => void tool('ip', '-n', name, 'link', 'set', 'dev', 'up', 'up'),
      slow(rate_mbit) {
        for (const [at, link] of ends) tool('tc', '-n', at, 'qdisc', 'replace', 'dev', link, 'root', 'tbf', 'rate', `${rate_mbit}mbit`, 'burst', '32kbit', 'latency', '400ms')
      },
      lose(part) {
        for (const [chain, side] of [['INPUT', '-i'], ['OUTPUT', '-o']] as const) iptables('-A', chain, side, 'up', '-m', 'statistic', '--mode', 'random', '--probability', String(part), '-j', 'DROP')
      },
      mend() {
        for (const [at, link] of ends) if (tool('tc', '-n', at, 'qdisc', 'show', 'dev', link).includes('tbf')) tool('tc', '-n', at, 'qdisc', 'del', 'dev', link, 'root')
        iptables('-F')
      },
    }
  }
}

/** Null: namespaces with slow and lossy links can be made here. Otherwise why not. */
export function whyNoNet(): string | null {
  if (process.platform !== 'linux') return 'network namespaces are there on Linux only'
  if (process.getuid?.() !== 0) return 'network namespaces are root\'s to make'
  return whyNot(() => {
    const net = openNet(1)
    try {
      net.devices[0]!.slow(2)
      net.devices[0]!.lose(0.1)
      net.devices[0]!.mend()
    } finally {
      net.close()
    }
  })
}

/** What runs of ours left behind that were killed before they could clean up. */
export function sweepNets(): void {
  for (const name of names()) if (!isRunning(Number(name.split('-')[1]))) end(name)
}

const names = (): string[] => (existsSync(FOLDER) ? readdirSync(FOLDER).filter((name) => new RegExp(`^${PREFIX}-\\d+-`).test(name)) : [])

const entering = (name: string): string[] => ['nsenter', `--net=${join(FOLDER, name)}`]

function end(name: string): void {
  for (const pid of tool('ip', 'netns', 'pids', name).split(/\s+/).filter(Boolean)) send(Number(pid), 'SIGKILL')
  tool('ip', 'netns', 'del', name)
}
