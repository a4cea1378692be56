/**
 * One digest's folder in the cache: `<sha256>/{owner.<who>, part, whole}`.
 *
 * There is exactly one `owner.…` in it at any moment, and who has it alone may write here. It is taken and given back by a rename of that very
 * name, so of two processes one wins whatever they do when; the folder is born with it inside by the rename of a folder.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errno } from '../core/store/durable.ts'

const FREE = 'owner.free'
const BEAT_EVERY_MS = 5_000
/** An owner that shows no sign for so long has lost its entry: its pid may be somebody else's by now. */
const SILENT_MS = 60_000

export interface Claim {
  /** Ours until `release`. */
  readonly folder: string
  release(): Promise<void>
}

/** When a sign of life of an owner was first seen; measured by our own clock alone, for a file's time may be set by another. */
export type Signs = Map<string, { readonly mtime_ms: number; readonly since_ms: number }>

/** Null: somebody else has it, or was faster; look again. */
export async function claim(folder: string, signs: Signs): Promise<Claim | null> {
  const mine = `owner.${process.pid}-${randomBytes(6).toString('hex')}`
  const owner = await ownerOf(folder)
  if (owner === 'nowhere') {
    if (!(await isBorn(folder, mine))) return null
  } else {
    if (owner === null) {
      await discard(folder) // no rename of ours leaves that: a stranger's hand, or the file system after a power cut
      return null
    }
    if (owner !== FREE && !(await isDead(folder, owner, signs))) return null
    if (!(await moved(join(folder, owner), join(folder, mine)))) return null
  }
  signs.delete(folder)
  const beat = setInterval(() => {
    const now_s = Date.now() / 1000
    utimes(join(folder, mine), now_s, now_s).catch(() => clearInterval(beat)) // the folder is gone: whoever writes there hears it
  }, BEAT_EVERY_MS)
  beat.unref()
  return {
    folder,
    async release() {
      clearInterval(beat)
      await moved(join(folder, mine), join(folder, FREE))
    },
  }
}

/** Whoever had it is dead: for the start of an agent, before any of its children. */
export async function free(folder: string): Promise<void> {
  const owner = await ownerOf(folder)
  if (owner === null) await discard(folder)
  else if (owner !== 'nowhere' && owner !== FREE) await moved(join(folder, owner), join(folder, FREE))
}

/** Takes a folder away as a whole, then deletes it. */
export async function discard(folder: string): Promise<void> {
  const gone = join(dirname(folder), `gone.${randomBytes(6).toString('hex')}`)
  if (await moved(folder, gone)) await rm(gone, { recursive: true, force: true, maxRetries: 3 })
}

/** Null: there is none. */
async function ownerOf(folder: string): Promise<string | null> {
  for (let look = 0; look < 5; look++) {
    const names = await readdir(folder).catch((e: unknown) => {
      if (errno(e) === 'ENOENT') return null
      throw e
    })
    if (names === null) return 'nowhere'
    const owner = names.find((name) => name.startsWith('owner.'))
    if (owner !== undefined) return owner
    await new Promise((again) => setTimeout(again, 20)) // a listing may miss what is renamed meanwhile
  }
  return null
}

async function isBorn(folder: string, mine: string): Promise<boolean> {
  const fresh = join(dirname(folder), `new.${randomBytes(6).toString('hex')}`)
  await mkdir(fresh, { recursive: true })
  await writeFile(join(fresh, mine), '')
  if (await moved(fresh, folder)) return true
  await rm(fresh, { recursive: true, force: true })
  return false
}

async function isDead(folder: string, owner: string, signs: Signs): Promise<boolean> {
  const pid = Number(/^owner\.(\d+)-/.exec(owner)?.[1] ?? 0)
  if (pid !== process.pid && !isAlive(pid)) return true
  const mtime_ms = await stat(join(folder, owner)).then((found) => found.mtimeMs, (e: unknown) => {
    if (errno(e) === 'ENOENT') return null
    throw e
  })
  if (mtime_ms === null) return false
  const sign = signs.get(folder)
  if (sign?.mtime_ms !== mtime_ms) signs.set(folder, { mtime_ms, since_ms: performance.now() })
  return sign?.mtime_ms === mtime_ms && performance.now() - sign.since_ms > SILENT_MS
}

function isAlive(pid: number): boolean {
  if (pid === 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (e) {
    return errno(e) === 'EPERM'
  }
}

/** False: it is not there any more, or something else is where it should go. */
async function moved(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to)
    return true
  } catch (e) {
    if (['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(errno(e))) return false
    // Windows: a file inside is open, or the place is taken.
    if (process.platform === 'win32' && ['EPERM', 'EACCES', 'EBUSY'].includes(errno(e))) return false
    throw e
  }
}
