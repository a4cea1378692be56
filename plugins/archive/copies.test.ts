import { expect, test } from 'vitest'
import type { Query } from '../../core/contract/plugin.ts'
import { run } from './copies.ts'

const SHA = 'a'.repeat(64)
const ref = (volume: string) => ({ volume, path: `${volume}/1.MP4`, bytes: 5, sha256: SHA })
const ASSET = { _id: `asset:${SHA}`, kind: 'asset', sha256: SHA, media: ref('media') }
const COPY = { _id: `copy:${SHA}:archive`, kind: 'copy', asset: SHA, role: 'archive', media: ref('archive'), verified_ms: 1 }
const queryOf = (all: readonly { readonly _id: string }[]): Query => ({
  get: async <T>(id: string) => (all.find(({ _id }) => _id === id) ?? null) as T | null,
  async *list<T>(kind: string, { from = '', to = '\uffff' }: { from?: string; to?: string } = {}) { for (const doc of all) if (doc._id.startsWith(`${kind}:`) && doc._id >= from && doc._id <= to) yield doc as T },
})
const ask = (document: string, ...more: { readonly _id: string }[]) => run({ volume: 'media', document }, { config: { volume: 'archive' } as never, query: queryOf([ASSET, COPY, ...more]) })

test('one document is listed as it is now: with where else its bytes lie, and no more once retention took it', async () => {
  expect(await ask(ASSET._id)).toEqual({ copies: [{ id: ASSET._id, asset: SHA, media: ref('media'), verified_ms: null, sources: [ref('archive')] }], next: null })
  expect(await ask(ASSET._id, { _id: `removal:${SHA}:original`, kind: 'removal', asset: SHA, role: 'original', media: ref('media'), state: 'trash' } as never)).toEqual({ copies: [], next: null })
  for (const id of [COPY._id, `asset:${'b'.repeat(64)}`, `removal:${SHA}:original`]) expect((await ask(id)).copies).toEqual([])
})
