/**
 * The documents of the catalogue. What machines found is written only by the projection, under an `_id` that
 * follows from the content; what people said is an `edit` document that readers lay over it.
 *
 * Places and times of sightings are not stored: a sighting knows its second of the clip, and the index joins it
 * with the clip's clock and track. So a corrected clock moves everything that was derived from it.
 */
import { Type, type Static } from 'typebox'
import { MediaRef } from './media.ts'

/** A catalogue document that a stage's result stands for. */
export interface Doc { readonly _id: string; readonly kind: string; readonly [field: string]: unknown }

const Sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' })
const Nullable = <T extends Parameters<typeof Type.Union>[0][number]>(t: T) => Type.Union([t, Type.Null()])

// Member by member: of a mapped array the types of the literals would be lost.
export const Channel = Type.Union([Type.Literal('front'), Type.Literal('rear'), Type.Literal('interior'), Type.Literal('telephoto'), Type.Literal('unknown')])
export const RecordingEvent = Type.Union([Type.Literal('normal'), Type.Literal('locked'), Type.Literal('parking'), Type.Literal('event'), Type.Literal('manual')])

/** By how much the camera's clock was wrong, and how we know. `start = camera time + offset_s`. */
export const Clock = Type.Object({
  offset_s: Type.Number({ description: 'Seconds to add to the time the camera wrote to get UTC' }),
  from: Type.Union([Type.Literal('gps'), Type.Literal('name'), Type.Literal('container'), Type.Literal('none'), Type.Literal('person')]),
})

/** Fixes that were read and not kept, by reason. */
export const DroppedFixes = Type.Object({
  no_fix: Type.Integer({ minimum: 0 }), // the receiver itself said that it had none
  zero: Type.Integer({ minimum: 0 }), // 0,0
  static: Type.Integer({ minimum: 0 }), // a place in the container's header, not a reading
  jump: Type.Integer({ minimum: 0 }), // no car can make it
  no_time: Type.Integer({ minimum: 0 }), // nothing to lie between
  invalid: Type.Integer({ minimum: 0 }), // outside the globe, or not a number
})
export type DroppedFixes = Static<typeof DroppedFixes>

/** One file that came in, told by its content. */
export const AssetDoc = Type.Object({
  _id: Type.String(), // asset:<sha256>
  kind: Type.Literal('asset'),
  sha256: Sha256,
  media_kind: Type.Union([Type.Literal('video'), Type.Literal('image'), Type.Literal('track')]),
  media: MediaRef, // the original
  name: Type.String(), // as the camera called it
  camera: Type.String(), // the folder or device it came from
  channel: Channel,
  event: RecordingEvent,
  start_ms: Nullable(Type.Number()), // UTC epoch, corrected; null when nothing told
  duration_s: Nullable(Type.Number()), // null for an image
  clock: Clock,
  width_px: Nullable(Type.Integer()),
  height_px: Nullable(Type.Integer()),
  fps: Nullable(Type.Number()),
  codec: Nullable(Type.String()), // of the picture, ffprobe's name
  audio: Type.Boolean(),
  playable: Type.Boolean(), // a browser of today plays the original
  fixes: Type.Integer({ minimum: 0 }),
  dropped_fixes: DroppedFixes,
  notes: Type.Array(Type.String()), // what was odd and set aside, in words: 'metadata could not be read'
})
export type AssetDoc = Static<typeof AssetDoc>

/** The fixes of one asset, one column for each field; all columns have the same length, in order of time. */
export const TrackDoc = Type.Object({
  _id: Type.String(), // track:<sha256>
  kind: Type.Literal('track'),
  asset: Sha256,
  source: Type.String(), // 'gpmf', 'freegps', 'rmc', 'side-car nmea' …
  at_ms: Type.Array(Nullable(Type.Number())), // UTC epoch; null while nothing tells when the clip began
  t_s: Type.Array(Type.Number()), // seconds into the clip; may be below 0 or beyond its end
  lat_deg: Type.Array(Type.Number({ minimum: -90, maximum: 90 })),
  lon_deg: Type.Array(Type.Number({ minimum: -180, maximum: 180 })),
  speed_mps: Type.Array(Nullable(Type.Number())),
  heading_deg: Type.Array(Nullable(Type.Number())), // 0 north, clockwise
  altitude_m: Type.Array(Nullable(Type.Number())),
})
export type TrackDoc = Static<typeof TrackDoc>

export const Box = Type.Tuple([Type.Number(), Type.Number(), Type.Number(), Type.Number()]) // x, y, w, h in parts of the picture, 0 to 1

/** One thing seen, over the frames in which it was seen. */
export const Sighting = Type.Object({
  class: Type.String(), // 'plate', or the detector's own label
  plate: Nullable(Type.String()), // A–Z 0–9
  raw: Nullable(Type.String()), // what the recogniser said before anything was made of it
  confidence: Type.Number({ minimum: 0, maximum: 1 }),
  chars: Type.Array(Type.Object({ c: Type.String(), p: Type.Number(), alt: Type.Array(Type.String()) })), // one a character of `plate`
  at_s: Type.Number(), // the best frame, seconds into the clip; 0 for an image
  from_s: Type.Number(),
  to_s: Type.Number(),
  box: Box, // in the best frame
  reads: Type.Integer({ minimum: 1 }), // frames that agree
  crop: Nullable(MediaRef), // JPEG of the box
  frame: Nullable(MediaRef), // JPEG of the best frame
})
export type Sighting = Static<typeof Sighting>

export const SightingsDoc = Type.Object({
  _id: Type.String(), // sightings:<sha256>:<stage>
  kind: Type.Literal('sightings'),
  asset: Sha256,
  stage: Type.String(),
  model: Type.String(), // name and digest of what looked
  frames: Type.Integer({ minimum: 0 }), // how many were looked at: 0 sightings of 60 frames is not "not looked"
  sightings: Type.Array(Sighting),
})
export type SightingsDoc = Static<typeof SightingsDoc>

/** Pictures of an asset for lists and hovering. */
export const PicturesDoc = Type.Object({
  _id: Type.String(), // pictures:<sha256>:<stage>
  kind: Type.Literal('pictures'),
  asset: Sha256,
  thumbs: Type.Array(Type.Object({ width_px: Type.Integer(), media: MediaRef })), // narrowest first; empty for a filmstrip
  filmstrip: Nullable(Type.Object({ media: MediaRef, frames: Type.Integer(), width_px: Type.Integer(), height_px: Type.Integer(), columns: Type.Integer(), interval_s: Type.Number() })),
})
export type PicturesDoc = Static<typeof PicturesDoc>

/** Another file with the same recording: the archive's copy, a smaller rendition. */
export const CopyDoc = Type.Object({
  _id: Type.String(), // copy:<sha256 of the asset>:<role>
  kind: Type.Literal('copy'),
  asset: Sha256,
  role: Type.String(), // 'archive', '720p'
  media: MediaRef,
  verified_ms: Nullable(Type.Number()), // when it was last re-read from its volume and its digest matched
  checks: Type.Record(Type.String(), Type.Union([Type.Number(), Type.String(), Type.Boolean(), Type.Null()])), // duration_s, frames, ssim …
})
export type CopyDoc = Static<typeof CopyDoc>

/** Pictures and summary of a recording in its archive folder: what is left to a person who has the archive alone. */
export const ArchivedDoc = Type.Object({
  _id: Type.String(), // archived:<sha256>
  kind: Type.Literal('archived'),
  asset: Sha256,
  files: Type.Array(Type.Object({ media: MediaRef, from: MediaRef })), // `from`: what it is a copy of
  verified_ms: Type.Number(),
})
export type ArchivedDoc = Static<typeof ArchivedDoc>

/** A file of a recording that was taken from its place. Written by core alone; what is known of the recording stays. */
export const RemovalDoc = Type.Object({
  _id: Type.String(), // removal:<sha256 of the asset>:<role of the file>
  kind: Type.Literal('removal'),
  asset: Sha256,
  role: Type.String(), // 'original', or that of the copy
  media: MediaRef, // where it lay
  state: Type.Union([Type.Literal('trash'), Type.Literal('gone'), Type.Literal('back')]),
  at_ms: Type.Number(), // UTC epoch; since when
  why: Type.String(),
  left: Type.Array(Type.String()), // roles of the files that hold the recording now
})
export type RemovalDoc = Static<typeof RemovalDoc>

/** Whether the file at this place was taken from it. */
export const isRemoved = (removals: readonly RemovalDoc[], { volume, path }: Pick<MediaRef, 'volume' | 'path'>): boolean =>
  removals.some(({ state, media }) => state !== 'back' && media.volume === volume && media.path === path)

/** A file that came in and could not be used: kept, named, explained. */
export const RefusalDoc = Type.Object({
  _id: Type.String(), // refusal:<sha256>, or refusal:path:<sha256 of the path> when the bytes could not be had
  kind: Type.Literal('refusal'),
  name: Type.String(),
  camera: Type.String(),
  media: Nullable(MediaRef), // where its bytes lie now
  code: Type.String(),
  message: Type.String(),
})
export type RefusalDoc = Static<typeof RefusalDoc>

/** Clips of one camera group, one after another. Written by core's derivation, never by a stage. */
export const DriveDoc = Type.Object({
  _id: Type.String(), // drive:<id>
  kind: Type.Literal('drive'),
  group: Type.String(),
  assets: Type.Array(Sha256), // in order of start
  start_ms: Type.Number(),
  end_ms: Type.Number(),
  distance_m: Type.Number(),
  line: Type.Array(Type.Array(Type.Number())), // [lat, lon]…
  alias_of: Nullable(Type.String()), // set when this drive was merged into another; assets are then empty
})
export type DriveDoc = Static<typeof DriveDoc>

/** What a person said of a document; the latest of a target wins, field by field. */
export const EditDoc = Type.Object({
  _id: Type.String(), // edit:<target id>:<ulid>
  kind: Type.Literal('edit'),
  target: Type.String(),
  by: Type.String(), // the person's name
  at_ms: Type.Number(),
  set: Type.Record(Type.String(), Type.Unknown()), // fields of the target, or `keep`, `plate:<index>`
})
export type EditDoc = Static<typeof EditDoc>
