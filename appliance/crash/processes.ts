/** Processes as /proc knows them: who stands beneath whom, and who is still there. */
import { existsSync } from 'node:fs'
import { readFile, readdir } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'

export interface Process { readonly pid: number; readonly command: string } // words apart by \0

/** Everything beneath `root`, children's children too. */
export async function descendants(root: number): Promise<Process[]> {
  const parents = new Map<number, { parent: number; command: string }>()
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const [stat, command] = await Promise.all([readFile(`/proc/${name}/stat`, 'latin1'), readFile(`/proc/${name}/cmdline`, 'latin1')])
      parents.set(Number(name), { parent: Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]), command })
    } catch (e) {
      if (!endedMeanwhile(e)) throw e
    }
  }
  const isBelow = (pid: number): boolean => {
    for (let at = parents.get(pid)?.parent; at !== undefined && at > 1; at = parents.get(at)?.parent) if (at === root) return true
    return false
  }
  return [...parents].filter(([pid]) => isBelow(pid)).map(([pid, { command }]) => ({ pid, command }))
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

const ORPHAN_MS = 8_000

/** Those that are alive when `ORPHAN_MS` are over; returns as soon as there are none. */
export async function whoOutlives(pids: readonly number[]): Promise<number[]> {
  const deadline_ms = Date.now() + ORPHAN_MS
  for (let left = [...pids]; ;) {
    left = (await Promise.all(left.map(async (pid) => ((await isAlive(pid)) ? [pid] : [])))).flat()
    if (left.length === 0 || Date.now() > deadline_ms) return left
    await wait(50)
  }
}

const endedMeanwhile = (e: unknown): boolean => e instanceof Error && 'code' in e && ['ENOENT', 'ESRCH'].includes(String(e.code))
