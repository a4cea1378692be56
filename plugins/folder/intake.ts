import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { basename, join } from 'node:path'
import { extname } from 'node:path/posix'
import { pipeline } from 'node:stream/promises'
import type { Static } from 'typebox'
import { Fault } from '../../core/contract/fault.ts'
import type { Media, MediaRef } from '../../core/contract/media.ts'
import type { Entry, Take } from './classify.ts'
import { dayOf, safeFolder } from './layout.ts'
import type { folderEvents } from './plugin.ts'

export type Arrived = Static<typeof folderEvents.arrived>

const VOLUME = 'media'

/** Copies files of one inbox to the volume, each once in this life of the watcher: a log beside many clips is read once. */
export class Intake {
  readonly #media: Media
  readonly #copied = new Map<string, Promise<MediaRef>>()
  readonly #places = new Map<string, Promise<void>>() // where something is being written

  constructor(media: Media) {
    this.#media = media
  }

  /** Throws what `media.write` throws, but for other bytes under the same name: they get a name of their own. */
  async take(root: string, take: Take, camera: string): Promise<Arrived> {
    const folder = safeFolder(camera)
    const media = await this.#copy(root, take.entry, folder)
    const sidecars: Arrived['sidecars'] = []
    for (const { entry, format } of take.sidecars) sidecars.push({ media: await this.#copy(root, entry, folder), format })
    return { media, name: basename(take.entry.path), camera, channel: take.channel, event: take.event, sidecars, source: join(root, take.entry.path) }
  }

  #copy(root: string, entry: Entry, folder: string): Promise<MediaRef> {
    const key = identityOf(root, entry)
    let copy = this.#copied.get(key)
    if (!copy) {
      copy = this.#write(join(root, entry.path), `raw/${folder}/${dayOf(basename(entry.path)) ?? new Date(entry.mtime_ms).toISOString().slice(0, 10)}/${basename(entry.path)}`)
      this.#copied.set(key, copy)
      copy.catch(() => this.#copied.delete(key)) // the caller hears of it; the next look tries again
    }
    return copy
  }

  /** One after another to one place: not every file system can tell of two that come at once. */
  #write(source: string, path: string): Promise<MediaRef> {
    const before = this.#places.get(path)
    const write = before ? before.then(() => this.#put(source, path)) : this.#put(source, path)
    const ended = write.then(() => {}, () => {}) // the caller hears of it
    this.#places.set(path, ended)
    void ended.then(() => { if (this.#places.get(path) === ended) this.#places.delete(path) })
    return write
  }

  async #put(source: string, path: string): Promise<MediaRef> {
    try {
      return await this.#media.write(VOLUME, path, source)
    } catch (cause) {
      if (!(cause instanceof Fault && cause.code === 'media/conflict')) throw cause
      const extension = extname(path)
      const stem = extension === '' ? path : path.slice(0, -extension.length)
      return this.#media.write(VOLUME, `${stem}~${(await digestOf(source)).slice(0, 8)}${extension}`, source)
    }
  }
}

/** What names one state of a file. */
export const identityOf = (root: string, entry: Entry) => `${join(root, entry.path)}|${entry.bytes}|${entry.mtime_ms}`

/** What names an arrival: a side-car that comes later, or has grown, makes another one. */
export const arrivalKey = (root: string, take: Take) => [take.entry, ...take.sidecars.map((s) => s.entry)].map((e) => identityOf(root, e)).join('\n')

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}
