/** What this machine can do: said in its birth message, matched against a stage's needs. */
import { execFile } from 'node:child_process'
import { statfs } from 'node:fs/promises'
import { availableParallelism, totalmem } from 'node:os'
import { promisify } from 'node:util'
import type { Capability } from '../core/plugins/registry.ts'

const exec = promisify(execFile)
const TOOLS = ['ffmpeg', 'ffprobe', 'perl'] as const

export async function probe(scratch: string): Promise<Capability> {
  const [fs, ...versions] = await Promise.all([statfs(scratch), ...TOOLS.map(versionOf)])
  return {
    cores: availableParallelism(),
    memory_mib: Math.floor(totalmem() / 2 ** 20),
    scratch_mib: Math.floor((fs.bavail * fs.bsize) / 2 ** 20),
    gpu_mib: 0, // found by trying, with the devices that have one
    tools: Object.fromEntries(TOOLS.flatMap((tool, i) => (versions[i] ? [[tool, versions[i]]] : []))),
  }
}

/** The version a tool says of itself; null when it is not there. */
async function versionOf(tool: string): Promise<string | null> {
  try {
    const { stdout } = await exec(tool, [tool === 'perl' ? '-v' : '-version'], { timeout: 10_000 })
    return /(?:ffmpeg version |ffprobe version |\(v)([^\s)]+)/.exec(stdout)?.[1] ?? 'unknown'
  } catch (e) {
    if (e instanceof Error && 'code' in e && e.code === 'ENOENT') return null
    throw e
  }
}
