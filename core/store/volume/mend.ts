/** A copy that is no longer what it was, made good from another one. Nothing that is there goes before what replaces it was read back. */
import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { Fault } from '../../contract/fault.ts'
import type { MediaRef } from '../../contract/media.ts'
import { writeFault } from '../durable.ts'
import { persist } from './persist.ts'
import { isLinkLost, OWN, type LocalFile, type ReadOptions, type Volume } from './volume.ts'

export type Found = { readonly state: 'good'; readonly from: 'disk' | 'cache' | 'network' } | { readonly state: 'rotten'; readonly why: string }

/** Reads a file again and says what it is. Throws when the volume does not answer: that says nothing of the file. */
export async function inspect(volume: Volume, { path, bytes, sha256 }: Pick<MediaRef, 'path' | 'bytes' | 'sha256'>, options: ReadOptions): Promise<Found> {
  const there = await volume.stat(path)
  if (there === null) return { state: 'rotten', why: 'it is gone' }
  if (there.bytes !== bytes) return { state: 'rotten', why: `it has ${there.bytes} bytes instead of ${bytes}` }
  const again = await volume.digest(path, options)
  return again.sha256 === sha256 ? { state: 'good', from: again.from } : { state: 'rotten', why: `it reads back as ${again.sha256.slice(0, 12)}…, not ${sha256.slice(0, 12)}…` }
}

/** Brings a file's bytes here, and says whether they are the right ones. @param to replaced */
export async function fetched(volume: Volume, { path, bytes, sha256 }: Pick<MediaRef, 'path' | 'bytes' | 'sha256'>, to: string, signal: AbortSignal): Promise<LocalFile | null> {
  if ((await volume.stat(path))?.bytes !== bytes) return null
  const hash = createHash('sha256')
  const file = await open(to, 'w', 0o600)
  try {
    for await (const chunk of volume.read(path, { start: 0, end: bytes - 1 }, signal)) {
      hash.update(chunk)
      await file.writeFile(chunk).catch((e: unknown) => { throw writeFault(e, to) })
    }
  } finally {
    await file.close()
  }
  return hash.digest('hex') === sha256 ? { path: to, bytes, sha256 } : null
}

/**
 * Puts a good file in a rotten one's place. The new one is staged and read back, the old one moved aside, the new one moved in and read back
 * again; then the old one goes. After a crash in between, doing it again ends it.
 */
export async function replace(volume: Volume, path: string, good: LocalFile, signal: AbortSignal): Promise<void> {
  const staged = `${OWN}/mending/${good.sha256}`
  const aside = `${OWN}/rotten/${path}`
  await persist(async (onBytes) => {
    await volume.write(staged, good, { signal, onBytes })
    if ((await volume.digest(staged, { signal })).sha256 === good.sha256) return
    await volume.remove(staged)
    throw new Fault('media/digest', `${path} was written anew and reads back as something else: look at that disk`)
  }, isLinkLost, signal)
  if (await volume.stat(path)) {
    if (await volume.stat(aside)) await volume.remove(aside) // of an earlier try; what is rotten now is still at its place
    await volume.move(path, aside)
  }
  if ((await volume.move(staged, path)) === 'taken') throw new Fault('media/conflict', `${path} came back while it was replaced; what is staged stays`)
  if ((await volume.digest(path, { signal })).sha256 !== good.sha256) throw new Fault('media/digest', `${path} was put in its place and reads back as something else: look at that disk. The old one lies at ${aside}`)
  await volume.remove(aside)
}
