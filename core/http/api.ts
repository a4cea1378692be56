/**
 * Every route of the appliance that the UI, the demo and scripts use, in one table: the typed client and the
 * server's routes are both derived from it. Answers are JSON; failures are `{ code, message }` with the status of the
 * fault's code. Media is at `/media/<volume>/<path>` (Range), the live feed at `/mqtt`.
 */
import { Type, type Static, type TSchema } from 'typebox'
import type { Correction, Stretch } from '../cameras/correct.ts'
import { CameraClips, CameraName, CameraStanding, ClipId, type CameraOrder } from '../contract/camera.ts'
import type { MediaRef } from '../contract/media.ts'
import type { Role } from '../contract/plugin.ts'
import type { AssetDoc, RefusalDoc } from '../contract/records.ts'
import { Capability, Conditions } from '../devices/capability.ts'
import { Mode, Settings } from '../devices/settings.ts'
import type { RetentionView } from '../retention/desk.ts'
import type { RunNote } from '../retention/journal.ts'
import type { AssetView, DriveView, PlateHit, SightingHit } from '../store/port.ts'
import type { VolumeState } from '../store/volumes.ts'
import type { FlowFaultView } from '../tasks/flow-faults.ts'
import type { FlowsView } from '../tasks/flows-desk.ts'
import { MOST_HELD, type HeldView, type NodePlace } from '../tasks/held.ts'
import type { StageCount, TaskView } from '../tasks/port.ts'

const Empty = Type.Object({})
const Limit = Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 }))
const Time = Type.Optional(Type.Number({ description: 'UTC epoch, ms' }))
const Bbox = Type.String({ pattern: '^-?[0-9.]+(,-?[0-9.]+){3}$', description: 'south,west,north,east in degrees' })

const Setup = Type.Object({ token: Type.String(), name: Type.String({ minLength: 1, maxLength: 64 }), password: Type.String({ minLength: 12, maxLength: 256 }) })
const SignIn = Type.Object({ name: Type.String({ maxLength: 64 }), password: Type.String({ maxLength: 256 }) })
const ById = Type.Object({ id: Type.String({ maxLength: 200 }) })
const DrivesQuery = Type.Object({ from: Time, to: Time, bbox: Type.Optional(Bbox), limit: Limit })
const AssetsQuery = Type.Object({ from: Time, to: Time, after: Type.Optional(Type.String({ pattern: '^[0-9a-f]{64}$', description: 'only those that come after this recording in the list' })), limit: Limit })
const PlatesQuery = Type.Object({ q: Type.Optional(Type.String({ maxLength: 32 })), mode: Type.Optional(Type.Union([Type.Literal('exact'), Type.Literal('part'), Type.Literal('fuzzy')])), limit: Limit })
const ViewQuery = Type.Object({ bbox: Bbox, from: Time, to: Time, min: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })), limit: Limit })
const HistogramQuery = Type.Object({ from: Type.Number(), to: Type.Number(), by: Type.Union([Type.Literal('hour'), Type.Literal('day'), Type.Literal('month')]) })
const TasksQuery = Type.Object({ state: Type.Optional(Type.Union([Type.Literal('pending'), Type.Literal('running'), Type.Literal('complete'), Type.Literal('parked')])), stage: Type.Optional(Type.String()), node: Type.Optional(Type.String()), before: Type.Optional(Type.String()), limit: Limit })
const EventsQuery = Type.Object({ type: Type.Optional(Type.String()), after: Type.Optional(Type.String()), limit: Limit })
const DeviceName = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$', description: 'letters, digits, . _ and -, at most 63' })
const Code = Type.String({ pattern: '^[0-9A-Z]{3}-[0-9A-Z]{3}$', description: 'a code such as 7Q4-K2M' })
const Stages = Type.Union([Type.Null(), Type.Array(Type.String({ maxLength: 100 }), { maxItems: 1_000 })])
const Join = Type.Object({ name: DeviceName, capability: Capability })
const JoinState = Type.Object({ secret: Type.String({ minLength: 20, maxLength: 100 }) })
const Prove = Type.Object({ claims: Type.String({ pattern: '^[\\w-]+\\.[\\w-]+$', maxLength: 2_000, description: 'a token without its signature' }), nonce: Type.String({ pattern: '^[\\w-]+$', minLength: 20, maxLength: 100 }) })
const Accept = Type.Object({ code: Code, name: Type.Optional(DeviceName), stages: Type.Optional(Stages) })
const Refuse = Type.Object({ code: Code })
const Steer = Type.Object({ id: Type.String({ maxLength: 63 }), mode: Mode })
const SetDevice = Type.Object({ id: Type.String({ maxLength: 63 }), stages: Type.Optional(Stages), settings: Type.Optional(Type.Partial(Settings)) }) // what is left out stays as it is
const Hello = Type.Object({ capability: Capability, conditions: Conditions })
/** Tasks by name, or all of a stage, of some recordings, of a drive, of a time of recording; together they narrow. One of them must be there. */
const Which = Type.Object({
  ids: Type.Optional(Type.Array(Type.String({ maxLength: 100 }), { maxItems: 1_000 })),
  stage: Type.Optional(Type.String({ maxLength: 100 })),
  assets: Type.Optional(Type.Array(Type.String({ pattern: '^[0-9a-f]{64}$', description: 'the SHA-256 of a recording' }), { maxItems: 1_000 })),
  drive: Type.Optional(Type.String({ maxLength: 200 })),
  from: Time, to: Time, // of the recordings
})
const CameraById = Type.Object({ id: CameraName })
const SteerCamera = Type.Object({ id: CameraName, mode: Type.Union([Type.Literal('working'), Type.Literal('paused')]) })
const Clips = Type.Array(ClipId, { minItems: 1, maxItems: 2_000 })
const SkipClips = Type.Object({ id: CameraName, clips: Clips })
/** Without clips: all that failed. */
const RetryClips = Type.Object({ id: CameraName, clips: Type.Optional(Clips) })
const SayCameras = Type.Object({
  plugin: Type.String({ maxLength: 64 }),
  names: Type.Array(CameraName, { maxItems: 100 }), // all cameras of this watcher
  words: Type.Array(Type.Object({ name: CameraName, standing: CameraStanding, clips: Type.Optional(CameraClips) }), { maxItems: 100 }), // of those of which something is new
  knows: Type.Record(Type.String(), Type.String({ maxLength: 64 })), // versions of the orders that it has
})
const CameraMoment = Type.Optional(Type.Union([Type.Number({ description: "by the camera's own clock, read as if it were UTC; epoch, ms" }), Type.Null()]))
const CorrectClock = Type.Object({ id: CameraName, from_ms: CameraMoment, to_ms: CameraMoment, offset_s: Type.Number({ minimum: -1e10, maximum: 1e10, description: "seconds to add to the camera's time to get UTC" }) })
const UndoClock = Type.Object({ id: CameraName, correction: Type.String({ maxLength: 64 }) })
const BySha256 = Type.Object({ sha256: Type.String({ pattern: '^[0-9a-f]{64}$', description: 'of the whole file' }) })
const CameIn = Type.Object({ type: Type.String({ maxLength: 200 }), key: Type.String({ minLength: 1, maxLength: 4_096 }) }) // of the event by which it came in
const RetentionQuery = Type.Object({ reason: Type.Optional(Type.String({ maxLength: 40 })), limit: Limit })
const SetRetention = Type.Object({ on: Type.Boolean(), name: Type.Optional(Type.String({ maxLength: 64, description: 'of the box; only to switch it on' })) })
/** Without ids: everything that is in the trash. */
const Undo = Type.Object({ ids: Type.Optional(Type.Array(Type.String({ maxLength: 40 }), { maxItems: 10_000 })) })
const HeldOnes = Type.Object({ seqs: Type.Array(Type.String({ minLength: 1, maxLength: 200 }), { minItems: 1, maxItems: MOST_HELD }) })
const FaultyNodes = Type.Object({ nodes: Type.Array(Type.String({ minLength: 1, maxLength: 200 }), { minItems: 1, maxItems: 1_000 }) })
const SetPalettes = Type.Object({ on: Type.Boolean(), name: Type.Optional(Type.String({ maxLength: 64, description: 'of the box; only to switch it on' })) })
const RemovePalette = Type.Object({ name: Type.String({ minLength: 1, maxLength: 214 }) })
const Decide = Type.Object({ id: Type.String({ maxLength: 100 }), way: Type.Union([Type.Literal('yes'), Type.Literal('no')]), note: Type.Optional(Type.String({ maxLength: 2_000 })) })
const Edit = Type.Object({ target: Type.String(), set: Type.Record(Type.String(), Type.Unknown()) })

/** @param role null: open to everybody who can reach the port. */
const route = <Q extends TSchema, A>(method: 'GET' | 'POST' | 'DELETE', path: string, role: Role | null, query: Q) =>
  ({ method, path, role, query, answer: undefined as unknown as A })

export interface SessionView { readonly name: string; readonly role: Role; readonly mqtt: { readonly username: string; readonly password: string } }
export interface StatusView {
  readonly version: string
  readonly box: string // the appliance's name
  readonly tasks: { readonly pending: number; readonly running: number; readonly complete: number; readonly parked: number }
  readonly totals: { assets: number; drives: number; plates: number; sightings: number; bytes: number; from_ms: number | null; to_ms: number | null }
  readonly settling: boolean // something is still under way: unrouted outcomes, projections or files being taken in
  readonly tiles: { readonly url: string; readonly attribution: string } | null // null: the user allows no map tiles
  readonly flows: {
    readonly running: boolean
    readonly trouble: string | null
    readonly held: number // outcomes whose messages have not ended
    readonly stuck: number // of these, for longer than a minute: a person should look
    readonly faults: number // nodes that could not do something, which no `catch` took and no person has seen to
    readonly elsewhere: string | null // address of the Node-RED that runs them; null: ours does, at /flows
    readonly last: NodePlace | null // node that a message entered last before a flow stood still or crashed; over with the next deploy
  }
  readonly volumes: readonly VolumeState[]
  readonly inbox: { readonly path: string; readonly busy: string | null }
}
/** Where a stage or an event stands in the flow; the editor opens it at `/flows#node/<id>`. */
export interface FlowNode { readonly id: string; readonly name: string; readonly tab: string; readonly off: boolean } // name: empty where nobody gave one; off: it or its tab is disabled
export interface WorkView {
  readonly stages: readonly (StageCount & { title: string; plugin: string; nodes: readonly FlowNode[] })[]
  readonly events: readonly { event: string; title: string; category: string; nodes: readonly FlowNode[] }[] // that begin something in the flow
  readonly links: readonly { from: string; to: string }[] // between stages and events, what lies between them passed through
}
/** One that the appliance knows: its own agent, or one that joined. */
export interface DeviceView {
  readonly id: string // also its name
  readonly own: boolean // started by the appliance itself: it cannot be revoked
  readonly online: boolean
  readonly last_seen_ms: number | null
  readonly capability: Capability | null // null: not heard since the appliance started, and never before
  readonly conditions: Conditions | null
  readonly allowed: readonly string[] | null // stages it may run; null: all that it can
  readonly settings: Settings
  readonly rests: string | null // why it takes nothing new now, in words; null: it does
  readonly token_ends_ms: number | null
  readonly running: readonly { task: string; stage: string; progress: number | null; what: string | null; since_ms: number }[]
  readonly waiting: number // pending tasks that, of all devices, only this one can run
  readonly done: number // in the last 24 h
  readonly failed: number
  readonly rates: readonly { stage: string; per_hour: number; took_s: number }[] // over what it did in the last 24 h; `took_s` the median
  readonly strip: readonly number[] // 24 h to now in quarters of an hour, oldest first: 0 to 1 how busy; -1: away
}
/** Something that a flow asks a person. */
export interface ReviewView { readonly id: string; readonly question: string; readonly since_ms: number; readonly asset: string | null; readonly name: string | null; readonly camera: string | null }
export interface DeviceDetail extends DeviceView {
  readonly recent: readonly { task: string; stage: string; what: string | null; end: 'complete' | 'fault' | 'interrupted'; at_ms: number; took_s: number | null; message: string | null }[] // newest first
}
/** A device at the door. */
export interface JoiningView { readonly code: string; readonly name: string; readonly address: string; readonly capability: Capability; readonly ends_ms: number }
export type JoinAnswer =
  | { readonly state: 'waiting' | 'refused' | 'expired' }
  | { readonly state: 'accepted'; readonly device: string; readonly token: string; readonly org: string; readonly site: string }
/** What a device is told when it says what it can do: at its start, and whenever core asks for it by `device/unheard`. */
export interface HelloAnswer {
  readonly device: string
  readonly org: string
  readonly site: string
  readonly allowed: readonly string[] | null
  readonly settings: Settings
  readonly rests: string | null
  readonly mqtt: { readonly url: string | null; readonly port: number | null; readonly username: string; readonly password: string | null } // url null: at the appliance's own address; password null: the token
  readonly volumes: readonly { readonly name: string; readonly id: string }[] // `id` stands in the marker of the right disk
  readonly far?: readonly { readonly name: string; readonly host_key: string | null }[] // volumes that core reaches over the network: a device writes there that has them as folders, or is core's own
  readonly token_ends_ms: number | null
}
/** A camera on the network, as its watcher last said; of one that nobody watches now, as it was. */
export interface CameraView extends CameraStanding {
  readonly id: string // also its name
  readonly device: string // that watches it
  readonly heard_ms: number | null // of the watcher; null: not since the appliance started
  readonly watched: boolean
  readonly paused_by: 'person' | 'settings' | null
}
export interface CameraDetail extends CameraView, CameraClips {}
export interface EventView { readonly seq: string; readonly type: string; readonly at_ms: number; readonly payload: Record<string, unknown> }

export const routes = {
  health: route<typeof Empty, { ok: true }>('GET', '/healthz', null, Empty),
  setupState: route<typeof Empty, { needed: boolean }>('GET', '/api/setup', null, Empty),
  setup: route<typeof Setup, SessionView>('POST', '/api/setup', null, Setup),
  session: route<typeof Empty, SessionView>('GET', '/api/session', 'viewer', Empty),
  signIn: route<typeof SignIn, SessionView>('POST', '/api/session', null, SignIn),
  signOut: route<typeof Empty, Record<string, never>>('DELETE', '/api/session', 'viewer', Empty),
  status: route<typeof Empty, StatusView>('GET', '/api/status', 'viewer', Empty),
  drives: route<typeof DrivesQuery, { drives: readonly DriveView[] }>('GET', '/api/drives', 'viewer', DrivesQuery),
  drive: route<typeof ById, { drive: DriveView; assets: readonly AssetView[] }>('GET', '/api/drives/:id', 'viewer', ById),
  assets: route<typeof AssetsQuery, { assets: readonly AssetDoc[] }>('GET', '/api/assets', 'viewer', AssetsQuery),
  asset: route<typeof ById, AssetView>('GET', '/api/assets/:id', 'viewer', ById),
  plates: route<typeof PlatesQuery, { hits: readonly PlateHit[]; counts: { exact: number; part: number; fuzzy: number } }>('GET', '/api/plates', 'viewer', PlatesQuery),
  plate: route<typeof ById, { plate: string; hits: readonly SightingHit[]; near: readonly PlateHit[] }>('GET', '/api/plates/:id', 'viewer', ById),
  view: route<typeof ViewQuery, { hits: readonly SightingHit[]; cells: readonly { lat_deg: number; lon_deg: number; count: number }[] }>('GET', '/api/view', 'viewer', ViewQuery),
  histogram: route<typeof HistogramQuery, { bins: readonly { start_ms: number; sightings: number; clips: number }[] }>('GET', '/api/histogram', 'viewer', HistogramQuery),
  refusals: route<typeof Empty, { refusals: readonly RefusalDoc[] }>('GET', '/api/refusals', 'viewer', Empty),
  work: route<typeof Empty, WorkView>('GET', '/api/work', 'viewer', Empty),
  tasks: route<typeof TasksQuery, { tasks: readonly TaskView[] }>('GET', '/api/tasks', 'viewer', TasksQuery),
  task: route<typeof ById, TaskView>('GET', '/api/tasks/:id', 'viewer', ById),
  retry: route<typeof Which, { changed: number }>('POST', '/api/tasks/retry', 'operator', Which),
  cancel: route<typeof Which, { changed: number }>('POST', '/api/tasks/cancel', 'operator', Which),
  rerun: route<typeof Which, { changed: number }>('POST', '/api/tasks/rerun', 'operator', Which),
  reviews: route<typeof Empty, { reviews: readonly ReviewView[] }>('GET', '/api/reviews', 'viewer', Empty),
  review: route<typeof Decide, Record<string, never>>('POST', '/api/reviews/:id', 'reviewer', Decide),
  devices: route<typeof Empty, { devices: readonly DeviceView[]; joining: readonly JoiningView[] }>('GET', '/api/devices', 'viewer', Empty),
  device: route<typeof ById, DeviceDetail>('GET', '/api/devices/:id', 'viewer', ById),
  join: route<typeof Join, { code: string; secret: string; ends_s: number }>('POST', '/api/join', null, Join),
  joinState: route<typeof JoinState, JoinAnswer>('POST', '/api/join/state', null, JoinState),
  prove: route<typeof Prove, { proof: string }>('POST', '/api/join/proof', null, Prove),
  acceptDevice: route<typeof Accept, { device: string }>('POST', '/api/joining/accept', 'admin', Accept),
  refuseDevice: route<typeof Refuse, Record<string, never>>('POST', '/api/joining/refuse', 'admin', Refuse),
  steerDevice: route<typeof Steer, Record<string, never>>('POST', '/api/devices/:id/mode', 'operator', Steer),
  setDevice: route<typeof SetDevice, Record<string, never>>('POST', '/api/devices/:id', 'admin', SetDevice),
  revokeDevice: route<typeof ById, Record<string, never>>('DELETE', '/api/devices/:id', 'admin', ById),
  hello: route<typeof Hello, HelloAnswer>('POST', '/api/device/hello', 'device', Hello),
  goodbye: route<typeof Empty, Record<string, never>>('POST', '/api/device/goodbye', 'device', Empty),
  renewToken: route<typeof Empty, { token: string; ends_ms: number }>('POST', '/api/device/token', 'device', Empty),
  cameras: route<typeof Empty, { cameras: readonly CameraView[] }>('GET', '/api/cameras', 'viewer', Empty),
  camera: route<typeof CameraById, CameraDetail>('GET', '/api/cameras/:id', 'viewer', CameraById),
  steerCamera: route<typeof SteerCamera, Record<string, never>>('POST', '/api/cameras/:id/mode', 'operator', SteerCamera),
  skipClips: route<typeof SkipClips, { changed: number }>('POST', '/api/cameras/:id/skip', 'operator', SkipClips),
  retryClips: route<typeof RetryClips, { changed: number }>('POST', '/api/cameras/:id/retry', 'operator', RetryClips),
  cameraHere: route<typeof CameraById, Record<string, never>>('POST', '/api/cameras/:id/here', 'operator', CameraById),
  cameraClock: route<typeof CameraById, { corrections: readonly Correction[]; stretches: readonly Stretch[] }>('GET', '/api/cameras/:id/clock', 'viewer', CameraById),
  correctClock: route<typeof CorrectClock, { moved: number }>('POST', '/api/cameras/:id/clock', 'reviewer', CorrectClock),
  undoClock: route<typeof UndoClock, { moved: number }>('POST', '/api/cameras/:id/clock/undo', 'reviewer', UndoClock),
  sayCameras: route<typeof SayCameras, { life: string; orders: readonly { name: string; version: string; order: CameraOrder }[] }>('POST', '/api/device/cameras', 'device', SayCameras),
  knownFile: route<typeof BySha256, { media: MediaRef | null }>('GET', '/api/device/file', 'device', BySha256), // the original, as it lies or lay; null: no recording has these bytes
  clipArchived: route<typeof CameIn, { media: MediaRef; original: MediaRef; why: null } | { media: null; original: MediaRef | null; why: string }>('POST', '/api/device/archived', 'device', CameIn),
  clipCame: route<typeof CameIn, { media: MediaRef | null }>('POST', '/api/device/came', 'device', CameIn),
  lockClip: route<typeof CameIn, { locked: 'now' | 'before' | 'later' }>('POST', '/api/device/locked', 'device', CameIn),
  retention: route<typeof RetentionQuery, RetentionView>('GET', '/api/retention', 'viewer', RetentionQuery),
  runRetention: route<typeof Empty, RunNote>('POST', '/api/retention/run', 'admin', Empty),
  undoRetention: route<typeof Undo, { back: number; refused: readonly { name: string; why: string }[] }>('POST', '/api/retention/undo', 'operator', Undo),
  setRetention: route<typeof SetRetention, Record<string, never>>('POST', '/api/retention/settings', 'admin', SetRetention),
  flows: route<typeof Empty, FlowsView>('GET', '/api/flows', 'admin', Empty),
  heldMessages: route<typeof Empty, { stuck: number; held: readonly HeldView[] }>('GET', '/api/flows/held', 'viewer', Empty),
  resendHeld: route<typeof HeldOnes, Record<string, never>>('POST', '/api/flows/held/resend', 'operator', HeldOnes),
  dismissHeld: route<typeof HeldOnes, Record<string, never>>('POST', '/api/flows/held/dismiss', 'operator', HeldOnes),
  flowFaults: route<typeof Empty, { faults: readonly FlowFaultView[] }>('GET', '/api/flows/faults', 'viewer', Empty),
  dismissFaults: route<typeof FaultyNodes, Record<string, never>>('POST', '/api/flows/faults/dismiss', 'operator', FaultyNodes),
  restartFlows: route<typeof Empty, Record<string, never>>('POST', '/api/flows/restart', 'admin', Empty),
  setPalettes: route<typeof SetPalettes, Record<string, never>>('POST', '/api/flows/palettes', 'admin', SetPalettes),
  removePalette: route<typeof RemovePalette, Record<string, never>>('POST', '/api/flows/palettes/remove', 'admin', RemovePalette),
  events: route<typeof EventsQuery, { events: readonly EventView[] }>('GET', '/api/events', 'viewer', EventsQuery),
  edit: route<typeof Edit, Record<string, never>>('POST', '/api/edits', 'reviewer', Edit),
} as const

/** What the flows ask beside their own doors: for the button that does something again. */
export const FLOWS_MAY: ReadonlySet<keyof Routes> = new Set(['tasks', 'task', 'retry', 'rerun', 'events'])

export type Routes = typeof routes
export type Ask<R extends keyof Routes> = Static<Routes[R]['query']>
export type Answer<R extends keyof Routes> = Routes[R]['answer']
