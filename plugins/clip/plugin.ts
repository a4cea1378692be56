import { Type } from 'typebox'
import { plugin, stage } from '../../core/contract/plugin.ts'
import { MediaRef } from '../../core/contract/media.ts'
import { AssetDoc, Channel, PicturesDoc, RecordingEvent, RefusalDoc, TrackDoc, type PicturesDoc as Pictures } from '../../core/contract/records.ts'
import { byCamera } from './drives.ts'

const ClipConfig = Type.Object({
  timezone: Type.String({ title: 'Time zone of the cameras', description: "IANA name such as Europe/Berlin; empty: this machine's own. Used where a recording has no GPS time.", default: '' }),
  gap_s: Type.Number({ title: 'Longest stop within one drive, s', default: 600, minimum: 1 }),
})

const Nullable = <T extends Parameters<typeof Type.Union>[0][number]>(t: T) => Type.Union([t, Type.Null()])
const MediaKind = Type.Union([Type.Literal('video'), Type.Literal('image'), Type.Literal('track')])
const Sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' })
const Thumbs = PicturesDoc.properties.thumbs
const Filmstrip = PicturesDoc.properties.filmstrip

export default plugin({
  name: 'clip',
  title: 'Clips, photos and tracks',
  config: ClipConfig,
  stages: {
    probe: stage({
      title: 'Look into a recording',
      help: 'Finds out what a file is, when it began and where the camera was. A file that cannot be used is refused with the reason.',
      version: 1,
      input: Type.Object({
        media: MediaRef,
        name: Type.String(),
        camera: Type.String(),
        channel: Channel,
        event: RecordingEvent,
        sidecars: Type.Array(Type.Object({ media: MediaRef, format: Type.String() })),
      }),
      output: Type.Object({
        outcome: Type.Union([Type.Literal('asset'), Type.Literal('refused')]),
        media_kind: Nullable(MediaKind),
        sha256: Sha256,
        duration_s: Nullable(Type.Number()),
        width_px: Nullable(Type.Integer()),
        height_px: Nullable(Type.Integer()),
        start_ms: Nullable(Type.Number()),
        asset: Nullable(AssetDoc),
        track: Nullable(TrackDoc),
        refusal: Nullable(RefusalDoc),
      }),
      records: (_input, { asset, track, refusal }) => [asset, track, refusal].filter((doc) => doc !== null),
      recordsOnly: ['asset', 'track', 'refusal'],
      needs: { tools: ['ffprobe', 'perl'], memory_mib: 1536 },
      lease_s: 30,
      load: () => import('./probe.ts'),
    }),
    thumbs: stage({
      title: 'Make thumbnails',
      help: 'Small pictures of a clip or photo, for lists and the map.',
      version: 1,
      input: Type.Object({ media: MediaRef, sha256: Sha256, media_kind: MediaKind }),
      output: Type.Object({ thumbs: Thumbs }),
      records: ({ sha256 }, { thumbs }) => [{ _id: `pictures:${sha256}:clip.thumbs`, kind: 'pictures', asset: sha256, thumbs, filmstrip: null } satisfies Pictures],
      needs: { tools: ['ffmpeg'], memory_mib: 1536 },
      lease_s: 30,
      load: () => import('./thumbs.ts'),
    }),
    filmstrip: stage({
      title: 'Make a filmstrip',
      help: 'One picture of many small frames, shown while the pointer moves over the timeline.',
      version: 1,
      input: Type.Object({ media: MediaRef, sha256: Sha256, duration_s: Nullable(Type.Number()) }),
      output: Type.Object({ filmstrip: Filmstrip }),
      records: ({ sha256 }, { filmstrip }) => [{ _id: `pictures:${sha256}:clip.filmstrip`, kind: 'pictures', asset: sha256, thumbs: [], filmstrip } satisfies Pictures],
      needs: { tools: ['ffmpeg'], memory_mib: 1024 },
      lease_s: 30,
      load: () => import('./filmstrip.ts'),
    }),
  },
  drives: byCamera,
})
