/** The appliance: core, and what core starts: Node-RED and the agent for this machine's own work. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { pino } from 'pino'
import { HOME } from '../core/access/scope.ts'
import { OWN_FLOWS } from '../core/tasks/seat.ts'
import { makePalette } from '../flows/palette.ts'
import { firstFlow, PIPELINES } from '../flows/pipelines.ts'
import { startFlows } from '../flows/process.ts'
import plugins from '../plugins/index.ts'
import { readConfig, type Config } from './config.ts'
import { openCore, type Core } from './core.ts'
import { announce } from './discover.ts'
import { startOwnAgent } from './own-agent.ts'

export type Appliance = Pick<Core, 'url' | 'access' | 'enterLink' | 'fillFolders' | 'close'>

const NAS = 'nas' // the name of the agent that core starts

/** Resolves when it answers; Node-RED and the agent may still be starting. Throws Faults that say what to mend. */
export async function serve(config: Config): Promise<Appliance> {
  const log = pino({ name: 'core', level: process.env.VIEWSHED_LOG ?? 'info' }, pino.destination(2))
  const core = await openCore(config, plugins, log)
  const flows = config.flowsAt ? null : await startFlows({
    userDir: join(config.folder, 'node-red'), credentialKeyPath: join(config.folder, 'node-red.key'), credentialKeyOutside: config.flowsKey ?? null,
    socketPath: core.sockets.flows, coreSocket: core.sockets.core, secret: core.flowSecret, token: core.tokenFor('flows', OWN_FLOWS, 'flows'),
    palette: makePalette(plugins), defaultFlow: firstFlow, pipelines: PIPELINES, palettes: core.palettesOn, onChange: core.flowsChanged, logger: log.child({ name: 'node-red' }),
  })
  if (flows) core.attach(flows)
  const agent = startOwnAgent({
    device: NAS, ...HOME, core: { socketPath: core.sockets.core, token: core.tokenFor('device', NAS, 'device') }, mqtt_url: core.mqttUrl,
    scratch: join(config.folder, 'scratch'), cache: { folder: join(config.folder, 'cache'), most_bytes: 0 }, mounts: core.volumes.specs.map(({ name, root }) => ({ name, root })), remotes: config.remotes ?? [], watchers: true,
  }, log, () => void core.board.gone(NAS).catch((e: unknown) => log.error(e, 'the tasks of the agent that ended wait for their leases')))
  return {
    url: core.url,
    access: core.access,
    enterLink: core.enterLink,
    fillFolders: core.fillFolders,
    async close() {
      await Promise.all([agent.stop(), flows?.stop()])
      await core.close()
    },
  }
}

/** `npm start`. */
export async function serveForReal(): Promise<void> {
  const config = readConfig(process.env)
  await mkdir(config.inbox, { recursive: true })
  const appliance = await serve(config)
  const isLocal = ['127.0.0.1', '::1', 'localhost'].includes(config.host) // then nobody else could reach what is announced
  const quiet = isLocal || process.env.VIEWSHED_MDNS === 'off' ? null : announce({ name: config.name, port: Number(new URL(appliance.url).port) })
  const say = (line: string) => process.stderr.write(line + '\n')
  say(`\n  Viewshed answers at ${appliance.url}\n  Put recordings into ${config.inbox}`)
  if (appliance.access.setupNeeded()) say(`  Set it up, once, within an hour: ${appliance.url}/setup?token=${await appliance.access.setupToken()}`)
  say('')
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void Promise.all([quiet?.(), appliance.close()]).then(() => process.exit(0)))
}
