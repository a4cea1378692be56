/** How like a copy is to what went into its encoder. */
import { appendFile, readFile, rm } from 'node:fs/promises'
import type { Encoding } from './encode.ts'
import { ffmpeg, hasFilter } from './ffmpeg.ts'
import type { Picture } from './picture.ts'
import type { Window } from './rhythm.ts'

export interface Samples {
  readonly files: readonly string[] // raw yuv420p frames, in order
  readonly size: Encoding['size']
  readonly windows: readonly Window[] // of the copy
  readonly picture: Pick<Picture, 'times_s' | 'start_s'> // of the copy
  readonly scratch: string // file
  readonly threads: number
}

/**
 * SSIM of each sampled frame, 0 to 1. Each window is opened by itself, at its key frame: only what leads to the samples is decoded. And the mean
 * VMAF, 0 to 100, where ffmpeg has it.
 */
export async function likeness(copy: string, { files, size, windows, picture, scratch, threads }: Samples, signal: AbortSignal): Promise<{ ssim: number[]; vmaf: number | null }> {
  await rm(scratch, { force: true })
  const opened: Opening[] = []
  for (const [i, { at, frames }] of windows.entries()) {
    const there = frames.filter((frame) => frame < picture.times_s.length) // a copy that is too short is told by its count of frames
    if (there.length > 0) opened.push(openingOf({ at, frames: there }, picture))
    const before = windows.slice(0, i).reduce((sum, window) => sum + window.frames.length, 0)
    for (const n of there.keys()) await appendFile(scratch, await readFile(files[before + n]!))
  }
  if (opened.length === 0) return { ssim: [], vmaf: null }
  const inputs = [
    ...opened.flatMap(({ args }) => ['-threads', '1', ...args, '-i', `file:${copy}`]),
    '-f', 'rawvideo', '-pixel_format', 'yuv420p', '-video_size', `${size.width_px}x${size.height_px}`, '-framerate', '10', '-i', `file:${scratch}`,
  ]
  const each = opened.map(({ frames }, i) => `[${i}:v:0]select='${frames.map((n) => `eq(n,${n})`).join('+')}',setpts=N/TB/10[w${i}]`)
  const pair = `${each.join(';')};${opened.map((_, i) => `[w${i}]`).join('')}concat=n=${opened.length}:v=1:a=0,setpts=N/TB/10,format=yuv420p[a];[${opened.length}:v:0]setpts=N/TB/10[b]`
  const ssim: number[] = []
  await ffmpeg([...inputs, '-filter_complex', `${pair};[a][b]ssim=stats_file=-`, '-f', 'null', '-'], { signal, threads, heard: (_key, _value, line) => {
    const all = /^n:\d+ .*All:([\d.]+|inf)/.exec(line)?.[1]
    if (all) ssim.push(all === 'inf' ? 1 : Number(all))
  } })
  const vmaf = (await hasFilter('libvmaf', signal)) ? vmafIn(await ffmpeg(['-v', 'info', ...inputs, '-filter_complex', `${pair};[a][b]libvmaf=n_threads=${threads}`, '-f', 'null', '-'], { signal, threads })) : null
  await rm(scratch, { force: true })
  return { ssim, vmaf }
}

interface Opening { readonly args: readonly string[]; readonly frames: readonly number[] }

/**
 * How ffmpeg is to open the copy for one window, and which of the frames it gives are the samples. It begins just behind the key frame: a moment
 * before it would begin with the one before that, and decode all in between.
 */
function openingOf({ at, frames }: Window, { times_s, start_s }: Samples['picture']): Opening {
  const end_s = middle(times_s, frames.at(-1)!) - start_s
  if (at === 0) return { args: ['-t', end_s.toFixed(6)], frames }
  const from_s = middle(times_s, at) - start_s
  return { args: ['-ss', from_s.toFixed(6), '-t', (end_s - from_s).toFixed(6)], frames: frames.map((frame) => frame - at - 1) }
}

/** A moment between a frame and the next one. */
const middle = (times_s: readonly number[], n: number): number => (times_s[n]! + (times_s[n + 1] ?? times_s[n]! + 1)) / 2

/** As it is said at the end, in ffmpeg's own words. */
export const vmafIn = (said: string): number | null => {
  const score = /VMAF score ?[:=] *([\d.]+)/.exec(said)?.[1]
  return score === undefined ? null : Number(score)
}
