/**
 * What people and programs may ask of core over MQTT: `viewshed/bridge/<org>/<site>/request`, answered on `…/response`.
 * The acts are those of the HTTP routes, with their checks and their roles.
 */
import { Counter, type Registry } from 'prom-client'
import { Type, type Static } from 'typebox'
import { limit } from '../access/limit.ts'
import type { Principal, Scope } from '../access/scope.ts'
import { Fault, type FaultCode } from '../contract/fault.ts'
import type { Mode } from '../devices/settings.ts'
import { routes } from '../http/api.ts'
import { checked } from '../http/check.ts'
import { demand } from '../http/pass.ts'
import type { Handlers, Visit } from '../http/table.ts'
import type { Asked } from './broker.ts'
import { bridgeTopic, parseTopic } from './topics.ts'

/** The handlers of the routes of the same names. */
export type Acts = Pick<Handlers, 'steerDevice' | 'retry' | 'rerun' | 'devices' | 'work' | 'cameras' | 'steerCamera' | 'skipClips' | 'retryClips' | 'cameraHere'>

const MODES = { pause: 'paused', drain: 'draining', resume: 'working' } as const satisfies Record<string, Mode>
const isSteering = (ask: unknown): ask is keyof typeof MODES => typeof ask === 'string' && Object.hasOwn(MODES, ask)

const Id = Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: 'whatever tells this request from others' }))
/** One device, or all of them. */
const Steer = Type.Object({ id: Id, ask: Type.Union([Type.Literal('pause'), Type.Literal('drain'), Type.Literal('resume')]), device: Type.Optional(routes.steerDevice.query.properties.id) }, { additionalProperties: false })
/** `retry`: parked tasks, those that are named or all. `rerun`: those that are named, which some must be. */
const Again = Type.Object({ id: Id, ask: Type.Union([Type.Literal('retry'), Type.Literal('rerun')]), ...routes.retry.query.properties }, { additionalProperties: false })
/** One camera. `skip` and `retry`: those clips, as its page and `viewshed cameras NAME` call them; `retry` without any: all that failed. `hint`: it has come. */
const OfCamera = Type.Object({
  id: Id, ask: Type.Union([Type.Literal('pause'), Type.Literal('resume'), Type.Literal('skip'), Type.Literal('retry')]),
  camera: routes.camera.query.properties.id, clips: Type.Optional(routes.skipClips.query.properties.clips),
}, { additionalProperties: false })
/** Without a name all cameras: whoever saw the car come may not know which it was. */
const Hint = Type.Object({ id: Id, ask: Type.Literal('hint'), camera: Type.Optional(routes.camera.query.properties.id) }, { additionalProperties: false })
export type Request = Static<typeof Steer> | Static<typeof Again> | Static<typeof OfCamera> | Static<typeof Hint>

/** `id` null: the request had none, or could not be read. */
export type Response =
  | { readonly id: string | null; readonly ok: true; readonly changed: number } // devices or tasks
  | { readonly id: string | null; readonly code: FaultCode | 'internal'; readonly message: string }

export const MAX_REQUEST_BYTES = 64 * 1024
/** The same id within this time is the same request: it is answered alike and done once. */
export const REPLAY_MS = 60_000
const MAX_REMEMBERED = 10_000

export interface Requests {
  /** Answers a request; whatever else it is given it leaves alone. Resolves when the answer was said; never rejects. */
  asked(asked: Asked): Promise<void>
  /** Refused since the start, by the fault's code; `replayed` were answered as before. */
  readonly refused: Readonly<Record<string, number>>
}

export interface RequestsOptions {
  readonly acts: Acts
  readonly say: (topic: string, payload: string, retain: boolean) => void
  readonly log: { error(fields: object, message: string): void }
  readonly clock?: () => number // epoch, ms
  readonly registry?: Registry
}

/** As whom somebody acts who asked at the broker outside, whose own rules let them. */
const OUTSIDE: Omit<Principal, 'scope'> = { kind: 'key', id: 'mqtt', name: 'mqtt' }
const VISIT: Visit = { address: 'mqtt', session: null, setCookie: () => undefined, keepCookie: () => undefined }

export function openRequests({ acts, say, log, clock = Date.now, registry }: RequestsOptions): Requests {
  const refused: Record<string, number> = {}
  const refusals = registry && new Counter({ name: 'viewshed_mqtt_requests_refused_total', help: 'Requests over MQTT that were refused, by code', labelNames: ['code'] as const, registers: [registry] })
  const count = (code: string) => {
    refused[code] = (refused[code] ?? 0) + 1
    refusals?.inc({ code })
  }
  const remembered = new Map<string, { until_ms: number; answer: Promise<Response> }>()
  const tries = limit({ tries: 120, refill_ms: 500, clock })

  async function act(request: Request, who: Principal): Promise<number> {
    if (isOfCamera(request)) return actOnCamera(request, who)
    demand(who, routes[isSteer(request) ? 'steerDevice' : request.ask].role!)
    if (isSteer(request)) {
      const mode = MODES[request.ask]
      const ids = request.device === undefined ? (await acts.devices({}, who, VISIT)).devices.map(({ id }) => id) : [request.device]
      await Promise.all(ids.map((id) => acts.steerDevice({ id, mode }, who, VISIT)))
      return ids.length
    }
    const { id: _, ask, ...which } = request
    if (ask === 'rerun' || Object.keys(which).length > 0) return (await acts[ask](which, who, VISIT)).changed
    const parked = (await acts.work({}, who, VISIT)).stages.filter((stage) => stage.parked > 0)
    const changed = await Promise.all(parked.map(({ stage }) => acts.retry({ stage }, who, VISIT)))
    return changed.reduce((sum, one) => sum + one.changed, 0)
  }

  async function actOnCamera(request: Static<typeof OfCamera> | Static<typeof Hint>, who: Principal): Promise<number> {
    demand(who, routes.steerCamera.role!)
    if (request.ask === 'hint') {
      const ids = request.camera === undefined ? (await acts.cameras({}, who, VISIT)).cameras.map(({ id }) => id) : [request.camera]
      await Promise.all(ids.map((id) => acts.cameraHere({ id }, who, VISIT)))
      return ids.length
    }
    const { ask, camera: id, clips } = request
    if (ask === 'skip') return (await acts.skipClips(checked(routes.skipClips.query, { id, clips }), who, VISIT)).changed
    if (ask === 'retry') return (await acts.retryClips({ id, ...(clips ? { clips } : {}) }, who, VISIT)).changed
    await acts.steerCamera({ id, mode: ask === 'pause' ? 'paused' : 'working' }, who, VISIT)
    return 1
  }

  async function answer(id: string | null, doing: () => Promise<number>): Promise<Response> {
    try {
      return { id, ok: true, changed: await doing() }
    } catch (error) {
      if (!(error instanceof Fault)) log.error({ err: error }, 'a request over MQTT failed')
      const { code, message } = error instanceof Fault ? error.toJSON() : { code: 'internal' as const, message: 'Something went wrong here; the log says what.' }
      count(code)
      return { id, code, message }
    }
  }

  function once(key: string, doing: () => Promise<Response>): Promise<Response> {
    const now_ms = clock()
    // A Map keeps the order of insertion, so the oldest come first.
    for (const [old, { until_ms }] of remembered) {
      if (until_ms > now_ms && remembered.size <= MAX_REMEMBERED) break
      remembered.delete(old)
    }
    const before = remembered.get(key)
    if (before) {
      count('replayed')
      return before.answer
    }
    const now = doing()
    remembered.set(key, { until_ms: now_ms + REPLAY_MS, answer: now })
    return now
  }

  function respond(payload: Buffer, who: Principal): Promise<Response> {
    const value = read(payload)
    const id = idOf(value)
    const doing = () => answer(id, async () => {
      if (!tries.take(`${who.kind}/${who.id}`)) throw new Fault('access/limited', 'Too many requests. Wait a minute.')
      return act(asRequest(value), who)
    })
    return id === null ? doing() : once(JSON.stringify([who.scope.org, who.scope.site, who.kind, who.id, id]), doing)
  }

  return {
    refused,
    async asked({ topic, payload, who, retained }) {
      const about = parseTopic(topic)
      if (about?.of !== 'bridge' || about.kind !== 'request') return
      // One that a broker remembers was asked at another time, and would be done again at each start.
      if (retained) return void (payload.length > 0 && count('retained'))
      const scope: Scope = { org: about.org, site: about.site, role: 'operator' }
      const said = await respond(payload, who ?? { ...OUTSIDE, scope })
      say(bridgeTopic(about, 'response'), JSON.stringify(said), false)
    },
  }
}

const isOfCamera = (request: Request): request is Static<typeof OfCamera> | Static<typeof Hint> => request.ask === 'hint' || 'camera' in request
const isSteer = (request: Request): request is Static<typeof Steer> => isSteering(request.ask)

/** A fault: what was sent cannot be read at all. */
function read(payload: Buffer): unknown {
  if (payload.length > MAX_REQUEST_BYTES) return new Fault('input/too-large', `A request has at most ${MAX_REQUEST_BYTES} bytes.`)
  try {
    return JSON.parse(payload.toString())
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return new Fault('input/invalid', 'The request is not JSON.', { cause: error })
  }
}

function asRequest(value: unknown): Request {
  if (value instanceof Fault) throw value
  const ask = typeof value === 'object' && value !== null && 'ask' in value ? value.ask : undefined
  if (ask === 'hint') return checked(Hint, value)
  if (ask === 'skip' || (typeof value === 'object' && value !== null && 'camera' in value && ['pause', 'resume', 'retry'].includes(ask as string))) return checked(OfCamera, value)
  if (ask === 'retry' || ask === 'rerun') return checked(Again, value)
  if (isSteering(ask)) return checked(Steer, value)
  throw new Fault('input/invalid', 'ask: expected pause, drain, resume, retry, rerun, skip or hint.')
}

/** What it calls itself, as far as that can be told from something that may be no request. */
function idOf(value: unknown): string | null {
  const id = typeof value === 'object' && value !== null && 'id' in value ? value.id : null
  return typeof id === 'string' && id.length >= 1 && id.length <= 64 ? id : null
}
