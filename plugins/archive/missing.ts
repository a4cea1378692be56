import type { Static } from 'typebox'
import type { Query } from '../../core/contract/plugin.ts'
import { isRemoved, type AssetDoc, type CopyDoc, type Doc, type PicturesDoc, type RemovalDoc, type SightingsDoc, type TrackDoc } from '../../core/contract/records.ts'
import type { ArchiveConfig, Due, Missing, MissingQuery } from './plugin.ts'
import { pieces, summaryOf } from './summary.ts'

const MOST = 100
const DAY_MS = 86_400_000
/** Whoever looks at pictures may be away; then the folder is made of what is known. */
const PATIENCE_MS = 7 * DAY_MS

type Context = { readonly config: Static<typeof ArchiveConfig>; readonly query: Query }

/** What archived recordings lack in their folder; a page of recordings at a time. */
export async function run({ after }: Static<typeof MissingQuery>, { config, query }: Context): Promise<Static<typeof Missing>> {
  if (!config.enabled) return { due: [], next: null }
  const due: Static<typeof Due>[] = []
  let [seen, last] = [0, '']
  for await (const asset of query.list<AssetDoc>('asset', { ...(after === undefined ? {} : { from: `${after}\0` }), limit: MOST })) {
    seen++
    last = asset._id
    due.push(...(await lackOf(asset, config.volume, query)))
  }
  return { due, next: seen === MOST ? last : null }
}

async function lackOf(asset: AssetDoc, volume: string, query: Query): Promise<Static<typeof Due>[]> {
  const { sha256 } = asset
  const copies = await all<CopyDoc>(query, 'copy', sha256)
  const archived = copies.find(({ role, media }) => role === 'archive' && media.volume === volume)
  if (!archived) return []
  const removals = await all<RemovalDoc>(query, 'removal', sha256)
  const name = archived.media.path.slice(archived.media.path.lastIndexOf('/') + 1)
  const smaller = copies.filter(({ role, media, verified_ms }) => /^\d+p$/.test(role) && media.volume !== volume && verified_ms !== null && !isRemoved(removals, media) && !copies.some((other) => other.role === `archive-${role}`))
  const due = smaller.map(({ role, media, checks }): Static<typeof Due> => ({ sha256, rung: role, checks, pieces: [{ media, as: `video_${role}.mp4` }], summary: null }))
  if ((await query.get<Doc>(`archived:${sha256}`)) !== null) return due
  const [sightings, pictures] = [await all<SightingsDoc>(query, 'sightings', sha256), await all<PicturesDoc>(query, 'pictures', sha256)]
  const looked = asset.media_kind === 'track' || asset.width_px === null || (sightings.length > 0 && pictures.length > 0)
  if (!looked && Date.now() - (archived.verified_ms ?? Date.now()) < PATIENCE_MS) return due
  const known = { asset, sightings, track: await query.get<TrackDoc>(`track:${sha256}`) }
  return [...due, { sha256, rung: null, checks: {}, pieces: pieces(known), summary: summaryOf(known, name) }]
}

async function all<T>(query: Query, kind: string, sha256: string): Promise<T[]> {
  const found: T[] = []
  for await (const doc of query.list<T>(kind, { from: `${kind}:${sha256}:`, to: `${kind}:${sha256}:\uffff` })) found.push(doc)
  return found
}
