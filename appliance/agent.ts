/**
 * An agent: claims tasks, runs them in warm children, keeps watchers beside their devices. The same program on the NAS,
 * where core starts it, and on a machine that joined. It remembers nothing: whatever it was doing is offered again when it goes.
 */
import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { pino } from 'pino'
import type { Static, TObject, TSchema } from 'typebox'
import { Fault } from '../core/contract/fault.ts'
import type { AnyPlugin, WatchContext } from '../core/contract/plugin.ts'
import { rests } from '../core/devices/rests.ts'
import type { Answer, HelloAnswer } from '../core/http/api.ts'
import type { RemoteSpec } from '../core/store/volume/remotes.ts'
import { openVolumes, STAGING } from '../core/store/volumes.ts'
import { boardClient } from '../core/tasks/board-client.ts'
import type { Claim } from '../core/tasks/port.ts'
import { apart } from '../plugins/folder/apart.ts'
import plugins from '../plugins/index.ts'
import { abilities } from './abilities.ts'
import { openBell } from './bell.ts'
import { openCameraLink } from './camera-link.ts'
import { openCache, type CacheSpec } from './cache.ts'
import { probe } from './capability.ts'
import { openChildren, type Running } from './children.ts'
import { watchConditions } from './conditions.ts'
import { askCore, type CoreAddress } from './core-request.ts'
import { agentFar } from './far-volumes.ts'
import { joinBroker, type BrokerLink } from './broker-link.ts'
import { HERE } from './machine/here.ts'
import { watcherMedia } from './media.ts'
import { checkedMounts, type Wanted } from './mounts.ts'
import { startReaper } from './reaper.ts'
import { KEPT, openScratch } from './scratch.ts'
import { room } from './slots.ts'
import { isTokenDue } from './token-due.ts'
import { twinsOn } from './twin.ts'

export interface AgentOrder {
  readonly device: string
  readonly core: CoreAddress
  readonly mqtt_url: string | null // null: where core says
  readonly org: string
  readonly site: string
  readonly scratch: string
  readonly cache: CacheSpec
  readonly mounts: readonly Wanted[]
  readonly remotes: readonly RemoteSpec[] // volumes that it reaches over the network by itself
  readonly watchers: boolean // whether this machine's inboxes and cameras are its business
}

export interface AgentLife {
  readonly signal: AbortSignal
  /** A fresh token, to be kept; without it the token that it was given lasts as long as the agent. */
  readonly keepToken?: (token: string) => Promise<void>
  /** Where the same appliance answers by now, to be kept; null: it is nowhere. Asked while it does not answer where it was. */
  readonly find?: () => Promise<string | null>
}

const IDLE_WAIT_MS = 5_000 // when nobody said that there is work
const RETRY_MS = 1_000
const FIND_EVERY_MS = 30_000
const RENEW_EVERY_MS = 5_000 // core takes 20 s of silence for an end
const HELLO_EVERY_MS = 60_000
const LOOK_EVERY_MS = 10_000
const GOODBYE_MS = 6_000

/** Runs until `signal` aborts. Throws Fault `access/unauthenticated` when the appliance no longer knows it. */
export async function runAgent(order: AgentOrder, { signal: told, keepToken, find }: AgentLife): Promise<void> {
  const log = pino({ name: 'agent', level: process.env.VIEWSHED_LOG ?? 'info' }, pino.destination(2))
  const ending = new AbortController() // told to stop, or a loop of ours failed
  const { signal } = ending
  const stop = () => ending.abort(told.reason)
  if (told.aborted) stop()
  told.addEventListener('abort', stop)
  const address: { -readonly [field in keyof CoreAddress]: CoreAddress[field] } = { ...order.core } // its token is renewed
  const home = { org: order.org, site: order.site }

  const scratch = await openScratch(order.scratch)
  const cache = openCache(order.cache)
  await cache.settle()
  const machine = await probe(scratch.root)
  const { stages, versions, lacks } = abilities(plugins, machine)
  for (const [stage, why] of Object.entries(lacks)) log.info(`${stage} is not run here: ${why}`)
  const mark = randomUUID() // of all that our stages start
  const reaper = startReaper(mark)
  const children = openChildren({ mark, scratch: scratch.root, writes: [order.cache.folder, ...order.mounts.map(({ root }) => join(root, STAGING))], onGroup: reaper.note })
  const core = boardClient(address)
  const bell = openBell()
  const running = new Map<string, { claim: Claim; run: Running; cap_mib: number }>()
  const conditions = await watchConditions(
    { here: HERE, nvidia: machine.gpus.some((gpu) => gpu.driver !== null), cores: machine.cores, scratch: scratch.root, ours: { busy: () => running.size > 0, has: children.has } },
    LOOK_EVERY_MS, (now) => { link?.state(now); bell.ring() }, () => undefined,
  )
  let mounts: Awaited<ReturnType<typeof checkedMounts>> = { good: [], wrong: [] }
  let link = null as BrokerLink | null
  const far = agentFar(order.remotes)
  const capability = () => ({ ...machine, stages: [...stages.keys()], versions, lacks, mounts: mounts.good.map(({ name }) => name) })

  /** Says what it can do, and hears what it may. Twice when a mount came or went: what it can do changed with it. */
  async function hello(): Promise<HelloAnswer> {
    const said = capability()
    const answer = await askCore<HelloAnswer>(address, 'POST', '/api/device/hello', { capability: said, conditions: conditions.now() }, signal)
    mounts = await checkedMounts(order.mounts, answer.volumes, answer.org)
    far.hear(answer)
    for (const { why } of mounts.wrong) log.warn(why)
    const isSame = said.mounts.join() === capability().mounts.join()
    if (!isSame) link?.birth(capability())
    meet(answer.mqtt)
    return isSame ? answer : askCore<HelloAnswer>(address, 'POST', '/api/device/hello', { capability: capability(), conditions: conditions.now() }, signal)
  }

  let met = ''
  /** At the broker that core names, which may be another one than it was. */
  function meet(where: HelloAnswer['mqtt']): void {
    const at = JSON.stringify([where, address.baseUrl])
    if (at === met) return
    met = at
    link?.end()
    link = joinBroker({ device: order.device, home, token: address.token, where, baseUrl: address.baseUrl, url: order.mqtt_url, birth: capability(), state: conditions.now(), onOrder: hear, onWork: bell.ring, onTrouble: (why) => log.warn(why), onCameras: order.watchers ? cameras.wake : null })
  }

  let may: Pick<HelloAnswer, 'settings' | 'allowed' | 'rests'>
  function hear(now: typeof may): void {
    may = now
    // Core has taken it all back already; what goes on here would be for nothing.
    if (now.settings.mode === 'paused') for (const { run } of running.values()) run.abort()
    bell.ring()
  }

  /** Asks until core answers. That it has forgotten what we can do is mended on the way. */
  async function untilAnswered<T>(ask: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await ask()
      } catch (e) {
        if (signal.aborted || !(e instanceof Fault)) throw e
        if (e.code === 'device/unheard') hear(await untilAnswered(hello))
        else if (PASSING.has(e.code)) {
          if (e.code === 'core/unreachable') void lookAgain()
          await wait(RETRY_MS, undefined, { signal })
        } else throw e
      }
    }
  }

  let looked_ms = Number.NEGATIVE_INFINITY
  async function lookAgain(): Promise<void> {
    if (find === undefined || performance.now() - looked_ms < FIND_EVERY_MS) return
    looked_ms = performance.now()
    try {
      const found = await find()
      if (found === null || found === address.baseUrl) return
      address.baseUrl = found
      log.info(`the appliance is at ${found} now`)
    } catch (e) {
      if (!signal.aborted) log.warn(e, 'the appliance could not be looked for; it is tried again')
    }
  }

  async function claimLoop(): Promise<void> {
    while (!signal.aborted) {
      // Hours are core's to tell: its clock is the one that a person set.
      const rest = may.settings.mode === 'working' ? rests({ ...may.settings, hours: null }, conditions.now(), new Date()) : may.settings.mode
      const open = rest === null ? room({ stages, settings: may.settings, allowed: may.allowed, running: [...running.values()].map(({ claim, cap_mib }) => ({ stage: claim.stage, cap_mib })), machine, rest_ms: (plugin) => children.rest_ms(plugin, performance.now()) }).filter((stage) => awayFrom(stage).length === 0) : []
      const isRemote = mounts.good.length === 0
      const claims = open.length > 0 ? await untilAnswered(() => core.claim(order.device, { ...home, role: 'device' }, open, 1, isRemote ? cache.holds() : [])) : []
      for (const claim of claims) {
        // Paused while core was asked: what it lent after it took back the rest is in nobody's hands yet.
        if (may.settings.mode === 'paused') {
          await untilAnswered(() => core.release(order.device, claim.id, claim.token))
          continue
        }
        if (!running.has(claim.id)) {
          start(claim)
          continue
        }
        // Core had given up for lost what goes on here. It goes on, under the lease that it began with, unless somebody else has it by now.
        await untilAnswered(() => core.release(order.device, claim.id, claim.token))
        await untilAnswered(renew)
        await bell.wait(RETRY_MS, signal)
      }
      if (claims.length === 0) await bell.wait(IDLE_WAIT_MS, signal)
    }
  }

  /** Volumes that a stage writes to and that are not there now. */
  const awayFrom = (stage: string): string[] => {
    const { plugin } = stages.get(stage)!
    const writes = plugin.stages![stage.slice(plugin.name.length + 1)]!.writes
    return writes ? far.away(writes(configs[plugin.name] as never), mounts.good.map(({ name }) => name)) : []
  }

  function start(claim: Claim): void {
    const { plugin, cap_mib } = stages.get(claim.stage)!
    const run = children.run(plugin.name, cap_mib, {
      kind: 'run', task: claim.id, token: claim.token, stage: claim.stage, input: claim.input, options: claim.options, attempt: claim.attempt,
      config: configs[plugin.name], mounts: mounts.good, far: far.order(), cache: order.cache, core: { ...address },
    }, (done, what) => link?.progress({ task: claim.id, stage: claim.stage, done, what }))
    running.set(claim.id, { claim, run, cap_mib })
    void finish(claim, run).catch((e: unknown) => { if (!signal.aborted) log.error(e, `task ${claim.id}`) }).finally(async () => {
      running.delete(claim.id)
      bell.ring()
      await rm(run.scratch, { recursive: true, force: true, maxRetries: 3 }).catch((e: unknown) => log.warn(e, 'what a task left in scratch goes when the agent starts next'))
    })
  }

  async function finish(claim: Claim, run: Running): Promise<void> {
    const result = await run.result.then((done) => ({ done }), (e: unknown) => ({ fault: e as Fault & { log?: string } }))
    if (signal.aborted) return // the goodbye lets go of everything at once
    if ('fault' in result && result.fault.code === 'media/unmounted') await far.look()
    // Another house that is away for the night says nothing against the work.
    const isAway = 'fault' in result && result.fault.code === 'media/unmounted' && awayFrom(claim.stage).length > 0
    await untilAnswered(async () => {
      if ('done' in result) {
        await core.complete(order.device, { id: claim.id, token: claim.token, output: result.done.output, files: [...result.done.files] })
        return rm(join(scratch.root, KEPT, claim.id), { recursive: true, force: true })
      }
      if (result.fault.code === 'task/cancelled' || isAway) return core.release(order.device, claim.id, claim.token)
      log.warn({ task: claim.id, stage: claim.stage, code: result.fault.code }, result.fault.message)
      return core.fault(order.device, claim.id, claim.token, { ...result.fault.toJSON(), ...(result.fault.log ? { log: result.fault.log } : {}) })
    }).catch(async (e: unknown) => {
      // Core refuses the answer itself (its files, its form): that is this attempt's fault.
      if (!(e instanceof Fault) || e.code === 'task/unknown' || e.code === 'task/stale' || e.code.startsWith('access/')) throw e
      await core.fault(order.device, claim.id, claim.token, e.toJSON())
    })
  }

  const every = async (ms: number, act: () => Promise<unknown>) => {
    while (!signal.aborted) {
      await wait(ms, undefined, { signal }).catch(ignoreAbort)
      if (!signal.aborted) await act().catch(ignorePassing)
    }
  }
  async function renew(): Promise<void> {
    const held = [...running.values()].map(({ claim }) => ({ id: claim.id, token: claim.token }))
    if (held.length === 0) return
    const ours = new Set(await core.renew(order.device, held))
    for (const { id, token } of held) if (!ours.has(token)) running.get(id)?.run.abort()
  }
  let tokenTried_ms = Number.NEGATIVE_INFINITY
  /** A full disk, there or here, is no reason to drop what is in hand: the token is good for a month. */
  async function renewToken({ token_ends_ms }: Pick<HelloAnswer, 'token_ends_ms'>): Promise<void> {
    if (keepToken === undefined || !isTokenDue(token_ends_ms, Date.now(), performance.now() - tokenTried_ms)) return
    tokenTried_ms = performance.now()
    await freshToken(keepToken).catch(laterToken)
  }
  async function freshToken(keep: (token: string) => Promise<void>): Promise<void> {
    const { token } = await askCore<{ token: string }>(address, 'POST', '/api/device/token', {}, signal)
    await keep(token)
    address.token = token
    link?.password(token)
  }
  const laterToken = (e: unknown) => {
    if (e instanceof Error && e.name === 'AbortError') return
    if (e instanceof Fault && e.code.startsWith('access/') && e.code !== 'access/limited') throw e
    log.warn(e, 'the token could not be renewed; it is tried again')
  }

  const cameras = openCameraLink((ask) => untilAnswered(() => askCore(address, 'POST', '/api/device/cameras', ask, signal)))

  async function watch(plugin: AnyPlugin): Promise<void> {
    const { run } = await plugin.watch!()
    const watched = async () => {
      const volumes = await openVolumes(mounts.good, null)
      return watcherMedia(volumes, twinsOn(volumes, async (sha256) => (await askCore<Answer<'knownFile'>>(address, 'GET', `/api/device/file?sha256=${sha256}`, undefined, signal)).media))
    }
    const context = async (own: AbortSignal): Promise<WatchContext<Static<TObject>, Record<string, TSchema>>> => ({
      config: configs[plugin.name] as Static<TObject>, media: await watched(), signal: own, warn: (error, what) => log.warn(error, what),
      emit: (event, key, payload) => untilAnswered(() => core.emit(home, `${plugin.name}.${event}`, key, payload as Record<string, unknown>)).then(() => undefined),
      known: (event, key) => untilAnswered(() => core.known(home, `${plugin.name}.${event}`, key)),
      cameras: (names) => cameras.desks(plugin.name, names),
      came: async (event, key) => (await untilAnswered(() => askCore<Answer<'clipCame'>>(address, 'POST', '/api/device/came', { type: `${plugin.name}.${event}`, key }, signal))).media,
      lock: async (event, key) => (await untilAnswered(() => askCore<Answer<'lockClip'>>(address, 'POST', '/api/device/locked', { type: `${plugin.name}.${event}`, key }, signal))).locked,
      archived: (event, key) => untilAnswered(() => askCore<Answer<'clipArchived'>>(address, 'POST', '/api/device/archived', { type: `${plugin.name}.${event}`, key }, signal)),
    })
    await apart(`the watcher of ${plugin.name}`, async () => {
      const mine = new AbortController() // whatever of it still goes on ends before it begins again
      try {
        await run(await context(AbortSignal.any([signal, mine.signal])))
        await untilAnswered(() => askCore(address, 'POST', '/api/plugins/watched', { plugin: plugin.name }, signal))
      } finally {
        mine.abort()
      }
    }, { signal, warn: (error, what) => log.error(error, what) })
  }

  let configs: Record<string, unknown> = {}
  const settings = () => askCore<Record<string, unknown>>(address, 'GET', '/api/plugins/config', undefined, signal)
  try {
    const first = await untilAnswered(hello)
    hear(first)
    configs = await untilAnswered(settings)
    await Promise.all([
      claimLoop(), every(RENEW_EVERY_MS, renew), every(HELLO_EVERY_MS, async () => {
        const now = await untilAnswered(hello)
        hear(now)
        await renewToken(now)
        configs = await untilAnswered(settings) // the appliance may have been started with others
      }),
      renewToken(first),
      ...(order.watchers ? [cameras.run(signal), ...plugins.filter((p) => p.watch).map(watch)] : []),
    ])
  } catch (e) {
    if (!signal.aborted) throw e // what was under way when it was told to end broke off
  } finally {
    ending.abort()
    told.removeEventListener('abort', stop)
    conditions.stop()
    far.close()
    children.stop()
    // Whoever says goodbye loses nothing and costs nothing; whoever cannot is soon missed.
    await askCore(address, 'POST', '/api/device/goodbye', {}, AbortSignal.timeout(GOODBYE_MS)).catch(() => undefined)
    await link?.leave()
    core.close()
    await scratch.close()
    reaper.stop()
  }
}

function ignoreAbort(e: unknown): void {
  if (!(e instanceof Error && e.name === 'AbortError')) throw e
}

/** What core answers while it is away, asked too often, or cannot write: all of it passes. */
const PASSING: ReadonlySet<string> = new Set(['core/unreachable', 'access/limited', 'log/failed', 'log/held', 'media/full'])

/** It is asked again before long. */
function ignorePassing(e: unknown): void {
  if (e instanceof Error && e.name === 'AbortError') return
  if (!(e instanceof Fault && (PASSING.has(e.code) || e.code === 'device/unheard'))) throw e
}
