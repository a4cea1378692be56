/**
 * Volumes that are reached over the network. What a task writes there is staged under `.viewshed/staging/<task>/<sha256>-<its place>`: its name
 * is its content, so whoever comes next goes on with it and two who write it do each other no harm; the same bytes for two places are staged twice.
 * Core moves it to its place when the task is complete.
 */
import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { Fault } from '../../contract/fault.ts'
import type { MediaRef, Reread } from '../../contract/media.ts'
import { hashFile, readFault } from '../durable.ts'
import { markedAs, strangerAt, type Stranger } from './adopt.ts'
import { safeParts } from './path.ts'
import type { S3Place } from './s3-bucket.ts'
import { persist } from './persist.ts'
import type { SftpPlace } from './sftp-link.ts'
import { isLinkLost, OWN, type LocalFile, type ReadOptions, type Volume, type VolumeKind } from './volume.ts'

export interface RemoteSpec {
  readonly name: string
  readonly org: string
  readonly url: string // as people wrote it, without a secret
  readonly place: ({ readonly kind: 'sftp' } & SftpPlace) | ({ readonly kind: 's3' } & S3Place)
}

/** What is known of a remote volume: which it is, and which machine. */
export interface RemoteMemory {
  id(name: string): string | undefined
  hostKey(name: string): string | undefined
  /** Null for a process that only uses volumes which core knows: it marks none and pins no key. */
  readonly keep: { id(name: string, id: string): Promise<void>; hostKey(name: string, fingerprint: string): Promise<void> } | null
}

export interface RemoteView {
  readonly name: string
  readonly kind: VolumeKind
  readonly url: string
  readonly mounted: boolean
  readonly why: string | null // why it is not
  readonly bytes_free: number | null
  readonly bytes_total: number | null
  readonly host_key: string | null // that is believed
  readonly refused_key: string | null // that answered last, and was not
}

export type Remotes = ReturnType<typeof openRemotes>

const STAGING = `${OWN}/staging`
const FRESH_MS = 10_000 // so long a look counts for whoever only reads

/** @param look_ms how often it is looked whether they are there; 0: only when somebody asks */
export function openRemotes(specs: readonly RemoteSpec[], memory: RemoteMemory, { look_ms = 30_000, onTrouble = (e: unknown) => console.error('volumes:', e) } = {}) {
  const known = new Map(specs.map((spec) => [spec.name, { spec, volume: null as Volume | null, opening: null as Promise<Volume> | null, view: viewOf(spec), seen_ms: -Infinity }]))
  const entryOf = (name: string) => {
    const entry = known.get(name)
    if (!entry) throw new Fault('media/unmounted', `there is no volume named ${name} here; see volumes in viewshed.yaml`)
    return entry
  }

  async function driver(name: string): Promise<Volume> {
    const entry = entryOf(name)
    entry.opening ??= open(entry.spec)
    entry.volume = await entry.opening
    return entry.volume
  }

  async function open({ name, place }: RemoteSpec): Promise<Volume> {
    if (place.kind === 's3') return (await import('./s3.ts')).openS3(place)
    return (await import('./sftp.ts')).openSftp(place, {
      get: () => memory.hostKey(name) ?? null,
      async first(fingerprint) {
        if (!memory.keep) throw new Fault('media/unmounted', `the appliance has not reached volume ${name} yet`)
        await memory.keep.hostKey(name, fingerprint)
      },
      refused(fingerprint) { entryOf(name).view = { ...entryOf(name).view, refused_key: fingerprint } },
    })
  }

  /** The volume, when it is really that one. @param within_ms that a look may be old, for whoever only reads */
  async function at(name: string, within_ms = 0): Promise<Volume> {
    const entry = entryOf(name)
    const volume = await driver(name)
    if (performance.now() - entry.seen_ms < within_ms) return volume
    const marker = await volume.marker()
    const right = memory.id(name)
    if (marker?.name === name && right !== undefined && marker.id === right) {
      entry.seen_ms = performance.now()
      return volume
    }
    if (right !== undefined || !memory.keep) throw new Fault('media/unmounted', `volume ${name} is not mounted at ${entry.spec.url}: its marker is ${marker ? 'that of another volume' : 'missing'}. Was it replaced? Then viewshed volumes adopt ${name}`)
    if (marker && marker.name !== name) throw new Fault('media/unmounted', `${entry.spec.url} is the volume ${marker.name}, not ${name}: look at volumes in viewshed.yaml`)
    await memory.keep.id(name, await markedAs(name, volume, marker)) // seen for the first time
    entry.seen_ms = performance.now()
    return volume
  }

  const stagedAt = (task: string, ref: MediaRef) => `${STAGING}/${part(task)}/${stagedName(ref)}`

  /** Goes on over cuts until the signal ends, or five minutes brought no byte. Throws also `media/conflict` when other bytes lie at the file's place. */
  async function stage(task: string, name: string, path: string, localPath: string, signal: AbortSignal): Promise<MediaRef> {
    const parts = safeParts(path)
    const before = await stateOf(localPath)
    const from: LocalFile = { path: localPath, bytes: before.bytes, sha256: await hashFile(localPath) }
    const ref: MediaRef = { volume: name, path: parts.join('/'), bytes: from.bytes, sha256: from.sha256 }
    await persist((onBytes) => stageOnce(task, ref, from, signal, onBytes), isLinkLost, signal)
    const after = await stateOf(localPath)
    if (after.bytes !== before.bytes || after.mtime_ms !== before.mtime_ms) throw new Fault('media/changed', `${ref.path} changed while it was sent; write it again when it is whole`)
    return ref
  }

  async function stageOnce(task: string, ref: MediaRef, from: LocalFile, signal: AbortSignal, onBytes: (bytes: number) => void): Promise<void> {
    const volume = await at(ref.volume)
    const staged = stagedAt(task, ref)
    const part = `${staged}.part`
    const there = await volume.stat(ref.path)
    if (there) {
      if (there.bytes === from.bytes && (await volume.digest(ref.path, { signal })).sha256 === from.sha256) return
      throw conflict(ref)
    }
    if ((await volume.stat(staged))?.bytes === from.bytes) return
    for (let wrong = 0; ; wrong++) {
      const { unproven } = await volume.write(part, from, { signal, onBytes })
      if (!unproven || (await volume.digest(part, { signal })).sha256 === from.sha256) break
      await volume.remove(part) // what lay there before was something else
      if (wrong > 0) throw new Fault('media/digest', `${ref.path} arrived twice on volume ${ref.volume} as something else than was sent`)
    }
    if ((await volume.move(part, staged)) === 'taken') await volume.remove(part)
  }

  /** Of what a task has staged, or of what lies at its place already. */
  async function reread(task: string | null, ref: MediaRef, options: ReadOptions & { readonly signal: AbortSignal }): Promise<Reread> {
    let found: Reread
    await persist(async () => {
      const volume = await at(ref.volume)
      const staged = task === null ? null : stagedAt(task, ref)
      found = await volume.digest(staged !== null && (await volume.stat(staged)) ? staged : ref.path, options)
    }, isLinkLost, options.signal)
    return found!
  }

  /** Where a file of the task is staged; a device that has the volume as a folder stages under its token. Null: nowhere. */
  async function stagedOf(volume: Volume, task: string, token: string, ref: MediaRef): Promise<string | null> {
    for (const path of [stagedAt(task, ref), `${STAGING}/${part(task)}/${part(token)}/${ref.path}`]) if ((await volume.stat(path))?.bytes === ref.bytes) return path
    return null
  }

  /** Everything is staged, or lies in its place. Who staged it has looked at what lies there. */
  async function verify(task: string, token: string, refs: readonly MediaRef[]): Promise<void> {
    for (const ref of refs) {
      const volume = await at(ref.volume)
      const there = await volume.stat(ref.path)
      if (there && there.bytes !== ref.bytes) throw conflict(ref)
      if (!there && (await stagedOf(volume, task, token, ref)) === null) throw new Fault('media/missing', `${ref.path} was not staged on volume ${ref.volume} by this task`)
    }
  }

  /** Repeating it changes nothing. */
  async function place(task: string, token: string, refs: readonly MediaRef[]): Promise<void> {
    for (const ref of refs) {
      const volume = await at(ref.volume)
      const staged = await stagedOf(volume, task, token, ref)
      if (staged === null) {
        if ((await volume.stat(ref.path))?.bytes !== ref.bytes) throw new Fault('media/missing', `${ref.path} is neither staged nor in its place on volume ${ref.volume}`)
      } else if ((await volume.move(staged, ref.path)) === 'taken') {
        if ((await volume.digest(ref.path)).sha256 !== ref.sha256) throw conflict(ref)
        await volume.remove(staged)
      }
    }
    for (const name of new Set(refs.map(({ volume }) => volume))) await (await at(name)).removeFolder(`${STAGING}/${part(task)}`)
  }

  /** Removes what tasks have staged that are over. @param whenOver asked once for each that has something there; clears it away while nothing of the task is being placed */
  async function sweep(whenOver: (task: string, clear: () => Promise<void>) => Promise<void>): Promise<void> {
    for (const { view } of known.values()) {
      if (!view.mounted) continue
      const volume = await at(view.name)
      const tasks = new Set<string>()
      for await (const { path } of volume.list(STAGING)) tasks.add(path.split('/')[2]!)
      for (const task of tasks) await whenOver(task, () => volume.removeFolder(`${STAGING}/${task}`))
    }
  }

  async function look(name: string): Promise<RemoteView> {
    const entry = entryOf(name)
    try {
      const space = await (await at(name)).space()
      entry.view = { ...viewOf(entry.spec), mounted: true, bytes_free: space?.bytes_free ?? null, bytes_total: space?.bytes_total ?? null }
    } catch (e) {
      if (!(e instanceof Fault)) onTrouble(e)
      entry.seen_ms = -Infinity
      entry.view = { ...viewOf(entry.spec), why: e instanceof Error ? e.message : String(e), refused_key: e instanceof Fault && e.code === 'media/host-key' ? entry.view.refused_key : null }
    }
    return view(name)
  }
  const view = (name: string): RemoteView => ({ ...entryOf(name).view, host_key: memory.hostKey(name) ?? null })

  /** The next one that answers is believed, whoever it is. Only for a person who was asked. */
  async function trust(name: string): Promise<RemoteView> {
    await look(name)
    const { refused_key } = view(name)
    if (refused_key === null) return view(name)
    await memory.keep!.hostKey(name, refused_key)
    return look(name)
  }

  /** What lies in its place. Throws as `strangerAt` does. */
  const stranger = async (name: string): Promise<Stranger> => strangerAt(await driver(name), name, memory.id(name))

  /** What lies in its place is the volume from now on. Only for a person who was asked. */
  async function adopt(name: string): Promise<void> {
    const { marker } = await stranger(name)
    await memory.keep!.id(name, await markedAs(name, await driver(name), marker))
    await look(name)
  }

  const lookAll = () => Promise.all([...known.keys()].map((name) => look(name)))
  const looking = look_ms > 0 && specs.length > 0 ? setInterval(() => void lookAll(), look_ms).unref() : undefined
  if (look_ms > 0) void lookAll()

  return {
    specs, stage, reread, verify, place, sweep, look, view, trust, stranger, adopt,
    /** Throws `media/unmounted` unless it is really that volume. */
    at: (name: string) => at(name),
    /** For whoever only reads: it was there a moment ago. */
    lately: (name: string) => at(name, FRESH_MS),
    names: [...known.keys()],
    has: (name: string) => known.has(name),
    orgOf: (name: string): string | null => known.get(name)?.spec.org ?? null,
    views: () => [...known.keys()].map(view),
    close() {
      clearInterval(looking)
      for (const { opening } of known.values()) void opening?.then((volume) => volume.close())
    },
  }
}

/** Under its task. */
export const stagedName = ({ sha256, path }: Pick<MediaRef, 'sha256' | 'path'>): string => `${part(sha256)}-${createHash('sha256').update(path).digest('hex').slice(0, 16)}`

const viewOf = ({ name, url, place }: RemoteSpec): RemoteView => ({ name, kind: place.kind, url, mounted: false, why: null, bytes_free: null, bytes_total: null, host_key: null, refused_key: null })

const conflict = (ref: MediaRef) => new Fault('media/conflict', `${ref.path} on volume ${ref.volume} holds other bytes; they are kept, the new file is not placed`)

const part = (id: string): string => {
  if (!/^[A-Za-z0-9_-]{1,100}$/.test(id)) throw new Fault('input/invalid', `'${id}' is no task id or digest`)
  return id
}

async function stateOf(path: string): Promise<{ bytes: number; mtime_ms: number }> {
  const found = await stat(path).catch((e: unknown) => { throw readFault(e, path) })
  return { bytes: found.size, mtime_ms: found.mtimeMs }
}
