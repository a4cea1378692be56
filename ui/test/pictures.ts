/** Invented pictures for the fixture: a road, a car with a plate, the plate alone. Nothing here was photographed. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import sharp from 'sharp'

const SKIES = [['#4f7fb8', '#b9d3e6', '#c3b184', '#5c6a3a'], ['#3c5f94', '#e8c9a2', '#a98f63', '#4a5533'], ['#161d2f', '#39405a', '#23262c', '#191d1c'], ['#8b98a3', '#c9d0d4', '#9a9a86', '#5a614d']] as const

/** A view through a windscreen. `t`: seconds, moves the markings; `tone`: 0 noon, 1 evening, 2 night, 3 rain. */
function road(t: number, tone: number, plate: string | null): string {
  const [high, low, field, trees] = SKIES[tone % 4]!
  const marks = Array.from({ length: 7 }, (_, i) => {
    const depth = ((i + (t * 1.4) % 1) / 7) ** 2.4
    const y = 190 + depth * 170
    return `<path d="M${320 - 3 - depth * 60 - depth * 8} ${y + depth * 26}h${2 + depth * 14}l${4 * depth} ${-depth * 26}h${-1 - depth * 10}z" fill="#e8e4d2" opacity="${0.4 + depth * 0.6}"/>`
  }).join('')
  const hills = Array.from({ length: 9 }, (_, i) => `<ellipse cx="${((i * 97 + tone * 61 - t * 3) % 780) - 40}" cy="${188 - (i % 3) * 6}" rx="${70 + (i % 4) * 22}" ry="${20 + (i % 3) * 12}" fill="${trees}" opacity=".8"/>`).join('')
  const car = plate === null ? '' : `<g transform="translate(${392 + Math.sin(t / 3) * 10} 196)"><rect x="4" y="0" width="82" height="34" rx="12" fill="#20262b"/><rect x="14" y="5" width="62" height="16" rx="5" fill="#5d7180"/><rect x="-2" y="20" width="94" height="38" rx="9" fill="#2c343b"/><rect x="4" y="26" width="14" height="8" rx="3" fill="#c23b2a"/><rect x="72" y="26" width="14" height="8" rx="3" fill="#c23b2a"/><rect x="24" y="38" width="42" height="12" rx="2" fill="#f2f1ea"/><text x="45" y="48" font-family="DejaVu Sans" font-weight="700" font-size="8.500" text-anchor="middle" fill="#111">${plate}</text><rect x="4" y="56" width="16" height="9" fill="#111"/><rect x="70" y="56" width="16" height="9" fill="#111"/></g>`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 360" width="640" height="360"><defs><linearGradient id="s" x2="0" y2="1"><stop stop-color="${high}"/><stop offset="1" stop-color="${low}"/></linearGradient><linearGradient id="r" x2="0" y2="1"><stop stop-color="#6b6a66"/><stop offset="1" stop-color="#33343a"/></linearGradient></defs><rect width="640" height="200" fill="url(#s)"/><rect y="186" width="640" height="174" fill="${field}"/>${hills}<path d="M300 190h40L640 344v16H0v-16z" fill="url(#r)"/><path d="M300 190 0 330M340 190 640 330" stroke="#e0b73c" stroke-width="3" fill="none"/>${marks}${car}</svg>`
}

export const frameJpeg = (t: number, tone: number, plate: string | null, width: number): Promise<Buffer> =>
  sharp(Buffer.from(road(t, tone, plate))).resize(width).jpeg({ quality: 78 }).toBuffer()

export function cropJpeg(plate: string, seed: number): Promise<Buffer> {
  const tilt = ((seed % 7) - 3) * 0.9
  const dark = seed % 5 === 3
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="360" height="102"><rect width="360" height="102" fill="${dark ? '#17181b' : '#3d4146'}"/><g transform="translate(180 51) rotate(${tilt}) skewX(${tilt * 2})"><rect x="-158" y="-34" width="316" height="68" rx="7" fill="${dark ? '#8f8878' : '#f0efe6'}" stroke="#15171a" stroke-width="2.500"/><rect x="-158" y="-34" width="27" height="68" rx="6" fill="#1d3f9c"/><text x="12" y="17" font-family="DejaVu Sans" font-weight="700" font-size="46" text-anchor="middle" textLength="262" lengthAdjust="spacingAndGlyphs" fill="#121416">${plate.slice(0, 2)} ${plate.slice(2, 5)} ${plate.slice(5)}</text></g></svg>`
  return sharp(Buffer.from(svg)).blur(0.3 + (seed % 4) * 0.9 + 0.01).jpeg({ quality: 80 }).toBuffer()
}

export const STRIP = { frames: 24, columns: 6, width_px: 160, height_px: 90 } as const
export async function filmstripJpeg(tone: number): Promise<Buffer> {
  const tiles = await Promise.all(Array.from({ length: STRIP.frames }, (_, i) => sharp(Buffer.from(road(i * 2.5, tone, i % 5 === 2 ? 'KU418OT' : null))).resize(STRIP.width_px).toBuffer()))
  return sharp({ create: { width: STRIP.columns * STRIP.width_px, height: Math.ceil(STRIP.frames / STRIP.columns) * STRIP.height_px, channels: 3, background: '#000' } })
    .composite(tiles.map((input, i) => ({ input, left: (i % STRIP.columns) * STRIP.width_px, top: Math.floor(i / STRIP.columns) * STRIP.height_px }))).jpeg({ quality: 72 }).toBuffer()
}

/** A minute of the road as H.264, rendered once. Throws when there is no ffmpeg. */
export async function clipMp4(folder: string): Promise<string> {
  const path = join(folder, 'clip.mp4')
  if (existsSync(path)) return path
  await mkdir(folder, { recursive: true })
  await promisify(execFile)('ffmpeg', ['-version'])
  const part = `${path}.${process.pid}.mp4`
  const encoder = spawn('ffmpeg', ['-v', 'error', '-y', '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-s', '640x360', '-r', '4', '-i', '-', '-c:v', 'libx264', '-preset', 'veryfast', '-pix_fmt', 'yuv420p', '-g', '4', '-movflags', '+faststart', part], { stdio: ['pipe', 'inherit', 'inherit'] })
  for (let i = 0; i < 240; i++) {
    const { data } = await sharp(Buffer.from(road(i / 4, 0, i > 30 && i < 110 ? 'KU418OT' : null))).removeAlpha().raw().toBuffer({ resolveWithObject: true })
    if (!encoder.stdin.write(data)) await once(encoder.stdin, 'drain')
  }
  encoder.stdin.end()
  const [code] = (await once(encoder, 'exit')) as [number]
  if (code !== 0) throw new Error(`ffmpeg ended with ${code}`)
  await rename(part, path)
  return path
}
