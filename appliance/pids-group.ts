/**
 * A kernel group (cgroup, controller `pids`) for one stage process and all that comes of it: beyond its number nothing more is started
 * in it. Nothing else holds back a stage that doubles: once it has a thousand processes its agent is hardly run at all.
 */
import { existsSync, mkdirSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { read } from './machine/tree.ts'

export interface PidsGroup {
  /** Moves a process into it; what that starts from now on is in it too. */
  take(pid: number): void
  /** Its processes; a thread is not one. */
  pids(): number[]
  /** Whether the kernel has refused it one: seen also after those that doubled until then have ended. */
  full(): boolean
  /** Takes it away, unless something in it is still ending. */
  remove(): boolean
}

const PREFIX = 'viewshed-stage-'

/** Where groups can be made; null: nowhere that is ours. @param cgroups `/proc/self/cgroup` */
export function groupsFolder(cgroups: string, sys: string): string | null {
  const lines = cgroups.split('\n').map((line) => /^\d+:([^:]*):(\/.*)$/.exec(line)).filter((found) => found !== null)
  const old = lines.find(([, controllers]) => controllers!.split(',').includes('pids'))
  if (old) return join(sys, 'fs/cgroup', old[1]!, old[2]!)
  const own = lines.find(([, controllers]) => controllers === '')?.[2]
  // The new kind has no processes beside groups, so ours are made beside the one that we are in: in a unit that was given to us (Delegate=, DelegateSubgroup=).
  return own !== undefined && /\.(service|scope)$/.test(basename(dirname(own))) ? join(sys, 'fs/cgroup', dirname(own)) : null
}

/** Null: there is none to be had, by its kind or by our permissions. */
export function openPidsGroup(folder: string, name: string, most: number): PidsGroup | null {
  const own = join(folder, `${PREFIX}${process.pid}-${name}`)
  try {
    const given = read(join(folder, 'cgroup.subtree_control'))
    if (given !== null && !given.split(' ').includes('pids')) writeFileSync(join(folder, 'cgroup.subtree_control'), '+pids')
    mkdirSync(own)
  } catch (e) {
    return noPermission(e)
  }
  try {
    writeFileSync(join(own, 'pids.max'), String(most))
  } catch (e) {
    rmdirSync(own)
    return noPermission(e)
  }
  return {
    take(pid) {
      try {
        writeFileSync(join(own, 'cgroup.procs'), String(pid))
      } catch (e) {
        if (!(e instanceof Error && 'code' in e && (e.code === 'ESRCH' || e.code === 'ENOENT'))) throw e // it ended already
      }
    },
    pids: () => (read(join(own, 'cgroup.procs')) ?? '').split('\n').filter((line) => line !== '').map(Number),
    full: () => !/^max 0$/m.test(read(join(own, 'pids.events')) ?? 'max 0'),
    remove: () => removed(own),
  }
}

/** Groups of agents that were killed. */
export function sweepGroups(folder: string): void {
  let names: string[]
  try {
    names = readdirSync(folder)
  } catch (e) {
    noPermission(e)
    return
  }
  for (const name of names) if (name.startsWith(PREFIX) && !existsSync(`/proc/${parseInt(name.slice(PREFIX.length))}`)) removed(join(folder, name))
}

function removed(own: string): boolean {
  try {
    rmdirSync(own)
    return true
  } catch (e) {
    if (e instanceof Error && 'code' in e) return e.code !== 'EBUSY'
    throw e
  }
}

function noPermission(e: unknown): null {
  if (e instanceof Error && 'code' in e && ['EACCES', 'EPERM', 'EROFS', 'ENOENT', 'EBUSY', 'EEXIST', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL'].includes(String(e.code))) return null
  throw e
}
