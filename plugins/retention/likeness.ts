/** How like a copy is to what went into its encoder. */
import { appendFile, readFile, rm } from 'node:fs/promises'
import { ffmpeg, hasFilter } from './ffmpeg.ts'
import type { Encoding } from './encode.ts'

export interface Samples {
  readonly files: readonly string[] // raw yuv420p frames, in order
  readonly size: Encoding['size']
  readonly every: number // frames of the copy from one to the next, from its first
  readonly scratch: string // file
  readonly threads: number
}

/** SSIM of each sampled frame, 0 to 1; the whole copy is decoded on the way. And the mean VMAF, 0 to 100, where ffmpeg has it. */
export async function likeness(copy: string, { files, size, every, scratch, threads }: Samples, signal: AbortSignal): Promise<{ ssim: number[]; vmaf: number | null }> {
  await rm(scratch, { force: true })
  for (const file of files) await appendFile(scratch, await readFile(file))
  const inputs = ['-threads', String(threads), '-i', `file:${copy}`, '-f', 'rawvideo', '-pixel_format', 'yuv420p', '-video_size', `${size.width_px}x${size.height_px}`, '-framerate', '10', '-i', `file:${scratch}`]
  const pair = `[0:v:0]select='not(mod(n,${every}))',setpts=N/TB/10,format=yuv420p[a];[1:v:0]setpts=N/TB/10[b]`
  const ssim: number[] = []
  await ffmpeg([...inputs, '-filter_complex', `${pair};[a][b]ssim=stats_file=-`, '-f', 'null', '-'], { signal, threads, heard: (_key, _value, line) => {
    const all = /^n:\d+ .*All:([\d.]+|inf)/.exec(line)?.[1]
    if (all) ssim.push(all === 'inf' ? 1 : Number(all))
  } })
  const vmaf = (await hasFilter('libvmaf', signal)) ? vmafIn(await ffmpeg(['-v', 'info', ...inputs, '-filter_complex', `${pair};[a][b]libvmaf=n_threads=${threads}`, '-f', 'null', '-'], { signal, threads })) : null
  await rm(scratch, { force: true })
  return { ssim, vmaf }
}

/** As it is said at the end, in ffmpeg's own words. */
export const vmafIn = (said: string): number | null => {
  const score = /VMAF score ?[:=] *([\d.]+)/.exec(said)?.[1]
  return score === undefined ? null : Number(score)
}
