/** Encoders and computing devices, by using each for half a second: what a library lists says nothing of the driver, the card or our permissions. */
import { join } from 'node:path'
import type { ACCELERATORS } from '../../core/devices/capability.ts'
import { ask } from './ask.ts'
import type { Here } from './here.ts'
import { list } from './tree.ts'

export type Accelerator = (typeof ACCELERATORS)[number]

const QUIET = ['-hide_banner', '-nostdin', '-v', 'error'] as const
const PICTURE = ['-f', 'lavfi', '-i', 'testsrc2=size=320x240:rate=30:duration=0.5'] as const
const NOWHERE = ['-f', 'null', '-'] as const

/** The ways of each accelerator; one that works is enough. */
function ways({ platform, dev }: Here): Partial<Record<Accelerator, readonly (readonly string[])[]>> {
  const encode = (before: readonly string[], filter: string, encoder: string) => [...before, ...PICTURE, '-vf', filter, '-c:v', encoder, ...NOWHERE]
  const nvenc = [encode([], 'format=yuv420p', 'h264_nvenc')]
  const qsv = [encode(['-init_hw_device', 'qsv=hw', '-filter_hw_device', 'hw'], 'format=nv12,hwupload=extra_hw_frames=16', 'h264_qsv')]
  if (platform === 'darwin') return { videotoolbox: [encode([], 'format=yuv420p', 'h264_videotoolbox')] }
  if (platform === 'win32') return { nvenc, qsv }
  const nodes = list(join(dev, 'dri')).filter((name) => name.startsWith('renderD')).map((name) => join(dev, 'dri', name))
  return {
    nvenc, qsv,
    vaapi: nodes.map((node) => encode(['-vaapi_device', node], 'format=nv12,hwupload', 'h264_vaapi')),
    v4l2: list(dev).some((name) => /^video\d+$/.test(name)) ? [encode([], 'format=yuv420p', 'h264_v4l2m2m')] : [],
  }
}

export async function accelerators(here: Here, hasFfmpeg: boolean): Promise<Accelerator[]> {
  if (!hasFfmpeg) return []
  const all = Object.entries(ways(here)) as [Accelerator, readonly (readonly string[])[]][]
  const tried = await Promise.all(all.map(async ([name, tries]) => ({ name, works: (await Promise.all(tries.map((args) => ask('ffmpeg', [...QUIET, ...args], here.patience_ms)))).some((said) => said !== null) })))
  return tried.filter(({ works }) => works).map(({ name }) => name)
}

/**
 * Which of `count` NVIDIA cards CUDA can open, by number. With an ffmpeg that knows CUDA it opens a context on each card.
 * Without one all that can be tried from here is whether the driver's library loads: nvidia-smi has answered already, so
 * the kernel's half is there, and `libcuda` (`nvcuda` on Windows) is the half that a container most often lacks.
 */
export async function cudaCards(count: number, { platform, patience_ms }: Here, hasFfmpeg: boolean): Promise<number[]> {
  if (count === 0 || platform === 'darwin') return []
  const cards = Array.from({ length: count }, (_, i) => i)
  const kinds = hasFfmpeg ? await ask('ffmpeg', [...QUIET, '-init_hw_device', 'list'], patience_ms) : null
  if (kinds === null || !/^\s*cuda\s*$/m.test(kinds)) return (await ask(process.execPath, ['-e', LOADS, platform === 'win32' ? 'nvcuda.dll' : 'libcuda.so.1'], patience_ms)) !== null ? cards : []
  const opened = await Promise.all(cards.map((card) => ask('ffmpeg', [...QUIET, '-init_hw_device', `cuda=card:${card}`, ...PICTURE, ...NOWHERE], patience_ms)))
  return cards.filter((card) => opened[card] !== null)
}

/** A library that is no add-on of Node's is loaded first and then refused in other words than one that is not there. */
const LOADS = 'try { process.dlopen({ exports: {} }, process.argv[1]) } catch (e) { process.exit(/did not self-register/.test(e.message) ? 0 : 1) }'
