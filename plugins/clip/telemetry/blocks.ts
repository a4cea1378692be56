import { open, type FileHandle } from 'node:fs/promises'
import { BLOCK_BYTES, MAGIC, readBlock } from './freegps.ts'
import type { Point, Reading } from './fix.ts'

/** A file without a block in its first part has none: the camera writes one a second. */
const LOOK_BYTES = 64 * 2 ** 20
const CHUNK_BYTES = 4 * 2 ** 20

/**
 * All freeGPS blocks of a file in the order of their place, with or without an index: an index is lost when the
 * recording is cut off. One block is one second, so a block without fix moves the later ones on.
 * Null when there is none, or when the layout is not one of ours.
 */
export async function readBlocks(path: string, signal: AbortSignal): Promise<Reading | null> {
  const file = await open(path)
  try {
    const points: Point[] = []
    const layouts = new Set<string>()
    let second = 0
    for await (const at of findBlocks(file, signal)) {
      const head = Buffer.alloc(BLOCK_BYTES)
      const { bytesRead } = await file.read(head, 0, BLOCK_BYTES, at)
      const next = head.indexOf(MAGIC, MAGIC.length)
      const block = readBlock(head.subarray(0, Math.min(bytesRead, next < 0 ? bytesRead : next - 4)))
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

async function* findBlocks(file: FileHandle, signal: AbortSignal): AsyncGenerator<number> {
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
