import type { Static } from 'typebox'
import type { Query } from '../../core/contract/plugin.ts'
import type { AssetDoc, CopyDoc } from '../../core/contract/records.ts'
import type { ArchiveConfig, Copies, CopiesQuery } from './plugin.ts'

const MOST = 500

/** Copies on archive volumes, with where else their very bytes lie; by document, a page at a time. */
export async function run({ volume, after }: Static<typeof CopiesQuery>, { config, query }: { readonly config: Static<typeof ArchiveConfig>; readonly query: Query }): Promise<Static<typeof Copies>> {
  const wanted = volume ?? config.volume
  const copies: Static<typeof Copies>['copies'] = []
  let next: string | null = null
  let last: string | null = null
  let seen = 0
  for await (const doc of query.list<CopyDoc>('copy', { ...(after === undefined ? {} : { from: `${after}\0` }), limit: MOST })) {
    seen++
    last = doc._id
    if (doc.media.volume !== wanted) continue
    copies.push({ id: doc._id, asset: doc.asset, media: doc.media, verified_ms: doc.verified_ms, sources: await sourcesOf(doc, query) })
  }
  if (seen === MOST) next = last
  return { copies, next }
}

async function sourcesOf(doc: CopyDoc, query: Query): Promise<CopyDoc['media'][]> {
  const found: CopyDoc['media'][] = []
  const original = await query.get<AssetDoc>(`asset:${doc.asset}`)
  if (original) found.push(original.media)
  for await (const copy of query.list<CopyDoc>('copy', { from: `copy:${doc.asset}:`, to: `copy:${doc.asset}:\uffff` })) if (copy._id !== doc._id) found.push(copy.media)
  return found.filter(({ sha256, bytes }) => sha256 === doc.media.sha256 && bytes === doc.media.bytes)
}
