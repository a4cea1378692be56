import { open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp, { type Sharp } from 'sharp'
import type { MediaRef } from '../../core/contract/media.ts'
import type { StageContext } from '../../core/contract/plugin.ts'
import type { AssetDoc, PicturesDoc } from '../../core/contract/records.ts'
import { movieDuration_s } from './boxes.ts'
import { command, fileUrl } from './command.ts'
import { derivedPath } from './derived.ts'
import { kindOf } from './kind.ts'
import { headOf } from './head.ts'
import { heicPixels, metadataOf, MOST_PIXELS } from './image.ts'

const WIDTHS_PX = [150, 600, 1200]
const QUALITY = 80
const LIMIT_MS = 30_000
/** Moments tried in turn, parts of the clip: the first frame is often black or a logo. */
const MOMENTS = [0.1, 0.4, 0.7, 0]
/** Mean brightness below which a frame shows nothing, of 255. */
const BLACK = 12

type Input = { readonly media: MediaRef; readonly sha256: string; readonly media_kind: AssetDoc['media_kind'] }
type Ctx = StageContext<unknown>

/** Thumbnails of a clip's first telling frame, or of a picture. None for a track, or for a clip without picture. */
export async function run(input: Input, ctx: Ctx): Promise<{ thumbs: PicturesDoc['thumbs'] }> {
  if (input.media_kind === 'track') return { thumbs: [] }
  const path = await ctx.media.read(input.media)
  const picture = input.media_kind === 'image' ? await imageOf(path) : await frameOf(path, ctx)
  if (!picture) return { thumbs: [] }
  const { width = 0 } = await picture.clone().metadata()
  const thumbs: PicturesDoc['thumbs'] = []
  for (const width_px of WIDTHS_PX) {
    if (width_px > width && thumbs.length > 0) break
    const file = join(ctx.scratch, `thumb-${width_px}.jpg`)
    const made = await picture.clone().resize({ width: width_px, withoutEnlargement: true }).jpeg({ quality: QUALITY, progressive: true }).toBuffer({ resolveWithObject: true })
    await writeFile(file, made.data)
    thumbs.push({ width_px: made.info.width, media: await ctx.media.write('media', derivedPath(input.sha256, `thumb-${width_px}`, made.data), file) })
    ctx.progress(thumbs.length / WIDTHS_PX.length)
  }
  return { thumbs }
}

/** Turned as its EXIF says, and no larger than the widest thumbnail needs. */
async function imageOf(path: string): Promise<Sharp> {
  const kind = kindOf(await headOf(path))
  if (kind.kind === 'image' && kind.format === 'heif') {
    const meta = await metadataOf(path)
    if (meta?.compression !== 'av1') {
      const { width, height, data } = await heicPixels(path)
      return sharp(data, { raw: { width, height, channels: 4 } }).removeAlpha()
    }
  }
  const widest = Math.max(...WIDTHS_PX)
  const small = await sharp(path, { failOn: 'none', limitInputPixels: MOST_PIXELS, sequentialRead: true }).rotate().resize({ width: widest, withoutEnlargement: true }).flatten().png({ compressionLevel: 0 }).toBuffer()
  return sharp(small)
}

async function frameOf(path: string, ctx: Ctx): Promise<Sharp | null> {
  const duration_s = await durationOf(path, ctx.signal)
  let darkest: Sharp | null = null
  for (const part of MOMENTS) {
    const frame = await frameAt(path, part * duration_s, ctx.signal)
    if (!frame) continue
    const picture = sharp(frame)
    const { channels } = await picture.clone().stats()
    if (channels.some((c) => c.mean > BLACK)) return picture
    darkest ??= picture
  }
  return darkest
}

async function durationOf(path: string, signal: AbortSignal): Promise<number> {
  const file = await open(path)
  try {
    const told_s = await movieDuration_s(file)
    if (told_s !== null) return told_s
  } finally {
    await file.close()
  }
  const { stdout } = await command('ffprobe', ['-v', 'error', '-of', 'csv=p=0', '-show_entries', 'format=duration', fileUrl(path)], { limit_ms: LIMIT_MS, signal })
  const duration_s = Number(stdout.toString().trim())
  return Number.isFinite(duration_s) ? duration_s : 0
}

async function frameAt(path: string, at_s: number, signal: AbortSignal): Promise<Buffer | null> {
  const { stdout } = await command('ffmpeg', [
    '-v', 'error', '-nostdin', '-threads', '2', '-ss', at_s.toFixed(3), '-skip_frame', 'nokey', '-i', fileUrl(path),
    '-map', '0:v:0', '-frames:v', '1', '-vf', `scale=w='min(iw,${Math.max(...WIDTHS_PX)})':h=-2:flags=area`, '-c:v', 'png', '-compression_level', '1', '-f', 'image2pipe', 'pipe:1',
  ], { limit_ms: LIMIT_MS, signal })
  return stdout.length > 0 ? stdout : null
}
