import type { FileHandle } from 'node:fs/promises'

export interface Box { readonly type: string; readonly at: number; readonly size: number } // size with its header, bytes

/** The top-level boxes of an ISO media file as their headers claim them; stops at what is no box. */
export async function readBoxes(file: FileHandle, size: number): Promise<readonly Box[]> {
  const boxes: Box[] = []
  const head = Buffer.alloc(16)
  for (let at = 0; at + 8 <= size && boxes.length < MOST_BOXES; ) {
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
