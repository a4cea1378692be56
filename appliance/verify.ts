/** `viewshed verify`: reads the archive again, at a rate that leaves the disk and the line to others, and makes good what has rotted. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Fault } from '../core/contract/fault.ts'
import type { MediaRef } from '../core/contract/media.ts'
import { HOME } from '../core/access/scope.ts'
import { openVolumes, type Volumes } from '../core/store/volumes.ts'
import { fetched, inspect, replace, type Found } from '../core/store/volume/mend.ts'
import type { LocalFile, Volume } from '../core/store/volume/volume.ts'
import { readConfig } from './config.ts'
import { askCore, type CoreAddress } from './core-request.ts'
import { running } from './door.ts'
import { openFar } from './far-volumes.ts'
import type { Verified, VolumeLine } from './volume-routes.ts'

const USAGE = 'viewshed verify [--rate MB_PER_S] [--volume NAME] [--older DAYS] [--report] [--json]'
const ROT = 1
const UNREAD = 3
const DAY_MS = 86_400_000

export interface Copy { readonly id: string; readonly asset: string; readonly media: MediaRef; readonly verified_ms: number | null; readonly sources: readonly MediaRef[] }
export type Outcome = { readonly state: 'good'; readonly from: string } | { readonly state: 'mended' | 'rotten'; readonly why: string }

/** Exits with 1 when something rotten could not be made good, with 3 when something could not be read at all. */
export async function verify(args: readonly string[]): Promise<void> {
  const { rate, volume, older, report, json } = asked(args)
  const core = await running()
  const volumes = await openAs(core)
  const stop = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort(new Fault('task/cancelled', 'stopped; what was read is noted')))
  const scratch = await mkdtemp(join(tmpdir(), 'viewshed-verify-'))
  const count = { good: 0, mended: 0, rotten: 0, unread: 0, bytes: 0 }
  const say = (copy: Copy, state: string, why: string | null) => {
    if (json) process.stdout.write(`${JSON.stringify({ path: `${copy.media.volume}/${copy.media.path}`, asset: copy.asset, state, why })}\n`)
    else if (state !== 'good') process.stdout.write(`${state.padEnd(7)} ${copy.media.volume}/${copy.media.path}: ${why}\n`)
  }
  try {
    const paced = pace(rate * 1e6, stop.signal)
    for await (const copy of copies(core, volume)) {
      if (older !== null && copy.verified_ms !== null && Date.now() - copy.verified_ms < older * DAY_MS) continue
      let outcome: Outcome | null
      try {
        outcome = await verifyOne(copy, { volumes: (name) => volumes.at(name), pace: paced, scratch, mends: !report, signal: stop.signal, isListed: (one) => isListed(core, one) })
      } catch (e) {
        stop.signal.throwIfAborted()
        if (!(e instanceof Fault)) throw e
        count.unread++
        say(copy, 'unread', e.message)
        continue
      }
      if (outcome === null) continue
      count[outcome.state]++
      count.bytes += copy.media.bytes
      const rot = outcome.state === 'rotten' ? outcome.why : null
      await askCore(core, 'POST', '/api/door/verified', { id: copy.id, sha256: copy.media.sha256, at_ms: Date.now(), from: outcome.state === 'good' ? outcome.from : null, rot } satisfies Verified)
      say(copy, outcome.state, outcome.state === 'good' ? null : outcome.why)
    }
  } finally {
    volumes.far.close()
    await rm(scratch, { recursive: true, force: true })
  }
  process.stderr.write(`${count.good} good, ${count.mended} made good, ${count.rotten} rotten, ${count.unread} not read; ${(count.bytes / 1e9).toFixed(2)} GB\n`)
  process.exitCode = count.rotten > 0 ? ROT : count.unread > 0 ? UNREAD : 0
}

export interface VerifyParts {
  readonly volumes: (name: string) => Promise<Volume>
  readonly pace: (bytes: number) => Promise<void>
  readonly scratch: string
  readonly mends: boolean
  readonly signal: AbortSignal
  /** Whether the catalogue still says that it lies there: a list is an hour old by the time its end is read. */
  readonly isListed: (copy: Copy) => Promise<boolean>
}

/** Null: it is none any more, retention took it meanwhile. Throws when its volume is not there: that says nothing of the copy. */
export async function verifyOne(copy: Copy, parts: VerifyParts): Promise<Outcome | null> {
  const there = await parts.volumes(copy.media.volume)
  const found = await inspect(there, copy.media, parts).catch((e: unknown): Found => {
    if (e instanceof Fault && (e.code === 'media/unreadable' || e.code === 'media/changed')) return { state: 'rotten', why: e.message }
    throw e
  })
  if (found.state === 'good') return found
  await parts.volumes(copy.media.volume) // it is still that disk which says so
  if (!(await parts.isListed(copy))) return null
  if (!parts.mends) return { state: 'rotten', why: found.why }
  const good = await goodOf(copy, parts)
  if (good === null) return { state: 'rotten', why: `${found.why}; no other copy of it is good` }
  if (!(await parts.isListed(copy))) return null // bringing the good one here took its time
  try {
    await replace(there, copy.media.path, good.file, parts.signal)
  } catch (e) {
    if (!(e instanceof Fault) || e.code === 'media/unmounted' || e.code === 'media/host-key') throw e
    return { state: 'rotten', why: `${found.why}; ${e.message}` }
  }
  return { state: 'mended', why: `${found.why}; made good from ${good.source.volume}/${good.source.path}` }
}

/** The first of the other copies that can be read and has the right digest, brought here. */
async function goodOf({ sources }: Copy, { volumes, scratch, signal }: VerifyParts): Promise<{ file: LocalFile; source: MediaRef } | null> {
  for (const source of sources) {
    try {
      const file = await fetched(await volumes(source.volume), source, join(scratch, 'good'), signal)
      if (file) return { file, source }
    } catch (e) {
      if (!(e instanceof Fault) || e.code === 'media/full') throw e // what cannot be read is no source; whether there is another one will show
    }
  }
  return null
}

/** Resolves late enough that no more than so many bytes a second were read since the beginning. */
export function pace(bytes_per_s: number, signal: AbortSignal, now_ms: () => number = () => performance.now()): (bytes: number) => Promise<void> {
  let due_ms = now_ms()
  return async (bytes) => {
    due_ms = Math.max(due_ms, now_ms() - 1_000) + (bytes / bytes_per_s) * 1_000
    const rest_ms = due_ms - now_ms()
    if (rest_ms > 0) await wait(rest_ms, undefined, { signal }).catch(() => signal.throwIfAborted())
  }
}

async function* copies(core: CoreAddress, volume: string | undefined): AsyncGenerator<Copy> {
  for (let after: string | null = null; ;) {
    const page: { copies: readonly Copy[]; next: string | null } = await askCore(core, 'POST', '/api/plugins/archive/copies', { ...(volume === undefined ? {} : { volume }), ...(after === null ? {} : { after }) })
    yield* page.copies
    if (page.next === null) return
    after = page.next
  }
}

async function isListed(core: CoreAddress, { id, media }: Copy): Promise<boolean> {
  const { copies }: { copies: readonly Copy[] } = await askCore(core, 'POST', '/api/plugins/archive/copies', { volume: media.volume, document: id })
  return copies.some((copy) => copy.media.path === media.path)
}

/** The volumes as the appliance knows them, in this process: core itself does no such work. */
async function openAs(core: CoreAddress): Promise<Volumes> {
  const { volumes, remotes = [] } = readConfig(process.env)
  const { volumes: lines } = await askCore<{ volumes: readonly VolumeLine[] }>(core, 'GET', '/api/door/volumes')
  const known = Object.fromEntries(lines.map(({ name, id, host_key }) => [name, { id, host_key }]))
  return openVolumes(Object.entries(volumes).map(([name, root]) => ({ name, root, org: HOME.org, ...(known[name]?.id ? { id: known[name].id } : {}) })), null, openFar({ specs: remotes, known }))
}

function asked(args: readonly string[]): { rate: number; volume: string | undefined; older: number | null; report: boolean; json: boolean } {
  const wrong = (why: string, cause?: unknown) => new Fault('input/invalid', `${why}. Usage: ${USAGE}`, { cause })
  let values
  try {
    ({ values } = parseArgs({ args: [...args], options: { rate: { type: 'string', default: '20' }, volume: { type: 'string' }, older: { type: 'string' }, report: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } } }))
  } catch (e) {
    throw wrong(e instanceof Error ? e.message : String(e), e)
  }
  const [rate, older] = [Number(values.rate), values.older === undefined ? null : Number(values.older)]
  if (!(rate > 0)) throw wrong(`--rate is ${values.rate}; expected MB a second`)
  if (older !== null && !(older >= 0)) throw wrong(`--older is ${values.older}; expected days since a copy was last read`)
  return { rate, volume: values.volume, older, report: values.report, json: values.json }
}
