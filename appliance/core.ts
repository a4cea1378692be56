/** Core in one process: the stores, the board, the broker and the door. It runs no stage and no flow by itself. */
import { createHash, randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Logger } from 'pino'
import { Registry as Metrics } from 'prom-client'
import { openAccess, type Access } from '../core/access/access.ts'
import { HOME, type Principal, type Scope } from '../core/access/scope.ts'
import { Fault } from '../core/contract/fault.ts'
import type { AnyPlugin } from '../core/contract/plugin.ts'
import { archivedCopy } from '../core/cameras/archived.ts'
import { openCameras } from '../core/cameras/cameras.ts'
import { openClocks } from '../core/cameras/clocks.ts'
import { calls } from '../core/http/calls.ts'
import { flowsElsewhere } from '../core/http/flows-elsewhere.ts'
import { clearAbandoned, inbox } from '../core/http/inbox.ts'
import { makeHandlers } from '../core/http/handlers.ts'
import { startHttp } from '../core/http/server.ts'
import { startBroker, type Broker } from '../core/mqtt/broker.ts'
import { openHomeAssistant } from '../core/mqtt/home-assistant.ts'
import { brokerFor, clientName } from '../core/mqtt/outside.ts'
import { openRequests } from '../core/mqtt/requests.ts'
import { createRegistry } from '../core/plugins/registry.ts'
import { openDesk } from '../core/retention/desk.ts'
import { openDevices, type Devices } from '../core/devices/devices.ts'
import { openRecords } from '../core/devices/records.ts'
import { liesOn } from '../core/store/again.ts'
import { openCatalogue } from '../core/store/catalogue.ts'
import { readOrNull, writeDurable } from '../core/store/durable.ts'
import { openIndexes } from '../core/store/index/index.ts'
import { openLog } from '../core/store/log.ts'
import { startProjector } from '../core/store/projector.ts'
import { openUploads } from '../core/store/uploads.ts'
import { openRemotes } from '../core/store/volume/remotes.ts'
import { openVolumes } from '../core/store/volumes.ts'
import { openBoard, type OpenBoard } from '../core/tasks/board.ts'
import { openEvents } from '../core/tasks/events.ts'
import { MOSTLY_NEW } from '../core/tasks/keys.ts'
import { openOutcomes } from '../core/tasks/outcomes.ts'
import type { OwnWork } from '../core/tasks/own.ts'
import { boardRoutes } from '../core/tasks/port-http.ts'
import { openSeat, OWN_FLOWS } from '../core/tasks/seat.ts'
import { seatRoutes } from '../core/tasks/seat-http.ts'
import { readFlow } from '../flows/install.ts'
import { makePalette } from '../flows/palette.ts'
import { firstFlow } from '../flows/pipelines.ts'
import type { Flows } from '../flows/process.ts'
import type { FlowEntry } from '../flows/red.ts'
import { startArchiveRounds } from './archive-round.ts'
import type { Config } from './config.ts'
import { doorRoutes, ownRoutes } from './own-routes.ts'
import { openOwnWork } from './own-work.ts'
import { openPlayable } from './playable.ts'
import { startRetention } from './retention-clock.ts'
import { startSentRounds } from './sent-round.ts'
import { openFlowsDesk, type SteeredFlows } from './flows-desk.ts'
import { farFlows, ownFlows, statusOf } from './status.ts'
import { unableOf } from './unable.ts'
import { volumeRoutes } from './volume-routes.ts'
import { workOf } from './work-view.ts'
import manifest from '../package.json' with { type: 'json' }

export interface Core {
  readonly url: string
  readonly mqttPort: number | null // null: a broker of the user's own is used
  /** Where core's own agent meets our broker, whatever devices that join are told. */
  readonly mqttUrl: string
  readonly access: Access
  readonly board: OpenBoard
  readonly devices: Devices
  readonly volumes: Awaited<ReturnType<typeof openVolumes>>
  /** Looks through the archive folders now; resolves to how many things are asked for. */
  fillFolders(): Promise<number>
  /** Where core's own processes reach it, and where Node-RED is expected to listen. */
  readonly sockets: { readonly core: string; readonly flows: string }
  readonly flowSecret: string // shared with Node-RED
  /** A token for one of core's own processes, good until core stops. A device is known from then on as the appliance's own. */
  tokenFor(kind: Principal['kind'], id: string, role: Scope['role']): string
  /** An address that signs a browser in once, by the cookie of a session that the caller holds already. */
  enterLink(cookie: string): string
  /** Node-RED, once it is started: its nodes are told the counts, its state shows in the status. */
  attach(flows: SteeredFlows & Pick<Flows, 'count' | 'setUnable'>): void
  /** Node-RED runs, or does not, for another reason. */
  flowsChanged(): void
  /** Whether Node-RED may install palettes of others. */
  palettesOn(): boolean
  close(): Promise<void>
}

const UI = fileURLToPath(new URL('../ui/dist', import.meta.url))
const SCOPE: Scope = { ...HOME, role: 'admin' }
const SWEEP_MS = 1_000
const COUNT_EVERY_MS = 1_000
const FAR_SWEEP_MS = 3_600_000
const CLEAR_EVERY_MS = 86_400_000

/** Resolves when it answers. Throws Faults that say what to mend. */
export async function openCore(config: Config, plugins: readonly AnyPlugin[], log: Logger): Promise<Core> {
  const run = await runFolder(config.folder)
  const registry = createRegistry(plugins, config.plugins)
  const store = await openLog(join(config.folder, 'log'), { mostlyNew: MOSTLY_NEW })
  const far = openRemotes(config.remotes ?? [], {
    id: (name) => store.get(`volume!${name}`),
    hostKey: (name) => store.get(`volume-key!${name}`),
    keep: {
      id: (name, id) => store.commit([{ type: 'put', key: `volume!${name}`, value: id }]),
      hostKey: (name, fingerprint) => store.commit([{ type: 'put', key: `volume-key!${name}`, value: fingerprint }]),
    },
  }, { onTrouble: (error) => log.error(error, 'a volume could not be looked at') })
  const volumes = await openVolumes(Object.entries(config.volumes).map(([name, root]) => ({ name, root, org: HOME.org })), {
    get: (name) => store.get(`volume!${name}`),
    set: (name, id) => store.commit([{ type: 'put', key: `volume!${name}`, value: id }]),
  }, far)
  await volumes.sweep((error, message) => log.warn(error, message))

  const outcomes = await openOutcomes({ log: store, clock: Date.now })
  let counting: NodeJS.Timeout | undefined
  let flows: SteeredFlows | null = null
  let countsChanged = true
  let feed: Broker | null = null // what happens before it is there, nobody listens to
  const changed = (kinds: readonly string[]) => feed?.announce(HOME, kinds)
  let ownWork: OwnWork | null = null
  const board = await openBoard({
    log: store, outcomes, volumes, clock: Date.now, sweep_ms: SWEEP_MS,
    stages: (name) => registry.stage(name)?.stage ?? null,
    stageNames: registry.stages.map((stage) => stage.name),
    onWork: (stages) => {
      feed?.work(HOME, stages)
      ownWork?.wake()
    },
    onChange: () => {
      countsChanged = true
      changed(['tasks'])
    },
    onEnd: (end) => devices.ended(end),
    onTrouble: (error, task) => log.error({ err: error, task }, 'the board could not finish a step; it is tried again'),
  })
  const events = openEvents({ log: store, outcomes, clock: Date.now, schemas: (type) => eventSchema(plugins, type), onChange: () => changed(['events']) })
  const catalogue = await openCatalogue({
    dir: join(config.folder, 'catalogue'), clock: Date.now, lies: liesOn(volumes),
    groupings: plugins.flatMap((p) => (p.drives ? [{ name: p.name, gap_s: p.drives.gap_s(registry.config(p.name)), grouping: p.drives }] : [])),
  })
  const clocks = await openClocks({ log: store, sequence: outcomes.sequence, catalogue, clock: Date.now })
  const projector = startProjector({ projections: outcomes.projections, catalogue: clocks.catalogue })
  const indexes = openIndexes({ dir: join(config.folder, 'index'), catalogue })
  await indexes.ready(HOME)
  indexes.onChange(() => changed(['assets', 'drives', 'plates']))

  const retention = await startRetention({ home: HOME, log: store, outcomes, volumes, catalogue, events, plugins, registry, clock: Date.now, warn: (error, message) => log.warn(error, message) })
  const folders = startArchiveRounds({ scope: SCOPE, catalogue, events, plugins, registry, clock: Date.now, warn: (error, message) => log.warn(error, message) })
  const thinning = openDesk({ retention, states: volumes.states, box: config.name, clock: Date.now })

  const records = await openRecords({ log: store, sequence: outcomes.sequence, clock: Date.now })
  const access = await openAccess({ log: store, devices: records })
  const devices = await openDevices({
    log: store, records, access, board, clock: Date.now, monotonic: () => performance.now(),
    holders: () => new Set(board.running(HOME).map(({ device }) => device)),
    stage: (name) => registry.stage(name)?.stage ?? null,
    whereabouts: ({ id, org, generation }) => ({
      mqtt: brokerFor(id, generation === null ? null : config.mqtt, broker.port), // our own agent's token is made here and known here only
      volumes: volumes.names.filter((name) => volumes.orgOf(name) === org && store.get(`volume!${name}`) !== undefined).map((name) => ({ name, id: store.get(`volume!${name}`)! })),
      ...(far.names.length > 0 ? { far: far.views().map(({ name, host_key }) => ({ name, host_key })) } : {}),
    }),
    warn: (error, message) => log.warn(error, message),
  })
  const cameras = await openCameras({ log: store, sequence: outcomes.sequence, clock: Date.now, announce: (to, kinds) => feed?.announce(to, kinds), warn: (error, message) => log.warn(error, message), found: events.find, archived: (scope, original) => archivedCopy(original, catalogue.reader(scope), volumes), edit: catalogue.edit })
  const sweeping = setInterval(() => {
    void far.sweep(board.whenOver.bind(board)).catch((e: unknown) => log.warn(e, 'what old tasks have staged far away is cleared later'))
  }, FAR_SWEEP_MS)
  const sending = startSentRounds({ inbox: config.inbox, scope: SCOPE, catalogue, volumes, warn: (error, message) => log.warn(error, message) })
  const clear = () => void clearAbandoned(config.inbox, Date.now()).catch((e: unknown) => log.warn(e, 'what browsers began to send and left is cleared later'))
  const clearing = setInterval(clear, CLEAR_EVERY_MS)
  clear()
  const metrics = new Metrics()
  const broker = feed = await startBroker({
    registry: metrics, port: config.mqttPort, host: config.host, access, log, onDevice: devices.word,
    outside: config.mqtt && { ...config.mqtt, client: await clientName(store) },
    scopeOf(id) {
      const record = records.get(id)
      return record && { org: record.org, site: record.site, role: 'device' }
    },
    onAsked(asked) {
      home.asked(asked)
      void requests.asked(asked)
    },
    onAnnounce: () => home.changed(),
  })
  const secret = randomBytes(32).toString('hex')
  const coreSocket = join(run, 'core.sock')
  const flowsSocket = join(run, 'flows.sock')
  const watched = new Set<string>()
  const flowsAt = config.flowsAt ?? null
  const seat = openSeat({ elsewhere: flowsAt, clock: () => performance.now() })
  const status = statusOf({ config, board, outcomes, projector, indexes, volumes, watched, flows: () => (flowsAt === null ? ownFlows(flows?.state() ?? null) : farFlows(flowsAt, seat.state())) })
  const enter = new Map<string, string>() // one-time tickets → cookie
  const userDir = join(config.folder, 'node-red')
  const deployed = async () => (flowsAt === null ? flowOf(await readOrNull(join(userDir, 'flows.json'))) : ((seat.flow() ?? []) as readonly FlowEntry[]))
  const flowsDesk = openFlowsDesk({ log: store, outcomes, box: config.name, userDir, elsewhere: flowsAt, flows: () => flows, seat, deployed, palette: makePalette(plugins), clock: Date.now, note: (what) => log.info(what) })
  const shownWork = workOf({ plugins, registry })
  const handlers = makeHandlers({
    access, desk: board, catalogue, status, devices, cameras, clocks,
    retention: ({ org, site }) => {
      if (org !== HOME.org || site !== HOME.site) throw new Fault('not-found', 'Nothing is thinned here.')
      return thinning
    },
    flows: ({ org, site }) => {
      if (org !== HOME.org || site !== HOME.site) throw new Fault('not-found', 'No flows run here.')
      return flowsDesk
    },
    reviews: ({ org, site }) => {
      if (org !== HOME.org || site !== HOME.site) throw new Fault('not-found', 'Nobody is asked anything here.')
      return ownWork!
    },
    index: (scope) => indexes.index(scope),
    events: (scope, filter) => events.list(scope, filter),
    work: async (scope) => shownWork(await board.counts(scope), await deployed()),
  })
  const requests = openRequests({ acts: handlers, say: broker.say, log, registry: metrics })
  const home = openHomeAssistant({ scope: HOME, say: broker.say, log, look: async () => ({ status: await status(SCOPE), per_hour: (await board.counts(SCOPE)).reduce((sum, { per_hour }) => sum + per_hour, 0), devices: await devices.views(SCOPE), cameras: cameras.views(SCOPE) }) })
  devices.attach(broker)
  ownWork = openOwnWork({ home: SCOPE, board, registry, outcomes, catalogue, index: indexes.index(SCOPE), say: broker.tell, warn: (error, message) => log.warn(error, message) })

  const door = await startHttp({
    port: config.port, host: config.host, socketPath: coreSocket, access, log, broker, ui: UI, registry: metrics, trustProxy: config.trustProxy, handlers,
    routers: [inbox(config.inbox, sending.sent), boardRoutes({ board, outcomes, events, gate: devices.gate, seat, isIn: ({ id }) => id === OWN_FLOWS || access.keys.list().some(({ name, role }) => role === 'flows' && id === `key/${name}`) }).routes(), seatRoutes({ seat, isUnrouted: (seq) => outcomes.get(seq) !== null, told: async () => ({ version: manifest.version, counts: await board.counts(SCOPE), unable: unableOf(registry.stages, await devices.views(SCOPE)) }) }).routes(), ...(flowsAt === null ? [] : [flowsElsewhere(flowsAt)]), ownRoutes({ registry, watched, enter }), calls({ plugins, config: registry.config, reader: (scope) => catalogue.reader(scope) }), doorRoutes({ access, url: () => door.url }), volumeRoutes({ volumes, catalogue, idOf: (name) => store.get(`volume!${name}`) })],
    media: openPlayable(volumes, (scope) => indexes.index(scope)),
    staging: { ...openUploads(volumes), admit: (scope, { task, token, volume }) => {
      if (volumes.orgOf(volume) !== scope.org || !board.within(scope, task)) throw new Fault('task/unknown', `there is no task ${task}`)
      if (!board.mayStage(scope, task, token)) throw new Fault('task/stale', `another lease has task ${task} by now, or it is complete`)
    } },
    ...(flowsAt === null ? { flows: { socketPath: flowsSocket, secret } } : {}),
    tileUrl: () => config.tiles?.url ?? null,
  })
  await writeDurable(join(config.folder, 'run', 'door.json'), JSON.stringify({ socketPath: coreSocket, token: access.mint(own('person', 'cli', 'admin')) }), 0o600)

  return {
    url: door.url,
    mqttPort: broker.port,
    mqttUrl: broker.port === null ? `${door.url.replace('http', 'ws')}/mqtt` : `mqtt://127.0.0.1:${broker.port}`,
    access,
    board,
    devices,
    volumes,
    fillFolders: folders.round,
    sockets: { core: coreSocket, flows: flowsSocket },
    flowSecret: secret,
    tokenFor(kind, id, role) {
      if (kind === 'device') records.own(id, HOME)
      return access.mint(own(kind, id, role))
    },
    enterLink(cookie) {
      const ticket = randomBytes(16).toString('base64url')
      enter.set(ticket, cookie)
      return `${door.url}/api/enter?ticket=${ticket}`
    },
    palettesOn: flowsDesk.palettesOn,
    flowsChanged: () => changed(['flows']),
    attach(started) {
      flows = started
      let idle = 0
      counting = setInterval(() => {
        if (!countsChanged && ++idle % 10 !== 0) return // devices come and go without a count that changes
        countsChanged = false
        void board.counts(SCOPE).then((counts) => started.count(counts), (e: unknown) => log.warn(e, 'the counts beneath the nodes are old'))
        void devices.views(SCOPE).then((views) => started.setUnable(unableOf(registry.stages, views)), (e: unknown) => log.warn(e, 'what no device can run is not known'))
      }, COUNT_EVERY_MS)
    },
    async close() {
      clearInterval(counting)
      clearInterval(sweeping)
      clearInterval(clearing)
      await sending.close()
      folders.close()
      outcomes.close()
      home.close()
      await door.close()
      await ownWork?.close()
      await broker.close()
      await devices.close()
      await cameras.close()
      await retention.close()
      await projector.stop()
      await indexes.close()
      await catalogue.close()
      await board.close()
      far.close()
      await store.close()
    },
  }
}

const own = (kind: Principal['kind'], id: string, role: Scope['role']): Principal => ({ kind, id, name: id, scope: { ...HOME, role } })

/** The deployed flow; a file that somebody broke shows no links until it is mended in the editor. */
const flowOf = (text: string | null): readonly FlowEntry[] => (text === null ? firstFlow : (readFlow(text) ?? []))

function eventSchema(plugins: readonly AnyPlugin[], type: string) {
  const dot = type.indexOf('.')
  const events = plugins.find((p) => p.name === type.slice(0, dot))?.events ?? {}
  const name = type.slice(dot + 1)
  return Object.hasOwn(events, name) ? events[name]! : null
}

/** Sockets of this start. Their paths may be 103 bytes long at most, so a deep configuration folder has them elsewhere. */
async function runFolder(folder: string): Promise<string> {
  const inside = join(folder, 'run')
  const path = Buffer.byteLength(inside) <= 80 ? inside : join(tmpdir(), `viewshed-${createHash('sha256').update(folder).digest('hex').slice(0, 12)}`)
  await mkdir(path, { recursive: true, mode: 0o700 })
  return path
}
