/** What ffprobe says of a file's picture, as far as a smaller copy depends on it. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { Fault } from '../../core/contract/fault.ts'

const exec = promisify(execFile)

export interface Picture {
  readonly index: number // of its stream in the file
  readonly start_s: number // of the file, which is that of its first stream
  readonly carried: readonly number[] // streams of telemetry and text that MP4 takes as they are
  readonly codec: string
  readonly pixels: string // ffmpeg's name of the pixel format
  readonly container: string
  readonly width_px: number // as shown, after rotation
  readonly height_px: number
  readonly frames: number // at least one; those that an edit list cuts away are not counted
  readonly times_s: readonly number[] // of each of them, in order of time; NaN where the file does not say
  readonly duration_s: number // of the picture
  readonly created: string | null
  readonly audio: string | null // codec
}

const Found = Type.Object({
  streams: Type.Array(Type.Object({
    index: Type.Integer(),
    codec_type: Type.Optional(Type.String()),
    codec_name: Type.Optional(Type.String()),
    codec_tag_string: Type.Optional(Type.String()),
    pix_fmt: Type.Optional(Type.String()),
    width: Type.Optional(Type.Integer()),
    height: Type.Optional(Type.Integer()),
    duration: Type.Optional(Type.String()),
    disposition: Type.Optional(Type.Object({ attached_pic: Type.Optional(Type.Integer()) })),
    side_data_list: Type.Optional(Type.Array(Type.Object({ rotation: Type.Optional(Type.Number()) }))),
  })),
  format: Type.Object({
    format_name: Type.String(),
    duration: Type.Optional(Type.String()),
    start_time: Type.Optional(Type.String()),
    tags: Type.Optional(Type.Object({ creation_time: Type.Optional(Type.String()) })),
  }),
})

/** Null when the file has no moving picture. Throws Fault `clip/unreadable`. */
export async function readPicture(path: string, signal: AbortSignal): Promise<Picture | null> {
  const found: unknown = JSON.parse(await ffprobe(['-show_format', '-show_streams', '-of', 'json', `file:${path}`], signal))
  if (!Value.Check(Found, found)) throw new Fault('clip/unreadable', `ffprobe says something unforeseen of it: ${JSON.stringify(Value.Errors(Found, found)[0])}`)
  const video = found.streams.find((s) => s.codec_type === 'video' && s.disposition?.attached_pic !== 1)
  if (!video?.codec_name || !video.width || !video.height) return null
  const times_s = await timesOf(path, video.index, signal)
  if (times_s.length === 0) return null
  const turned = video.side_data_list?.some((s) => s.rotation !== undefined && Math.abs(s.rotation) % 180 === 90) ?? false
  return {
    index: video.index,
    start_s: Number(found.format.start_time ?? 0),
    carried: found.streams.filter((s) => (s.codec_type === 'data' && s.codec_tag_string === 'gpmd') || (s.codec_type === 'subtitle' && s.codec_name === 'mov_text')).map(({ index }) => index),
    codec: video.codec_name,
    pixels: video.pix_fmt ?? 'unknown',
    container: found.format.format_name,
    width_px: turned ? video.height : video.width,
    height_px: turned ? video.width : video.height,
    frames: times_s.length,
    times_s,
    duration_s: Number(video.duration ?? found.format.duration ?? 0),
    created: found.format.tags?.creation_time ?? null,
    audio: found.streams.find((s) => s.codec_type === 'audio')?.codec_name ?? null,
  }
}

/** Of each frame of a stream, in order of time; those that an edit list cuts away are left out. */
export async function timesOf(path: string, index: number, signal: AbortSignal): Promise<number[]> {
  const packets = await ffprobe(['-select_streams', String(index), '-show_entries', 'packet=pts_time,flags', '-of', 'csv=p=0', `file:${path}`], signal)
  return packets.split('\n').filter((line) => line !== '' && !line.includes('D')).map((line) => Number(line.split(',')[0])).sort((a, b) => a - b)
}

export async function ffprobe(args: readonly string[], signal: AbortSignal): Promise<string> {
  const { stdout } = await exec('ffprobe', ['-v', 'error', ...args], { signal, maxBuffer: 64 << 20 }).catch((e: unknown) => {
    signal.throwIfAborted()
    if (e instanceof Error && 'stderr' in e && 'code' in e && typeof e.code === 'number')
      throw new Fault('clip/unreadable', `ffprobe cannot read it: ${String(e.stderr).trim().split('\n').at(-1)}`, { cause: e })
    throw e
  })
  return stdout
}

/** The size of the copy: its shorter side so many pixels or the original's, both sides even, as the encoder wants them. */
export function slimSize(width_px: number, height_px: number, lines_px: number): { width_px: number; height_px: number } {
  const part = Math.min(1, lines_px / Math.min(width_px, height_px))
  const even = (px: number) => Math.max(2, 2 * Math.round((px * part) / 2))
  return { width_px: even(width_px), height_px: even(height_px) }
}

/** The original already is what a copy would be: small, and played by every browser. */
export const slimAlready = (p: Picture, lines_px: number): boolean =>
  Math.min(p.width_px, p.height_px) <= lines_px && p.codec === 'h264' && ['yuv420p', 'yuvj420p'].includes(p.pixels)
  && p.container.split(',').includes('mp4') && (p.audio === null || p.audio === 'aac' || p.audio === 'mp3')
