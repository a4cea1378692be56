/** The library as a planner sees it: what the catalogue says, and what really lies on the volumes. */
import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault } from '../contract/fault.ts'
import { AWAY, type MediaRef } from '../contract/media.ts'
import type { Query } from '../contract/plugin.ts'
import { isRemoved, type AssetDoc, type CopyDoc, type DriveDoc, type PicturesDoc, type RemovalDoc, type SightingsDoc, type TrackDoc } from '../contract/records.ts'
import type { Library, LibraryFile, LibraryItem, VolumeSight } from '../contract/retention.ts'
import { errno } from '../store/durable.ts'
import { isKept } from '../store/edits.ts'
import { safeParts } from '../store/volume/path.ts'
import type { Volume } from '../store/volume/volume.ts'
import type { Volumes } from '../store/volumes.ts'
import { placeOf, placesIn, type Leaving } from './journal.ts'

export type VolumesSeen = Pick<Volumes, 'names' | 'root' | 'states' | 'far'>
/** Tells whether a file lies there with its size, and since when; null: nobody could look. */
type Look = (media: MediaRef) => Promise<Pick<LibraryFile, 'there' | 'written_ms'> | null>
type Edited = { readonly keep?: unknown }

/** Files looked for at a time: a network mount answers slowly, and one after another. */
const AT_ONCE = 32

/** @param leaving files that are on their way out: they are no longer part of it */
export async function gather(query: Query, volumes: VolumesSeen, placed: ((track: TrackDoc) => string | null) | null, leaving: readonly Leaving[], now_ms: number): Promise<Library> {
  const [copies, removals, sightings] = [new Map<string, CopyDoc[]>(), new Map<string, RemovalDoc[]>(), new Map<string, number>()]
  for await (const copy of query.list<CopyDoc>('copy')) push(copies, copy.asset, copy)
  for await (const removal of query.list<RemovalDoc>('removal')) push(removals, removal.asset, removal)
  for await (const doc of query.list<SightingsDoc>('sightings')) sightings.set(doc.asset, (sightings.get(doc.asset) ?? 0) + doc.sightings.length)
  const pictured = new Set<string>()
  for await (const { asset } of query.list<PicturesDoc>('pictures')) pictured.add(asset)
  const drives = new Map<string, { id: string; kept: boolean }>()
  const aliases = new Map<string, string[]>()
  for await (const drive of query.list<DriveDoc & Edited>('drive')) {
    if (drive.alias_of !== null) push(aliases, `drive:${drive.alias_of}`, drive._id)
    for (const asset of drive.assets) drives.set(asset, { id: drive._id, kept: isKept(drive) })
  }
  const areas = new Map<string, string | null>()
  if (placed !== null) for await (const track of query.list<TrackDoc>('track')) areas.set(track.asset, placed(track))

  const gone = placesIn(leaving)
  const found: Omit<LibraryItem, 'files'>[] = []
  const claims: { sha256: string; role: string; media: MediaRef; verified_ms: number | null; checks: CopyDoc['checks'] }[] = []
  for await (const asset of query.list<AssetDoc & Edited>('asset')) {
    const { sha256 } = asset
    const drive = drives.get(sha256)
    found.push({
      asset, kept: isKept(asset) || (drive?.kept ?? false), drives: drive ? named(drive.id, aliases) : [], looked: sightings.has(sha256) && pictured.has(sha256),
      sightings: sightings.get(sha256) ?? 0, area: areas.get(sha256) ?? null,
    })
    const all = [{ sha256, role: 'original', media: asset.media, verified_ms: null, checks: {} }, ...(copies.get(sha256) ?? []).map(({ role, media, verified_ms, checks }) => ({ sha256, role, media, verified_ms, checks }))]
    claims.push(...all.filter(({ media }) => !gone.has(placeOf({ media })) && !isRemoved(removals.get(sha256) ?? [], media)))
  }
  const { looks, sights } = await lookAt(volumes, leaving)
  const files = new Map<string, LibraryFile[]>()
  for (let at = 0; at < claims.length; at += AT_ONCE)
    await Promise.all(claims.slice(at, at + AT_ONCE).map(async ({ sha256, ...claim }) => {
      const file: LibraryFile = { ...claim, ...((await looks.get(claim.media.volume)?.(claim.media)) ?? { there: null, written_ms: null }) }
      push(files, sha256, file)
      const sight = sights.get(claim.media.volume)
      if (sight) sights.set(claim.media.volume, { ...sight, files: sight.files + 1, there: sight.there + Number(file.there === true) })
    }))
  return { items: found.map((item) => ({ ...item, files: (files.get(item.asset.sha256) ?? []).sort(byRole) })), volumes: sights, now_ms }
}

/** A drive's id, and those by which it, or a part of it, was known before. */
function named(id: string, aliases: ReadonlyMap<string, readonly string[]>): string[] {
  const ids = new Set([id])
  for (const at of ids) for (const alias of aliases.get(at) ?? []) ids.add(alias)
  return [...ids]
}

/** What was taken for good and lies at its place again: somebody brought it back, from a backup of his own. */
export async function returned(query: Query, volumes: VolumesSeen): Promise<RemovalDoc[]> {
  const roots = new Map(await Promise.all(volumes.names.filter((name) => !volumes.far.has(name)).map(async (name) => [name, await volumes.root(name).catch(away)] as const)))
  const back: RemovalDoc[] = []
  for await (const removal of query.list<RemovalDoc>('removal')) {
    const root = roots.get(removal.media.volume) ?? null
    if (removal.state === 'gone' && root !== null && (await liesThere(root, removal.media)).there) back.push(removal)
  }
  return back
}

async function lookAt(volumes: VolumesSeen, leaving: readonly Leaving[]): Promise<{ looks: Map<string, Look>; sights: Map<string, VolumeSight> }> {
  const looks = new Map<string, Look>()
  const sights = new Map<string, VolumeSight>()
  const states = new Map((await volumes.states()).map((state) => [state.name, state]))
  for (const name of volumes.names) {
    const look = await (volumes.far.has(name) ? volumes.far.at(name).then(farLook) : volumes.root(name).then((root): Look => (media) => liesThere(root, media))).catch(away)
    if (look !== null) looks.set(name, look)
    const bytes_resting = leaving.reduce((sum, { state, media }) => (state === 'trash' && media.volume === name ? sum + media.bytes : sum), 0)
    sights.set(name, { mounted: look !== null, files: 0, there: 0, bytes_free: states.get(name)?.bytes_free ?? null, bytes_resting })
  }
  return { looks, sights }
}

/** A bucket is listed: a question for each file would take longer, and cost money. */
async function farLook(volume: Volume): Promise<Look> {
  if (volume.kind !== 's3') return async ({ path, bytes }) => volume.stat(path).then((found) => ({ there: found?.bytes === bytes, written_ms: null }), away)
  const sizes = new Map<string, number>()
  for await (const { path, bytes } of volume.list('')) sizes.set(path, bytes)
  return async ({ path, bytes }) => ({ there: sizes.get(path) === bytes, written_ms: null })
}

/** Not there, or not any more: that says nothing of its files. */
function away(e: unknown): null {
  if (e instanceof Fault && ['media/unmounted', 'media/host-key', 'media/unreadable', 'media/outside'].includes(e.code)) return null
  throw e
}

/** A regular file of the right size; a link is not the file. */
async function liesThere(root: string, { path, bytes }: MediaRef): Promise<Pick<LibraryFile, 'there' | 'written_ms'>> {
  try {
    const found = await lstat(join(root, ...safeParts(path)))
    return { there: found.isFile() && found.size === bytes, written_ms: found.mtimeMs }
  } catch (e) {
    if (AWAY.has(errno(e))) return { there: null, written_ms: null }
    if (['ENOENT', 'ENOTDIR', 'EIO', 'ESTALE', 'EACCES', 'ENAMETOOLONG'].includes(errno(e)) || (e instanceof Fault && e.code === 'media/outside')) return { there: false, written_ms: null }
    throw e
  }
}

const byRole = (a: LibraryFile, b: LibraryFile) => Number(b.role === 'original') - Number(a.role === 'original') || (a.role < b.role ? -1 : 1)

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const known = map.get(key)
  if (known) known.push(value)
  else map.set(key, [value])
}
