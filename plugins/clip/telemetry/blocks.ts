import { open, type FileHandle } from 'node:fs/promises'
import { gpsTable, readBoxes } from '../boxes.ts'
import { BLOCK_BYTES, blockAt, MAGIC } from './freegps.ts'
import type { Point, Reading } from './fix.ts'

/** A file without a block in its first part has none: the camera writes one a second. */
const LOOK_BYTES = 64 * 2 ** 20
const CHUNK_BYTES = 4 * 2 ** 20

/**
 * All freeGPS blocks of a file in their order: by the index where the camera finished one, else wherever they lie, for
 * an index is lost when the recording is cut off. One block is one second, so a block without fix moves the later ones on.
 * Null when there is none, or when the layout is not one of ours.
 */
export async function readBlocks(path: string, signal: AbortSignal): Promise<Reading | null> {
  const file = await open(path)
  try {
    const points: Point[] = []
    const layouts = new Set<string>()
    let second = 0
    const indexed = await indexOf(file)
    for await (const at of indexed.length > 0 ? indexed : scan(file, signal)) {
      signal.throwIfAborted()
      const head = Buffer.alloc(BLOCK_BYTES)
      const { bytesRead } = await file.read(head, 0, BLOCK_BYTES, at)
      const block = blockAt(head.subarray(0, bytesRead))
      if (block) {
        layouts.add(block.layout)
        points.push({ ...block.point, t_s: second })
      }
      second++
    }
    return points.length > 0 ? { source: `freegps ${[...layouts].join('+')}`, points } : null
  } finally {
    await file.close()
  }
}

/** Where the index says that blocks lie. Empty when one entry is wrong. */
async function indexOf(file: FileHandle): Promise<readonly number[]> {
  const { size } = await file.stat()
  const moov = (await readBoxes(file, size)).find((b) => b.type === 'moov')
  if (!moov || moov.at + moov.size > size) return []
  const places: number[] = []
  const magic = Buffer.alloc(4 + MAGIC.length)
  for (const at of await gpsTable(file, moov)) {
    await file.read(magic, 0, magic.length, at)
    const off = magic.indexOf(MAGIC) // the box's size may lie in front
    if (off < 0) return []
    places.push(at + off)
  }
  return places
}

async function* scan(file: FileHandle, signal: AbortSignal): AsyncGenerator<number> {
  const { size } = await file.stat()
  const chunk = Buffer.alloc(CHUNK_BYTES)
  let found = 0
  for (let at = 0; at < size && (found > 0 || at < LOOK_BYTES); at += CHUNK_BYTES - MAGIC.length + 1) {
    signal.throwIfAborted()
    const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES, at)
    const part = chunk.subarray(0, bytesRead)
    for (let i = part.indexOf(MAGIC); i >= 0; i = part.indexOf(MAGIC, i + 1)) {
      found++
      yield at + i
    }
  }
}
