import type { Static, TObject, TSchema } from 'typebox'
import type { CameraDesk } from './camera.ts'
import { Fault } from './fault.ts'
import type { MediaRef, StageMedia, WatchMedia } from './media.ts'
import type { AssetDoc, Doc, TrackDoc } from './records.ts'
import type { Planner } from './retention.ts'

/** What a machine must offer before it may claim a stage. */
export interface Needs {
  readonly gpu_mib?: number
  readonly scratch_mib?: number
  readonly memory_mib?: number // cap of the child that runs it; default 1024
  readonly tools?: readonly string[] // executables on PATH, such as `ffmpeg`
  readonly all_cores?: boolean // uses every core by itself: a second one would only wait for the first
}

/** All that a running stage can touch: no store, no Koa, no broker. */
export interface StageContext<Config, Options = unknown> {
  readonly config: Config // of the plugin
  readonly options: Options // of this node in the flow, fixed when the task was published
  readonly media: StageMedia
  readonly scratch: string // a directory of this task alone, removed when it ends or the device restarts
  /** A directory of this task that is there again at its next attempt on this device, whatever killed the last one; removed when it is complete,
   *  or after a week. Absent: nothing is kept here. Half of what lies in it may be half written. */
  readonly kept?: string
  readonly attempt: number // 1 on the first claim
  readonly signal: AbortSignal // lease lost, task cancelled or host stopping
  readonly progress: (done: number, what?: string) => void // 0 to 1; volatile
}

/** The half of a plugin that stays beside its device until `signal` aborts. */
export interface WatchContext<Config, E extends Record<string, TSchema>> {
  readonly config: Config
  readonly media: WatchMedia
  readonly signal: AbortSignal
  /** Into the log of the machine: something failed and is tried again. */
  readonly warn: (error: unknown, what: string) => void
  /** Durable when it resolves; the same `key` twice is one event. */
  readonly emit: <K extends keyof E & string>(event: K, key: string, payload: Static<E[K]>) => Promise<void>
  /** Whether an event with this key was emitted before, in this life or an earlier one. */
  readonly known: (event: keyof E & string, key: string) => Promise<boolean>
  /** For a watcher of cameras: people see and steer each by its name. Resolves when it is known what they decided; those that are not named any
   *  more are forgotten. Throws `config/invalid`: somebody else watches a camera of that name. */
  readonly cameras: (names: readonly string[]) => Promise<readonly CameraDesk[]>
  /** The file of what came in with this event; null: it never did. */
  readonly came: (event: keyof E & string, key: string) => Promise<MediaRef | null>
  /** Somebody locked in its camera what came in with this event: the library keeps it from now on, until a person says otherwise.
   *  'before': it was locked when it came. 'later': the library does not know it yet. */
  readonly lock: (event: keyof E & string, key: string) => Promise<'now' | 'before' | 'later'>
  /** Of what came in with this event: `media` in the archive, whose bytes were read back from there just now and are the original's; null: why not, in words. */
  readonly archived: (event: keyof E & string, key: string) => Promise<{ readonly media: MediaRef; readonly original: MediaRef; readonly why: null } | { readonly media: null; readonly original: MediaRef | null; readonly why: string }>
}

/** Read-only, and already bound to an org and site. */
export interface Query {
  get<T = unknown>(id: string): Promise<T | null>
  list<T = unknown>(kind: string, range?: { from?: string; to?: string; limit?: number }): AsyncIterable<T>
}

export interface Run<I extends TSchema, O extends TSchema, Ctx> {
  readonly run: (input: Static<I>, ctx: Ctx) => Promise<Static<O>>
}

/** Work that may be repeated on any machine with the same result. Becomes a task type, a form and a flow node. */
export interface Stage<Config, I extends TSchema = TSchema, O extends TSchema = TSchema, P extends TSchema = TSchema> {
  readonly title: string
  readonly help: string // one or two sentences for the person who wires it
  readonly version: number // raised when the same input would now give another output
  readonly input: I // only the fields declared here are taken from a message, and only they name the work; with `additionalProperties: true` the others, too
  readonly output: O
  readonly options?: P // the node's form
  readonly records?: (input: Static<I>, output: Static<O>) => readonly Doc[] // pure; runs inside the completion batch
  readonly recordsOnly?: readonly (keyof Static<O> & string)[] // output fields for the records alone: they do not travel on in the flow
  readonly needs?: Needs
  readonly writes?: (config: Config) => readonly string[] // volumes besides `media`: it is not claimed while one of them is away
  readonly exclusive?: (input: Static<I>) => string // e.g. `exchange/AB12`: one at a time
  readonly each?: true // it acts or waits rather than finds: every message is work of its own, also one that says the same as another
  /** How many messages wait for each other: when that many do, the work is complete, and they go on as one with their payloads in `items`. */
  readonly gathers?: (input: Static<I>) => number
  readonly ways?: readonly string[] // outputs of its node: a message leaves by the one that the output's field `way` names; none: one output
  readonly lease_s: number
  readonly load: () => Promise<Run<I, O, StageContext<Config, Static<P>>>> // imported only where it runs
  readonly own?: () => Promise<OwnRun<I, O, OwnContext<Config, Static<P>>>> // core itself does it: it waits, or touches only what core has
}

/** All that a stage which core does itself can touch. */
export interface OwnContext<Config, Options = unknown> {
  readonly task: string // its name: the same at every try, so that the other side can tell a repetition
  readonly scope: { readonly org: string; readonly site: string }
  readonly config: Config
  readonly options: Options
  readonly asked_ms: number // UTC epoch: when the work was asked for, which stays so whatever restarts
  readonly now_ms: number
  readonly look: OwnLook
  /** To the broker, as core; it has taken it. Throws Fault `notify/unreachable`. */
  readonly say: (topic: string, payload: string, retain: boolean) => Promise<void>
  /** What a person would say of a recording. */
  readonly edit: (target: string, set: Record<string, unknown>) => Promise<void>
}

/** The library as it is when all that was found so far is in it. */
export interface OwnLook {
  readonly track: (sha256: string) => Promise<TrackDoc | null>
  readonly plates: (sha256: string) => Promise<readonly string[]>
  readonly drives: (from_ms: number, to_ms: number) => Promise<readonly { readonly start_ms: number; readonly end_ms: number; readonly distance_m: number; readonly plates: number; readonly line: readonly (readonly number[])[] }[]>
}

/** Done, or asked again at this moment; `Infinity`: somebody else says when. With `asks` a person is asked. */
export type OwnAnswer<O> = { readonly output: O } | { readonly not_before_ms: number; readonly what: string; readonly asks?: true }

export interface OwnRun<I extends TSchema, O extends TSchema, Ctx> {
  readonly run: (input: Static<I>, ctx: Ctx) => Promise<OwnAnswer<Static<O>>>
}

/** A quick question to the appliance. Becomes a route with OpenAPI and a typed method in the UI client. */
export interface Call<Config, I extends TSchema = TSchema, O extends TSchema = TSchema> {
  readonly title?: string // of its node in the flow; default: its name
  readonly help?: string
  readonly input: I
  readonly output: O
  readonly role: Role
  readonly load: () => Promise<Run<I, O, { readonly config: Config; readonly query: Query }>>
}

export const ROLES = ['viewer', 'operator', 'reviewer', 'admin', 'device', 'flows'] as const
export type Role = (typeof ROLES)[number]

/** A rule by which core gathers assets, in time order, into a collection such as a drive. Pure. */
export interface Grouping<Config> {
  /** Assets with the same key may lie in one group; null: never grouped. */
  readonly key: (asset: AssetDoc) => string | null
  /** Assets of one key whose gap is shorter lie in one group. */
  readonly gap_s: (config: Config) => number
  /** What a group says of itself. Members in order of start; `track` null where none was recorded. */
  readonly summarise: (members: readonly { asset: AssetDoc; track: TrackDoc | null }[]) => GroupSummary
}

export interface GroupSummary {
  readonly start_ms: number // UTC epoch
  readonly end_ms: number
  readonly distance_m: number
  readonly line: readonly (readonly [lat_deg: number, lon_deg: number])[] // simplified to what a map shows; a break is not drawn across
}

export interface Plugin<C extends TObject, E extends Record<string, TSchema>> {
  readonly name: string
  readonly title: string
  readonly config: C
  // Each entry was checked against its own schemas by stage() and call(); here their schemas no longer matter.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly stages?: Record<string, Stage<Static<C>, any, any, any>>
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly calls?: Record<string, Call<Static<C>, any, any>>
  readonly events?: E // each is a topic, a flow trigger and a UI subscription
  readonly drives?: Grouping<Static<C>>
  readonly planner?: Planner<Static<C>> // says which files go
  readonly panel?: `./${string}.svelte` // when the generated form and task list are not enough
  readonly watch?: () => Promise<{ run: (ctx: WatchContext<Static<C>, E>) => Promise<void> }>
}

/** Any plugin, for those who only list them. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyPlugin = Plugin<any, any>
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyStage = Stage<any, any, any, any>
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyCall = Call<any, any, any>

// Identities at run time; at compile time they tie each handler to its schemas.
export const stage = <Config, I extends TSchema, O extends TSchema, P extends TSchema>(s: Stage<Config, I, O, P>) => s
/** A stage that core does itself. */
export const ownStage = <Config, I extends TSchema, O extends TSchema, P extends TSchema>(s: Omit<Stage<Config, I, O, P>, 'load' | 'lease_s'> & Required<Pick<Stage<Config, I, O, P>, 'own'>>): Stage<Config, I, O, P> =>
  ({ ...s, lease_s: OWN_LEASE_S, load: () => Promise.reject(new Fault('stage/unknown', `Core does “${s.title}” itself.`)) })
/** Its leases end with core: nobody else could take them. */
const OWN_LEASE_S = 100 * 366 * 86_400
export const call = <Config, I extends TSchema, O extends TSchema>(c: Call<Config, I, O>) => c
export const plugin = <C extends TObject, E extends Record<string, TSchema>>(p: Plugin<C, E>) => p
