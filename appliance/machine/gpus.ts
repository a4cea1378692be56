/** Graphics cards: by NVIDIA's own tool, and for others by what the kernel says. */
import { join } from 'node:path'
import { ask } from './ask.ts'
import type { Here } from './here.ts'
import { linked, list, read, readNumber } from './tree.ts'

export interface Gpu { readonly name: string; readonly memory_mib: number; readonly driver: string | null }

const NVIDIA = '0x10de'
const MAKERS: Readonly<Record<string, string>> = { '0x1002': 'AMD', '0x8086': 'Intel', [NVIDIA]: 'NVIDIA' }

/** Those of NVIDIA first, in the order in which CUDA counts them on a machine with one kind of card. */
export async function gpus({ sys, patience_ms }: Here): Promise<{ nvidia: Gpu[]; others: Gpu[] }> {
  const nvidia = ofNvidia((await ask('nvidia-smi', ['--query-gpu=name,memory.total,driver_version', '--format=csv,noheader,nounits'], patience_ms)) ?? '')
  return { nvidia, others: ofKernel(sys).filter((gpu) => nvidia.length === 0 || !gpu.name.startsWith('NVIDIA')) }
}

/** Its lines are `NVIDIA GeForce RTX 3060, 12288, 550.54.15`; a driver that does not answer says so in words, which are no line of ours. */
function ofNvidia(csv: string): Gpu[] {
  return csv.split('\n').map((line) => line.split(',').map((field) => field.trim())).flatMap(([name, memory, driver, more]) =>
    name && driver && more === undefined && /^(\d+|\[.*\])$/.test(memory ?? '') ? [{ name: name.slice(0, 200), memory_mib: Number(memory) || 0, driver: driver.slice(0, 200) }] : [])
}

/** AMD's driver says how much memory a card has and at times its name; of others there is only what they are. Virtual screens are no GPUs. */
function ofKernel(sys: string): Gpu[] {
  const folder = join(sys, 'class/drm')
  return list(folder).filter((name) => /^card\d+$/.test(name)).flatMap((card) => {
    const device = join(folder, card, 'device')
    const maker = MAKERS[read(join(device, 'vendor')) ?? '']
    if (!maker) return []
    const name = read(join(device, 'product_name')) || `GPU ${(read(join(device, 'device')) ?? '').replace(/^0x/, '')}`.trim()
    return [{ name: `${maker} ${name}`.slice(0, 200), memory_mib: Math.floor((readNumber(join(device, 'mem_info_vram_total')) ?? 0) / 2 ** 20), driver: linked(join(device, 'driver')) }]
  })
}
