/** Renders clips of the sample: `node appliance/sample/render.ts` writes the card that lies beside it anew. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'
import { drive, written, type Clip } from './drive.ts'
import { frame, HEIGHT_PX, WIDTH_PX } from './scene.ts'
import { withTrack } from './telemetry.ts'

const FPS = 20
const CRF = 33

/** Writes one clip with its track into `folder` and returns its path. */
async function renderClip(clip: Clip, folder: string, parts: readonly Clip[] = [clip]): Promise<string> {
  await mkdir(folder, { recursive: true })
  const path = join(folder, clip.name)
  const bare = `${path}.part`
  const ffmpeg = spawn('ffmpeg', [
    '-nostdin', '-v', 'error', '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-s', `${WIDTH_PX}x${HEIGHT_PX}`, '-r', String(FPS), '-i', 'pipe:0',
    // One thread: the same frames give the same bytes.
    '-c:v', 'libx264', '-preset', 'slow', '-tune', 'animation', '-crf', String(CRF), '-pix_fmt', 'yuv420p', '-g', String(FPS * 4), '-threads', '1',
    '-metadata', `creation_time=${written(clip)}`, '-bitexact', '-f', 'mp4', '-y', bare,
  ], { stdio: ['pipe', 'inherit', 'inherit'] })
  const ended = once(ffmpeg, 'close')
  for (const { scene, duration_s } of parts)
    for (let i = 0; i < duration_s * FPS; i++) {
      const pixels = await sharp(Buffer.from(frame(scene, i / FPS))).removeAlpha().raw().toBuffer()
      if (!ffmpeg.stdin.write(pixels)) await once(ffmpeg.stdin, 'drain')
    }
  ffmpeg.stdin.end()
  const [code] = (await ended) as [number | null]
  if (code !== 0) throw new Error(`ffmpeg ended with ${code}`)
  await writeFile(path, withTrack(await readFile(bare), parts.flatMap(({ fixes }) => fixes)))
  await rm(bare)
  return path
}

/** One long clip of the same road, for measuring. @param length_s a multiple of a sample clip's length */
export async function renderLong(length_s: number, folder: string): Promise<string> {
  const parts = drive(Math.ceil(length_s / drive(1)[0]!.duration_s))
  return renderClip(parts[0]!, folder, parts)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const card = fileURLToPath(new URL('./card/DCIM/Movie', import.meta.url))
  for (const clip of drive(2)) process.stdout.write(`${await renderClip(clip, card)}\n`)
}
