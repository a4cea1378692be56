/** A LevelDB whose disk said no is opened anew before it takes anything more, and that takes some room. */
import { statfs } from 'node:fs/promises'
import { Fault } from '../contract/fault.ts'

/** A new journal, a table of the old one, a manifest. */
const MEND_BYTES = 64 << 20

/** Throws Fault `media/full`. @param what `log`, `catalogue` */
export async function checkRoom(what: string, dir: string): Promise<void> {
  const { bavail, bsize } = await statfs(dir)
  if (bavail * bsize < MEND_BYTES) throw diskFull(what, dir)
}

export const isDiskFull = (words: string): boolean => /no space left|disk quota/i.test(words)
export const diskFull = (what: string, dir: string, cause?: unknown): Fault => new Fault('media/full', `The disk that holds the ${what} in ${dir} is full; free some space and it goes on by itself`, { cause })
