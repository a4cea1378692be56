/** The last look before a file moves, and again before its bytes go. It asks the volumes and the catalogue themselves, and believes no plan. */
import { lstat, stat } from 'node:fs/promises'
import { Fault } from '../contract/fault.ts'
import type { MediaRef } from '../contract/media.ts'
import type { Query } from '../contract/plugin.ts'
import { isRemoved, type AssetDoc, type DriveDoc, type RemovalDoc } from '../contract/records.ts'
import { errno, hashFile, readFault } from '../store/durable.ts'
import { isKept } from '../store/edits.ts'
import { reread } from '../store/volume/reread.ts'
import type { Volume } from '../store/volume/volume.ts'
import type { Volumes } from '../store/volumes.ts'
import type { Leaving } from './journal.ts'

/** Who asked to keep it, and how firmly. */
export async function spokenFor(query: Query, { sha256, drive }: Pick<Leaving, 'sha256' | 'drive'>): Promise<{ kept: boolean; why: string } | null> {
  const asset = await query.get<AssetDoc & { keep?: unknown }>(`asset:${sha256}`)
  if (!asset) return { kept: false, why: 'the catalogue does not know its recording' }
  if (isKept(asset)) return { kept: true, why: 'somebody marked it keep' }
  if (asset.event === 'locked' || asset.event === 'manual') return { kept: true, why: 'it was locked in the camera, or recorded by hand' }
  const whole = drive === null ? null : await driveNow(query, drive, sha256)
  return whole && isKept(whole) ? { kept: true, why: 'somebody marked its drive keep' } : null
}

type Drive = DriveDoc & { readonly keep?: unknown }

/** The drive in which a recording lies, that lay in `id` once: an earlier clip or a corrected clock gives it another id. Null: in none. */
async function driveNow(query: Query, id: string, sha256: string): Promise<Drive | null> {
  const seen = new Set<string>()
  for (let at: string | null = id; at !== null && !seen.has(at);) {
    seen.add(at)
    const drive: Drive | null = await query.get<Drive>(at)
    if (drive?.assets.includes(sha256)) return drive
    at = drive === null || drive.alias_of === null ? null : `drive:${drive.alias_of}`
  }
  for await (const drive of query.list<Drive>('drive')) if (drive.assets.includes(sha256)) return drive // it was taken out of that one
  return null
}

/**
 * Why `file` may not go; null when it may. Everything is read: the file itself must be what the catalogue says, so that nothing unknown is
 * removed, and each file that replaces it must give back its digest from its volume, now.
 * @param path of the file, at its place or in the trash @param leaving places that are on their way out themselves
 */
export async function unsafe(file: Leaving, path: string, volumes: Pick<Volumes, 'resolve' | 'far'>, query: Query, leaving: ReadonlySet<string>): Promise<string | null> {
  if (file.replaced_by.length === 0) return 'nothing would replace it'
  const removals = await removalsOf(query, file.sha256)
  const own = await identity(path, lstat)
  if (own === null) return 'it is not there, or no file but a link'
  if ((await hashFile(path)) !== file.media.sha256) return 'it is not what the catalogue says: somebody changed it'
  for (const ref of file.replaced_by) {
    const why = await unfit(ref, own, volumes, leaving, removals)
    if (why !== null) return `${ref.volume}/${ref.path}, which would replace it, ${why}`
  }
  return null
}

async function unfit(ref: MediaRef, own: string, volumes: Pick<Volumes, 'resolve' | 'far'>, leaving: ReadonlySet<string>, removals: readonly RemovalDoc[]): Promise<string | null> {
  if (leaving.has(`${ref.volume}/${ref.path}`) || isRemoved(removals, ref)) return 'is on its way out itself'
  try {
    if (volumes.far.has(ref.volume)) return await unfitFar(ref, await volumes.far.at(ref.volume))
    const path = await volumes.resolve(ref.volume, ref.path)
    const there = await identity(path, stat)
    if (there === null) return 'is not there'
    if (there === own) return 'is the very same file under another name'
    const again = await reread(path).catch((e: unknown) => { throw readFault(e, path) }) // past the cache: it stands in for what goes
    return again.bytes === ref.bytes && again.sha256 === ref.sha256 ? null : 'does not read back as it was written'
  } catch (e) {
    if (e instanceof Fault) return `cannot be read back (${e.message})`
    throw e
  }
}

/** Read by that machine, or by us over the network: what is asked is whether its disk still gives these bytes back. */
async function unfitFar({ path, bytes, sha256 }: MediaRef, volume: Volume): Promise<string | null> {
  const there = await volume.stat(path)
  if (there === null) return 'is not there'
  return there.bytes === bytes && (await volume.digest(path)).sha256 === sha256 ? null : 'does not read back as it was written'
}

/** Device and inode; null: no regular file. */
async function identity(path: string, look: typeof stat | typeof lstat): Promise<string | null> {
  try {
    const found = await look(path, { bigint: true })
    return found.isFile() ? `${found.dev}:${found.ino}` : null
  } catch (e) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'EIO', 'ESTALE'].includes(errno(e))) return null
    throw readFault(e, path)
  }
}

async function removalsOf(query: Query, sha256: string): Promise<RemovalDoc[]> {
  const all: RemovalDoc[] = []
  for await (const doc of query.list<RemovalDoc>('removal', { from: `removal:${sha256}:`, to: `removal:${sha256}:\uffff` })) all.push(doc)
  return all
}
