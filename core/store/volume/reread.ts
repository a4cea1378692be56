import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import type { Reread } from '../../contract/media.ts'
import type { ReadOptions } from './volume.ts'

const CHUNK_BYTES = 4 << 20
const WASM_PAGE_BYTES = 64 << 10
// Part of the language's host, but its type is only in the browser's library.
declare const WebAssembly: { readonly Memory: new (size: { initial: number }) => { readonly buffer: ArrayBuffer } }

/**
 * SHA-256 of a file as its disk gives it back.
 *
 * A file that was just written lies in the page cache, and hashing that says nothing of the disk. O_DIRECT goes past it
 * (the drive's own cache may still answer). Not every file system can; then `from` says `cache`.
 */
export async function reread(path: string, options: ReadOptions = {}): Promise<Reread> {
  try {
    return { ...(await digest(path, constants.O_RDONLY | (constants.O_DIRECT ?? 0), options)), from: constants.O_DIRECT ? 'disk' : 'cache' }
  } catch (e) {
    if (!(e instanceof Error && 'code' in e && (e.code === 'EINVAL' || e.code === 'EOPNOTSUPP'))) throw e
    return { ...(await digest(path, constants.O_RDONLY, options)), from: 'cache' }
  }
}

async function digest(path: string, flags: number, { signal, pace }: ReadOptions): Promise<{ sha256: string; bytes: number }> {
  // O_DIRECT wants an aligned buffer. Node's own are 16 bytes past a page; a WebAssembly memory begins on one.
  const chunk = Buffer.from(new WebAssembly.Memory({ initial: CHUNK_BYTES / WASM_PAGE_BYTES }).buffer)
  const hash = createHash('sha256')
  const file = await open(path, flags)
  try {
    const { size } = await file.stat()
    let at = 0
    while (at < size) {
      signal?.throwIfAborted()
      const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES, at)
      if (bytesRead === 0) break // shorter than its folder says; the digest will tell
      hash.update(chunk.subarray(0, bytesRead))
      at += bytesRead
      await pace?.(bytesRead)
    }
    return { sha256: hash.digest('hex'), bytes: at }
  } finally {
    await file.close()
  }
}
