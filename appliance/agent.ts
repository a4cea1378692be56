/**
 * An agent: claims tasks, runs them in warm children, keeps watchers beside their devices. The same program on the NAS,
 * where core starts it, and on another machine. It remembers nothing: whatever it was doing is offered again when it goes.
 */
import { setTimeout as wait } from 'node:timers/promises'
import mqtt, { type MqttClient } from 'mqtt'
import { pino } from 'pino'
import { Fault } from '../core/contract/fault.ts'
import { unmet, type Capability } from '../core/plugins/registry.ts'
import { openVolumes, type VolumeSpec } from '../core/store/volumes.ts'
import { boardClient } from '../core/tasks/port-http.ts'
import type { Claim } from '../core/tasks/port.ts'
import type { AnyPlugin, WatchContext } from '../core/contract/plugin.ts'
import type { Static, TObject, TSchema } from 'typebox'
import plugins from '../plugins/index.ts'
import { openBell } from './bell.ts'
import { probe } from './capability.ts'
import { openChildren, type Running } from './children.ts'
import { askCore, type CoreAddress } from './core-request.ts'
import { watcherMedia } from './media.ts'
import { startReaper } from './reaper.ts'
import { openScratch } from './scratch.ts'

export interface AgentOrder {
  readonly device: string
  readonly core: CoreAddress
  readonly mqtt: { readonly url: string } | null
  readonly org: string
  readonly site: string
  readonly scratch: string
  readonly mounts: readonly VolumeSpec[]
  readonly watchers: boolean // whether this machine's inboxes and cameras are its business
}

const IDLE_WAIT_MS = 5_000 // when nobody said that there is work
const RETRY_MS = 1_000
const RENEW_EVERY_MS = 5_000 // a lease is 30 s or more
/** What all stages together may fill of the machine's memory; what runs alone may fill more. */
const MEMORY_PART = 0.75
const DEFAULT_CAP_MIB = 1024

export async function runAgent(order: AgentOrder, signal: AbortSignal): Promise<void> {
  const log = pino({ name: 'agent', level: process.env.VIEWSHED_LOG ?? 'info' }, pino.destination(2))
  const scratch = await openScratch(order.scratch)
  const capability = await probe(order.scratch)
  const mounted = await openVolumes(order.mounts, null)
  const core = boardClient(order.core)
  const reaper = startReaper()
  const children = openChildren({ onGroup: reaper.note })
  const configs = await untilReached(() => askCore<Record<string, unknown>>(order.core, 'GET', '/api/plugins/config', undefined, signal), signal)
  const stages = runnable(capability)
  const bell = openBell()
  const client = order.mqtt ? joinBroker(order, capability, [...stages.keys()], bell.ring) : null
  const running = new Map<string, { claim: Claim; run: Running; cap_mib: number }>()
  const slots = Math.max(2, capability.cores)
  const home = { org: order.org, site: order.site }

  /** Stages whose children may start now, given what already runs. */
  const open = (): string[] => {
    const used_mib = [...running.values()].reduce((sum, r) => sum + r.cap_mib, 0)
    return [...stages].filter(([name, { plugin, cap_mib, alone }]) =>
      (running.size === 0 || used_mib + cap_mib <= capability.memory_mib * MEMORY_PART)
      && !(alone && [...running.values()].some((r) => r.claim.stage === name))
      && children.rest_ms(plugin.name, Date.now()) === 0).map(([name]) => name)
  }

  function start(claim: Claim): void {
    const { plugin, cap_mib } = stages.get(claim.stage)!
    const run = children.run(plugin.name, cap_mib, {
      kind: 'run', task: claim.id, token: claim.token, stage: claim.stage, input: claim.input, options: claim.options, attempt: claim.attempt,
      config: configs[plugin.name], scratch: scratch.folder(claim.id, claim.token), mounts: order.mounts, core: order.core,
    }, (done, what) => client?.publish(`viewshed/${order.device}/progress`, JSON.stringify({ task: claim.id, stage: claim.stage, done, what })))
    running.set(claim.id, { claim, run, cap_mib })
    void finish(claim, run).catch((e: unknown) => log.error(e, `task ${claim.id}`)).finally(async () => {
      running.delete(claim.id)
      await scratch.drop(claim.id, claim.token)
      bell.ring()
    })
  }

  async function finish(claim: Claim, run: Running): Promise<void> {
    const result = await run.result.then((done) => ({ done }), (e: unknown) => ({ fault: e as Fault & { log?: string } }))
    if (signal.aborted) return
    await untilReached(async () => {
      if ('done' in result) return core.complete(order.device, { id: claim.id, token: claim.token, output: result.done.output, files: [...result.done.files] })
      if (result.fault.code === 'task/cancelled') return core.release(order.device, claim.id, claim.token)
      log.warn({ task: claim.id, stage: claim.stage, code: result.fault.code }, result.fault.message)
      return core.fault(order.device, claim.id, claim.token, { ...result.fault.toJSON(), ...(result.fault.log ? { log: result.fault.log } : {}) })
    }, signal).catch(async (e: unknown) => {
      // Core refuses the answer itself (its files, its form): that is this attempt's fault.
      if (!(e instanceof Fault) || e.code === 'task/unknown' || e.code === 'task/stale') throw e
      await core.fault(order.device, claim.id, claim.token, e.toJSON())
    })
  }

  async function claimLoop(): Promise<void> {
    while (!signal.aborted) {
      const free = slots - running.size
      const may = free > 0 ? open() : []
      const claims = may.length ? await untilReached(() => core.claim(order.device, { ...home, role: 'device' }, may, 1), signal) : []
      for (const claim of claims) start(claim)
      if (claims.length === 0) await bell.wait(IDLE_WAIT_MS, signal)
    }
  }

  async function renewLoop(): Promise<void> {
    while (!signal.aborted) {
      await wait(RENEW_EVERY_MS, undefined, { signal }).catch(ignoreAbort)
      const held = [...running.values()].map(({ claim }) => ({ id: claim.id, token: claim.token }))
      if (held.length === 0 || signal.aborted) continue
      try {
        const ours = new Set(await core.renew(order.device, held))
        for (const { id, token } of held) if (!ours.has(token)) running.get(id)?.run.abort()
      } catch (e) {
        if (!(e instanceof Fault && e.code === 'core/unreachable')) throw e
      }
    }
  }

  const watching = order.watchers ? plugins.filter((p) => p.watch).map((p) => watch(p)) : []
  async function watch(plugin: AnyPlugin): Promise<void> {
    const { run } = await plugin.watch!()
    const ctx: WatchContext<Static<TObject>, Record<string, TSchema>> = {
      config: configs[plugin.name] as Static<TObject>, media: watcherMedia(mounted), signal,
      emit: (event, key, payload) => untilReached(() => core.emit(home, `${plugin.name}.${event}`, key, payload as Record<string, unknown>), signal).then(() => undefined),
      known: (event, key) => untilReached(() => core.known(home, `${plugin.name}.${event}`, key), signal),
    }
    for (let rest_ms = RETRY_MS; !signal.aborted; rest_ms = Math.min(60_000, rest_ms * 2)) {
      try {
        await run(ctx)
        await untilReached(() => askCore(order.core, 'POST', '/api/plugins/watched', { plugin: plugin.name }, signal), signal)
        return
      } catch (e) {
        if (signal.aborted) return
        log.error(e, `watcher of ${plugin.name} stopped; it starts again in ${rest_ms / 1000} s`)
        await wait(rest_ms, undefined, { signal }).catch(ignoreAbort)
      }
    }
  }

  signal.addEventListener('abort', () => { children.stop(); client?.end(true); bell.ring() })
  await Promise.all([claimLoop(), renewLoop(), ...watching])
  await scratch.close()
  reaper.stop()

  function runnable(has: Capability) {
    const may = new Map<string, { plugin: AnyPlugin; cap_mib: number; alone: boolean }>()
    for (const plugin of plugins)
      for (const [short, stage] of Object.entries(plugin.stages ?? {})) {
        const why = unmet(stage.needs, has)
        const cap_mib = stage.needs?.memory_mib ?? DEFAULT_CAP_MIB
        if (why === null) may.set(`${plugin.name}.${short}`, { plugin, cap_mib, alone: stage.needs?.all_cores ?? false })
        else log.info(`${plugin.name}.${short} is not run here: ${why}`)
      }
    return may
  }
}

/** Tries again while core does not answer: whoever was working may still finish. */
async function untilReached<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    try {
      return await ask()
    } catch (e) {
      if (signal.aborted || !(e instanceof Fault && e.code === 'core/unreachable')) throw e
      await wait(RETRY_MS, undefined, { signal })
    }
  }
}

function joinBroker(order: AgentOrder, capability: Capability, stages: readonly string[], onWork: () => void): MqttClient {
  const own = `viewshed/${order.device}`
  const client = mqtt.connect(order.mqtt!.url, {
    clientId: `${order.device}:agent`, username: order.device, password: order.core.token, reconnectPeriod: 1000,
    will: { topic: `${own}/availability`, payload: Buffer.from('offline'), qos: 1, retain: true },
  })
  client.on('error', () => undefined) // it reconnects by itself; losing MQTT loses nothing but seconds
  client.on('connect', () => {
    client.publish(`${own}/birth`, JSON.stringify({ ...capability, stages, platform: process.platform }), { qos: 1, retain: true })
    client.publish(`${own}/availability`, 'online', { qos: 1, retain: true })
    client.subscribe(`viewshed/bridge/${order.org}/${order.site}/work`, { qos: 0 })
    onWork()
  })
  client.on('message', onWork)
  return client
}

function ignoreAbort(e: unknown): void {
  if (!(e instanceof Error && e.name === 'AbortError')) throw e
}
