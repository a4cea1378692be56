import { mkdir, open, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Level } from 'level'
import type { Db } from './draft.ts'
import { FORMAT, VERSION } from './keys.ts'

/** An index of another version, or one that is not whole, is none: it begins again, empty. Throws when another process has it. */
export async function openIndex(dir: string): Promise<Db> {
  await mkdir(dir, { recursive: true })
  if (await tablesAreWhole(dir)) {
    const db: Db = new Level(dir, { keyEncoding: 'buffer', valueEncoding: 'buffer', cacheSize: 32 << 20 })
    try {
      await db.open()
      const version = (await db.get(FORMAT))?.toString()
      if (version === VERSION) return db
      const [entry] = version === undefined ? await db.keys({ limit: 1 }).all() : ['of another version']
      if (entry === undefined) {
        await db.put(FORMAT, Buffer.from(VERSION))
        return db
      }
    } catch (error) {
      if (!isDamaged(error)) throw error
    }
    await db.close()
  }
  await rm(dir, { recursive: true, force: true })
  return openIndex(dir)
}

/** The last bytes of every table (https://github.com/google/leveldb/blob/main/doc/table_format.md). */
const MAGIC = Buffer.from('57fb808b247547db', 'hex')

// LevelDB opens without looking into its tables, and an iterator passes over one that it cannot read without a word.
async function tablesAreWhole(dir: string): Promise<boolean> {
  for (const name of await readdir(dir)) {
    if (!name.endsWith('.ldb')) continue
    const file = await open(join(dir, name))
    try {
      const { size } = await file.stat()
      const { buffer } = await file.read(Buffer.alloc(MAGIC.length), 0, MAGIC.length, Math.max(0, size - MAGIC.length))
      if (!buffer.equals(MAGIC)) return false
    } finally {
      await file.close()
    }
  }
  return true
}

/** Whether LevelDB says of its folder that something is gone, cut off or does not add up, or a value is no JSON. A full or forbidden disk is not that. */
export function isDamaged(error: unknown): boolean {
  if (error instanceof SyntaxError) return true
  if (!(error instanceof Error)) return false
  const words = `${'code' in error ? String(error.code) : ''} ${error.message}`
  if (/lock/i.test(words)) return false
  return /corrupt|LEVEL_NOT_FOUND|does not exist|missing file|no such file/i.test(words)
    || /\.ldb: (Invalid argument|Input\/output error)/.test(words) // a table that is shorter than it says
    || (error.cause !== undefined && isDamaged(error.cause))
}
