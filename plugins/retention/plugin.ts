import { Type } from 'typebox'
import { MediaRef } from '../../core/contract/media.ts'
import { plugin, stage } from '../../core/contract/plugin.ts'
import type { CopyDoc } from '../../core/contract/records.ts'
import { planner } from './planner.ts'

const Nullable = <T extends Parameters<typeof Type.Union>[0][number]>(t: T) => Type.Union([t, Type.Null()])

const Days = (days: number | null, title: string) => Type.Union([Type.Integer({ minimum: 0 }), Type.Null()], { default: days, title })
const LADDER = { '1080p': 30, '720p': 90, '540p': 210, crops: 365 }
const Rung = (rung: string, title: string) => Type.Union([Type.Literal('original'), Type.Literal('1080p'), Type.Literal('720p'), Type.Literal('540p'), Type.Literal('crops')], { default: rung, title })
const Volume = Type.String({ pattern: '^[a-z][a-z0-9-]{0,31}$' })

export const RetentionConfig = Type.Object({
  ladder: Type.Object({
    '1080p': Days(LADDER['1080p'], '1080p after'),
    '720p': Days(LADDER['720p'], '720p after'),
    '540p': Days(LADDER['540p'], '540p after'),
    crops: Days(LADDER.crops, 'Crops, route and best frames only, after'),
  }, { default: {}, title: 'Ladder', description: 'Days since it was recorded; null: this rung is not used' }),
  rules: Type.Array(Type.Object({
    cameras: Type.Union([Type.Array(Type.String()), Type.Null()], { default: null, title: 'Cameras' }),
    drives: Type.Union([Type.Array(Type.String()), Type.Null()], { default: null, title: 'Drives', description: 'As in the address of their pages' }),
    ladder: Type.Partial(Type.Object({ '1080p': Days(null, '1080p after'), '720p': Days(null, '720p after'), '540p': Days(null, '540p after'), crops: Days(null, 'Crops after') })),
  }), { default: [], title: 'Other ladders', description: 'The first that fits a recording is laid over the ladder of all' }),
  worth: Type.Object({
    event: Rung('original', 'An event never goes below'),
    sightings: Rung('540p', 'With plates or objects never below'),
    areas: Type.Array(Type.Object({
      name: Type.String({ minLength: 1 }),
      lat_deg: Type.Number({ minimum: -90, maximum: 90 }),
      lon_deg: Type.Number({ minimum: -180, maximum: 180 }),
      radius_m: Type.Number({ exclusiveMinimum: 0 }),
      lowest: Rung('original', 'Never below'),
    }), { default: [], title: 'Areas' }),
  }, { default: {}, title: 'What is worth more', description: 'Kept and locked recordings never go down at all' }),
  keep_days: Type.Integer({ default: 14, minimum: 0, title: 'Originals always stay for', description: 'Days, however full the disk is' }),
  replaced_by: Type.Union([Type.Literal('archive'), Type.Literal('copy')], {
    default: 'archive', title: 'An original may go when there is',
    description: 'archive: the same bytes on another volume as well; copy: the checked smaller copy alone, the full picture is then lost',
  }),
  volumes: Type.Array(Volume, { default: ['media'], title: 'Volumes that are thinned' }),
  limits: Type.Array(Type.Object({
    volume: Volume,
    camera: Type.Union([Type.String(), Type.Null()], { default: null, title: 'Of this camera alone' }),
    most_gb: Type.Union([Type.Number({ minimum: 0 }), Type.Null()], { default: null, title: 'Recordings fill at most, GB' }),
    least_free_gb: Type.Union([Type.Number({ minimum: 0 }), Type.Null()], { default: null, title: 'Free at least, GB' }),
  }), { default: [], title: 'Limits', description: 'Beyond one of them the oldest go down earlier than their age says' }),
  wait_for_reader: Type.Boolean({ default: true, title: 'Wait until plates were looked for' }),
  verified_days: Type.Integer({ default: 365, minimum: 1, title: 'A copy counts as verified for', description: 'Days since it was last read back; it is read once more before anything goes' }),
  min_ssim: Type.Number({ default: 0.9, minimum: 0.5, maximum: 1, title: 'A smaller copy must be at least this similar' }),
  most_part: Type.Number({ default: 0.05, exclusiveMinimum: 0, maximum: 1, title: 'One run removes at most this part of the files of a volume' }),
  most_missing: Type.Number({ default: 0.02, minimum: 0, maximum: 1, title: 'A volume where more than this part is missing is left alone' }),
  grace_days: Type.Integer({ default: 14, minimum: 0, title: 'In the trash for', description: 'Days until the bytes are gone' }),
  at: Type.String({ default: '03:00', pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$', title: 'Runs at' }),
})

const SmallRung = Type.Union([Type.Literal('1080p'), Type.Literal('720p'), Type.Literal('540p')])

export const SlimInput = Type.Object({
  media: MediaRef,
  sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  media_kind: Type.Union([Type.Literal('video'), Type.Literal('image'), Type.Literal('track')]),
  rung: Type.Optional(SmallRung), // left out: that of the node
})

export const SlimOptions = Type.Object({
  rung: Type.Union([Type.Literal('1080p'), Type.Literal('720p'), Type.Literal('540p')], { default: '720p', title: 'Size', description: 'Where the message names none' }),
  codec: Type.Union([Type.Literal('h264'), Type.Literal('hevc'), Type.Literal('av1')], { default: 'h264', title: 'Codec', description: 'h264 is what every browser plays; hevc and av1 are smaller and take longer' }),
  encoder: Type.Union([Type.Literal('auto'), Type.Literal('software'), Type.Literal('nvenc'), Type.Literal('qsv'), Type.Literal('vaapi'), Type.Literal('v4l2'), Type.Literal('videotoolbox')], { default: 'auto', title: 'Encoder', description: 'auto: the first that works on the machine, hardware before software' }),
  threads: Type.Integer({ default: 0, minimum: 0, maximum: 64, title: 'Cores', description: 'That one encoding may use; 0: half of what the machine has' }),
  crf: Type.Integer({ default: 24, minimum: 16, maximum: 34, title: 'Quality (CRF)', description: 'Lower is better and larger' }),
  audio: Type.Union([Type.Literal('keep'), Type.Literal('drop')], { default: 'keep', title: 'Sound' }),
  min_ssim: Type.Number({ default: 0.9, minimum: 0, maximum: 1, title: 'Least similarity (SSIM)', description: 'Of each sampled frame with the scaled original; below it the copy is thrown away' }),
  min_vmaf: Type.Number({ default: 70, minimum: 0, maximum: 100, title: 'Least VMAF', description: 'The mean of the sampled frames, where ffmpeg can measure it' }),
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
  vmaf_mean: Nullable(Type.Number()), // null: this ffmpeg cannot
  encoder: Type.String(), // ffmpeg's name
  bytes: Type.Integer(),
  original_bytes: Type.Integer(), // of what it was made from
})

export const SlimOutput = Type.Object({
  slim: Nullable(MediaRef), // null: the original is small enough, is no video, or the copy was not good
  rung: SmallRung,
  note: Nullable(Type.String()), // why there is none
  checks: Nullable(SlimChecks),
  verified_ms: Nullable(Type.Number()), // UTC epoch; when the copy was re-read
})

/** A recording has come to a rung of which there is no copy yet. Core says so at each run, once a month for each. */
export const events = {
  due: Type.Object({ media: MediaRef, sha256: Type.String(), media_kind: Type.Literal('video'), rung: SmallRung }, { title: 'A smaller copy is due', description: 'A recording has come to a size of which there is no copy yet.' }),
}

export default plugin({
  name: 'retention',
  title: 'Retention',
  config: RetentionConfig,
  events,
  planner,
  stages: {
    slim: stage({
      title: 'Smaller copy',
      help: 'Makes a copy of fewer lines, 720 where nothing else is asked for, and checks it against the original. Nothing is deleted.',
      version: 2,
      input: SlimInput,
      output: SlimOutput,
      options: SlimOptions,
      recordsOnly: ['note', 'checks', 'verified_ms', 'rung'],
      records: ({ sha256 }, { slim, rung, checks, verified_ms }): CopyDoc[] =>
        slim === null ? [] : [{ _id: `copy:${sha256}:${rung}`, kind: 'copy', asset: sha256, role: rung, media: slim, verified_ms, checks: { ...checks } }],
      needs: { tools: ['ffmpeg', 'ffprobe'], all_cores: true }, // one at a time: two would share the cores of one
      lease_s: 60,
      load: () => import('./slim.ts'),
    }),
  },
})
