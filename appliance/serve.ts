/** Core: the stores, the board, the broker and the door in one process; it starts its own agent and Node-RED. */
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Middleware } from 'koa'
import { pino } from 'pino'
import { openAccess, type Access } from '../core/access/access.ts'
import { HOME, type Principal, type Scope } from '../core/access/scope.ts'
import { Fault } from '../core/contract/fault.ts'
import { makeHandlers } from '../core/http/handlers.ts'
import type { DoorState } from '../core/http/pass.ts'
import { startHttp } from '../core/http/server.ts'
import { startBroker } from '../core/mqtt/broker.ts'
import { createRegistry } from '../core/plugins/registry.ts'
import { openCatalogue } from '../core/store/catalogue.ts'
import { openIndexes } from '../core/store/index/index.ts'
import { openLog } from '../core/store/log.ts'
import { startProjector } from '../core/store/projector.ts'
import { openVolumes } from '../core/store/volumes.ts'
import { openBoard } from '../core/tasks/board.ts'
import { openEvents } from '../core/tasks/events.ts'
import { openOutcomes } from '../core/tasks/outcomes.ts'
import { boardRoutes } from '../core/tasks/port-http.ts'
import { linksOf } from '../flows/links.ts'
import { makePalette } from '../flows/palette.ts'
import { startFlows } from '../flows/process.ts'
import defaultFlow from '../flows/default.json' with { type: 'json' }
import plugins from '../plugins/index.ts'
import { readConfig, type Config } from './config.ts'
import { doorRoutes, ownRoutes } from './own-routes.ts'
import { startOwnAgent } from './own-agent.ts'
import { statusOf } from './status.ts'
import { writeDurable } from '../core/store/durable.ts'

export interface Appliance {
  readonly url: string
  readonly access: Access
  /** An address that signs a browser in once, for a session that the caller holds already. */
  enterLink(cookie: string): string
  close(): Promise<void>
}

const SCOPE: Scope = { ...HOME, role: 'admin' }
const NAS = 'nas' // the name of core's own agent
const UI = fileURLToPath(new URL('../ui/dist', import.meta.url))
const SWEEP_MS = 1_000

/** Resolves when it answers; Node-RED and the agent may still be starting. Throws Faults that say what to mend. */
export async function serve(config: Config): Promise<Appliance> {
  const log = pino({ name: 'core', level: process.env.VIEWSHED_LOG ?? 'info' }, pino.destination(2))
  const run = await runFolder(config.folder)
  const registry = createRegistry(plugins, config.plugins)
  const store = await openLog(join(config.folder, 'log'))
  const volumes = await openVolumes(Object.entries(config.volumes).map(([name, root]) => ({ name, root, org: HOME.org })), {
    get: (name) => store.get(`volume!${name}`),
    set: (name, id) => store.commit([{ type: 'put', key: `volume!${name}`, value: id }]),
  })
  await volumes.sweep()

  const outcomes = await openOutcomes({ log: store, clock: Date.now })
  const changed = (kinds: readonly string[]) => broker.announce(HOME, kinds)
  const board = await openBoard({
    log: store, outcomes, volumes, clock: Date.now, sweep_ms: SWEEP_MS,
    stages: (name) => registry.stage(name)?.stage ?? null,
    stageNames: registry.stages.map((stage) => stage.name),
    onWork: (stages) => broker?.work(HOME, stages),
    onChange: () => broker && changed(['tasks']),
    onTrouble: (error, task) => log.error({ err: error, task }, 'the board could not finish a step; it is tried again'),
  })
  const events = openEvents({ log: store, outcomes, clock: Date.now, schemas: (type) => eventSchema(type), onChange: () => broker && changed(['events']) })
  const catalogue = await openCatalogue({
    dir: join(config.folder, 'catalogue'), clock: Date.now,
    groupings: plugins.flatMap((p) => (p.drives ? [{ name: p.name, gap_s: p.drives.gap_s(registry.config(p.name)), grouping: p.drives }] : [])),
  })
  const projector = startProjector({ projections: outcomes.projections, catalogue })
  const indexes = openIndexes({ dir: join(config.folder, 'index'), catalogue })
  await indexes.ready(SCOPE)
  indexes.onChange(() => changed(['assets', 'drives', 'plates']))

  const access = await openAccess({ log: store })
  const broker = await startBroker({ port: config.mqttPort, host: config.host, access, log })
  const secret = randomBytes(32).toString('hex')
  const coreSocket = join(run, 'core.sock')
  const flowsSocket = join(run, 'flows.sock')
  const watched = new Set<string>()
  const status = statusOf({ config, board, outcomes, projector, indexes, volumes, watched })
  const enter = new Map<string, string>() // one-time tickets → cookie

  const door = await startHttp({
    port: config.port, host: config.host, socketPath: coreSocket, access, log, broker, ui: UI,
    handlers: makeHandlers({
      access, desk: board, catalogue, status,
      index: (scope) => indexes.index(scope),
      events: (scope, filter) => events.list(scope, filter),
      devices: (scope) => broker.devices(scope),
      work: async (scope) => {
        const counts = new Map((await board.counts(scope)).map((count) => [count.stage, count]))
        const nothing = { pending: 0, running: 0, complete: 0, parked: 0 }
        return {
          stages: registry.stages.map(({ name, plugin, stage }) => ({ stage: name, title: stage.title, plugin: plugin.name, ...(counts.get(name) ?? nothing) })),
          links: await currentLinks(),
        }
      },
    }),
    routers: [boardRoutes({ board, outcomes, events }).routes() as unknown as Middleware<DoorState>, ownRoutes({ registry, watched, enter }), doorRoutes({ access, url: () => door.url })],
    media: { open: async (scope, volume, path) => {
      if (volumes.orgOf(volume) !== scope.org) throw new Fault('media/missing', `there is no volume ${volume}`)
      return volumes.resolve(volume, path)
    } },
    staging: { receive: async (scope, at, content) => {
      if (volumes.orgOf(at.volume) !== scope.org || !board.within(scope, at.task)) throw new Fault('task/unknown', `there is no task ${at.task}`)
      return volumes.stage(at.task, at.token, at.volume, at.path, content)
    } },
    flows: { socketPath: flowsSocket, secret },
    tileUrl: () => config.tiles?.url ?? null,
  })
  await writeDurable(join(config.folder, 'run', 'door.json'), JSON.stringify({ socketPath: coreSocket, token: access.mint(own('person', 'cli', 'admin')) }), 0o600)

  const userDir = join(config.folder, 'node-red')
  async function currentLinks(): Promise<readonly { from: string; to: string }[]> {
    const text = await readFile(join(userDir, 'flows.json'), 'utf8').catch(() => null)
    return linksOf(text === null ? defaultFlow : JSON.parse(text), new Set(registry.stages.map((stage) => stage.name)))
  }
  const flows = await startFlows({
    userDir, socketPath: flowsSocket, credentialKeyPath: join(config.folder, 'node-red.key'), coreSocket, secret,
    token: access.mint(own('flows', 'flows', 'admin')), palette: makePalette(plugins), defaultFlow, logger: log,
  })
  const agent = startOwnAgent({
    device: NAS, ...HOME, core: { socketPath: coreSocket, token: access.mint(own('device', NAS, 'device')) },
    mqtt: { url: `mqtt://127.0.0.1:${broker.port}` }, scratch: join(config.folder, 'scratch'), mounts: volumes.specs, watchers: true,
  }, log)

  return {
    url: door.url,
    access,
    enterLink(cookie) {
      const ticket = randomBytes(16).toString('base64url')
      enter.set(ticket, cookie)
      return `${door.url}/api/enter?ticket=${ticket}`
    },
    async close() {
      await Promise.all([agent.stop(), flows.stop()])
      outcomes.close()
      await door.close()
      await broker.close()
      await projector.stop()
      await indexes.close()
      await catalogue.close()
      await board.close()
      await store.close()
    },
  }
}

/** `npm start`. */
export async function serveForReal(): Promise<void> {
  const config = readConfig(process.env)
  await mkdir(config.inbox, { recursive: true })
  const appliance = await serve(config)
  const say = (line: string) => process.stderr.write(line + '\n')
  say(`\n  Viewshed answers at ${appliance.url}\n  Put recordings into ${config.inbox}`)
  if (appliance.access.setupNeeded()) say(`  Set it up, once, within an hour: ${appliance.url}/setup?token=${await appliance.access.setupToken()}`)
  say('')
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void appliance.close().then(() => process.exit(0)))
}

const own = (kind: Principal['kind'], id: string, role: Scope['role']): Principal => ({ kind, id, name: id, scope: { ...HOME, role } })

function eventSchema(type: string) {
  const dot = type.indexOf('.')
  return plugins.find((p) => p.name === type.slice(0, dot))?.events?.[type.slice(dot + 1)] ?? null
}

/** Sockets of this start. Their paths may be 103 bytes long at most, so a deep configuration folder has them elsewhere. */
async function runFolder(folder: string): Promise<string> {
  const inside = join(folder, 'run')
  const path = Buffer.byteLength(inside) <= 80 ? inside : join(tmpdir(), `viewshed-${createHash('sha256').update(folder).digest('hex').slice(0, 12)}`)
  await mkdir(path, { recursive: true, mode: 0o700 })
  return path
}
