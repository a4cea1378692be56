import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { Fault } from '../../core/contract/fault.ts'
import type { Picture } from './picture.ts'

export interface Frame {
  readonly at_s: number // seconds into the clip, as the stream itself says
  readonly picture: Picture
}

/** A decoder that gives nothing for so long, while it is being waited for, hangs. */
const STALL_S = 60
/** Wider frames are scaled down while they are decoded: nothing is read from them that 4K does not show. */
const MAX_WIDTH_PX = 3840

/** At most so many frames of a clip, and never further apart than this: a car that comes the other way is readable for about two seconds. */
const MAX_FRAMES = 600
const MAX_INTERVAL_S = 1.5

/** Seconds between the frames looked at: as asked for in short clips, wider in long ones. */
export const interval_s = (duration_s: number | null, framesPerSecond: number): number =>
  Math.max(1 / framesPerSecond, Math.min(MAX_INTERVAL_S, (duration_s ?? 0) / MAX_FRAMES))

/**
 * Frames of a video, the first and then one every `every_s`, decoded by ffmpeg as they are asked for: it waits in its
 * pipe meanwhile. Turned as the container says. A stream that breaks off gives what could be read; one that gives
 * nothing is a Fault `clip/unreadable`. Also throws Fault `tool/missing`, `tool/failed` (hangs), and the signal's reason.
 */
export async function* frames(path: string, every_s: number, signal: AbortSignal, ffmpeg = 'ffmpeg'): AsyncGenerator<Frame> {
  signal.throwIfAborted()
  // A hair less than the distance, for times of frames are rounded. The names of files never look like options behind `file:`.
  const pick = `select='isnan(prev_selected_t)+gte(t-prev_selected_t\\,${(every_s - 0.001).toFixed(4)})'`
  const child = spawn(ffmpeg, [
    '-hide_banner', '-nostdin', '-nostats', '-loglevel', 'info', '-i', `file:${path}`, '-map', '0:v:0', '-an', '-sn', '-dn',
    '-vf', `${pick},scale='min(iw\\,${MAX_WIDTH_PX})':-2,format=rgb24,showinfo`, '-vsync', 'passthrough', '-f', 'rawvideo', 'pipe:1',
  ], { stdio: ['ignore', 'pipe', 'pipe'], signal, killSignal: 'SIGKILL' })
  const log = new ShowInfo(child.stderr)
  const ended = exit(child)
  const bytes = new ByteReader(child.stdout)
  let count = 0
  try {
    for (;;) {
      const info = await inTime(log.next(), child)
      if (info === null) break
      const rgb = await inTime(bytes.take(info.width * info.height * 3), child)
      if (rgb === null) break
      count++
      yield { at_s: info.at_s, picture: { rgb, width: info.width, height: info.height } }
    }
    signal.throwIfAborted()
    const failure = await ended
    if (failure !== null) throw failure
    if (count === 0) throw new Fault('clip/unreadable', `No frame could be decoded: ${log.lastWords}`)
  } finally {
    child.kill('SIGKILL')
    signal.throwIfAborted() // an aborted child's pipes merely end
  }
}

type Child = ChildProcessByStdio<null, Readable, Readable>

/** Null when it ran, whatever it said; the reason why it did not. */
async function exit(child: Child): Promise<Error | null> {
  try {
    await once(child, 'close')
    return null
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return new Fault('tool/missing', 'ffmpeg is not installed, or not on PATH', { cause })
    return cause as Error
  }
}

async function inTime<T>(wanted: Promise<T>, child: Child): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    child.kill('SIGKILL')
    late.reject(new Fault('tool/failed', `ffmpeg gave no frame for ${STALL_S} s`))
  }, STALL_S * 1000)
  try {
    return await Promise.race([wanted, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

interface FrameInfo { readonly at_s: number; readonly width: number; readonly height: number }

const INFO = /\[Parsed_showinfo\S* @ \S+\] n: *\d+ .*?pts_time:(\S+) .*? s:(\d+)x(\d+) /
/** Kept of what ffmpeg said, for the person who has to look. */
const LAST_WORDS_CHARS = 300

/** The lines that the filter `showinfo` writes, one for each frame, in their order. */
class ShowInfo {
  lastWords = 'ffmpeg said nothing'
  #lines: AsyncGenerator<FrameInfo, void>

  constructor(stderr: Readable) {
    this.#lines = this.#read(stderr.setEncoding('utf8'))
  }

  async next(): Promise<FrameInfo | null> {
    const { value, done } = await this.#lines.next()
    return done === true || value === undefined ? null : value
  }

  async *#read(stderr: Readable): AsyncGenerator<FrameInfo, void> {
    let rest = ''
    for await (const chunk of stderr as AsyncIterable<string>) {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop()!.slice(-65_536)
      for (const line of lines) {
        const match = INFO.exec(line)
        if (match !== null) yield { at_s: Number(match[1]), width: Number(match[2]), height: Number(match[3]) }
        else if (line.trim() !== '' && !line.includes('showinfo')) this.lastWords = line.trim().slice(-LAST_WORDS_CHARS)
      }
    }
  }
}

/** Takes exact numbers of bytes out of a stream and leaves the rest in its pipe. */
class ByteReader {
  #chunks: AsyncIterator<Buffer>
  #rest: Buffer = Buffer.alloc(0)

  constructor(stream: Readable) {
    this.#chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  }

  /** Null when the stream ends before. The bytes belong to the caller. */
  async take(size: number): Promise<Buffer | null> {
    const bytes = Buffer.allocUnsafe(size)
    let filled = 0
    for (;;) {
      const taken = this.#rest.copy(bytes, filled, 0, size - filled)
      filled += taken
      this.#rest = this.#rest.subarray(taken)
      if (filled === size) return bytes
      const { value, done } = await this.#chunks.next()
      if (done === true) return null
      this.#rest = value
    }
  }
}
