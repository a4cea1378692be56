/** Small recordings with a track, all different, for runs that are killed. */
import { execFile } from 'node:child_process'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const START_MS = Date.UTC(2026, 4, 3, 9, 0, 0)
const CLIP_S = 2

export interface Recording { readonly name: string; readonly files: readonly string[] } // the side-car first

/** @returns clips of one drive, `CLIP_S` seconds each, with an NMEA side-car of the same stem */
export async function makeFootage(folder: string, count: number): Promise<Recording[]> {
  await mkdir(folder, { recursive: true })
  return Promise.all(Array.from({ length: count }, async (_, i) => {
    const start = new Date(START_MS + i * CLIP_S * 1000)
    const stem = `${start.toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '')}_${String(i).padStart(6, '0')}`
    const clip = join(folder, `${stem}.mp4`)
    await run('ffmpeg', ['-nostdin', '-v', 'error', '-y', '-f', 'lavfi', '-i', `testsrc2=size=320x180:rate=10:duration=${CLIP_S}`, '-vf', `hue=h=${(i * 29) % 360}`, '-c:v', 'libx264', '-preset', 'ultrafast', '-threads', '1', '-pix_fmt', 'yuv420p', clip])
    const track = join(folder, `${stem}.NMEA`)
    await writeFile(track, Array.from({ length: CLIP_S + 1 }, (_, s) => rmc(new Date(start.getTime() + s * 1000), 48.2 + (i * CLIP_S + s) * 1e-4, 16.3)).join('\r\n') + '\r\n')
    return { name: stem, files: [track, clip] }
  }))
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
