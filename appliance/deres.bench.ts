/** What our smaller copy costs on top of the one ffmpeg command that would make it, what a minute weighs on each rung, and what the ladder saves of a month. */
import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { grownOld, heldOn, monthOfDriving } from '../plugins/retention/driving.ts'
import { encode } from '../plugins/retention/encode.ts'
import { choose } from '../plugins/retention/encoders.ts'
import { budget, ffmpeg } from '../plugins/retention/ffmpeg.ts'
import { readPicture, slimSize, type Picture } from '../plugins/retention/picture.ts'
import { rhythmOf } from '../plugins/retention/rhythm.ts'
import { LINES_PX, type SmallRung } from '../plugins/retention/rung.ts'
import { run } from '../plugins/retention/slim.ts'
import { folderMedia, settings, slimOptions } from '../plugins/retention/testing.ts'
import { median, type Figure } from './figure.ts'

const exec = promisify(execFile)
const REAL = fileURLToPath(new URL('../../shared/data/H_video_steps/park_5s_1080p.mp4', import.meta.url)) // filmed, 1080 lines
const SHA = 'b'.repeat(64)
/** Bytes of a minute as a camera of 1440 lines writes it, at 20 Mbit/s; the filmed clip is one that was encoded well. */
const CAMERA_BYTES = (20e6 / 8) * 60
const { signal } = new AbortController()

interface Size { readonly clip_s: number; readonly times: number; readonly weigh_s: number }

export async function* bench({ clip_s = 60, times = 3, weigh_s = 20 }: Partial<Size> = {}): AsyncGenerator<Figure> {
  await mkdir(resolve('.viewshed'), { recursive: true })
  const folder = await mkdtemp(join(resolve('.viewshed'), 'deres-'))
  try {
    const clip = await clipOf(clip_s)
    const picture = (await readPicture(clip, signal))!
    yield* costs(folder, clip, picture, times)
    yield* weights(folder, clip, picture, weigh_s)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** A filmed one over and over, or a moving pattern with grain where the data are not there; made once. */
async function clipOf(clip_s: number): Promise<string> {
  const path = join(resolve('.viewshed'), 'bench', `deres-${existsSync(REAL) ? 'filmed' : 'made'}-${clip_s}s.mp4`)
  if (existsSync(path)) return path
  await mkdir(join(path, '..'), { recursive: true })
  const source = existsSync(REAL) ? ['-stream_loop', '-1', '-i', REAL, '-t', String(clip_s), '-c', 'copy'] : ['-f', 'lavfi', '-i', `testsrc2=size=1920x1080:rate=30:duration=${clip_s},noise=alls=14:allf=t`, '-c:v', 'libx264', '-preset', 'veryfast', '-crf', '23', '-pix_fmt', 'yuv420p']
  await exec('ffmpeg', ['-nostdin', '-v', 'error', ...source, '-f', 'mp4', '-y', `${path}.part`])
  await rename(`${path}.part`, path)
  return path
}

/** The command that a person would type, on as many cores and as low in rank as ours. */
async function bare(clip: string, { width_px, height_px }: { width_px: number; height_px: number }, to: string): Promise<void> {
  const threads = budget(0)
  await ffmpeg(['-threads', String(threads), '-i', `file:${clip}`, '-vf', `scale=${width_px}:${height_px}:flags=bicubic,format=yuv420p`, '-c:v', 'libx264', '-preset', 'veryfast', '-crf', '24', '-threads', String(threads), '-c:a', 'copy', '-movflags', '+faststart', '-y', `file:${to}`], { signal, threads })
}

async function* costs(folder: string, clip: string, picture: Picture, times: number): AsyncGenerator<Figure> {
  const size = slimSize(picture.width_px, picture.height_px, LINES_PX['720p'])
  await mkdir(join(folder, 'media'))
  await copyFile(clip, join(folder, 'media', 'clip.mp4'))
  const media = { volume: 'media', path: 'clip.mp4', bytes: (await stat(clip)).size, sha256: SHA }
  await choose('h264', 'software', 24, rhythmOf(picture).segment, signal) // tried once in the life of a device
  const [theirs, made, checked]: [Spent[], Spent[], Spent[]] = [[], [], []]
  let bytes = 0
  for (let i = 0; i < times; i++) {
    const began = spent()
    await bare(clip, size, join(folder, 'bare.mp4'))
    theirs.push(since(began))
    const scratch = await mkdtemp(join(folder, 'scratch-'))
    const from = spent()
    const output = await run({ media, sha256: SHA, media_kind: 'video' }, {
      config: settings(), options: slimOptions({ encoder: 'software' }), media: folderMedia(folder), scratch, attempt: 1, signal,
      progress: (_done, what) => { if (what === 'check the copy') made.push(since(from)) },
    })
    checked.push(since(from))
    if (output.slim === null) throw new Error(`the copy was not good: ${output.note}`)
    bytes = output.slim.bytes
    await rm(scratch, { recursive: true })
  }
  const peer = 'one ffmpeg command with the same size, encoder, cores and rank'
  const against = (name: string, ours: readonly Spent[], of: keyof Spent, unit: string): Figure =>
    ({ name, value: median(ours.map((one) => one[of])), unit, peer, peer_value: median(theirs.map((one) => one[of])), ratio: median(ours.map((one, i) => one[of] / theirs[i]![of])) })
  const length = `${Math.round(picture.duration_s)} s of ${picture.height_px} lines`
  yield against('deres.encode', made, 'wall_s', `s to make the 720p copy of ${length}, in segments that survive a kill`)
  yield against('deres.checked', checked, 'wall_s', 's with the check: frames counted, SSIM, digest, placed')
  if (made[0]!.cpu_s > 0) { // neighbours on the machine do not count here
    yield against('deres.encode-cpu', made, 'cpu_s', 's of processor for the same copy')
    yield against('deres.checked-cpu', checked, 'cpu_s', 's of processor with the check')
  }
  yield { name: 'deres.bytes', value: bytes / 1e6, unit: 'MB of the copy', peer, peer_value: (await stat(join(folder, 'bare.mp4'))).size / 1e6, ratio: bytes / (await stat(join(folder, 'bare.mp4'))).size }
}

async function* weights(folder: string, clip: string, picture: Picture, weigh_s: number): AsyncGenerator<Figure> {
  const piece = join(folder, 'piece.mp4')
  await exec('ffmpeg', ['-nostdin', '-v', 'error', '-i', clip, '-t', String(weigh_s), '-c', 'copy', '-y', piece])
  const from = (await readPicture(piece, signal))!
  const perMinute = async (path: string) => ((await stat(path)).size / from.duration_s) * 60
  const original = await perMinute(piece)
  const all: Record<SmallRung, number> = { '1080p': 0, '720p': 0, '540p': 0 }
  for (const rung of Object.keys(all) as SmallRung[]) {
    const copy = join(folder, `${rung}.mp4`)
    const rhythm = rhythmOf(from)
    await encode({ from: piece, source: SHA, picture: from, size: slimSize(from.width_px, from.height_px, LINES_PX[rung]), encoder: await choose('h264', 'software', 24, rhythm.segment, signal), threads: budget(0), rhythm, audio: 'keep', folder: join(folder, rung), copy }, signal, () => undefined)
    all[rung] = await perMinute(copy)
    yield { name: `deres.minute-${rung}`, value: all[rung] / 1e6, unit: 'MB a minute', peer: `as it came, ${from.height_px} lines`, peer_value: original / 1e6, ratio: all[rung] / original }
  }
  const weights = { original: CAMERA_BYTES, ...all }
  const month = monthOfDriving(0, weights)
  const whole = heldOn(month, ['media'])
  const weeks = grownOld(month, settings(), weights)
  for (const [after, days] of [['4-months', 120], ['a-year', 400]] as const) {
    const { bytes } = weeks.findLast(({ day }) => day <= days)!
    yield { name: `deres.ladder-after-${after}`, value: bytes / 1e9, unit: `GB left of a month of driving: ${month.length} minutes at 20 Mbit/s, copies as weighed above, by simulation`, peer: 'kept as it came', peer_value: whole / 1e9, ratio: bytes / whole }
  }
}

interface Spent { readonly wall_s: number; readonly cpu_s: number }

/** Since this process began; processor seconds of ours and of those that have ended, 0 where the system does not tell. */
function spent(): Spent {
  const { user, system } = process.cpuUsage()
  const ended = process.platform === 'linux' ? readFileSync('/proc/self/stat', 'utf8').split(') ').at(-1)!.split(' ').slice(13, 15).reduce((sum, ticks) => sum + Number(ticks) / 100, 0) : Number.NaN
  return { wall_s: performance.now() / 1000, cpu_s: Number.isNaN(ended) ? 0 : (user + system) / 1e6 + ended }
}

const since = (from: Spent): Spent => { const now = spent(); return { wall_s: now.wall_s - from.wall_s, cpu_s: now.cpu_s - from.cpu_s } }
