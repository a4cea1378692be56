/** Small recordings with a track, all different, for runs that are killed. */
import { execFile } from 'node:child_process'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const START_MS = Date.UTC(2026, 4, 3, 9, 0, 0)
const CLIP_S = 2

const PLATE_EVERY = 3
/** No browser plays MPEG-4 Visual: a smaller copy is made of these. */
const OLD_EVERY = 4
const SAMPLE = fileURLToPath(new URL('../sample/card/DCIM/Movie/2026_0412_143000_0001F.MP4', import.meta.url))

export interface Recording { readonly name: string; readonly files: readonly string[] } // the side-car first

/** The `i`-th clip of one drive, `CLIP_S` seconds long, with an NMEA side-car of the same stem; every third shows plates of the sample, every fourth gets a smaller copy. */
export async function makeRecording(folder: string, i: number): Promise<Recording> {
  await mkdir(folder, { recursive: true })
  const start = new Date(START_MS + i * CLIP_S * 1000)
  const stem = `${start.toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '')}_${String(i).padStart(6, '0')}`
  const clip = join(folder, `${stem}.mp4`)
  const picture = i % PLATE_EVERY === 0
    ? ['-ss', String(((i * 7) % 90) / 10), '-t', String(CLIP_S), '-i', SAMPLE, '-r', '5', '-an']
    : ['-f', 'lavfi', '-i', `testsrc2=size=320x180:rate=10:duration=${CLIP_S}`, '-vf', `hue=h=${(i * 29) % 360}`]
  await run('ffmpeg', ['-nostdin', '-v', 'error', '-y', ...picture, '-map_metadata', '-1', '-metadata', `title=${i}`, ...(i % OLD_EVERY === 1 ? ['-c:v', 'mpeg4', '-q:v', '3'] : ['-c:v', 'libx264', '-preset', 'ultrafast']), '-threads', '1', '-pix_fmt', 'yuv420p', clip])
  const track = join(folder, `${stem}.NMEA`)
  await writeFile(track, Array.from({ length: CLIP_S + 1 }, (_, s) => rmc(new Date(start.getTime() + s * 1000), 48.2 + (i * CLIP_S + s) * 1e-4, 16.3)).join('\r\n') + '\r\n')
  return { name: stem, files: [track, clip] }
}

/** As a card reader does: under another name until it is whole. */
export async function drop(recording: Recording, inbox: string): Promise<void> {
  for (const file of recording.files) {
    const to = join(inbox, file.slice(file.lastIndexOf('/') + 1))
    await run('cp', [file, `${to}.part`])
    await rename(`${to}.part`, to)
  }
}

/** $GPRMC with its checksum (NMEA 0183). */
function rmc(at: Date, lat_deg: number, lon_deg: number): string {
  const iso = at.toISOString()
  const part = (deg: number, digits: number) => `${String(Math.floor(deg)).padStart(digits, '0')}${((deg % 1) * 60).toFixed(5).padStart(8, '0')}`
  const body = `GPRMC,${iso.slice(11, 19).replaceAll(':', '')}.00,A,${part(lat_deg, 2)},N,${part(lon_deg, 3)},E,20.0,0.0,${iso.slice(8, 10)}${iso.slice(5, 7)}${iso.slice(2, 4)},,,A`
  const sum = [...body].reduce((x, c) => x ^ c.charCodeAt(0), 0)
  return `$${body}*${sum.toString(16).toUpperCase().padStart(2, '0')}`
}
