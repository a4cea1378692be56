/** Whether a recording lies in the archive: not whether it once did, but what its volume gives back now. */
import { Fault } from '../contract/fault.ts'
import { AWAY, type MediaRef } from '../contract/media.ts'
import type { Query } from '../contract/plugin.ts'
import { isRemoved, type AssetDoc, type CopyDoc, type RemovalDoc } from '../contract/records.ts'
import { reread } from '../store/volume/reread.ts'
import type { Volumes } from '../store/volumes.ts'

export type Archived = { readonly media: MediaRef } | { readonly why: string }

const ROLE = 'archive'

/** @param original as it came from its source @returns the copy whose bytes were read back from its volume just now and are the original's; else why there is none, in words */
export async function archivedCopy(original: MediaRef, query: Query, volumes: Pick<Volumes, 'resolve' | 'far'>): Promise<Archived> {
  const { sha256 } = original
  if (!(await query.get<AssetDoc>(`asset:${sha256}`))) return { why: 'the library does not know it yet' }
  const copy = await query.get<CopyDoc>(`copy:${sha256}:${ROLE}`)
  if (!copy) return { why: 'it is not in the archive yet' }
  const { media } = copy
  if (media.sha256 !== sha256 || media.bytes !== original.bytes) return { why: 'its copy in the archive is not the original' }
  if (media.volume === original.volume) return { why: 'its copy lies on the same volume as the original' }
  if (isRemoved(await removalsOf(query, sha256), media)) return { why: 'its copy was taken from the archive' }
  try {
    const there = volumes.far.has(media.volume) ? await far(volumes, media) : await reread(await volumes.resolve(media.volume, media.path))
    if (there === null) return { why: 'its copy is not in the archive any more' }
    return there.bytes === media.bytes && there.sha256 === sha256 ? { media } : { why: 'its copy in the archive does not read back as it was written' }
  } catch (e) {
    if (e instanceof Fault || (e instanceof Error && 'code' in e && (AWAY.has(String(e.code)) || UNREADABLE.includes(String(e.code))))) return { why: `its copy in the archive cannot be read now: ${e.message}` }
    throw e
  }
}

const UNREADABLE = ['ENOENT', 'ENOTDIR', 'EISDIR', 'EIO', 'EACCES', 'EPERM', 'ESTALE', 'ENXIO']

async function far(volumes: Pick<Volumes, 'far'>, { volume, path }: MediaRef): Promise<{ bytes: number; sha256: string } | null> {
  const there = await volumes.far.at(volume)
  const stat = await there.stat(path)
  return stat === null ? null : { bytes: stat.bytes, sha256: (await there.digest(path)).sha256 }
}

async function removalsOf(query: Query, sha256: string): Promise<RemovalDoc[]> {
  const all: RemovalDoc[] = []
  for await (const doc of query.list<RemovalDoc>('removal', { from: `removal:${sha256}:`, to: `removal:${sha256}:\uffff` })) all.push(doc)
  return all
}
