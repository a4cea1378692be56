import type { FileHandle } from 'node:fs/promises'

/** A file, here or elsewhere, that is read in places. */
export interface Bytes {
  read(buffer: Buffer, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>
}

export interface Box { readonly type: string; readonly at: number; readonly size: number } // size with its header, bytes

/** The boxes of an ISO media file, or of a box within it, as their headers claim them; stops at what is no box.
 *  @param size where they end. @param from where the first one begins */
export async function readBoxes(file: Bytes, size: number, from = 0): Promise<readonly Box[]> {
  const boxes: Box[] = []
  const head = Buffer.alloc(16)
  for (let at = from; at + 8 <= size && boxes.length < MOST_BOXES; ) {
    const { bytesRead } = await file.read(head, 0, 16, at)
    const type = head.toString('latin1', 4, 8)
    let length = head.readUInt32BE(0)
    if (length === 1 && bytesRead === 16) length = Number(head.readBigUInt64BE(8))
    else if (length === 0) length = size - at // to the end of the file
    if (length < 8 || !/^[ -~©]{4}$/.test(type)) break
    boxes.push({ type, at, size: length })
    at += length
  }
  return boxes
}

const MOST_BOXES = 100_000
const MOST_PLACES = 100_000

/** Where `moov/gps ` says that GPS blocks lie: version, count, then offset and size of each. */
export async function gpsTable(file: Bytes, moov: Box): Promise<readonly number[]> {
  const table = (await readBoxes(file, moov.at + moov.size, moov.at + 8)).find((box) => box.type === 'gps ')
  if (!table || table.size < 16 || table.at + table.size > moov.at + moov.size) return []
  const body = Buffer.alloc(Math.min(table.size - 8, 8 + 8 * MOST_PLACES))
  const { bytesRead } = await file.read(body, 0, body.length, table.at + 8)
  const count = Math.min(body.readUInt32BE(4), Math.floor((bytesRead - 8) / 8))
  return Array.from({ length: Math.max(0, count) }, (_, i) => body.readUInt32BE(8 + i * 8))
}

/** How long the movie is by its header, s; null without one. */
export async function movieDuration_s(file: FileHandle): Promise<number | null> {
  const moov = (await readBoxes(file, (await file.stat()).size)).find((b) => b.type === 'moov')
  if (!moov) return null
  const head = Buffer.alloc(48)
  await file.read(head, 0, head.length, moov.at + 8) // the movie's header comes first in it
  if (head.toString('latin1', 4, 8) !== 'mvhd') return null
  const long = head[8] === 1
  const scale = head.readUInt32BE(long ? 28 : 20)
  const duration = long ? Number(head.readBigUInt64BE(32)) : head.readUInt32BE(24)
  return scale > 0 && duration > 0 && duration !== 0xffff_ffff ? duration / scale : null
}

export type Wholeness = 'whole' | 'cut' | 'unfinished'

/** `cut`: a box claims more than the file has, so a copy broke off. `unfinished`: pictures without an index: the recording ended with the power. */
export function wholeness(boxes: readonly Box[], size: number): Wholeness {
  const has = (...types: string[]) => boxes.some((b) => types.includes(b.type))
  const last = boxes.at(-1)
  if (last && last.at + last.size > size) return 'cut'
  return has('mdat') && !has('moov', 'moof') ? 'unfinished' : 'whole'
}
