/** How a stage's files reach it and leave it: through a mounted volume where the machine has one, else over HTTP. */
import { createReadStream } from 'node:fs'
import { mkdir, open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault } from '../core/contract/fault.ts'
import type { Media, MediaRef } from '../core/contract/media.ts'
import { hashFile } from '../core/store/durable.ts'
import type { Volumes } from '../core/store/volumes.ts'
import { requestCore, type CoreAddress } from './core-request.ts'

export interface TaskMedia extends Media {
  /** What the stage wrote so far: the completion names these files. */
  readonly files: readonly MediaRef[]
}

/** @param lease whose staging folder the files go to; they take their place when the task completes */
export function taskMedia(mounted: Volumes, core: CoreAddress, lease: { task: string; token: string }, scratch: string, signal: AbortSignal): TaskMedia {
  const files = new Map<string, MediaRef>()
  const has = (volume: string) => mounted.names.includes(volume)
  const keyOf = (ref: Pick<MediaRef, 'volume' | 'path'>) => `${ref.volume}/${ref.path}`

  return {
    get files() { return [...files.values()] },
    async read(ref) {
      const own = files.get(keyOf(ref))
      if (has(ref.volume)) {
        const path = own?.sha256 === ref.sha256 ? await mounted.stagedPath(lease.task, lease.token, ref) : await mounted.resolve(ref.volume, ref.path)
        await verifyDigest(path, ref, own !== undefined)
        return path
      }
      return download(core, ref, join(scratch, '.inputs'), signal)
    },
    async write(volume, path, localPath) {
      const ref = has(volume)
        ? await mounted.stage(lease.task, lease.token, volume, path, localPath)
        : await upload(core, lease, volume, path, localPath, signal)
      files.set(keyOf(ref), ref)
      return ref
    },
  }
}

/** A watcher's media: written files take their place at once. */
export const watcherMedia = (mounted: Volumes): Media => ({
  async read(ref) {
    const path = await mounted.resolve(ref.volume, ref.path)
    await verifyDigest(path, ref, false)
    return path
  },
  write: (volume, path, localPath) => mounted.put(volume, path, localPath),
})

/** Digests of files that did not change since: the same clip is read by one stage after another. */
const verified = new Map<string, string>()

async function verifyDigest(path: string, ref: MediaRef, again: boolean): Promise<void> {
  const { size, mtimeMs, ino } = await stat(path)
  if (size !== ref.bytes) throw new Fault('media/digest', `${ref.path} on volume ${ref.volume} has ${size} bytes, expected ${ref.bytes}`)
  const state = `${path}|${ino}|${size}|${mtimeMs}`
  if (!again && verified.get(state) === ref.sha256) return
  if ((await hashFile(path)) !== ref.sha256) throw new Fault('media/digest', `${ref.path} on volume ${ref.volume} has another content than when it came in`)
  if (verified.size > 1000) verified.clear()
  verified.set(state, ref.sha256)
}

/** Ranged, so that what arrived before a cut is not fetched twice; kept until the task's scratch is wiped. */
async function download(core: CoreAddress, ref: MediaRef, folder: string, signal: AbortSignal): Promise<string> {
  await mkdir(folder, { recursive: true })
  const path = join(folder, ref.sha256)
  const file = await open(path, 'a')
  try {
    const have = (await file.stat()).size
    if (have < ref.bytes) {
      const answer = await requestCore(core, {
        method: 'GET', path: `/media/${ref.volume}/${ref.path.split('/').map(encodeURIComponent).join('/')}`,
        headers: { range: `bytes=${have}-` }, signal,
      })
      for await (const chunk of answer) await file.write(chunk as Buffer)
    }
  } finally {
    await file.close()
  }
  await verifyDigest(path, ref, true)
  return path
}

async function upload(core: CoreAddress, lease: { task: string; token: string }, volume: string, path: string, localPath: string, signal: AbortSignal): Promise<MediaRef> {
  const { size } = await stat(localPath)
  const answer = await requestCore(core, {
    method: 'PUT', path: `/api/staging/${lease.task}/${lease.token}/${volume}/${path.split('/').map(encodeURIComponent).join('/')}`,
    headers: { 'content-length': String(size), 'content-type': 'application/octet-stream' }, body: createReadStream(localPath), signal,
  })
  const parts: Buffer[] = []
  for await (const chunk of answer) parts.push(chunk as Buffer)
  return JSON.parse(Buffer.concat(parts).toString()) as MediaRef
}
