/**
 * A smaller copy in segments, by one ffmpeg that cuts as it goes: one process a segment would pay for its start and for decoding up to its
 * beginning each time. Whoever is killed leaves whole segments, and only the rest is encoded. Beside it some of the scaled frames are kept as they
 * went into the encoder, to be compared with what comes out.
 */
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault } from '../../core/contract/fault.ts'
import type { Encoder } from './encoders.ts'
import { ffmpeg } from './ffmpeg.ts'
import { ffprobe, timesOf, type Picture } from './picture.ts'
import type { Rhythm } from './rhythm.ts'

export interface Encoding {
  readonly from: string
  readonly source: string // what tells the source from others: its digest
  readonly picture: Picture
  readonly size: { readonly width_px: number; readonly height_px: number }
  readonly encoder: Encoder
  readonly threads: number
  readonly rhythm: Rhythm
  readonly audio: 'keep' | 'drop'
  readonly folder: string // outlives this life where the host keeps it; all that is in it is ours
  readonly copy: string // target, MP4
}

export interface Encoded { readonly resumed_frames: number; readonly samples: readonly string[] } // raw yuv420p, one a file

/** Added while it is cut, so that no time is below zero. */
const SHIFT_S = 10
const TICKS = 90_000

/** @param progress 0 to 1 */
export async function encode(e: Encoding, signal: AbortSignal, progress: (done: number) => void): Promise<Encoded> {
  const whole = await wholeSegments(e, signal)
  const from = whole * e.rhythm.segment
  if (from < e.picture.frames) await cut(e, whole, signal, (frames) => progress(Math.min(0.97, (from + frames) / e.picture.frames)))
  await join_(e, signal)
  progress(1)
  return { resumed_frames: from, samples: samplesOf(e).map((_, n) => samplePath(e, n)) }
}

const samplesOf = ({ rhythm }: Pick<Encoding, 'rhythm'>): number[] => rhythm.windows.flatMap(({ frames }) => frames)

const segmentPath = ({ folder }: Pick<Encoding, 'folder'>, n: number) => join(folder, `${String(n).padStart(5, '0')}.nut`)
const samplePath = ({ folder }: Pick<Encoding, 'folder'>, n: number) => join(folder, `sample-${n}.yuv`)
const listPath = ({ folder }: Pick<Encoding, 'folder'>) => join(folder, 'segments.txt')
const startsPath = ({ folder }: Pick<Encoding, 'folder'>) => join(folder, 'starts.csv')

/** How many segments of an earlier life are whole and of this very work; the others are removed. */
async function wholeSegments(e: Encoding, signal: AbortSignal): Promise<number> {
  const work = JSON.stringify({ source: e.source, size: e.size, encoder: e.encoder, rhythm: e.rhythm, frames: e.picture.frames })
  const per = e.rhythm.segment
  const note = join(e.folder, 'work.json')
  if ((await readFile(note, 'utf8').catch(absent)) !== work) {
    await rm(e.folder, { recursive: true, force: true })
    await mkdir(e.folder, { recursive: true })
    await writeFile(`${note}.new`, work)
    await rename(`${note}.new`, note)
    return 0
  }
  const there = new Set(await readdir(e.folder))
  let whole = 0
  // The last one was being written. The power may have gone too, so the others are counted.
  while (there.has(`${String(whole + 1).padStart(5, '0')}.nut`) && (await framesIn(segmentPath(e, whole), signal)) === per && (await hasSamples(e, whole * per, (whole + 1) * per))) whole++
  for (const name of there) if (/^\d{5}\.nut$/.test(name) && Number.parseInt(name, 10) >= whole) await rm(join(e.folder, name))
  return whole
}

const framesIn = (path: string, signal: AbortSignal) => timesOf(path, 0, signal).then(({ length }) => length, (error: unknown) => {
  if (error instanceof Fault && error.code === 'clip/unreadable') return 0
  throw error
})

async function hasSamples(e: Encoding, from: number, to: number): Promise<boolean> {
  const bytes = sampleBytes(e.size)
  for (const [n, frame] of samplesOf(e).entries()) if (frame >= from && frame < to && (await stat(samplePath(e, n)).catch(absent))?.size !== bytes) return false
  return true
}

const sampleBytes = ({ width_px, height_px }: Encoding['size']): number => (width_px * height_px * 3) / 2

async function cut(e: Encoding, whole: number, signal: AbortSignal, progress: (frames: number) => void): Promise<void> {
  const per = e.rhythm.segment
  const from = whole * per
  const { width_px, height_px } = e.size
  const samples = samplesOf(e)
  const first = samples.findIndex((frame) => frame >= from)
  const wanted = first < 0 ? '0' : samples.slice(first).map((frame) => `eq(n,${frame - from})`).join('+')
  const borders = Array.from({ length: Math.ceil((e.picture.frames - from) / per) - 1 }, (_, n) => (n + 1) * per)
  const chain = `scale=${width_px}:${height_px}:flags=bicubic,format=yuv420p,setsar=1,split[all][raw];[raw]select='${wanted}'[samples];[all]${e.encoder.filter || 'null'}[copy]`
  await ffmpeg([
    ...e.encoder.before, '-threads', String(e.threads), ...(from === 0 ? [] : ['-ss', before(e.picture, from).toFixed(6)]), '-i', `file:${e.from}`,
    // Times stay those of the source over all lives; every frame keeps its own. (`-fps_mode` is newer than some distributions.)
    '-copyts', '-filter_complex', `[0:v:0]${chain}`, '-vsync', 'passthrough', '-enc_time_base:v', `1:${TICKS}`,
    '-map', '[copy]', '-c:v', e.encoder.name, ...e.encoder.args, '-threads', String(e.threads), '-force_key_frames', `expr:eq(mod(n,${per}),0)`, '-output_ts_offset', String(SHIFT_S),
    '-f', 'segment', '-segment_format', 'nut', ...(borders.length > 0 ? ['-segment_frames', borders.join(',')] : ['-segment_time', '1000000']), '-segment_start_number', String(whole), '-reset_timestamps', '0', '-segment_list', `file:${startsPath(e)}`, '-segment_list_type', 'csv', '-segment_list_size', '0', '-y', `file:${join(e.folder, '%05d.nut')}`,
    '-map', '[samples]', '-c:v', 'rawvideo', '-f', 'image2', '-atomic_writing', '1', '-start_number', String(Math.max(0, first)), '-y', `file:${join(e.folder, 'sample-%d.yuv')}`,
  ], { signal, threads: e.threads, heard: (key, value) => { if (key === 'frame') progress(Number(value)) } })
}

/** Seconds from the start of the file to a moment between frame `n - 1` and frame `n`: there ffmpeg begins with `n`. */
const before = ({ times_s, start_s }: Picture, n: number): number => (times_s[n - 1]! + times_s[n]!) / 2 - start_s

/** One MP4 of the segments, with the sound, the data and the dates of the source. */
async function join_(e: Encoding, signal: AbortSignal): Promise<void> {
  const count = (await readdir(e.folder)).filter((name) => /^\d{5}\.nut$/.test(name)).length
  const told = await startsTold(e)
  const us: number[] = []
  for (let n = 0; n < count; n++) us.push(told.get(n) ?? (await startOf(segmentPath(e, n), signal)))
  await writeFile(listPath(e), ['ffconcat version 1.0', ...us.flatMap((at, n) => [`file ${String(n).padStart(5, '0')}.nut`, ...(n + 1 < us.length ? [`duration ${((us[n + 1]! - at) / 1e6).toFixed(6)}`] : [])])].join('\n'))
  const late_s = us[0]! / 1e6 - SHIFT_S - e.picture.start_s // of the picture behind what comes first
  const { audio } = e.picture
  const mux = (carried: readonly number[]) => ffmpeg([
    '-itsoffset', late_s.toFixed(6), '-f', 'concat', '-i', `file:${listPath(e)}`, '-i', `file:${e.from}`, '-map', '0:v:0', ...(e.audio === 'keep' && audio !== null ? ['-map', '1:a'] : []), ...carried.flatMap((index) => ['-map', `1:${index}`]),
    '-map_metadata', '1', '-c', 'copy', ...(e.audio === 'keep' && audio !== null && audio !== 'aac' ? ['-c:a', 'aac', '-b:a', '96k'] : []), ...(e.encoder.args.includes('hvc1') ? ['-tag:v', 'hvc1'] : []),
    '-movflags', '+faststart+use_metadata_tags', '-f', 'mp4', '-y', `file:${e.copy}`,
  ], { signal, threads: e.threads })
  await mux(e.picture.carried).catch((error: unknown) => {
    if (e.picture.carried.length === 0 || !(error instanceof Fault && error.code === 'tool/failed')) throw error
    return mux([]) // a telemetry stream that MP4 does not take; the track is in the catalogue
  })
}

/** Microseconds at which segments of this life begin, as ffmpeg wrote them down; of the first one it says 0. */
async function startsTold(e: Encoding): Promise<Map<number, number>> {
  const lines = ((await readFile(startsPath(e), 'utf8').catch(absent)) ?? '').split('\n').slice(1, -1) // what a kill cut off is no number
  return new Map(lines.map((line) => { const [name, start_s] = line.split(','); return [Number.parseInt(name!, 10), Math.round(Number(start_s) * 1e6)] }))
}

/** The same of one segment, for those of an earlier life. */
async function startOf(path: string, signal: AbortSignal): Promise<number> {
  const ticks = Number((await ffprobe(['-read_intervals', '%+#1', '-show_entries', 'packet=pts', '-of', 'csv=p=0', `file:${path}`], signal)).split('\n')[0])
  return Math.round((ticks * 1e6) / TICKS)
}

function absent(error: unknown): null {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
  throw error
}
