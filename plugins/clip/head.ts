import { open } from 'node:fs/promises'

/** So much of a file tells what it is. */
export const HEAD_BYTES = 65_536

/** The first 64 kB of a file, or all of it. */
export async function headOf(path: string): Promise<Buffer> {
  const file = await open(path)
  try {
    const head = Buffer.alloc(HEAD_BYTES)
    return head.subarray(0, (await file.read(head, 0, head.length, 0)).bytesRead)
  } finally {
    await file.close()
  }
}
