/** Encoders, found by trying: what a library lists says nothing of the driver, the card or our permissions. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Fault } from '../../core/contract/fault.ts'
import { ffmpeg } from './ffmpeg.ts'

export const CODECS = ['h264', 'hevc', 'av1'] as const
export type Codec = (typeof CODECS)[number]
/** `auto`: the first that works, hardware before software. */
export const WAYS = ['auto', 'software', 'nvenc', 'qsv', 'vaapi', 'v4l2', 'videotoolbox'] as const
export type Way = (typeof WAYS)[number]

export interface Encoder {
  readonly name: string // ffmpeg's
  readonly way: Exclude<Way, 'auto'>
  readonly before: readonly string[] // in front of the inputs: its device
  readonly filter: string // at the end of the chain: how a frame comes to it; '' where it takes it from memory
  readonly args: readonly string[]
}

/** In the order in which they are tried. @param crf 0 to 51, as x264 means it; others get what comes near @param gop most frames from one key frame to the next */
export function encoders(codec: Codec, crf: number, gop: number, renderNodes: readonly string[] = nodes()): Encoder[] {
  const g = ['-g', String(gop)]
  const tag = codec === 'hevc' ? ['-tag:v', 'hvc1'] : [] // what Safari wants
  const hardware = (way: Encoder['way'], name: string, args: readonly string[], before: readonly string[] = [], filter = ''): Encoder => ({ name, way, before, filter, args: [...args, ...g, ...tag] })
  const q = String(crf)
  const all = [
    hardware('nvenc', `${codec}_nvenc`, ['-preset', 'p4', '-rc', 'vbr', '-cq', q, '-b:v', '0', '-forced-idr', '1']),
    hardware('qsv', `${codec}_qsv`, ['-global_quality', q, '-forced_idr', '1'], ['-init_hw_device', 'qsv=hw', '-filter_hw_device', 'hw'], 'format=nv12,hwupload=extra_hw_frames=32'),
    ...renderNodes.map((node) => hardware('vaapi', `${codec}_vaapi`, ['-rc_mode', 'CQP', '-qp', q], ['-vaapi_device', node], 'format=nv12,hwupload')),
    hardware('videotoolbox', `${codec}_videotoolbox`, ['-q:v', String(Math.round(100 - crf * 1.6))]),
    ...(codec === 'av1' ? [] : [hardware('v4l2', `${codec}_v4l2m2m`, ['-b:v', '2M'])]),
  ]
  const works = { darwin: ['videotoolbox'], win32: ['nvenc', 'qsv'] }[process.platform as string] ?? ['nvenc', 'qsv', 'vaapi', 'v4l2']
  return [...all.filter(({ way }) => works.includes(way)), software(codec, crf, gop, tag)]
}

function software(codec: Codec, crf: number, gop: number, tag: readonly string[]): Encoder {
  const q = String(crf)
  const args = {
    h264: ['-preset', 'veryfast', '-crf', q],
    hevc: ['-preset', 'fast', '-crf', String(crf + 4), '-x265-params', 'open-gop=0:log-level=error'], // or segments would lean on each other
    av1: ['-preset', '8', '-crf', String(crf + 11)], // it knows no forced key frame, but keeps to its -g
  }[codec]
  return { name: { h264: 'libx264', hevc: 'libx265', av1: 'libsvtav1' }[codec], way: 'software', before: [], filter: '', args: [...args, '-g', String(gop), ...tag] }
}

/** The first that encodes half a second here. Throws Fault `tool/missing` when the one that is asked for does not. */
export async function choose(codec: Codec, wanted: Way, crf: number, gop: number, signal: AbortSignal): Promise<Encoder> {
  const all = encoders(codec, crf, gop).filter(({ way }) => wanted === 'auto' || way === wanted)
  for (const encoder of all) if (await works(encoder, signal)) return encoder
  throw new Fault('tool/missing', `ffmpeg has no ${wanted === 'auto' ? '' : `${wanted} `}encoder for ${codec} that works on this machine`)
}

const tried = new Map<string, Promise<boolean>>() // this process lives as long as its machine is warm

function works(encoder: Encoder, signal: AbortSignal): Promise<boolean> {
  const key = [encoder.name, ...encoder.before].join(' ')
  const known = tried.get(key) ?? trial(encoder, signal)
  tried.set(key, known)
  known.catch(() => tried.delete(key))
  return known
}

async function trial({ before, filter, name, args }: Encoder, signal: AbortSignal): Promise<boolean> {
  try {
    await ffmpeg([...before, '-f', 'lavfi', '-i', 'testsrc2=size=320x240:rate=30:duration=0.5', '-vf', filter === '' ? 'format=yuv420p' : filter, '-c:v', name, ...args, '-f', 'null', '-'], { signal })
    return true
  } catch (e) {
    if (e instanceof Fault && e.code === 'tool/failed') return false
    throw e
  }
}

function nodes(): string[] {
  try {
    return readdirSync('/dev/dri').filter((name) => name.startsWith('renderD')).map((name) => join('/dev/dri', name))
  } catch (e) {
    if (e instanceof Error && 'code' in e && ['ENOENT', 'ENOTDIR', 'EACCES'].includes(String(e.code))) return []
    throw e
  }
}
