/**
 * Media volumes: folders under which people's files lie at readable paths. A volume is really there only when its
 * marker is: an empty mount point is not an empty volume, and nothing is written to it or concluded from it.
 */
import { randomUUID } from 'node:crypto'
import { lstat, readdir, realpath, rm, stat, statfs, unlink } from 'node:fs/promises'
import { basename, dirname, join, sep } from 'node:path'
import { Fault } from '../contract/fault.ts'
import type { MediaRef } from '../contract/media.ts'
import { crashPoint } from './crash.ts'
import { copyHashed, errno, hashFile, makeFolders, moveNew, readFault, stateAt, syncFolder, writeFault } from './durable.ts'
import { markedAs, strangerAt, type Stranger } from './volume/adopt.ts'
import { openFolder } from './volume/folder.ts'
import { inTime, readMarker } from './volume/marker.ts'
import { safeParts } from './volume/path.ts'
import { openRemotes, type Remotes, type RemoteMemory } from './volume/remotes.ts'
import { MARKER, OWN, type Volume } from './volume/volume.ts'

/** `id`: what its marker must say, where that is known without the log. */
export interface VolumeSpec { readonly name: string; readonly root: string; readonly org: string; readonly id?: string }
export interface VolumeState {
  readonly name: string
  readonly mounted: boolean
  readonly why: string | null // why it is not
  readonly beside: readonly string[] // volumes in folders on the same disk: it dies with both
  readonly bytes_free: number | null
  readonly bytes_total: number | null
}

/** Which volume was seen under a name before; kept in the log, so that a strange or empty disk is not taken for it. */
export interface VolumeMemory { get(name: string): string | undefined; set(name: string, id: string): Promise<void> }

/** Below a volume's root: what is written and not at its place yet. */
export const STAGING = join(OWN, 'staging')
/** Of that, what comes piece by piece from cameras; a folder each. */
export const RECEIVING = join(STAGING, 'receive')
/** Of that, what watchers copy. */
const PUT = 'put'
const RECEIVING_STALE_MS = 30 * 86_400_000

const NOWHERE: RemoteMemory = { id: () => undefined, hostKey: () => undefined, keep: null }

export type Volumes = Awaited<ReturnType<typeof openVolumes>>

/** @param memory null for a process that only uses volumes which core has opened (an agent): it never makes a marker. @param far volumes that have no folder here */
export async function openVolumes(specs: readonly VolumeSpec[], memory: VolumeMemory | null, far: Remotes = openRemotes([], NOWHERE)) {
  const byName = new Map(specs.map((spec) => [spec.name, spec]))
  if (memory) await Promise.all(specs.filter(({ name }) => memory.get(name) === undefined).map((spec) => ifMounted(take(spec, memory)))) // seen for the first time

  async function root(volume: string): Promise<string> {
    const spec = byName.get(volume)
    if (far.has(volume)) throw new Fault('media/unmounted', `volume ${volume} is reached over the network: it has no folder here`)
    if (!spec) throw new Fault('media/unmounted', `there is no volume named ${volume} here; see volumes in viewshed.yaml`)
    const away = (why: string, e?: unknown) => new Fault('media/unmounted', `volume ${volume} is not mounted at ${spec.root}: ${why}`, { cause: e })
    const marker = await readMarker(spec.root).catch((e: unknown) => { throw e instanceof Fault ? away(e.message, e) : e })
    const right = memory ? memory.get(volume) : (spec.id ?? marker?.id)
    if (!marker || marker.name !== volume || marker.id !== right)
      throw away(`its marker ${MARKER} is ${marker ? 'that of another volume' : 'missing'}. Was it replaced? Then viewshed volumes adopt ${volume}`)
    return spec.root
  }

  const isFar = ({ volume }: MediaRef) => far.has(volume)
  const isHere = (ref: MediaRef) => !isFar(ref)

  const staging = async (volume: string, task: string, token: string | null) =>
    join(await root(volume), STAGING, namePart(task), ...(token === null ? [] : [namePart(token)]))

  /** The absolute path of a file that exists inside the volume. Links are not followed out of it. */
  async function resolve(volume: string, path: string): Promise<string> {
    const base = await root(volume)
    const full = join(base, ...safeParts(path))
    const real = await realpath(full).catch((e: unknown) => {
      throw ['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errno(e)) ? new Fault('media/missing', `${path} is not on volume ${volume}`, { cause: e }) : readFault(e, full)
    })
    const realBase = await realpath(base)
    if (real !== realBase && !real.startsWith(realBase + sep)) throw new Fault('media/outside', `${path} leads out of volume ${volume}`)
    return real
  }

  /** Copies a local file into the task's staging folder; core places it when the task completes. */
  async function stage(task: string, token: string, volume: string, path: string, from: string): Promise<MediaRef> {
    const parts = safeParts(path)
    const target = join(await staging(volume, task, token), ...parts)
    await makeFolders(dirname(target))
    const { bytes, sha256 } = await copyHashed(from, target)
    await syncFolder(dirname(target))
    crashPoint('volume.synced')
    return { volume, path: parts.join('/'), bytes, sha256 }
  }

  const stagedPath = async (task: string, token: string, ref: Pick<MediaRef, 'volume' | 'path'>) =>
    join(await staging(ref.volume, task, token), ...safeParts(ref.path))

  /** Everything is staged, or lies in its place already; nothing else lies there. */
  async function verify(task: string, token: string, refs: readonly MediaRef[]): Promise<void> {
    await far.verify(task, token, refs.filter(isFar))
    for (const ref of refs.filter(isHere)) {
      const staged = await sizeOf(await stagedPath(task, token, ref))
      const target = join(await root(ref.volume), ...safeParts(ref.path))
      const there = await sizeOf(target)
      if (there !== null && (there !== ref.bytes || (await hashFile(target)) !== ref.sha256))
        throw new Fault('media/conflict', `${ref.path} on volume ${ref.volume} holds other bytes; they are kept, the new file is not placed`)
      if (there === null && staged !== ref.bytes)
        throw new Fault('media/missing', `${ref.path} was not staged on volume ${ref.volume} by this lease`)
    }
  }

  /** Moves staged files to where they belong. Repeating it changes nothing. */
  async function place(task: string, token: string, refs: readonly MediaRef[]): Promise<void> {
    await far.place(task, token, refs.filter(isFar))
    for (const ref of refs.filter(isHere)) {
      const target = join(await root(ref.volume), ...safeParts(ref.path))
      await moveWithoutOverwrite(await stagedPath(task, token, ref), target, ref)
      crashPoint('volume.placed')
    }
    await drop(task, null)
  }

  /** What is staged under this token; with null, under every token of the task. What lies far away is swept when it is there. */
  async function drop(task: string, token: string | null): Promise<void> {
    for (const volume of byName.keys()) {
      const own = await ifMounted(staging(volume, task, token))
      if (own !== null) await rm(own, { recursive: true, force: true })
    }
  }

  /** Tasks for which something is staged on a mounted volume of this machine. */
  async function tasks(): Promise<readonly string[]> {
    const mounted = await Promise.all([...byName.keys()].map((volume) => ifMounted(root(volume))))
    const names = await Promise.all(mounted.map((base) => (base === null ? [] : namesIn(join(base, STAGING)))))
    return [...new Set(names.flat())].filter((name) => name !== PUT && name !== basename(RECEIVING))
  }

  /** A watcher's file: into its place at once, or where the same bytes lie already. */
  async function put(volume: string, path: string, localPath: string, twin: TwinOf = noTwin): Promise<MediaRef> {
    const id = randomUUID()
    const staged = await stage(PUT, id, volume, path, localPath)
    const ref = { ...staged, path: (await twin(staged)) ?? staged.path }
    try {
      await moveWithoutOverwrite(await stagedPath(PUT, id, staged), join(await root(volume), ...safeParts(ref.path)), ref)
      crashPoint('volume.placed')
    } finally {
      await rm(await staging(volume, PUT, id), { recursive: true, force: true })
    }
    return ref
  }

  /** Staging folders of watchers that died; called before any watcher runs. What is being received goes on, unless nothing came for a month.
   *  A disk that fails or takes no writes is left as it is, and `warn` is told: what lies on the others is wanted all the same. */
  async function sweep(warn: (error: unknown, message: string) => void, now_ms = Date.now()): Promise<void> {
    for (const { name, root: base } of byName.values()) {
      try {
        await rm(join(base, STAGING, PUT), { recursive: true, force: true })
        await dropStale(join(base, RECEIVING), now_ms - RECEIVING_STALE_MS)
      } catch (e) {
        if (errno(e) === '') throw e
        warn(writeFault(e, join(base, STAGING)), `what watchers left half done on volume ${name} is not cleared away`)
      }
    }
  }

  async function states(): Promise<readonly VolumeState[]> {
    const here = await Promise.all([...byName.values()].map(async ({ name }) => {
      try {
        const base = await root(name)
        const [fs, { dev }] = await inTime(Promise.all([statfs(base), stat(base)]))
        return { name, dev, mounted: true, why: null, bytes_free: fs.bavail * fs.bsize, bytes_total: fs.blocks * fs.bsize }
      } catch (e) {
        if (e instanceof Fault || errno(e) !== '') return { name, dev: null, mounted: false, why: (e as Error).message, bytes_free: null, bytes_total: null }
        throw e
      }
    }))
    const told = here.map(({ dev, ...state }): VolumeState => ({ ...state, beside: here.filter((other) => dev !== null && other.dev === dev && other.name !== state.name).map(({ name }) => name) }))
    return [...told, ...far.views().map(({ name, mounted, why, bytes_free, bytes_total }) => ({ name, mounted, why, beside: [], bytes_free, bytes_total }))]
  }

  /** What lies in its place. Throws as `strangerAt` does; `media/unmounted` where there is no folder. */
  async function stranger(volume: string): Promise<Stranger> {
    if (far.has(volume)) return far.stranger(volume)
    const spec = byName.get(volume)
    if (!spec) throw new Fault('not-found', `There is no volume ${volume}: look at volumes in viewshed.yaml.`)
    const there = await inTime(stat(spec.root)).catch((e: unknown) => { throw readFault(e, spec.root) })
    if (!there.isDirectory()) throw new Fault('media/unmounted', `${spec.root} is no folder.`)
    return strangerAt(openFolder(spec.root), volume, memory?.get(volume))
  }

  /** What lies in its place is the volume from now on. Only for a person who was asked. */
  async function adopt(volume: string): Promise<void> {
    if (far.has(volume)) return far.adopt(volume)
    await stranger(volume)
    await take(byName.get(volume)!, memory!)
  }

  /** A volume as a port, wherever it is. Throws `media/unmounted` unless it is really that one. */
  const at = async (volume: string): Promise<Volume> => (far.has(volume) ? far.at(volume) : openFolder(await root(volume)))

  /** Within an org only its own volumes have a name. */
  const orgOf = (volume: string): string | null => byName.get(volume)?.org ?? far.orgOf(volume)

  return { names: [...byName.keys(), ...far.names], specs, far, orgOf, at, root, resolve, stage, stagedPath, verify, place, drop, tasks, put, sweep, states, stranger, adopt }
}

/** Where on its volume the bytes that come in lie already, for they came before; null: nowhere, or nobody can tell now. */
export type TwinOf = (ref: MediaRef) => Promise<string | null>
export const noTwin: TwinOf = async () => null

async function take({ name, root }: VolumeSpec, memory: VolumeMemory): Promise<void> {
  await memory.set(name, await markedAs(name, openFolder(root), await readMarker(root)))
}

const namePart = (id: string): string => {
  if (!/^[A-Za-z0-9_-]{1,100}$/.test(id)) throw new Fault('input/invalid', `'${id}' is no task id or token`)
  return id
}

const sizeOf = async (path: string): Promise<number | null> => (await stateAt(path))?.bytes ?? null

/** Null: its volume is not there. */
const ifMounted = <T>(path: Promise<T>): Promise<T | null> => path.catch((e: unknown) => {
  if (e instanceof Fault && e.code === 'media/unmounted') return null
  throw e
})

async function dropStale(folder: string, before_ms: number): Promise<void> {
  for (const name of await namesIn(folder)) {
    const own = join(folder, name)
    const touched = await Promise.all([own, ...(await namesIn(own)).map((part) => join(own, part))].map(async (path) => (await lstat(path)).mtimeMs))
    if (Math.max(...touched) < before_ms) await rm(own, { recursive: true })
  }
}

/** None where there is no such folder. */
export async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((e: unknown) => {
    if (['ENOENT', 'ENOTDIR'].includes(errno(e))) return []
    throw readFault(e, folder)
  })
}

/** Repeating it changes nothing: what was moved before a crash counts by its size. Throws `media/conflict`. */
export async function moveWithoutOverwrite(from: string, to: string, ref: MediaRef): Promise<void> {
  if ((await sizeOf(from)) === null) {
    if ((await sizeOf(to)) === ref.bytes) return // moved before a crash
    throw new Fault('media/missing', `${ref.path} is neither staged nor in its place on volume ${ref.volume}`)
  }
  if ((await moveNew(from, to)) === 'moved') return
  if ((await sizeOf(to)) !== ref.bytes || (await hashFile(to)) !== ref.sha256)
    throw new Fault('media/conflict', `${ref.path} on volume ${ref.volume} holds other bytes; they are kept, the new file is not placed`)
  await unlink(from)
  await syncFolder(dirname(to))
}
