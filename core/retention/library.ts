/** The library as a planner sees it: what the catalogue says, and what really lies on the volumes. */
import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault } from '../contract/fault.ts'
import type { MediaRef } from '../contract/media.ts'
import type { Query } from '../contract/plugin.ts'
import { isRemoved, type AssetDoc, type CopyDoc, type DriveDoc, type PicturesDoc, type RemovalDoc, type SightingsDoc, type TrackDoc } from '../contract/records.ts'
import type { Library, LibraryFile, LibraryItem, VolumeSight } from '../contract/retention.ts'
import { errno } from '../store/durable.ts'
import { safeParts } from '../store/volume/path.ts'
import type { Volumes } from '../store/volumes.ts'

export type VolumesSeen = Pick<Volumes, 'names' | 'root' | 'states'>
type Edited = { readonly keep?: unknown }

/** Files looked for at a time: a network mount answers slowly, and one after another. */
const AT_ONCE = 32

/** Someone said keep: anything but no. */
export const isKept = (doc: Edited): boolean => doc.keep !== undefined && doc.keep !== false && doc.keep !== null

/** @param leaving places of files that are on their way out: they are no longer part of it */
export async function gather(query: Query, volumes: VolumesSeen, placed: ((track: TrackDoc) => string | null) | null, leaving: ReadonlySet<string>, now_ms: number): Promise<Library> {
  const [copies, removals, sightings] = [new Map<string, CopyDoc[]>(), new Map<string, RemovalDoc[]>(), new Map<string, number>()]
  for await (const copy of query.list<CopyDoc>('copy')) push(copies, copy.asset, copy)
  for await (const removal of query.list<RemovalDoc>('removal')) push(removals, removal.asset, removal)
  for await (const doc of query.list<SightingsDoc>('sightings')) sightings.set(doc.asset, (sightings.get(doc.asset) ?? 0) + doc.sightings.length)
  const pictured = new Set<string>()
  for await (const { asset } of query.list<PicturesDoc>('pictures')) pictured.add(asset)
  const drives = new Map<string, { id: string; kept: boolean }>()
  for await (const drive of query.list<DriveDoc & Edited>('drive')) for (const asset of drive.assets) drives.set(asset, { id: drive._id, kept: isKept(drive) })
  const areas = new Map<string, string | null>()
  if (placed !== null) for await (const track of query.list<TrackDoc>('track')) areas.set(track.asset, placed(track))

  const found: Omit<LibraryItem, 'files'>[] = []
  const claims: { sha256: string; role: string; media: MediaRef; verified_ms: number | null; checks: CopyDoc['checks'] }[] = []
  for await (const asset of query.list<AssetDoc & Edited>('asset')) {
    const { sha256 } = asset
    const drive = drives.get(sha256)
    found.push({
      asset, kept: isKept(asset) || (drive?.kept ?? false), drive: drive?.id ?? null, looked: sightings.has(sha256) && pictured.has(sha256),
      sightings: sightings.get(sha256) ?? 0, area: areas.get(sha256) ?? null,
    })
    const all = [{ sha256, role: 'original', media: asset.media, verified_ms: null, checks: {} }, ...(copies.get(sha256) ?? []).map(({ role, media, verified_ms, checks }) => ({ sha256, role, media, verified_ms, checks }))]
    claims.push(...all.filter(({ media }) => !leaving.has(`${media.volume}/${media.path}`) && !isRemoved(removals.get(sha256) ?? [], media)))
  }
  const { roots, sights } = await lookAt(volumes)
  const files = new Map<string, LibraryFile[]>()
  for (let at = 0; at < claims.length; at += AT_ONCE)
    await Promise.all(claims.slice(at, at + AT_ONCE).map(async ({ sha256, ...claim }) => {
      const root = roots.get(claim.media.volume)
      const file: LibraryFile = { ...claim, there: root === undefined ? null : await liesThere(root, claim.media) }
      push(files, sha256, file)
      const sight = sights.get(claim.media.volume)
      if (sight) sights.set(claim.media.volume, { ...sight, files: sight.files + 1, there: sight.there + Number(file.there === true) })
    }))
  return { items: found.map((item) => ({ ...item, files: (files.get(item.asset.sha256) ?? []).sort(byRole) })), volumes: sights, now_ms }
}

async function lookAt(volumes: VolumesSeen): Promise<{ roots: Map<string, string>; sights: Map<string, VolumeSight> }> {
  const roots = new Map<string, string>()
  const sights = new Map<string, VolumeSight>()
  const states = new Map((await volumes.states()).map((state) => [state.name, state]))
  for (const name of volumes.names) {
    const root = await volumes.root(name).catch((e: unknown) => {
      if (e instanceof Fault && e.code === 'media/unmounted') return null
      throw e
    })
    if (root !== null) roots.set(name, root)
    sights.set(name, { mounted: root !== null, files: 0, there: 0, bytes_free: states.get(name)?.bytes_free ?? null })
  }
  return { roots, sights }
}

/** A regular file of the right size; a link is not the file. */
async function liesThere(root: string, { path, bytes }: MediaRef): Promise<boolean> {
  try {
    const found = await lstat(join(root, ...safeParts(path)))
    return found.isFile() && found.size === bytes
  } catch (e) {
    if (['ENOENT', 'ENOTDIR', 'EIO', 'ESTALE', 'EACCES', 'ENAMETOOLONG'].includes(errno(e)) || (e instanceof Fault && e.code === 'media/outside')) return false
    throw e
  }
}

const byRole = (a: LibraryFile, b: LibraryFile) => Number(b.role === 'original') - Number(a.role === 'original') || (a.role < b.role ? -1 : 1)

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const known = map.get(key)
  if (known) known.push(value)
  else map.set(key, [value])
}
