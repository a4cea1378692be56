import type { Static } from 'typebox'
import type { MediaRef } from '../../core/contract/media.ts'
import type { Query } from '../../core/contract/plugin.ts'
import { isRemoved, type ArchivedDoc, type AssetDoc, type CopyDoc, type RemovalDoc } from '../../core/contract/records.ts'
import type { ArchiveConfig, Copies, CopiesQuery } from './plugin.ts'

const MOST = 500
/** In the order of their documents' names, so that the name of the last one says where to go on. */
const KINDS = ['archived', 'asset', 'copy'] as const

type Found = Static<typeof Copies>['copies']

/** Files on a volume, with where else their very bytes should lie; by document, a page at a time. What retention took from its place is none. */
export async function run({ volume, after, document }: Static<typeof CopiesQuery>, { config, query }: { readonly config: Static<typeof ArchiveConfig>; readonly query: Query }): Promise<Static<typeof Copies>> {
  const wanted = volume ?? config.volume
  if (document !== undefined) {
    const doc = KINDS.some((kind) => document.startsWith(`${kind}:`)) ? await query.get<ArchivedDoc | AssetDoc | CopyDoc>(document) : null
    return { copies: doc === null ? [] : await filesOf(doc, wanted, query), next: null }
  }
  const begun = KINDS.findIndex((kind) => after?.startsWith(`${kind}:`))
  const copies: Found = []
  let seen = 0
  for (const [n, kind] of KINDS.entries()) {
    if (n < begun) continue
    for await (const doc of query.list<ArchivedDoc | AssetDoc | CopyDoc>(kind, { ...(n === begun ? { from: `${after}\0` } : {}), limit: MOST - seen })) {
      copies.push(...(await filesOf(doc, wanted, query)))
      if (++seen === MOST) return { copies, next: doc._id }
    }
  }
  return { copies, next: null }
}

async function filesOf(doc: ArchivedDoc | AssetDoc | CopyDoc, volume: string, query: Query): Promise<Found> {
  if (doc.kind === 'archived') return doc.files.filter(({ media }) => media.volume === volume).map(({ media, from }) => ({ id: doc._id, asset: doc.asset, media, verified_ms: doc.verified_ms, sources: [from] }))
  if (doc.media.volume !== volume) return []
  const asset = doc.kind === 'asset' ? doc.sha256 : doc.asset
  const gone = await removalsOf(asset, query)
  if (isRemoved(gone, doc.media)) return []
  const sources = (await placesOf(asset, query)).filter((media) => media.sha256 === doc.media.sha256 && media.bytes === doc.media.bytes && !(media.volume === volume && media.path === doc.media.path) && !isRemoved(gone, media))
  return [{ id: doc._id, asset, media: doc.media, verified_ms: doc.kind === 'copy' ? doc.verified_ms : null, sources }]
}

async function placesOf(sha256: string, query: Query): Promise<MediaRef[]> {
  const original = await query.get<AssetDoc>(`asset:${sha256}`)
  const found = original ? [original.media] : []
  for await (const copy of query.list<CopyDoc>('copy', { from: `copy:${sha256}:`, to: `copy:${sha256}:\uffff` })) found.push(copy.media)
  return found
}

async function removalsOf(sha256: string, query: Query): Promise<RemovalDoc[]> {
  const found: RemovalDoc[] = []
  for await (const doc of query.list<RemovalDoc>('removal', { from: `removal:${sha256}:`, to: `removal:${sha256}:\uffff` })) found.push(doc)
  return found
}
