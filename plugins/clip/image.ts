import { readFile } from 'node:fs/promises'
import decodeHeic from 'heic-decode'
import sharp from 'sharp'
import { Fault } from '../../core/contract/fault.ts'

/** The largest phone sensors have 200 megapixels; more is an attack or a map. */
export const MOST_PIXELS = 268_402_689
/** Rows of the small copy by which the damage of a picture is judged. */
const JUDGED_PX = 96

export interface ImageFacts {
  readonly width_px: number // as seen, turned by its EXIF
  readonly height_px: number
  readonly format: string
  readonly notes: readonly string[]
}

/** Decodes the whole picture once. Throws Fault `image/bomb`, `image/unreadable`, `clip/unsupported`. */
export async function imageFacts(path: string, heif: boolean): Promise<ImageFacts> {
  const meta = await metadataOf(path)
  if (!meta && !heif) throw new Fault('image/unreadable', 'The picture cannot be decoded: its header is damaged. Copy it from the camera again.')
  if (meta && meta.width * meta.height > MOST_PIXELS) {
    throw new Fault('image/bomb', `The picture claims ${meta.width} × ${meta.height} pixels, which no camera takes. It was not decoded.`)
  }
  const turned = (meta?.orientation ?? 1) >= 5
  const size = meta && (turned ? { width_px: meta.height, height_px: meta.width } : { width_px: meta.width, height_px: meta.height })
  if (heif && meta?.compression !== 'av1') {
    const { width, height } = await heicPixels(path)
    return { width_px: width, height_px: height, format: 'heic', notes: [] }
  }
  const part = await decodedPart(path)
  if (part < 0.5) throw new Fault('image/unreadable', 'Most of the picture is damaged or missing. Copy it from the camera again.')
  return { ...size!, format: meta!.format, notes: part < 1 ? [`part of the picture is damaged: about ${Math.round(part * 100)} % can be seen`] : [] }
}

/** RGBA of a HEIC's primary picture, all tiles and turned as seen. Throws Fault `image/unreadable`, `clip/unsupported`. */
export async function heicPixels(path: string): Promise<{ width: number; height: number; data: Uint8ClampedArray }> {
  const buffer = await readFile(path)
  // A file may hold its tiles as pictures of their own, in front of the one they make.
  const { pagePrimary = 0 } = (await metadataOf(path)) ?? {}
  try {
    const pictures = await decodeHeic.all({ buffer })
    try {
      return await (pictures[pagePrimary] ?? pictures[0]!).decode()
    } finally {
      pictures.dispose()
    }
  } catch (cause) {
    if (buffer.subarray(0, 4096).includes('unci')) throw new Fault('clip/unsupported', 'The HEIF picture is stored uncompressed, which no decoder here knows. Export it as JPEG.', { cause })
    throw new Fault('image/unreadable', 'The HEIF picture cannot be decoded: it is damaged, or made in a way that no decoder here knows. Copy it again, or export it as JPEG.', { cause })
  }
}

/** Null where sharp cannot make sense of the header. */
export const metadataOf = (path: string) => sharp(path, { limitInputPixels: false, failOn: 'none' }).metadata().catch(() => null) // the decoders that follow say what is wrong

/** How much of a picture decodes: 1 when all of it does without an error, else the part that is not one flat colour at its end. */
async function decodedPart(path: string): Promise<number> {
  const small = (failOn: 'error' | 'none') =>
    sharp(path, { limitInputPixels: MOST_PIXELS, failOn, sequentialRead: true }).resize(JUDGED_PX, JUDGED_PX, { fit: 'fill' }).flatten().toColourspace('srgb').raw().toBuffer({ resolveWithObject: true })
  const clean = await small('error').catch(() => null) // any complaint: what is left is judged below
  if (clean) return 1
  const { data, info } = await small('none').catch((cause: unknown) => {
    if (cause instanceof Error && cause.message.includes('precision 12')) throw new Fault('clip/unsupported', 'The JPEG has 12 bits a colour, which no decoder here knows. Export it with 8 bits.', { cause })
    throw new Fault('image/unreadable', 'The picture cannot be decoded: its data is damaged. Copy it from the camera again.', { cause })
  })
  const row = JUDGED_PX * info.channels
  let seen = JUDGED_PX
  while (seen > 0 && isFlat(data.subarray((seen - 1) * row, seen * row), info.channels)) seen--
  return Math.min(seen / JUDGED_PX, 0.99)
}

/** Decoders fill what is missing with one colour. */
function isFlat(row: Buffer, channels: number): boolean {
  for (let i = channels; i < row.length; i++) if (Math.abs(row[i]! - row[i % channels]!) > 3) return false
  return true
}
