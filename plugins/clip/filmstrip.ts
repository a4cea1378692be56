import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import type { MediaRef } from '../../core/contract/media.ts'
import type { StageContext } from '../../core/contract/plugin.ts'
import type { PicturesDoc } from '../../core/contract/records.ts'
import { command, fileUrl } from './command.ts'
import { derivedPath } from './derived.ts'

const FRAME_WIDTH_PX = 160
const MOST_FRAMES = 60
const COLUMNS = 10
/** Cameras set a key frame about once a second, and only those are decoded. */
const LEAST_INTERVAL_S = 1
/** A short clip is decoded whole: it may have one key frame only. */
const WHOLE_S = 12
const LIMIT_MS = 30_000

type Input = { readonly media: MediaRef; readonly sha256: string; readonly duration_s: number | null }
type Ctx = StageContext<unknown>

/** One JPEG with a frame for each interval, row by row. Null where there is no length or no picture. */
export async function run(input: Input, ctx: Ctx): Promise<{ filmstrip: PicturesDoc['filmstrip'] }> {
  const { duration_s } = input
  if (duration_s === null || duration_s <= 0) return { filmstrip: null }
  const path = await ctx.media.read(input.media)
  const interval_s = Math.max(LEAST_INTERVAL_S, duration_s / MOST_FRAMES)
  const frames = Math.max(1, Math.min(MOST_FRAMES, Math.floor(duration_s / interval_s)))
  const columns = Math.min(COLUMNS, frames)
  const file = join(ctx.scratch, 'filmstrip.jpg')
  // A frame is repeated until the next key frame, and the last one to the end, so that each place of the strip has one.
  const filter = `fps=1/${interval_s.toFixed(6)}:start_time=0:round=down,scale=${FRAME_WIDTH_PX}:-2:flags=area,tpad=stop=-1:stop_mode=clone,tile=${columns}x${Math.ceil(frames / columns)}`
  await command('ffmpeg', [
    '-v', 'error', '-nostdin', '-threads', '2', '-progress', 'pipe:2', ...(duration_s > WHOLE_S ? ['-skip_frame', 'nokey'] : []), '-i', fileUrl(path), '-map', '0:v:0', '-an', '-sn', '-dn',
    '-vf', filter, '-frames:v', '1', '-q:v', '5', '-update', '1', '-y', file,
  ], { limit_ms: LIMIT_MS + duration_s * 1000, signal: ctx.signal, onStderr: (text) => report(text, duration_s, ctx) })
  const made = await stat(file).then((s) => s.size > 0, (cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return false
    throw cause
  })
  if (!made) return { filmstrip: null }
  const { width, height } = await sharp(file).metadata()
  const media = await ctx.media.write('media', derivedPath(input.sha256, 'filmstrip', await readFile(file)), file)
  return { filmstrip: { media, frames, width_px: Math.round(width / columns), height_px: Math.round(height / Math.ceil(frames / columns)), columns, interval_s } }
}

function report(text: string, duration_s: number, ctx: Ctx): void {
  const at = /out_time_us=(\d+)/.exec(text)
  if (at) ctx.progress(Math.min(1, Number(at[1]) / 1e6 / duration_s))
}
