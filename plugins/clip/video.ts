import { open, stat } from 'node:fs/promises'
import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import { readBoxes, wholeness, type Wholeness } from './boxes.ts'
import { command, fileUrl, lastWord } from './command.ts'

export interface VideoFacts {
  readonly duration_s: number | null
  readonly width_px: number | null
  readonly height_px: number | null
  readonly fps: number | null
  readonly codec: string | null
  readonly audio: boolean
  readonly playable: boolean
  readonly picture: boolean // its first frames were decoded
  readonly wholeness: Wholeness
  readonly why: string // ffprobe's last word when there is no picture
}

const Text = Type.Optional(Type.String())
const Answer = Type.Object({
  format: Type.Optional(Type.Object({ format_name: Text, duration: Text })),
  streams: Type.Optional(Type.Array(Type.Object({
    codec_type: Text, codec_name: Text, pix_fmt: Text, avg_frame_rate: Text, duration: Text,
    width: Type.Optional(Type.Integer()), height: Type.Optional(Type.Integer()),
    disposition: Type.Optional(Type.Object({ attached_pic: Type.Optional(Type.Integer()) })),
    side_data_list: Type.Optional(Type.Array(Type.Object({ rotation: Type.Optional(Type.Number()) }))),
  }))),
  frames: Type.Optional(Type.Array(Type.Object({ media_type: Text }))),
})
type Stream = NonNullable<Static<typeof Answer>['streams']>[number]

const LIMIT_MS = 15_000
const NO_FACTS = { duration_s: null, width_px: null, height_px: null, fps: null, codec: null, audio: false, playable: false, picture: false }

/** What a video is and whether its picture can be had. One ffprobe reads the header, one decodes the first frames. Throws Fault `tool/failed` when one is too slow. */
export async function videoFacts(path: string, isMp4: boolean, signal: AbortSignal): Promise<VideoFacts> {
  const whole = isMp4 ? await wholenessOf(path) : 'whole'
  const ffprobe = (...args: string[]) => command('ffprobe', ['-v', 'error', '-hide_banner', '-threads', '2', '-of', 'json', ...args, fileUrl(path)], { limit_ms: LIMIT_MS, signal })
  const [ended, decoded] = await Promise.all([
    ffprobe('-show_format', '-show_streams'),
    ffprobe('-select_streams', 'V:0', '-read_intervals', '%+#8', '-show_entries', 'frame=media_type'),
  ])
  const why = lastWord(ended.stderr).replace(`${fileUrl(path)}: `, '')
  const answer = parse(ended.stdout)
  const picture = (parse(decoded.stdout)?.frames ?? []).length > 0
  if (!answer) return { ...NO_FACTS, wholeness: whole, why }
  const streams = answer.streams ?? []
  const video = streams.find((s) => s.codec_type === 'video' && s.disposition?.attached_pic !== 1)
  const turned = video?.side_data_list?.some((d) => d.rotation !== undefined && Math.abs(d.rotation) % 180 === 90) ?? false
  const [width, height] = turned ? [video?.height, video?.width] : [video?.width, video?.height]
  return {
    duration_s: positive(video?.duration) ?? positive(answer.format?.duration),
    width_px: width ? width : null,
    height_px: height ? height : null,
    fps: rate(video?.avg_frame_rate),
    codec: video?.codec_name ?? null,
    audio: streams.some((s) => s.codec_type === 'audio'),
    playable: video !== undefined && isPlayable(answer.format?.format_name ?? '', video),
    picture,
    // Boxes may be whole and the samples that the index names lie beyond them.
    wholeness: whole === 'whole' && !picture && decoded.stderr.includes('partial file') ? 'cut' : whole,
    why,
  }
}

async function wholenessOf(path: string): Promise<Wholeness> {
  const file = await open(path)
  try {
    const { size } = await stat(path)
    return wholeness(await readBoxes(file, size), size)
  } finally {
    await file.close()
  }
}

function parse(stdout: Buffer): Static<typeof Answer> | null {
  if (stdout.length === 0) return null
  let answer: unknown
  try {
    answer = JSON.parse(stdout.toString())
  } catch (cause) {
    if (cause instanceof SyntaxError) return null // killed in the middle of a word
    throw cause
  }
  return Value.Check(Answer, answer) ? answer : null
}

/** What Chrome, Firefox and Safari all play. HEVC is not among it: it depends on the machine. */
function isPlayable(container: string, video: Stream): boolean {
  const depth = video.pix_fmt === 'yuv420p' || video.pix_fmt === 'yuvj420p'
  if (container.includes('mp4')) return depth && (video.codec_name === 'h264' || video.codec_name === 'av1' || video.codec_name === 'vp9')
  return container.includes('webm') && depth && (video.codec_name === 'vp8' || video.codec_name === 'vp9' || video.codec_name === 'av1')
}

function positive(text: string | undefined): number | null {
  const value = Number(text)
  return Number.isFinite(value) && value > 0 ? value : null
}

function rate(text: string | undefined): number | null {
  const [n, d] = (text ?? '').split('/').map(Number)
  return n && d ? n / d : null
}
