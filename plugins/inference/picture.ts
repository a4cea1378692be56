import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import sharp from 'sharp'
import { Fault } from '../../core/contract/fault.ts'
import { HEAD_BYTES } from '../clip/head.ts'
import { kindOf } from '../clip/kind.ts'

/** Pixels, red green blue, row by row, no padding. */
export interface Picture {
  readonly rgb: Uint8Array // 3 × width × height
  readonly width: number
  readonly height: number
}

/** More would not fit beside the models under the child's memory cap (3 bytes a pixel, two copies while turning). */
const MAX_PIXELS = 120_000_000

/** An image file upright, as its EXIF says. HEIC goes through libheif: ffmpeg and sharp's own build know it only in part.
 *  Throws Fault `image/unreadable`, `image/bomb`. */
export async function readPicture(path: string): Promise<Picture> {
  const bytes = await readFile(path)
  return (await isHeic(bytes)) ? readHeif(bytes) : readBySharp(bytes)
}

async function readBySharp(bytes: Buffer): Promise<Picture> {
  try {
    const { data, info } = await sharp(bytes, { limitInputPixels: MAX_PIXELS, failOn: 'none' })
      .rotate().toColourspace('srgb').flatten({ background: '#000' }).raw().toBuffer({ resolveWithObject: true })
    return { rgb: info.channels === 3 ? data : threeChannels(data, info.channels), width: info.width, height: info.height }
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    if (message.includes('pixel limit')) throw new Fault('image/bomb', `The image has more than ${MAX_PIXELS / 1e6} million pixels`, { cause })
    throw new Fault('image/unreadable', `The image could not be read: ${message}`, { cause })
  }
}

interface HeifImage { readonly width: number; readonly height: number; readonly data: Uint8ClampedArray }
type HeifDecode = (input: { buffer: Uint8Array }) => Promise<HeifImage>

async function readHeif(bytes: Buffer): Promise<Picture> {
  const decode = createRequire(import.meta.url)('heic-decode') as HeifDecode // it comes without types
  try {
    const { data, width, height } = await decode({ buffer: bytes }) // libheif has turned it already
    return { rgb: threeChannels(data, 4), width, height }
  } catch (cause) {
    throw new Fault('image/unreadable', `The HEIC image could not be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}

/** By any brand in its first box, as the clip was probed, not by its name. AVIF, which shares the box, is left to sharp. */
async function isHeic(bytes: Buffer): Promise<boolean> {
  const kind = kindOf(bytes.subarray(0, HEAD_BYTES))
  if (kind.kind !== 'image' || kind.format !== 'heif') return false
  const meta = await sharp(bytes, { limitInputPixels: false, failOn: 'none' }).metadata().catch(() => null) // the decoder that follows says what is wrong
  return meta?.compression !== 'av1'
}

/** Grey, grey with alpha or RGBA as RGB. */
function threeChannels(data: Uint8Array | Uint8ClampedArray, channels: number): Uint8Array {
  const pixels = data.length / channels
  const rgb = new Uint8Array(pixels * 3)
  const colour = channels >= 3 ? 1 : 0
  for (let i = 0, from = 0, to = 0; i < pixels; i++, from += channels, to += 3) {
    rgb[to] = data[from]!
    rgb[to + 1] = data[from + colour]!
    rgb[to + 2] = data[from + 2 * colour]!
  }
  return rgb
}
