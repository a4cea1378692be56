import { createHash } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import type { Media, MediaRef } from '../../core/contract/media.ts'
import type { Box } from '../../core/contract/records.ts'
import type { Static } from 'typebox'
import type { Picture } from './picture.ts'

/** A plate fills a part of its crop, so that one sees where on the car it sits. */
const CROP_MARGIN = 0.25
const FRAME_MAX_PX = 1920
const KEPT_MAX_PX = 2560
const KEPT_QUALITY = 90 // of what pictures are made from
const QUALITY = 85
/** Of kept frames at once; with what is made of one of them it stays below the scratch that the stage asks for. */
const MOST_BYTES = 384 * 2 ** 20

/** The frames that may be shown in the end, in scratch as far as there is room; and what is made of them. */
export class Stills {
  readonly #scratch: string
  readonly #folder: string
  readonly #media: Media
  readonly #most_bytes: number
  readonly #kept = new Map<number, { readonly path: string; readonly bytes: number }>()
  #bytes = 0

  /** @param sha256 of the asset, whose derived files these become */
  constructor(scratch: string, media: Media, sha256: string, most_bytes = MOST_BYTES) {
    this.#scratch = scratch
    this.#media = media
    this.#most_bytes = most_bytes
    this.#folder = `derived/${sha256.slice(0, 2)}/${sha256}/plates`
  }

  /** Keeps a frame until it is dropped, where there is room: hours of traffic would fill the disk. */
  async keep(frame: number, { rgb, width, height }: Picture): Promise<void> {
    if (this.#bytes >= this.#most_bytes) return
    const path = join(this.#scratch, `frame-${frame}.jpg`)
    await mkdir(this.#scratch, { recursive: true })
    const { size: bytes } = await sharp(rgb, { raw: { width, height, channels: 3 } })
      .resize(KEPT_MAX_PX, KEPT_MAX_PX, { fit: 'inside', withoutEnlargement: true })
      .jpeg({ quality: KEPT_QUALITY, chromaSubsampling: '4:4:4' }).toFile(path)
    this.#kept.set(frame, { path, bytes })
    this.#bytes += bytes
  }

  has(frame: number): boolean {
    return this.#kept.has(frame)
  }

  /** Drops all kept frames. */
  async clear(): Promise<void> {
    for (const { path } of this.#kept.values()) await rm(path)
    this.#kept.clear()
    this.#bytes = 0
  }

  /** The kept frame as a JPEG on the volume. */
  async frame(frame: number): Promise<MediaRef> {
    const jpeg = await sharp(this.#kept.get(frame)!.path).resize(FRAME_MAX_PX, FRAME_MAX_PX, { fit: 'inside', withoutEnlargement: true }).jpeg({ quality: QUALITY }).toBuffer()
    return this.#write(jpeg)
  }

  /** The box of a kept frame, with something around it, as a JPEG on the volume. */
  async crop(frame: number, [x, y, width, height]: Static<typeof Box>): Promise<MediaRef> {
    const image = sharp(this.#kept.get(frame)!.path)
    const size = await image.metadata()
    const margin = CROP_MARGIN * height * size.height
    const left = Math.max(0, Math.floor(x * size.width - margin))
    const top = Math.max(0, Math.floor(y * size.height - margin))
    const right = Math.min(size.width, Math.ceil((x + width) * size.width + margin))
    const bottom = Math.min(size.height, Math.ceil((y + height) * size.height + margin))
    const jpeg = await image.extract({ left, top, width: Math.max(1, right - left), height: Math.max(1, bottom - top) }).jpeg({ quality: QUALITY }).toBuffer()
    return this.#write(jpeg)
  }

  /** Named by its content: another version of the stage, which cuts otherwise, does not collide with what lies there. */
  async #write(jpeg: Buffer): Promise<MediaRef> {
    const name = `${createHash('sha256').update(jpeg).digest('hex').slice(0, 16)}.jpg`
    const path = join(this.#scratch, name)
    await writeFile(path, jpeg)
    const written = await this.#media.write('media', `${this.#folder}/${name}`, path)
    await rm(path)
    return written
  }
}
