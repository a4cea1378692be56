/** Node-RED, set up as ours and listening on a unix socket. Lives in a process of its own: a flow may loop, leak or crash. */
import { chmod, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { join } from 'node:path'
import { types } from 'node:util'
import { HOME } from '../core/access/scope.ts'
import { FLOW_TOKEN_HEADER, verifyFlowToken } from '../core/access/flow-token.ts'
import { FLOW_MOST_BYTES } from '../core/http/flows-limit.ts'
import { adminRoutes, type Rooms } from './admin.ts'
import { checkFlow } from './check.ts'
import type { Core } from './core.ts'
import { writePalette } from './editor.ts'
import { openEntered } from './entered.ts'
import type { Begin, FromChild, ToChild } from './ipc.ts'
import { createNodes, type LiveNodes } from './nodes.ts'
import { createPersist, createPublisher, persistentCalls } from './publisher.ts'
import { loadRed, type NodeApi, type Red } from './red.ts'
import { createRouter } from './router.ts'
import { track } from './tracker.ts'
import { onUncaught, type LogEntry } from './uncaught.ts'
import { openVersions } from './versions.ts'

export interface Runtime {
  tell(message: Exclude<ToChild, Begin>): void
  stop(): Promise<void>
}

const BEAT_MS = 1_000

/** Resolves when the editor answers, after the flows that were saved have begun, or were found not to; they may crash the process while they do. */
export async function runFlows(begin: Begin, core: Core, say: (message: FromChild) => void): Promise<Runtime> {
  const { red, express } = loadRed()
  const paletteDir = join(begin.userDir, 'palette')
  await writePalette(paletteDir, begin.palette)

  const persist = createPersist((why) => say(why === null
    ? { kind: 'log', level: 'info', text: 'core answers again' }
    : { kind: 'log', level: 'warn', text: `core does not answer, waiting for it: ${String(why)}` }))
  const router = createRouter({
    log: core, publisher: createPublisher(core, persist), persist,
    tracked: (onEnded) => track(red.hooks, { onEnded }), nodes: () => nodes, clone: red.util.cloneMessage,
  })
  const nodes: LiveNodes = createNodes({
    palette: begin.palette, ask: router.ask, nameOf: router.nameOf, core: { ...core, ...persistentCalls(core, persist) },
    emit: (type, key, payload) => persist(() => core.emit(HOME, type, key, payload)),
  })

  const entered = openEntered(begin.enteredPath)
  red.hooks.add('onReceive.viewshed-entered', ({ destination }) => entered.enter(destination.node))

  let deployer = ''
  let unable: Readonly<Record<string, string>> = {}
  const app = express()
  const server = createServer(app)
  const rooms: Rooms = {
    again: (id) => nodes.again(id),
    check: (flow) => checkFlow(flow, { palette: begin.palette, unable: (stage) => unable[stage] ?? null, isKnown: (type) => Boolean(red.nodes.getType(type)) }),
    versions: openVersions(join(begin.userDir, 'versions')),
    pipelines: begin.pipelines,
    flow: async () => (await red.runtime.flows.getFlows({})).flows, // in safe mode, too
    async deploy(flow, by) {
      await red.runtime.flows.setFlows({ flows: { flows: flow }, deploymentType: 'full', user: { username: by }, req: { user: { username: by }, path: '', headers: {} } })
    },
  }
  red.init(server, settingsOf({ begin, paletteDir, nodes, rooms, say, onDeploy: (by) => { deployer = by } }))
  app.use('/flows', red.httpAdmin)
  onUncaught(red.log, router.failed)

  red.events.on('flows:started', ({ config }) => {
    router.started(config.flows)
    rooms.versions.keep(config.flows, deployer, Date.now()).catch((error: unknown) => say({ kind: 'log', level: 'error', text: `this version of the flow could not be kept: ${String(error)}` }))
    say({ kind: 'flows', running: true, why: null })
  })
  red.events.on('flows:stopping', () => {
    router.stopping()
    entered.forget()
    say({ kind: 'flows', running: false, why: null })
  })
  red.events.on('runtime-event', ({ id, payload }) => {
    if (id === 'runtime-state' && payload?.error === 'missing-types') say({ kind: 'flows', running: false, why: `It has nodes of types that are not installed: ${payload.types?.join(', ')}. Take them out in the editor and deploy.` })
  })

  const loaded = firstLoad(red)
  const beat = setInterval(() => {
    say({ kind: 'beat', rss_bytes: process.memoryUsage.rss(), held: router.held() })
    nodes.tick()
  }, BEAT_MS)
  await red.start()
  await loaded
  await rm(begin.socketPath, { force: true })
  server.listen(begin.socketPath)
  await once(server, 'listening')
  await chmod(begin.socketPath, 0o600)
  say({ kind: 'ready' })

  return {
    tell(message) {
      switch (message.kind) {
        case 'counts': return nodes.count(message.counts)
        case 'unable': return void (unable = message.why)
        case 'resend': return router.resend(message.seqs)
        case 'dismiss': return router.dismiss(message.seqs)
      }
    },
    async stop() {
      clearInterval(beat)
      await red.stop()
      server.close()
      server.closeAllConnections()
      entered.close()
    },
  }
}

/**
 * The saved flows have begun, or will not. `start` does not wait for that, and a deploy that comes in between ends safe mode for what is
 * being loaded: no flow at all would run for a moment, and what happens then would go nowhere.
 */
const firstLoad = ({ events }: Red) => new Promise<void>((done) => {
  events.on('flows:started', () => done())
  events.on('runtime-event', ({ id, payload }) => {
    if (id === 'runtime-state' && payload !== undefined && payload.error !== 'credentials_load_failed') done()
  })
})

interface Settings { readonly begin: Begin; readonly paletteDir: string; readonly nodes: LiveNodes; readonly rooms: Rooms; readonly say: (message: FromChild) => void; readonly onDeploy: (by: string) => void }

function settingsOf({ begin, paletteDir, nodes, rooms, say, onDeploy }: Settings): Record<string, unknown> {
  return {
    userDir: begin.userDir,
    flowFile: 'flows.json',
    flowFilePretty: true,
    apiMaxLength: FLOW_MOST_BYTES,
    credentialSecret: begin.credentialKey,
    nodesDir: paletteDir,
    viewshedPalette(api: NodeApi, plugin: string) {
      adminRoutes(api, rooms)
      nodes.register(api, plugin)
    },
    httpAdminRoot: '/flows',
    httpNodeRoot: false, // no doors of the flows' own: everything comes in through core
    safeMode: begin.safeMode,
    runtimeState: { enabled: true, ui: true },
    diagnostics: { enabled: true, ui: true },
    telemetry: { enabled: false, updateNotification: false },
    externalModules: { autoInstall: false, palette: PALETTES[begin.palettes], modules: { allowInstall: false } },
    functionExternalModules: false,
    functionGlobalContext: {},
    exportGlobalContextKeys: false,
    adminAuth: {
      type: 'credentials',
      tokenHeader: FLOW_TOKEN_HEADER,
      tokens: async (token: string) => {
        const user = verifyFlowToken(begin.secret, token, Date.now())
        return user && { username: user.name, permissions: user.access === 'write' ? '*' : '*.read' }
      },
      // Nobody signs in here: core did that, and says so in the header.
      users: async () => null,
      authenticate: async () => null,
    },
    paletteCategories: [...new Set(begin.palette.map(({ category }) => category)), 'subflows', 'common', 'function', 'sequence', 'network', 'parser', 'storage'],
    editorTheme: {
      projects: { enabled: false },
      tours: false,
      userMenu: false,
      page: { title: 'Viewshed flows' },
      header: { title: 'Viewshed flows', url: '/' },
      codeEditor: { lib: 'monaco' },
    },
    logging: {
      console: { level: 'off', metrics: false, audit: false },
      core: {
        level: 'info', metrics: false, audit: true,
        handler: () => (entry: AuditEntry) => {
          if (entry.level !== AUDIT) say(logLine(entry))
          else if (entry.event === 'flows.set') onDeploy(entry.user?.username ?? '')
        },
      },
    },
  }
}

const NONE = { allowInstall: false, allowUpdate: false, allowUpload: false }
const PALETTES = {
  on: { allowInstall: true, allowUpdate: true, allowUpload: true },
  off: NONE,
  'left out': { ...NONE, allowList: [], denyList: ['*'] }, // ours is none of those: it is a folder, not a package
} as const satisfies Record<Begin['palettes'], object>

/** Node-RED's level of what somebody did. */
const AUDIT = 98

interface AuditEntry extends LogEntry { readonly event?: string; readonly user?: { readonly username?: string } }

/** Levels of Node-RED: 10 fatal, 20 error, 30 warn, 40 info. What a function throws is of a realm of its own, and no `instanceof Error` here. */
function logLine({ level, msg, type, id, name }: LogEntry): FromChild {
  const text = types.isNativeError(msg) ? (msg.stack ?? msg.message) : typeof msg === 'string' ? msg.trim() : JSON.stringify(msg)
  return { kind: 'log', level: level <= 20 ? 'error' : level === 30 ? 'warn' : 'info', text: type ? `[${type}:${name ?? id ?? ''}] ${text}` : text }
}
