import { Type } from 'typebox'
import { MediaRef } from '../../core/contract/media.ts'
import { call, plugin, stage } from '../../core/contract/plugin.ts'
import type { CopyDoc } from '../../core/contract/records.ts'

const Nullable = <T extends Parameters<typeof Type.Union>[0][number]>(t: T) => Type.Union([t, Type.Null()])

export const RetentionConfig = Type.Object({
  keep_days: Type.Integer({ default: 90, minimum: 0, title: 'Keep originals for', description: 'Days; a younger original always stays' }),
  replaced_by: Type.Union([Type.Literal('archive'), Type.Literal('720p')], {
    default: 'archive', title: 'An original may go when there is',
    description: 'archive: the same bytes on another volume; 720p: a checked smaller copy, the full picture is then lost',
  }),
  verified_days: Type.Integer({ default: 365, minimum: 1, title: 'A copy counts as verified for', description: 'Days since it was last read back' }),
  min_ssim: Type.Number({ default: 0.9, minimum: 0, maximum: 1, title: 'A 720p copy must be at least this similar' }),
})

export const SlimInput = Type.Object({
  media: MediaRef,
  sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  media_kind: Type.Union([Type.Literal('video'), Type.Literal('image'), Type.Literal('track')]),
})

export const SlimOptions = Type.Object({
  threads: Type.Integer({ default: 2, minimum: 1, maximum: 64, title: 'Threads', description: 'Cores that one encoding may use' }),
  crf: Type.Integer({ default: 24, minimum: 16, maximum: 34, title: 'Quality (CRF)', description: 'Lower is better and larger' }),
  min_ssim: Type.Number({ default: 0.9, minimum: 0, maximum: 1, title: 'Least similarity (SSIM)', description: 'Of each sampled frame with the scaled original; below it the copy is thrown away' }),
})

/** What was measured of the copy before it was called good. */
export const SlimChecks = Type.Object({
  duration_s: Type.Number(),
  original_duration_s: Type.Number(),
  frames: Type.Integer(),
  original_frames: Type.Integer(),
  ssim_min: Type.Number(), // of the frames looked at
  ssim_mean: Type.Number(),
  ssim_frames: Type.Integer(),
})

export const SlimOutput = Type.Object({
  slim: Nullable(MediaRef), // null: the original is small enough, is no video, or the copy was not good
  note: Nullable(Type.String()), // why there is none
  checks: Nullable(SlimChecks),
  verified_ms: Nullable(Type.Number()), // UTC epoch; when the copy was re-read
})

export const ReportQuery = Type.Object({
  limit: Type.Optional(Type.Integer({ minimum: 0, maximum: 10_000, default: 500 })),
})

export const REASONS = ['no-video', 'kept', 'locked', 'undated', 'young', 'sole', 'unverified', 'stale', 'mismatch', 'same-volume', 'poor', 'replaced'] as const

export const ReportLine = Type.Object({
  sha256: Type.String(),
  name: Type.String(),
  bytes: Type.Integer(),
  goes: Type.Boolean(), // could go
  reason: Type.Enum(REASONS),
  why: Type.String(),
  wins_bytes: Type.Integer(), // 0 when it stays
})

export const Report = Type.Object({
  originals: Type.Integer(),
  bytes: Type.Integer(),
  could_go: Type.Integer(),
  wins_bytes: Type.Integer(),
  reasons: Type.Array(Type.Object({ reason: Type.String(), originals: Type.Integer(), bytes: Type.Integer() })),
  assets: Type.Array(ReportLine), // what could go first, the largest first; at most `limit`
})

export default plugin({
  name: 'retention',
  title: 'Retention',
  config: RetentionConfig,
  stages: {
    slim: stage({
      title: '720p copy',
      help: 'Makes a small H.264 copy that every browser plays, and checks it against the original. Nothing is deleted.',
      version: 1,
      input: SlimInput,
      output: SlimOutput,
      options: SlimOptions,
      recordsOnly: ['note', 'checks', 'verified_ms'],
      records: ({ sha256 }, { slim, checks, verified_ms }): CopyDoc[] =>
        slim === null ? [] : [{ _id: `copy:${sha256}:720p`, kind: 'copy', asset: sha256, role: '720p', media: slim, verified_ms, checks: { ...checks } }],
      needs: { tools: ['ffmpeg', 'ffprobe'] },
      lease_s: 60,
      load: () => import('./slim.ts'),
    }),
  },
  calls: {
    report: call({ input: ReportQuery, output: Report, role: 'viewer', load: () => import('./report.ts') }),
  },
})
