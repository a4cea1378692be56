import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Static } from 'typebox'
import { Fault } from '../../core/contract/fault.ts'
import type { StageContext } from '../../core/contract/plugin.ts'
import { encode, type Encoding } from './encode.ts'
import { choose } from './encoders.ts'
import { budget } from './ffmpeg.ts'
import { likeness } from './likeness.ts'
import { readPicture, slimAlready, slimSize, type Picture } from './picture.ts'
import { poor } from './plan.ts'
import type { RetentionConfig, SlimChecks, SlimInput, SlimOptions, SlimOutput } from './plugin.ts'
import { rhythmOf } from './rhythm.ts'
import { LINES_PX } from './rung.ts'

type Output = Static<typeof SlimOutput>
type Context = StageContext<Static<typeof RetentionConfig>, Static<typeof SlimOptions>>

const ENCODED = 0.9 // of the way, when the copy is made and not checked

/** A smaller copy, called good only when it was compared with its original. One that is not good is thrown away and said so. */
export async function run(input: Static<typeof SlimInput>, ctx: Context): Promise<Output> {
  const rung = input.rung ?? ctx.options.rung
  const none = (note: string): Output => ({ slim: null, rung, note, checks: null, verified_ms: null })
  if (input.media_kind !== 'video') return none('only video has smaller copies')
  const original = await ctx.media.read(input.media)
  const picture = await readPicture(original, ctx.signal)
  if (!picture) return none('there is no moving picture in it')
  if (slimAlready(picture, LINES_PX[rung])) return none('the original is small enough and plays everywhere')

  const { crf, codec, audio, min_ssim, min_vmaf } = ctx.options
  const threads = budget(ctx.options.threads)
  const encoding: Omit<Encoding, 'encoder'> = {
    from: original, source: input.media.sha256, picture, size: slimSize(picture.width_px, picture.height_px, LINES_PX[rung]), threads, audio,
    rhythm: rhythmOf(picture), folder: join(ctx.kept ?? ctx.scratch, 'segments'), copy: join(ctx.scratch, 'copy.mp4'),
  }
  const encoder = await choose(codec, ctx.options.encoder, crf, encoding.rhythm.segment, ctx.signal)
  const progress = (done: number) => ctx.progress(done * ENCODED, `${rung} copy`)
  const made = await attempt({ ...encoding, encoder }).catch(async (e: unknown) => {
    if (encoder.way === 'software' || ctx.options.encoder !== 'auto' || !(e instanceof Fault && e.code === 'tool/failed')) throw e
    return attempt({ ...encoding, encoder: await choose(codec, 'software', crf, encoding.rhythm.segment, ctx.signal) }) // a card that gave up on the way
  })
  if (!made) return none('the copy came out without a picture')
  const doubt = poor(made.checks, min_ssim) ?? (made.checks.vmaf_mean !== null && made.checks.vmaf_mean < min_vmaf ? `has a VMAF of only ${made.checks.vmaf_mean.toFixed(0)}` : null)
  if (doubt) return none(`the copy ${doubt}; it was thrown away`)

  const digest = await sha256(encoding.copy)
  // Encoders differ from machine to machine: the name tells their results apart, so a later run never meets an earlier one's file.
  const slim = await ctx.media.write('media', `derived/${input.sha256.slice(0, 2)}/${input.sha256}/${rung}.${digest.slice(0, 12)}.mp4`, encoding.copy)
  await ctx.media.read(slim) // back from its volume; throws when the digest differs
  return { slim, rung, note: null, checks: made.checks, verified_ms: Date.now() }

  /** Made and measured. What an earlier life had left is trusted only as long as no frame is missing or doubled. */
  async function attempt(e: Encoding): Promise<{ checks: Static<typeof SlimChecks> } | null> {
    const { resumed_frames, samples } = await encode(e, ctx.signal, progress)
    ctx.progress(ENCODED, 'check the copy')
    const copy = await readPicture(e.copy, ctx.signal)
    if (resumed_frames > 0 && copy?.frames !== picture!.frames) {
      await rm(e.folder, { recursive: true, force: true })
      return attempt(e)
    }
    if (!copy) return null
    const { ssim, vmaf } = await likeness(e.copy, { files: samples, size: e.size, windows: e.rhythm.windows, picture: copy, scratch: join(ctx.scratch, 'samples.yuv'), threads }, ctx.signal)
    return { checks: { ...compare(picture!, copy, ssim), vmaf_mean: vmaf, encoder: e.encoder.name, bytes: (await stat(e.copy)).size, original_bytes: input.media.bytes } }
  }
}

function compare(original: Picture, made: Picture, ssim: readonly number[]): Omit<Static<typeof SlimChecks>, 'vmaf_mean' | 'encoder' | 'bytes' | 'original_bytes'> {
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
