/** One pass of ffmpeg: the smaller copy, and beside it every n-th scaled frame as it went into the encoder. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { Fault } from '../../core/contract/fault.ts'
import type { Picture } from './picture.ts'

export interface Encoding {
  readonly from: string
  readonly picture: Picture
  readonly size: { readonly width_px: number; readonly height_px: number }
  readonly threads: number
  readonly crf: number
  readonly every: number // frames between two samples
  readonly copy: string // target, MP4
  readonly samples: string // target, lossless Matroska
}

/** @param progress 0 to 1 */
export function encode(e: Encoding, signal: AbortSignal, progress: (done: number) => void): Promise<void> {
  const { width_px, height_px } = e.size
  return ffmpeg([
    '-threads', String(e.threads), '-i', `file:${e.from}`,
    '-filter_complex', `[0:v:0]scale=${width_px}:${height_px}:flags=bicubic,format=yuv420p,setsar=1,split[copy][all];[all]select='not(mod(n,${e.every}))'[samples]`,
    // Every frame at its own moment: none is dropped or doubled to make the rate even. (`-fps_mode` is newer than some distributions.)
    '-vsync', 'passthrough', '-enc_time_base:v', '1:90000',
    '-map', '[copy]', '-map', '0:a?', '-map_metadata', '0',
    '-c:v', 'libx264', '-preset', 'veryfast', '-crf', String(e.crf), '-threads', String(e.threads),
    '-c:a', ...(e.picture.audio === 'aac' ? ['copy'] : ['aac', '-b:a', '96k']),
    '-movflags', '+faststart', '-f', 'mp4', '-y', `file:${e.copy}`,
    '-map', '[samples]', '-c:v', 'ffv1', '-threads', '1', '-f', 'matroska', '-y', `file:${e.samples}`,
  ], signal, (key, value) => {
    if (key === 'frame') progress(Math.min(1, Number(value) / e.picture.frames))
  })
}

/** SSIM of each sampled frame of the copy with what went into the encoder, 0 to 1. One entry a frame. */
export async function similarity(copy: string, samples: string, every: number, signal: AbortSignal): Promise<number[]> {
  const found: number[] = []
  await ffmpeg([
    '-threads', '1', '-i', `file:${copy}`, '-threads', '1', '-i', `file:${samples}`,
    '-filter_complex', `[0:v:0]select='not(mod(n,${every}))',setpts=N/TB/10[a];[1:v:0]setpts=N/TB/10[b];[a][b]ssim=stats_file=-`,
    '-f', 'null', '-',
  ], signal, (_key, _value, line) => {
    const all = /^n:\d+ .*All:([\d.]+|inf)/.exec(line)?.[1]
    if (all) found.push(all === 'inf' ? 1 : Number(all))
  })
  return found
}

/** @param heard each line of standard output, split at its first `=` */
async function ffmpeg(args: readonly string[], signal: AbortSignal, heard: (key: string, value: string, line: string) => void): Promise<void> {
  signal.throwIfAborted()
  const child = spawn('ffmpeg', ['-nostdin', '-hide_banner', '-v', 'error', '-progress', 'pipe:1', '-nostats', ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const stop = () => child.kill('SIGKILL') // nothing of it is kept, so it need not end well
  signal.addEventListener('abort', stop)
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => { said = (said + text).slice(-4000) })
  createInterface({ input: child.stdout }).on('line', (line) => {
    const at = line.indexOf('=')
    heard(line.slice(0, Math.max(0, at)), line.slice(at + 1), line)
  })
  try {
    const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve))
    signal.throwIfAborted()
    if (code !== 0) throw new Fault(/No space left/i.test(said) ? 'media/full' : 'tool/failed', `ffmpeg ended with ${code ?? 'a signal'}: ${said.trim().split('\n').slice(-3).join(' · ')}`)
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
