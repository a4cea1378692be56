import { Type } from 'typebox'
import { MediaRef } from '../../core/contract/media.ts'
import { call, plugin, stage } from '../../core/contract/plugin.ts'
import type { ArchivedDoc, CopyDoc } from '../../core/contract/records.ts'

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
  document: Type.Optional(Type.String({ maxLength: 200 })), // of this document alone, as it is now
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

/** `as`: its name in the recording's folder. */
const Piece = Type.Object({ media: MediaRef, as: Type.String({ pattern: '^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)?$', maxLength: 120 }) })

/** What a recording lacks in its folder. `rung`: a smaller copy of this size, with what was measured of it; null: pictures and `summary`. */
export const Due = Type.Object({
  sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  rung: Type.Union([Type.String({ pattern: '^[0-9]+p$' }), Type.Null()]),
  checks: Type.Record(Type.String(), Type.Union([Type.Number(), Type.String(), Type.Boolean(), Type.Null()])),
  pieces: Type.Array(Piece),
  summary: Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()]),
})

export const MissingQuery = Type.Object({ after: Type.Optional(Type.String({ maxLength: 200 })) }) // `next` of the page before
export const Missing = Type.Object({ due: Type.Array(Due), next: Type.Union([Type.String(), Type.Null()]) })

export const FolderInput = Due
export const FolderOutput = Type.Object({
  files: Type.Array(Type.Object({ media: MediaRef, from: MediaRef })), // in the archive, and what each is a copy of
  verified_ms: Type.Number(), // UTC epoch; when the last of them was re-read
})

export const events = {
  due: Type.Object(Due.properties, { title: 'A folder lacks something', description: 'Pictures, summary or a smaller copy of an archived recording are not in its archive folder yet.' }),
}

export default plugin({
  name: 'archive',
  title: 'Archive',
  config: ArchiveConfig,
  events,
  calls: {
    missing: call({ input: MissingQuery, output: Missing, role: 'viewer', load: () => import('./missing.ts') }),
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
    folder: stage({
      title: 'Archive folder',
      help: 'Lays pictures, a summary that can be read without Viewshed, or a smaller copy beside the archived original, and reads each back.',
      version: 1,
      input: FolderInput,
      output: FolderOutput,
      recordsOnly: ['files', 'verified_ms'],
      records: ({ sha256, rung, checks }, { files, verified_ms }): (CopyDoc | ArchivedDoc)[] =>
        rung === null
          ? [{ _id: `archived:${sha256}`, kind: 'archived', asset: sha256, files: [...files], verified_ms }]
          : files.map(({ media }): CopyDoc => ({ _id: `copy:${sha256}:archive-${rung}`, kind: 'copy', asset: sha256, role: `archive-${rung}`, media, verified_ms, checks: { ...checks } })),
      writes: ({ volume }) => [volume],
      lease_s: 60,
      load: () => import('./folder.ts'),
    }),
  },
})
