/** What a machine can do, as people say it: chips on a card, one sentence at the door. */
import type { Capability } from '../../../core/devices/capability.ts'
import type { IconName } from '../parts/Icon.svelte'
import { bytes, many } from '../words.ts'

const PLATFORMS: Record<string, string> = { linux: 'Linux', darwin: 'macOS', win32: 'Windows' }
const ACCELERATOR_NAMES: Record<Capability['accelerators'][number], string> = { cuda: 'CUDA', nvenc: 'NVENC', qsv: 'QSV', vaapi: 'VAAPI', v4l2: 'V4L2', videotoolbox: 'VideoToolbox' }

export const platformName = (platform: string) => PLATFORMS[platform] ?? platform
export const acceleratorName = (name: Capability['accelerators'][number]) => ACCELERATOR_NAMES[name]
/** Memory is sold in steps of 1,024: what the system sees of 8 GB is a little less. */
export const memory = (mib: number) => (mib < 1000 ? `${mib}\u202fMB` : `${mib < 3000 ? (mib / 1024).toFixed(1).replace('.0', '') : Math.round(mib / 1024)}\u202fGB`)
export const scratch = (mib: number) => bytes(Math.round(mib * 1_048_576))
/** NVIDIA GeForce RTX 4070 → RTX 4070 */
export const gpuName = (name: string) => name.replace(/^(NVIDIA|AMD|Intel\(R\)|Intel)\s+/i, '').replace(/^(GeForce|Radeon\(TM\))\s+/i, '')
/** n7.1-3+deb12 → 7.1 */
export const toolVersion = (version: string) => /\d+(\.\d+)*/.exec(version)?.[0] ?? version

export function chips(means: Capability, own: boolean): string[] {
  return [
    ...(means.gpus.length > 0 ? means.gpus.map((gpu) => `${gpuName(gpu.name)} ${memory(gpu.memory_mib)}`) : ['no GPU']),
    ...means.accelerators.map(acceleratorName),
    many(means.cores, 'core'), memory(means.memory_mib), `${scratch(means.scratch_mib)} scratch`,
    ...Object.entries(means.tools).map(([tool, version]) => `${tool} ${toolVersion(version)}`),
    ...(means.platform === 'linux' ? [] : [platformName(means.platform)]),
    ...(own ? ['core runs here'] : []),
  ]
}

/** Linux, 8 cores, 16 GB, no GPU */
export const inOneLine = (means: Capability) =>
  [platformName(means.platform), many(means.cores, 'core'), memory(means.memory_mib), means.gpus.length > 0 ? means.gpus.map((gpu) => gpuName(gpu.name)).join(' and ') : 'no GPU'].join(', ')

export function face(means: Capability | null, own: boolean): IconName {
  if (!means) return own ? 'disk' : 'box'
  return means.battery ? 'laptop' : means.gpus.length > 0 ? 'gpu' : own || means.mounts.length > 0 ? 'disk' : 'system'
}
