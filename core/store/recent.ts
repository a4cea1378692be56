import type { Doc } from '../contract/records.ts'

/** A long drive, front and rear: 128 clips with their tracks, some 25 MB. */
const MOST = 256

/**
 * The documents that were read or written last. Clips of a drive come one after another, and each makes the drive be
 * gathered again: without this every clip would read all before it from the disk. Only for who is the one writer.
 */
export class Recent {
  readonly #docs = new Map<string, Doc>() // in order of use

  get(site: string, id: string): Doc | undefined {
    const key = `${site}:${id}`
    const doc = this.#docs.get(key)
    if (!doc) return undefined
    this.#docs.delete(key)
    this.#docs.set(key, doc)
    return doc
  }

  /** @param doc Null: deleted. */
  put(site: string, id: string, doc: Doc | null): void {
    this.#docs.delete(`${site}:${id}`)
    if (!doc) return
    this.#docs.set(`${site}:${id}`, doc)
    for (const oldest of this.#docs.keys()) {
      if (this.#docs.size <= MOST) return
      this.#docs.delete(oldest)
    }
  }
}
