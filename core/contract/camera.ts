/** What a watcher says of a camera on the network, and what people decided about it. */
import { Type, type Static } from 'typebox'
import { Channel, RecordingEvent } from './records.ts'

const Nullable = <T extends Parameters<typeof Type.Union>[0][number]>(t: T) => Type.Union([t, Type.Null()])
const Count = Type.Integer({ minimum: 0 })

/** What names a clip on its camera's card: name and time as the camera tells them. */
export const ClipId = Type.String({ minLength: 1, maxLength: 200 })
export const CameraName = Type.String({ minLength: 1, maxLength: 64 })

export const CLIP_STATES = ['fetching', 'waiting', 'failed', 'recording', 'skipped', 'in'] as const
export type ClipState = (typeof CLIP_STATES)[number]

/** Why a clip is skipped that a person told to skip: core tells by it whether what a watcher says still holds. */
export const BY_HAND = 'skipped by hand'

/** A clip on the card, as far as it has come. */
export const CameraClip = Type.Object({
  id: ClipId,
  name: Type.String({ maxLength: 128 }),
  time: Nullable(Type.String({ maxLength: 16 })), // by the camera's own clock: `2026-03-02T07:43`
  channel: Channel,
  event: RecordingEvent,
  bytes: Nullable(Count),
  state: Type.Union([Type.Literal('fetching'), Type.Literal('waiting'), Type.Literal('failed'), Type.Literal('recording'), Type.Literal('skipped'), Type.Literal('in')]),
  why: Nullable(Type.String({ maxLength: 500 })), // it failed, or is skipped
  again_ms: Nullable(Type.Number()), // UTC epoch; when one that failed is tried again
})
export type CameraClip = Static<typeof CameraClip>

/** How a camera stands. */
export const CameraStanding = Type.Object({
  maker: Type.String({ maxLength: 64 }),
  addresses: Type.Array(Type.String({ maxLength: 300 }), { maxItems: 2 }),
  address: Nullable(Type.String({ maxLength: 300 })), // where it answers now; null: out of reach
  seen_ms: Nullable(Type.Number()), // UTC epoch; when it last answered, in this life of the watcher
  paused: Type.Boolean(), // by the settings in viewshed.yaml
  trouble: Nullable(Type.String({ maxLength: 500 })), // what keeps it from being emptied, in words
  listed: Nullable(Type.Object({ at_ms: Type.Number(), clips: Count })), // the last listing that said something
  counts: Type.Object({ fetching: Count, waiting: Count, failed: Count, recording: Count, skipped: Count, in: Count }),
  waiting_bytes: Count, // as far as the camera tells sizes
  fetching: Type.Array(Type.Object({ id: ClipId, name: Type.String({ maxLength: 128 }), done_bytes: Count, bytes: Nullable(Count), bytes_s: Nullable(Type.Number({ minimum: 0 })) }), { maxItems: 4 }),
  deletes: Type.Boolean(), // from the card, once the copy is archived and was read back
  rules: Type.Array(Type.String({ maxLength: 200 }), { maxItems: 10 }), // its settings in words
})
export type CameraStanding = Static<typeof CameraStanding>

/** The first of its clips, those that matter most before the others. */
export const CameraClips = Type.Object({ clips: Type.Array(CameraClip, { maxItems: 2_000 }), more: Count })
export type CameraClips = Static<typeof CameraClips>

export interface CameraWord { readonly standing: CameraStanding; readonly clips: CameraClips }

/** What people decided about a camera, and want of it now. */
export const CameraOrder = Type.Object({
  paused: Type.Boolean(),
  skip: Type.Array(ClipId), // stay on the camera
  again: Type.Record(Type.String(), Count), // are wanted whatever the settings say; a higher number than before: at once, however often they failed
  here: Count, // raised when somebody says that it has come: it is asked at once
})
export type CameraOrder = Static<typeof CameraOrder>

export const NO_ORDER: CameraOrder = { paused: false, skip: [], again: {}, here: 0 }

/** The line between a watcher and whoever steers one of its cameras. */
export interface CameraDesk {
  /** As far as it is known here. */
  readonly order: CameraOrder
  /** @returns Ends it. */
  onOrder(listener: () => void): () => void
  /** Something is new. `word` is asked for it when it is sent on: soon, and once for all that was new by then. Never fails. */
  says(word: () => CameraWord): void
}
