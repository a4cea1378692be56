/** The agent as a process: the appliance's own, whose order comes over a pipe, or that of a machine that joined. */
import { mkdir } from 'node:fs/promises'
import { homedir, hostname } from 'node:os'
import { join as at } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { Fault } from '../core/contract/fault.ts'
import plugins from '../plugins/index.ts'
import { abilities } from './abilities.ts'
import { agentFolder, asWish, isAddress, isMeant, keepDevice, readDevice, readWishes, type Device } from './agent-folder.ts'
import { runAgent, type AgentLife, type AgentOrder } from './agent.ts'
import { probe } from './capability.ts'
import { askCore } from './core-request.ts'
import { choose, discover } from './discover.ts'
import { foundAgain } from './find-again.ts'
import { join } from './join.ts'

/** What was under way gets this long to stop by itself. */
const STOP_MS = 9_000 // Docker kills after ten seconds
/** For whoever starts it again by itself: that would not help. */
const REVOKED = 3

export async function agentMain(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: { order: { type: 'boolean' }, join: { type: 'string' }, discover: { type: 'boolean' }, name: { type: 'string' }, folder: { type: 'string' } } })
  const stop = new AbortController()
  const end = () => {
    stop.abort()
    setTimeout(() => process.exit(0), STOP_MS).unref()
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end)
  if (values.order) {
    await run(await orderFromPipe(end), { signal: stop.signal })
  } else {
    const folder = values.folder ?? agentFolder(process.platform, process.env, homedir())
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const wish = values.join ?? (values.discover ? '' : null)
    let device = await joined(folder, wish, values.name ?? nameOf(hostname()), stop.signal).catch((e: unknown) => {
      if (stop.signal.aborted) process.exit(0) // nobody is told: whoever knocks and goes is forgotten
      throw e
    })
    const keep = (change: Partial<Device>) => keepDevice(folder, device = { ...device, ...change })
    const find = async () => {
      const address = await foundAgain(device, await discover(), stop.signal)
      if (address !== null) await keep({ address })
      return address
    }
    // What multicast finds speaks HTTP: a device that was given HTTPS keeps to it.
    await run(await orderOf(device, folder), { signal: stop.signal, keepToken: (token) => keep({ token }), ...(device.address.startsWith('http:') ? { find } : {}) }, values.join ?? device.address)
  }
  process.exit(0)
}

/** @param address with which to join again, should the appliance know it no longer */
async function run(order: AgentOrder, life: AgentLife, address?: string): Promise<void> {
  try {
    await runAgent(order, life)
  } catch (e) {
    if (!(e instanceof Fault && e.code === 'access/unauthenticated')) throw e
    process.stderr.write(`viewshed: the appliance does not know ${order.device} any more: it was revoked, or away for more than 30 days. Join again: viewshed agent --join ${address ?? ''}\n`)
    process.exit(REVOKED)
  }
}

/** The first line of standard input; when that pipe closes, its parent is gone and so is it. */
async function orderFromPipe(gone: () => void): Promise<AgentOrder> {
  const lines = createInterface({ input: process.stdin })
  const first = await new Promise<string | null>((done) => {
    lines.once('line', done)
    lines.once('close', () => done(null))
  })
  if (first === null) throw new Fault('config/invalid', '--order is for the appliance, which hands its agent an order over a pipe')
  lines.once('close', gone)
  return JSON.parse(first) as AgentOrder
}

/** Who it is, kept or newly joined. @param wish an address, an appliance's name, '' for whichever answers, null: as it was */
async function joined(folder: string, wish: string | null, name: string, signal: AbortSignal): Promise<Device> {
  const kept = await readDevice(folder).catch((e: unknown) => {
    if (wish !== null && e instanceof Fault && e.code === 'config/invalid') return null // joining anew mends it
    throw e
  })
  if (kept !== null && isMeant(kept, wish) && (await isKnown(kept, signal))) return kept
  if (wish === null) throw new Fault('config/invalid', `This machine has not joined an appliance${kept ? ` any more: ${kept.address} does not know it` : ''}. viewshed agent --join http://nas:8080, or viewshed agent --discover`)
  const say = (text: string) => void process.stderr.write(`${text}\n`)
  const { name: called, address } = isAddress(wish) ? { name: wish, address: asWish(wish) } : choose(await discover(), wish === '' ? null : wish)
  const machine = await probe(folder)
  const { stages, versions, lacks } = abilities(plugins, machine)
  const device = { ...(await join({ address, name, capability: { ...machine, stages: [...stages.keys()], versions, lacks, mounts: [] }, say, signal })), wish: asWish(called) }
  await keepDevice(folder, device)
  say(`  ${device.device} has joined. From now on viewshed agent alone is enough.`)
  return device
}

/** False: revoked, or away for too long. An appliance that does not answer may know it; that shows later. */
async function isKnown({ address, token }: Device, signal: AbortSignal): Promise<boolean> {
  try {
    await askCore({ baseUrl: address, token }, 'GET', '/api/plugins/config', undefined, AbortSignal.any([signal, AbortSignal.timeout(5_000)]))
  } catch (e) {
    if (e instanceof Fault && e.code === 'access/unauthenticated') return false
    if (!(e instanceof Fault) && !(e instanceof Error && e.name === 'TimeoutError')) throw e
  }
  return true
}

async function orderOf({ address, device, token, org, site }: Device, folder: string): Promise<AgentOrder> {
  const wishes = await readWishes(folder)
  return {
    device, org, site, core: { baseUrl: address, token }, mqtt_url: wishes.mqtt_url ?? null, remotes: [], watchers: false,
    scratch: wishes.scratch ?? at(folder, 'scratch'), cache: { folder: at(folder, 'cache'), most_bytes: wishes.cache_bytes },
    mounts: Object.entries(wishes.mounts).map(([name, root]) => ({ name, root })),
  }
}

/** A machine's name as a device may have it. */
const nameOf = (host: string): string => host.split('.')[0]!.replaceAll(/[^A-Za-z0-9._-]/g, '-').replace(/^[^A-Za-z0-9]+/, '').slice(0, 63) || 'device'
