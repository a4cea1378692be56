import { Type } from 'typebox'
import { MediaRef } from '../../core/contract/media.ts'
import { call, plugin, stage } from '../../core/contract/plugin.ts'
import type { CopyDoc } from '../../core/contract/records.ts'

export const ArchiveConfig = Type.Object({
  enabled: Type.Boolean({ default: false, title: 'Make archive copies', description: 'On by itself when an archive volume is configured' }),
  volume: Type.String({ default: 'archive', pattern: '^[a-z][a-z0-9-]{0,31}$', title: 'Archive volume', description: 'Where a second copy of every original goes' }),
})

export const CopyInput = Type.Object({
  media: MediaRef,
  sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
})

export const CopyOutput = Type.Object({
  archive: Type.Union([MediaRef, Type.Null()]), // null: there is no archive volume
  note: Type.Union([Type.String(), Type.Null()]), // why there is no copy
  verified_ms: Type.Union([Type.Number(), Type.Null()]), // UTC epoch; when the copy was re-read
  reread: Type.Union([Type.Literal('disk'), Type.Literal('cache'), Type.Literal('network'), Type.Null()]),
})

export const CopiesQuery = Type.Object({
  volume: Type.Optional(Type.String({ maxLength: 32 })), // default: the archive
  after: Type.Optional(Type.String({ maxLength: 200 })), // `next` of the page before
})

export const Copies = Type.Object({
  copies: Type.Array(Type.Object({
    id: Type.String(),
    asset: Type.String(),
    media: MediaRef,
    verified_ms: Type.Union([Type.Number(), Type.Null()]),
    sources: Type.Array(MediaRef), // where else the same bytes should lie
  })),
  next: Type.Union([Type.String(), Type.Null()]),
})

export default plugin({
  name: 'archive',
  title: 'Archive',
  config: ArchiveConfig,
  calls: {
    copies: call({ title: 'List copies', help: 'The second copies that are known, a page at a time.', input: CopiesQuery, output: Copies, role: 'viewer', load: () => import('./copies.ts') }),
  },
  stages: {
    copy: stage({
      title: 'Archive copy',
      help: 'Copies the original to the archive volume, reads the copy back and compares its digest.',
      version: 1,
      input: CopyInput,
      output: CopyOutput,
      recordsOnly: ['note', 'verified_ms', 'reread'],
      records: ({ sha256 }, { archive, verified_ms, reread }): CopyDoc[] =>
        archive === null ? [] : [{
          _id: `copy:${sha256}:archive`, kind: 'copy', asset: sha256, role: 'archive', media: archive, verified_ms,
          checks: { reread },
        }],
      writes: ({ volume }) => [volume],
      lease_s: 60,
      load: () => import('./copy.ts'),
    }),
  },
})
