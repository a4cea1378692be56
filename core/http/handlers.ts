/** What the table's routes do, over the ports alone. */
import type { Access, SignedIn } from '../access/access.ts'
import { holds } from '../access/role.ts'
import type { Principal, Scope } from '../access/scope.ts'
import { Fault } from '../contract/fault.ts'
import type { AssetDoc } from '../contract/records.ts'
import type { Cameras } from '../cameras/cameras.ts'
import type { Clocks } from '../cameras/clocks.ts'
import type { Devices } from '../devices/devices.ts'
import type { RetentionDesk } from '../retention/desk.ts'
import type { Bounds, Catalogue, Index, Period } from '../store/port.ts'
import type { FlowsDesk } from '../tasks/flows-desk.ts'
import type { OwnWork } from '../tasks/own.ts'
import type { BoardDesk } from '../tasks/port.ts'
import type { Answer, EventView, ReviewView, SessionView, StatusView } from './api.ts'
import type { Handlers, Visit } from './table.ts'
import { overTasks } from './which.ts'

export interface Rooms {
  readonly access: Access
  readonly index: (scope: Scope) => Index
  readonly desk: BoardDesk
  readonly catalogue: Pick<Catalogue, 'edit' | 'reader'>
  /** The audit: newest first; `after` continues behind an entry. */
  readonly events: (scope: Scope, filter: { type?: string; after?: string; limit: number }) => Promise<readonly EventView[]>
  readonly devices: Omit<Devices, 'gate' | 'attach' | 'word' | 'ended' | 'look' | 'close'>
  readonly cameras: Omit<Cameras, 'close'>
  readonly clocks: Omit<Clocks, 'catalogue'>
  readonly retention: (scope: Scope) => RetentionDesk
  readonly flows: (scope: Scope) => FlowsDesk
  readonly status: (scope: Scope) => Promise<StatusView>
  readonly work: (scope: Scope) => Promise<Answer<'work'>>
  /** What people are asked, and what they say. */
  readonly reviews: (scope: Scope) => Pick<OwnWork, 'asking' | 'decide'>
}

const LIMIT = 100
const NEAR_LIMIT = 20

export function makeHandlers({ access, index, desk, catalogue, events, devices, cameras, clocks, retention, flows, status, work, reviews }: Rooms): Handlers {
  const come = (signedIn: SignedIn, visit: Visit): SessionView => {
    visit.setCookie(signedIn.cookie)
    return sessionView(access, signedIn.principal, signedIn.session)
  }
  return {
    health: async () => ({ ok: true }),
    setupState: async () => ({ needed: access.setupNeeded() }),
    setup: async (ask, _who, visit) => come(await access.setUp(ask, visit.address), visit),
    signIn: async (ask, _who, visit) => come(await access.signIn(ask, visit.address), visit),
    session: async (_ask, who, visit) => {
      visit.keepCookie()
      return sessionView(access, who, visit.session)
    },
    signOut: async (_ask, _who, visit) => {
      if (visit.session !== null) await access.signOut(visit.session)
      visit.setCookie(null)
      return {}
    },

    status: (_ask, who) => status(who.scope),
    drives: async ({ from, to, bbox, limit = LIMIT }, who) => ({
      drives: await index(who.scope).drives({ period: period(from, to), bounds: bbox === undefined ? null : bounds(bbox), limit }),
    }),
    drive: async ({ id }, who) => {
      const here = index(who.scope)
      const drive = found(await here.drive(id), `There is no drive ${id}.`)
      const assets = await Promise.all(drive.assets.map((sha256) => here.asset(sha256)))
      return { drive, assets: assets.filter((asset) => asset !== null) }
    },
    assets: async ({ from, to, after = null, limit = LIMIT }, who) => ({ assets: await index(who.scope).assets(period(from, to), limit, after) }),
    asset: async ({ id }, who) => found(await index(who.scope).asset(id), `There is no clip or picture ${id}.`),
    plates: async ({ q, mode = 'part', limit = LIMIT }, who) => {
      const here = index(who.scope)
      if (q === undefined || q.trim() === '') return { hits: await here.newestPlates(limit), counts: { exact: 0, part: 0, fuzzy: 0 } }
      return here.plates({ text: q, mode, limit })
    },
    plate: async ({ id }, who) => {
      const here = index(who.scope)
      const plate = id.toUpperCase().replaceAll(/[^A-Z0-9]/g, '')
      if (plate === '') throw new Fault('input/invalid', 'id: expected a plate, letters and digits.')
      const [hits, near] = await Promise.all([here.plate(plate, 1000), here.plates({ text: plate, mode: 'fuzzy', limit: NEAR_LIMIT })])
      return { plate, hits, near: near.hits.filter((hit) => hit.plate !== plate) }
    },
    view: ({ bbox, from, to, min = 0, limit = 1000 }, who) => index(who.scope).view({ bounds: bounds(bbox), period: period(from, to), min_confidence: min, limit }),
    histogram: async ({ from, to, by }, who) => {
      if (to < from) throw new Fault('input/invalid', 'to: expected a time not before `from`.')
      return { bins: await index(who.scope).histogram({ period: { from_ms: from, to_ms: to }, by }) }
    },
    refusals: async (_ask, who) => ({ refusals: await index(who.scope).refusals(1000) }),

    work: (_ask, who) => work(who.scope),
    tasks: async ({ state, stage, node, before, limit = LIMIT }, who) => ({ tasks: await desk.tasks(who.scope, { state, stage, node, before, limit }) }),
    task: async ({ id }, who) => found(await desk.task(who.scope, id), `There is no task ${id}.`),
    retry: async (which, who) => ({ changed: await overTasks(index(who.scope), which, (tasks) => desk.retry(who.scope, tasks, who.name)) }),
    cancel: async (which, who) => ({ changed: await overTasks(index(who.scope), which, (tasks) => desk.cancel(who.scope, tasks, who.name)) }),
    rerun: async (which, who) => ({ changed: await overTasks(index(who.scope), which, (tasks) => desk.rerun(who.scope, tasks, who.name)) }),
    reviews: async (_ask, who) => ({ reviews: (await reviews(who.scope).asking()).map(reviewView) }),
    review: ({ id, way, note = '' }, who) => done(reviews(who.scope).decide(id, { way, by: who.name, note })),
    // Codes are for who may accept.
    devices: async (_ask, who) => ({ devices: await devices.views(who.scope), joining: holds(who.scope.role, 'admin') ? devices.joining() : [] }),
    device: ({ id }, who) => devices.view(who.scope, id),
    join: async (ask, _who, visit) => devices.join(ask, visit.address),
    joinState: (ask, _who, visit) => devices.joinState(ask, visit.address),
    prove: async ({ claims, nonce }) => ({ proof: await access.prove(claims, nonce) }),
    acceptDevice: (ask, who) => devices.accept(ask, who),
    refuseDevice: (ask, who) => done(devices.refuse(ask, who)),
    steerDevice: (ask, who) => done(devices.steer(ask, who)),
    setDevice: (ask, who) => done(devices.set(ask, who)),
    revokeDevice: ({ id }, who) => done(devices.revoke(id, who)),
    hello: async (ask, who) => devices.hello(ask, who),
    goodbye: (_ask, who) => done(devices.goodbye(who)),
    renewToken: (_ask, who) => devices.renew(who),
    cameras: async (_ask, who) => ({ cameras: cameras.views(who.scope) }),
    camera: async ({ id }, who) => cameras.view(who.scope, id),
    steerCamera: (ask, who) => done(cameras.steer(ask, who)),
    skipClips: async (ask, who) => ({ changed: await cameras.skip(ask, who) }),
    retryClips: async (ask, who) => ({ changed: await cameras.retry(ask, who) }),
    cameraHere: async ({ id }, who) => {
      cameras.here(id, who)
      return {}
    },
    cameraClock: ({ id }, who) => clocks.view(who.scope, id),
    correctClock: async (ask, who) => ({ moved: await clocks.correct(ask, who) }),
    undoClock: async (ask, who) => ({ moved: await clocks.undo(ask, who) }),
    sayCameras: async (ask, who) => cameras.heard(ask, who),
    knownFile: async ({ sha256 }, who) => ({ media: (await catalogue.reader(who.scope).get<AssetDoc>(`asset:${sha256}`))?.media ?? null }),
    clipArchived: (ask, who) => cameras.archived(ask, who),
    clipCame: async (ask, who) => ({ media: await cameras.came(ask, who) }),
    lockClip: async (ask, who) => ({ locked: await cameras.lock(ask, who) }),
    retention: ({ reason, limit = LIMIT }, who) => retention(who.scope).view({ limit, ...(reason === undefined ? {} : { reason }) }),
    runRetention: (_ask, who) => retention(who.scope).run(who.name),
    undoRetention: ({ ids }, who) => retention(who.scope).undo(ids ?? null, who.name),
    setRetention: ({ on, name }, who) => done(retention(who.scope).set(on, name, who.name)),
    flows: (_ask, who) => flows(who.scope).view(),
    heldMessages: (_ask, who) => flows(who.scope).held(),
    resendHeld: ({ seqs }, who) => done(flows(who.scope).resend(seqs, who.name)),
    dismissHeld: ({ seqs }, who) => done(flows(who.scope).dismiss(seqs, who.name)),
    flowFaults: async (_ask, who) => ({ faults: await flows(who.scope).faults() }),
    dismissFaults: ({ nodes }, who) => done(flows(who.scope).dismissFaults(nodes, who.name)),
    restartFlows: (_ask, who) => done(flows(who.scope).restart(who.name)),
    setPalettes: ({ on, name }, who) => done(flows(who.scope).setPalettes(on, name, who.name)),
    removePalette: ({ name }, who) => done(flows(who.scope).removePalette(name, who.name)),
    events: async ({ type, after, limit = LIMIT }, who) => ({ events: await events(who.scope, { type, after, limit }) }),
    edit: async ({ target, set }, who) => {
      await catalogue.edit(who.scope, who.name, target, set)
      return {}
    },
  }
}

/** A key or a process has no session, and no password for the live feed either: it uses its own token there. */
const sessionView = (access: Access, who: Principal, session: string | null): SessionView => ({
  name: who.name,
  role: who.scope.role,
  mqtt: session === null ? { username: '', password: '' } : access.mqttOf(who, session),
})

const reviewView = ({ task, question, since_ms, input }: Awaited<ReturnType<OwnWork['asking']>>[number]): ReviewView => {
  const text = (name: string) => (typeof input[name] === 'string' ? input[name] : null)
  return { id: task, question, since_ms, asset: text('sha256'), name: text('name'), camera: text('camera') }
}

const done = async (doing: Promise<void>): Promise<Record<string, never>> => {
  await doing
  return {}
}

function found<T>(thing: T | null, message: string): T {
  if (thing === null) throw new Fault('not-found', message)
  return thing
}

const period = (from: number | undefined, to: number | undefined): Period | null =>
  from === undefined && to === undefined ? null : { from_ms: from ?? 0, to_ms: to ?? Number.MAX_SAFE_INTEGER }

function bounds(bbox: string): Bounds {
  const [south, west, north, east] = bbox.split(',').map(Number) as [number, number, number, number]
  if (![south, west, north, east].every(Number.isFinite) || south > north || south < -90 || north > 90) {
    throw new Fault('input/invalid', 'bbox: expected south,west,north,east in degrees, south not above north.')
  }
  return { south, west, north, east }
}
