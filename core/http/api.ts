/**
 * Every route of the appliance that the UI, the demo and scripts use, in one table: the typed client and the
 * server's routes are both derived from it. Answers are JSON; failures are `{ code, message }` with the status of the
 * fault's code. Media is at `/media/<volume>/<path>` (Range), the live feed at `/mqtt`.
 */
import { Type, type Static, type TSchema } from 'typebox'
import type { Role } from '../contract/plugin.ts'
import type { AssetDoc, RefusalDoc } from '../contract/records.ts'
import type { AssetView, DriveView, PlateHit, SightingHit } from '../store/port.ts'
import type { StageCount, TaskView } from '../tasks/port.ts'

const Empty = Type.Object({})
const Limit = Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 }))
const Time = Type.Optional(Type.Number({ description: 'UTC epoch, ms' }))
const Bbox = Type.String({ pattern: '^-?[0-9.]+(,-?[0-9.]+){3}$', description: 'south,west,north,east in degrees' })

const Setup = Type.Object({ token: Type.String(), name: Type.String({ minLength: 1, maxLength: 64 }), password: Type.String({ minLength: 12, maxLength: 256 }) })
const SignIn = Type.Object({ name: Type.String({ maxLength: 64 }), password: Type.String({ maxLength: 256 }) })
const ById = Type.Object({ id: Type.String({ maxLength: 200 }) })
const Ids = Type.Object({ ids: Type.Array(Type.String(), { maxItems: 1000 }) })
const DrivesQuery = Type.Object({ from: Time, to: Time, bbox: Type.Optional(Bbox), limit: Limit })
const AssetsQuery = Type.Object({ from: Time, to: Time, limit: Limit })
const PlatesQuery = Type.Object({ q: Type.Optional(Type.String({ maxLength: 32 })), mode: Type.Optional(Type.Union([Type.Literal('exact'), Type.Literal('part'), Type.Literal('fuzzy')])), limit: Limit })
const ViewQuery = Type.Object({ bbox: Bbox, from: Time, to: Time, min: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })), limit: Limit })
const HistogramQuery = Type.Object({ from: Type.Number(), to: Type.Number(), by: Type.Union([Type.Literal('hour'), Type.Literal('day'), Type.Literal('month')]) })
const TasksQuery = Type.Object({ state: Type.Optional(Type.Union([Type.Literal('pending'), Type.Literal('running'), Type.Literal('complete'), Type.Literal('parked')])), stage: Type.Optional(Type.String()), before: Type.Optional(Type.String()), limit: Limit })
const EventsQuery = Type.Object({ type: Type.Optional(Type.String()), after: Type.Optional(Type.String()), limit: Limit })
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
  readonly flows: { readonly running: boolean; readonly trouble: string | null; readonly held: number } // held: outcomes whose messages have not ended
  readonly volumes: readonly { name: string; mounted: boolean; bytes_free: number | null; bytes_total: number | null }[]
  readonly inbox: { readonly path: string; readonly seen: number; readonly busy: string | null }
}
export interface DeviceView {
  readonly id: string; readonly name: string; readonly online: boolean; readonly last_seen_ms: number | null
  readonly birth: Record<string, unknown> | null // what it can do
  readonly running: readonly { task: string; stage: string; progress: number | null; what: string | null }[]
}
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
  work: route<typeof Empty, { stages: readonly (StageCount & { title: string; plugin: string })[]; links: readonly { from: string; to: string }[] }>('GET', '/api/work', 'viewer', Empty),
  tasks: route<typeof TasksQuery, { tasks: readonly TaskView[] }>('GET', '/api/tasks', 'viewer', TasksQuery),
  task: route<typeof ById, TaskView>('GET', '/api/tasks/:id', 'viewer', ById),
  retry: route<typeof Ids, { changed: number }>('POST', '/api/tasks/retry', 'operator', Ids),
  cancel: route<typeof Ids, { changed: number }>('POST', '/api/tasks/cancel', 'operator', Ids),
  devices: route<typeof Empty, { devices: readonly DeviceView[] }>('GET', '/api/devices', 'viewer', Empty),
  events: route<typeof EventsQuery, { events: readonly EventView[] }>('GET', '/api/events', 'viewer', EventsQuery),
  edit: route<typeof Edit, Record<string, never>>('POST', '/api/edits', 'reviewer', Edit),
} as const

export type Routes = typeof routes
export type Ask<R extends keyof Routes> = Static<Routes[R]['query']>
export type Answer<R extends keyof Routes> = Routes[R]['answer']
