/** How a stage's files reach it and leave it: through a mounted volume where the machine has one, else over HTTP. */
import { mkdir, rm, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault, type FaultCode } from '../core/contract/fault.ts'
import { AWAY, type MediaRef, type StageMedia, type WatchMedia } from '../core/contract/media.ts'
import { errno, readFault } from '../core/store/durable.ts'
import { openReceiving } from '../core/store/receiving.ts'
import { inTime } from '../core/store/volume/marker.ts'
import { reread } from '../core/store/volume/reread.ts'
import { noTwin, type TwinOf, type Volumes } from '../core/store/volumes.ts'
import type { Cache } from './cache.ts'
import type { CoreAddress } from './core-request.ts'
import { isSame } from './digest.ts'
import { download } from './download.ts'
import { upload } from './upload.ts'

export interface TaskMedia extends StageMedia {
  /** What the stage wrote so far: the completion names these files. */
  readonly files: readonly MediaRef[]
  /** Throws why what the stage said means nothing: an input or its folder went from under it (`media/unmounted`, `media/missing`, `stage/scratch`), or its disk is full (`media/full`). */
  settled(): Promise<void>
}

export interface TaskMediaParts {
  readonly mounted: Volumes
  readonly cache: Cache
  readonly core: CoreAddress
  readonly lease: { readonly task: string; readonly token: string } // whose staging folder the files go to; they take their place when the task completes
  readonly scratch: string
  readonly signal: AbortSignal // the lease's end: until then a broken link is waited for
}

/** A mount that says this may be gone; core is asked instead. Other bytes than expected are no reason: core's are the same. */
const GONE: readonly FaultCode[] = ['media/unmounted', 'media/unreadable', 'media/missing']

/** Less is none: a tool that could not write its output may have said nothing of it. */
const LEAST_FREE_BYTES = 1 << 20

export function taskMedia({ mounted, cache, core, lease, scratch, signal }: TaskMediaParts): TaskMedia {
  const { far } = mounted // what is written goes there without a detour by core
  const files = new Map<string, MediaRef>()
  const lent = new Map<string, MediaRef>() // by path: what the stage was given
  const inputs = join(scratch, '.inputs')
  const keyOf = (ref: Pick<MediaRef, 'volume' | 'path'>) => `${ref.volume}/${ref.path}`
  const staged = ({ volume, path }: Pick<MediaRef, 'volume' | 'path'>) => `/api/staging/${lease.task}/${lease.token}/${encoded(volume, path)}`
  const isOwn = (ref: MediaRef) => files.get(keyOf(ref))?.sha256 === ref.sha256

  const pathOf = (ref: MediaRef) => inTime(isOwn(ref) ? mounted.stagedPath(lease.task, lease.token, ref) : mounted.resolve(ref.volume, ref.path))
  const readMounted = async (ref: MediaRef) => checked(await pathOf(ref), ref)

  /** Null: there is no mount, or it is gone. */
  async function ownMounted(ref: MediaRef): Promise<string | null> {
    if (!mounted.names.includes(ref.volume)) return null
    try {
      return await pathOf(ref)
    } catch (e) {
      if (!isGone(e)) throw e
      return null
    }
  }

  /** What comes back is from core's disk, not from what we remember of it: it may be read to be verified. */
  async function readBack(ref: MediaRef): Promise<string> {
    const folder = join(inputs, 'back')
    const to = join(folder, ref.sha256)
    await mkdir(folder, { recursive: true })
    await rm(to, { force: true })
    await download({ core, path: isOwn(ref) ? staged(ref) : `/media/${encoded(ref.volume, ref.path)}`, ref, to, signal })
    return to
  }

  /** Through the mount; else what the stage wrote itself, or what the cache has or fetches. */
  async function readAny(ref: MediaRef): Promise<string> {
    if (mounted.names.includes(ref.volume)) {
      try {
        return await readMounted(ref)
      } catch (e) {
        if (!isGone(e)) throw e
      }
    }
    if (isOwn(ref)) return readBack(ref)
    return cache.take(ref, inputs, (part, makeRoom) => download({ core, path: `/media/${encoded(ref.volume, ref.path)}`, ref, to: part, signal, makeRoom }), signal)
  }

  return {
    get files() { return [...files.values()] },
    async read(ref) {
      const path = await readAny(ref)
      lent.set(path, ref)
      return path
    },
    async settled() {
      if ((await sizeOf(scratch)) === null) throw new Fault('stage/scratch', 'its scratch folder was cleared away while it was at work')
      for (const [path, ref] of lent) {
        if ((await sizeOf(path)) === ref.bytes) continue
        if (path.startsWith(scratch)) throw new Fault('stage/scratch', 'an input was cleared out of its scratch folder while it was at work')
        await pathOf(ref) // says so when the volume is away
        throw new Fault('media/missing', `${ref.path} on volume ${ref.volume} went away, or changed, while it was being read`)
      }
      const { bavail, bsize } = await statfs(scratch)
      if (bavail * bsize < LEAST_FREE_BYTES) throw new Fault('media/full', `no room is left on the disk of ${scratch}: free some space, the work goes on by itself`)
    },
    async reread(ref) {
      if (far.has(ref.volume)) return far.reread(isOwn(ref) ? lease.task : null, ref, { signal })
      const path = await ownMounted(ref)
      return path === null ? { ...(await reread(await readBack(ref), { signal })), from: 'network' } : reread(path, { signal }).catch((e: unknown) => { throw readFault(e, path) })
    },
    async write(volume, path, localPath) {
      const ref = far.has(volume) ? await far.stage(lease.task, volume, path, localPath, signal) : (await stageMounted(volume, path, localPath)) ?? (await upload({ core, path: staged({ volume, path }), from: localPath, signal }))
      files.set(keyOf(ref), ref)
      return ref
    },
  }

  /** Null: over HTTP. Also where the mount can only be read. */
  async function stageMounted(volume: string, path: string, localPath: string): Promise<MediaRef | null> {
    if (!mounted.names.includes(volume)) return null
    try {
      await inTime(mounted.root(volume))
      return await mounted.stage(lease.task, lease.token, volume, path, localPath)
    } catch (e) {
      if (e instanceof Fault && e.code === 'media/unmounted') return null
      throw e
    }
  }
}

/** A watcher's media: written files take their place at once. A watcher runs only where its volume is a folder: what it brings is too much to be sent on. */
export function watcherMedia(mounted: Volumes, twin: TwinOf = noTwin, receive = openReceiving(mounted, undefined, twin)): WatchMedia {
  const here = (volume: string) => {
    if (!mounted.names.includes(volume)) throw new Fault('media/unmounted', `volume ${volume} is not mounted on this machine: cameras and inboxes are watched only where it is; name it under mounts in agent.yaml, or run the watcher on the appliance`)
  }
  return {
    read: async (ref) => checked(await mounted.resolve(ref.volume, ref.path), ref),
    write: async (volume, path, localPath) => {
      here(volume)
      return mounted.put(volume, path, localPath, twin)
    },
    receive: async (volume, path, key) => {
      here(volume)
      return receive(volume, path, key)
    },
  }
}

async function checked(path: string, ref: MediaRef): Promise<string> {
  const same = await isSame(path, ref).catch((e: unknown) => { throw readFault(e, path) })
  if (!same) throw new Fault('media/digest', `${ref.path} on volume ${ref.volume} has another content than when it came in`)
  return path
}

/** Null: it is not there. */
const sizeOf = (path: string): Promise<number | null> => stat(path).then(({ size }) => size, (e: unknown) => {
  if (AWAY.has(errno(e)) || ['ENOENT', 'ENOTDIR', 'EIO', 'ESTALE'].includes(errno(e))) return null
  throw e
})

const isGone = (e: unknown): boolean => (e instanceof Fault ? GONE.includes(e.code) : AWAY.has(errno(e)) || ['EIO', 'ESTALE', 'ENXIO'].includes(errno(e)))

const encoded = (volume: string, path: string): string => [volume, ...path.split('/')].map(encodeURIComponent).join('/')
