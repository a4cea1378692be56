/**
 * Inputs that an agent has fetched, by their digest: `<folder>/<sha256>/whole`. Shared by the children of one agent; kept beyond the task
 * and the agent, also in parts, until room is needed. It may be deleted at any time, also under a running agent.
 */
import { readdirSync, statSync } from 'node:fs'
import { constants, copyFile, link, mkdir, readdir, rename, rm, stat, statfs, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { Fault } from '../core/contract/fault.ts'
import type { MediaRef } from '../core/contract/media.ts'
import { errno, syncFolder, writeFault } from '../core/store/durable.ts'
import { claim, discard, free, type Claim, type Signs } from './cache-entry.ts'
import { isKnown, isSame } from './digest.ts'

/** What the disk is left with, unless it is so small that a twentieth of it is less. */
const RESERVE_BYTES = 1 << 30
const RESERVE_PART = 0.05
const LOOK_AGAIN_MS = 100
const HOLDS_FOR_MS = 1_000
const MOST_WIPED = 3
const DIGEST = /^[0-9a-f]{64}$/

export interface CacheSpec { readonly folder: string; readonly most_bytes: number }

/** Fills `part`, which may hold a beginning, with the bytes that were asked for, and syncs them. @param makeRoom throws `media/full` */
export type Fill = (part: string, makeRoom: (bytes: number) => Promise<void>) => Promise<void>

export interface Cache {
  /** A path in the folder `into` whose content has the digest; it stays whatever becomes of the cache. One process fetches, the others wait for it. */
  take(ref: Pick<MediaRef, 'bytes' | 'sha256'>, into: string, fill: Fill, signal: AbortSignal): Promise<string>
  /** Digests of what is there whole, the last used first. */
  holds(most?: number): string[]
  /** At the start of an agent, before any of its children: what the last one left half done, and what is too much. */
  settle(): Promise<void>
}

export interface Entry {
  readonly name: string
  readonly bytes: number
  readonly used_ms: number
  readonly in_use: boolean // a task has it, so nothing is won by deleting it
}

export function openCache({ folder, most_bytes }: CacheSpec): Cache {
  const signs: Signs = new Map()
  let held: { at_ms: number; digests: string[] } | null = null

  async function take(ref: Pick<MediaRef, 'bytes' | 'sha256'>, into: string, fill: Fill, signal: AbortSignal): Promise<string> {
    const entry = join(folder, ref.sha256)
    const path = join(into, ref.sha256)
    for (let wiped = 0; ;) {
      signal.throwIfAborted()
      const found = await lent(join(entry, 'whole'), path, into, ref)
      if (found === 'same') {
        await touch(entry)
        return path
      }
      await mkdir(folder, { recursive: true }).catch((e: unknown) => { throw writeFault(e, folder) })
      const own = await claim(entry, signs).catch((e: unknown) => { throw writeFault(e, entry) })
      if (!own) {
        await wait(LOOK_AGAIN_MS, undefined, { signal }).catch(() => signal.throwIfAborted())
        continue
      }
      try {
        if (found === 'other') await rm(join(entry, 'whole'), { force: true })
        if ((await sizeOf(join(entry, 'whole'))) === null) await fetch(own, ref, fill)
      } catch (e) {
        if (errno(e) !== 'ENOENT' || ++wiped > MOST_WIPED) throw writeFault(e, entry)
      } finally {
        await own.release()
      }
    }
  }

  async function fetch(own: Claim, ref: Pick<MediaRef, 'bytes' | 'sha256'>, fill: Fill): Promise<void> {
    const [part, whole] = [join(own.folder, 'part'), join(own.folder, 'whole')]
    const makeRoom = (bytes: number) => room(bytes, ref.sha256)
    await makeRoom(Math.max(0, ref.bytes - ((await sizeOf(part)) ?? 0)))
    await fill(part, makeRoom)
    await isKnown(part, ref.sha256)
    await rename(part, whole)
    await syncFolder(own.folder)
  }

  /** Deletes what was not used for longest until so many bytes more fit under the cap and beside the reserve. */
  async function room(bytes: number, but: string): Promise<void> {
    const all = await entries()
    const disk = await statfs(folder)
    const reserve_bytes = Math.min(RESERVE_BYTES, disk.blocks * disk.bsize * RESERVE_PART)
    const held_bytes = all.reduce((sum, entry) => sum + entry.bytes, 0)
    const over_bytes = Math.max(held_bytes + bytes - most_bytes, reserve_bytes + bytes - disk.bavail * disk.bsize)
    for (const { name } of doomed(all.filter((entry) => entry.name !== but), over_bytes)) {
      const own = await claim(join(folder, name), signs)
      if (own) await discard(own.folder).finally(() => own.release())
    }
    const now = await statfs(folder)
    if (now.bavail * now.bsize < bytes) throw new Fault('media/full', `no room left for an input: ${bytes} bytes are needed at ${folder}, ${now.bavail * now.bsize} are free; free some space, it is tried again by itself`)
  }

  async function entries(): Promise<Entry[]> {
    const found = await Promise.all((await readdir(folder)).filter((name) => DIGEST.test(name)).map(async (name) => {
      const at = join(folder, name)
      const [used, file] = await Promise.all([statOrNull(at), statOrNull(join(at, 'whole')).then((whole) => whole ?? statOrNull(join(at, 'part')))])
      return used ? [{ name, bytes: file?.size ?? 0, used_ms: used.mtimeMs, in_use: (file?.nlink ?? 1) > 1 }] : []
    }))
    return found.flat()
  }

  return {
    take,
    holds(most = 64) {
      if (!held || performance.now() - held.at_ms > HOLDS_FOR_MS) held = { at_ms: performance.now(), digests: wholes(folder) }
      return held.digests.slice(0, most)
    },
    async settle() {
      await mkdir(folder, { recursive: true })
      for (const name of await readdir(folder)) {
        if (DIGEST.test(name)) await free(join(folder, name))
        else if (/^(new|gone)\./.test(name)) await rm(join(folder, name), { recursive: true, force: true, maxRetries: 3 })
      }
      await room(0, '')
    },
  }
}

/** The oldest, until they make up for what is over. */
export function doomed(all: readonly Entry[], over_bytes: number): Entry[] {
  const chosen: Entry[] = []
  let left = over_bytes
  for (const entry of all.filter(({ in_use }) => !in_use).toSorted((a, b) => a.used_ms - b.used_ms)) {
    if (left <= 0) break
    chosen.push(entry)
    left -= entry.bytes
  }
  return chosen
}

/** `same`: it lies at `path` now, under a name of its own that nobody takes away. */
async function lent(whole: string, path: string, into: string, ref: Pick<MediaRef, 'bytes' | 'sha256'>): Promise<'same' | 'other' | 'none'> {
  try {
    if (await isSame(path, ref)) return 'same' // the task has asked before
    await rm(path)
  } catch (e) {
    if (errno(e) !== 'ENOENT') throw e
  }
  try {
    await mkdir(into, { recursive: true })
    await link(whole, path).catch((e: unknown) => {
      if (errno(e) === 'ENOENT' || errno(e) === 'EEXIST') throw e
      return copyFile(whole, path, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE) // no hard links there (exFAT), or another disk
    })
    if (await isSame(path, ref)) return 'same'
    await rm(path, { force: true })
    return 'other'
  } catch (e) {
    if (errno(e) === 'EEXIST') return lent(whole, path, into, ref) // the task reads it twice at once
    if (errno(e) === 'ENOENT') return 'none'
    throw writeFault(e, path)
  }
}

function wholes(folder: string): string[] {
  const found: { name: string; used_ms: number }[] = []
  for (const name of namesIn(folder)) {
    const at = DIGEST.test(name) ? statSync(join(folder, name), { throwIfNoEntry: false }) : undefined
    if (at && statSync(join(folder, name, 'whole'), { throwIfNoEntry: false })) found.push({ name, used_ms: at.mtimeMs })
  }
  return found.sort((a, b) => b.used_ms - a.used_ms).map(({ name }) => name)
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (e) {
    if (errno(e) === 'ENOENT') return []
    throw e
  }
}

async function touch(entry: string): Promise<void> {
  const now_s = Date.now() / 1000
  await utimes(entry, now_s, now_s).catch((e: unknown) => {
    if (!['ENOENT', 'EPERM', 'EACCES'].includes(errno(e))) throw e // Windows sets no time of a folder that somebody looks at
  })
}

const statOrNull = (path: string) => stat(path).catch((e: unknown) => {
  if (errno(e) === 'ENOENT' || errno(e) === 'ENOTDIR') return null
  throw e
})

const sizeOf = async (path: string): Promise<number | null> => (await statOrNull(path))?.size ?? null
