/**
 * What this machine can do, found by trying. With Node's own modules alone, so that it can be asked of a bare machine:
 * `node appliance/capability.ts` prints it.
 */
import { statfs } from 'node:fs/promises'
import { availableParallelism, homedir, hostname, totalmem } from 'node:os'
import type { Capability } from '../core/devices/capability.ts'
import manifest from '../package.json' with { type: 'json' }
import { accelerators, cudaCards } from './machine/accelerators.ts'
import { ask } from './machine/ask.ts'
import { battery } from './machine/battery.ts'
import { gpus } from './machine/gpus.ts'
import { HERE, type Here } from './machine/here.ts'
import { limits } from './machine/limits.ts'

/** All but what follows from the software and from what a person mounted. */
export type Machine = Omit<Capability, 'stages' | 'versions' | 'lacks' | 'mounts'>

/** What stages ask for, and how each says its version. */
export const TOOLS: Readonly<Record<string, { readonly args: readonly string[]; readonly version: RegExp }>> = {
  ffmpeg: { args: ['-version'], version: /^ffmpeg version (\S+)/ },
  ffprobe: { args: ['-version'], version: /^ffprobe version (\S+)/ },
  perl: { args: ['-v'], version: /\(v([\d.]+)\)/ },
  exiftool: { args: ['-ver'], version: /^([\d.]+)/ },
  colmap: { args: ['help'], version: /^COLMAP (\S+)/m },
  rclone: { args: ['version'], version: /^rclone v?(\S+)/ },
}

/** @param scratch a folder that is there */
export async function probe(scratch: string, here: Here = HERE): Promise<Machine> {
  const [disk, tools, cards, power] = await Promise.all([statfs(scratch), versions(here), gpus(here), battery(here)])
  const hasFfmpeg = 'ffmpeg' in tools
  const [works, encoders] = await Promise.all([cudaCards(cards.nvidia.length, here, hasFfmpeg), accelerators(here, hasFfmpeg)])
  const left = limits(here)
  return {
    cores: Math.max(1, Math.floor(Math.min(availableParallelism(), left.cores))),
    memory_mib: Math.floor(Math.min(totalmem(), left.memory_bytes) / 2 ** 20),
    scratch_mib: Math.floor((disk.bavail * disk.bsize) / 2 ** 20),
    gpu_mib: Math.max(0, ...works.map((card) => cards.nvidia[card]!.memory_mib)),
    gpus: [...cards.nvidia, ...cards.others].slice(0, 32),
    accelerators: [...(works.length > 0 ? ['cuda' as const] : []), ...encoders],
    tools, platform: here.platform, host: hostname().slice(0, 200), version: manifest.version, battery: power !== null,
  }
}

async function versions({ patience_ms }: Here): Promise<Record<string, string>> {
  const said = await Promise.all(Object.entries(TOOLS).map(async ([tool, { args, version }]) => {
    const text = await ask(tool, args, patience_ms)
    const found = text === null ? null : version.exec(text.trimStart())
    return found ? [[tool, found[1]!.slice(0, 200)]] : [] // what does not say its version is another program of that name, or broken
  }))
  return Object.fromEntries(said.flat() as [string, string][])
}

if (import.meta.main) process.stdout.write(JSON.stringify(await probe(process.argv[2] ?? homedir()), null, 2) + '\n')
