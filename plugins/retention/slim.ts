import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import type { Static } from 'typebox'
import type { StageContext } from '../../core/contract/plugin.ts'
import { encode, similarity } from './encode.ts'
import { readPicture, slimAlready, slimSize, type Picture } from './picture.ts'
import { poor } from './plan.ts'
import type { RetentionConfig, SlimChecks, SlimInput, SlimOptions, SlimOutput } from './plugin.ts'

type Output = Static<typeof SlimOutput>
type Context = StageContext<Static<typeof RetentionConfig>, Static<typeof SlimOptions>>

const SAMPLES = 12

/** A 720p copy, called good only when it was compared with its original. A copy that is not good is thrown away and said so. */
export async function run(input: Static<typeof SlimInput>, ctx: Context): Promise<Output> {
  if (input.media_kind !== 'video') return none('only video has a 720p copy')
  const original = await ctx.media.read(input.media)
  const picture = await readPicture(original, ctx.signal)
  if (!picture) return none('there is no moving picture in it')
  if (slimAlready(picture)) return none('the original is small enough and plays everywhere')

  const copy = join(ctx.scratch, '720p.mp4')
  const samples = join(ctx.scratch, 'samples.mkv')
  const every = Math.max(1, Math.ceil(picture.frames / SAMPLES))
  const { threads, crf, min_ssim } = ctx.options
  await encode({ from: original, picture, size: slimSize(picture.width_px, picture.height_px), threads, crf, every, copy, samples }, ctx.signal,
    (done) => ctx.progress(done * 0.9, '720p copy'))

  ctx.progress(0.9, 'check the copy')
  const made = await readPicture(copy, ctx.signal)
  if (!made) return none('the copy came out without a picture')
  const checks = compare(picture, made, await similarity(copy, samples, every, ctx.signal))
  const doubt = poor(checks, min_ssim)
  if (doubt) return none(`the copy ${doubt}; it was thrown away`)

  const digest = await sha256(copy)
  // Encoders differ from machine to machine: the name tells their results apart, so a later run never meets an earlier one's file.
  const slim = await ctx.media.write('media', `derived/${input.sha256.slice(0, 2)}/${input.sha256}/720p.${digest.slice(0, 12)}.mp4`, copy)
  await ctx.media.read(slim) // back from its volume; throws when the digest differs
  return { slim, note: null, checks, verified_ms: Date.now() }
}

const none = (note: string): Output => ({ slim: null, note, checks: null, verified_ms: null })

function compare(original: Picture, made: Picture, ssim: readonly number[]): Static<typeof SlimChecks> {
  return {
    duration_s: made.duration_s,
    original_duration_s: original.duration_s,
    frames: made.frames,
    original_frames: original.frames,
    ssim_min: ssim.length ? Math.min(...ssim) : 0,
    ssim_mean: ssim.length ? ssim.reduce((a, b) => a + b, 0) / ssim.length : 0,
    ssim_frames: ssim.length,
  }
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer)
  return hash.digest('hex')
}
