/** What a container or a unit leaves of the machine (cgroups, both versions). */
import { dirname, join } from 'node:path'
import type { Here } from './here.ts'
import { read } from './tree.ts'

export interface Limits { readonly cores: number; readonly memory_bytes: number } // Infinity: none

/** The tightest of our group and those above it. Files that are not there limit nothing. */
export function limits({ proc, sys }: Pick<Here, 'proc' | 'sys'>): Limits {
  const groups = (read(join(proc, 'self/cgroup')) ?? '').split('\n').map((line) => /^\d+:([^:]*):(\/.*)$/.exec(line)).filter((found) => found !== null)
  let [cores, memory_bytes] = [Infinity, Infinity]
  for (const [, controllers, path] of groups) {
    const names = controllers!.split(',')
    for (const group of upwards(path!)) {
      if (controllers === '') {
        const folder = join(sys, 'fs/cgroup', group)
        cores = Math.min(cores, quota(...words(read(join(folder, 'cpu.max')))))
        memory_bytes = Math.min(memory_bytes, bytes(read(join(folder, 'memory.max'))))
      }
      if (names.includes('cpu')) {
        const folder = join(sys, 'fs/cgroup', controllers!, group)
        cores = Math.min(cores, quota(read(join(folder, 'cpu.cfs_quota_us')), read(join(folder, 'cpu.cfs_period_us'))))
      }
      if (names.includes('memory')) memory_bytes = Math.min(memory_bytes, bytes(read(join(sys, 'fs/cgroup', controllers!, group, 'memory.limit_in_bytes'))))
    }
  }
  return { cores, memory_bytes }
}

/** `/a/b`, `/a`, `/`. Inside a container the path may be that of the host: then only `/` is there, and it is ours. */
function upwards(path: string): string[] {
  const all = [path]
  for (let at = path; at !== '/'; all.push(at)) at = dirname(at)
  return all
}

const words = (text: string | null): [string | null, string | null] => {
  const [quota_us = null, period_us = null] = text?.split(' ') ?? []
  return [quota_us, period_us]
}

function quota(quota_us: string | null, period_us: string | null): number {
  const part = Number(quota_us) / Number(period_us)
  return quota_us !== null && period_us !== null && part > 0 ? part : Infinity // `max`, or -1: no limit
}

function bytes(text: string | null): number {
  return text !== null && /^\d+$/.test(text) && Number(text) > 0 ? Number(text) : Infinity
}
