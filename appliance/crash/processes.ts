/** Processes as /proc knows them: who stands beneath whom, and who is still there. */
import { existsSync } from 'node:fs'
import { readFile, readdir } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'

export interface Process {
  readonly pid: number
  readonly command: string // words apart by \0
  readonly since: string // in the kernel's own measure: with the pid it names one process for good
}

/** Everything beneath `root`, children's children too. */
export async function descendants(root: number): Promise<Process[]> {
  const parents = new Map<number, { parent: number; command: string; since: string }>()
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const [stat, command] = await Promise.all([readFile(`/proc/${name}/stat`, 'latin1'), readFile(`/proc/${name}/cmdline`, 'latin1')])
      parents.set(Number(name), { parent: Number(fields(stat)[1]), command, since: fields(stat)[19]! })
    } catch (e) {
      if (!endedMeanwhile(e)) throw e
    }
  }
  const isBelow = (pid: number): boolean => {
    for (let at = parents.get(pid)?.parent; at !== undefined && at > 1; at = parents.get(at)?.parent) if (at === root) return true
    return false
  }
  return [...parents].filter(([pid]) => isBelow(pid)).map(([pid, { command, since }]) => ({ pid, command, since }))
}

export const isStage = ({ command }: Process): boolean => command.includes('appliance/child.ts')

export async function isAlive(pid: number): Promise<boolean> {
  try {
    return !/^State:\s+Z/m.test(await readFile(`/proc/${pid}/status`, 'latin1'))
  } catch (e) {
    if (endedMeanwhile(e)) return false
    throw e
  }
}

/** False: it had ended by itself. */
export function send(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal)
    return true
  } catch (e) {
    if (endedMeanwhile(e)) return false
    throw e
  }
}

export const isRunning = (pid: number): boolean => existsSync(`/proc/${pid}`)

/** An agent that hears that its pipe closed has four seconds to end; this machine may be busy with the next one's start. */
const ORPHAN_MS = 30_000

/** Looks after processes that must end now, while whatever comes next goes on. */
export interface Wake {
  /** @param why what they should not have outlived */
  mourn(beneath: readonly Process[], why: string): void
  /** Those that were still alive when their time was over, in words; waits for the last. */
  orphans(): Promise<readonly string[]>
}

/** @param patience_ms how long an end may take */
export function openWake(patience_ms = ORPHAN_MS): Wake {
  const watched: Promise<string[]>[] = []
  return {
    mourn(beneath, why) {
      watched.push(whoOutlives(beneath, patience_ms).then((left) => left.map(({ command }) => `outlived ${why}: ${command.replaceAll('\0', ' ').slice(0, 200)}`)))
    },
    orphans: async () => (await Promise.all(watched)).flat(),
  }
}

async function whoOutlives(all: readonly Process[], patience_ms: number): Promise<Process[]> {
  const deadline_ms = performance.now() + patience_ms
  for (let left = [...all]; ;) {
    left = (await Promise.all(left.map(async (process) => ((await isStill(process)) ? [process] : [])))).flat()
    if (left.length === 0 || performance.now() > deadline_ms) return left
    await wait(100)
  }
}

/** Its number may be another's by now. */
async function isStill({ pid, since }: Process): Promise<boolean> {
  try {
    const [state, ...rest] = fields(await readFile(`/proc/${pid}/stat`, 'latin1'))
    return state !== 'Z' && rest[18] === since
  } catch (e) {
    if (endedMeanwhile(e)) return false
    throw e
  }
}

/** Of `/proc/<pid>/stat`, behind the name: state, parent, … (proc(5)). */
const fields = (stat: string): string[] => stat.slice(stat.lastIndexOf(')') + 2).split(' ')

const endedMeanwhile = (e: unknown): boolean => e instanceof Error && 'code' in e && ['ENOENT', 'ESRCH'].includes(String(e.code))
