import { rm } from 'node:fs/promises'
import type { OpenCatalogue } from '../catalogue.ts'
import { crashPoint } from '../crash.ts'
import { answers } from './answers.ts'
import type { Db } from './draft.ts'
import { isDamaged, openIndex } from './folder.ts'
import { SEQ } from './keys.ts'
import { Snapshot } from './snapshot.ts'
import { update } from './update.ts'

/** Changes of the catalogue in one batch of the index. */
const BATCH = 512
const BACKOFF_MS = 500
const BACKOFF_MAX_MS = 30_000

/**
 * The index of one org and site, on `level`. It follows the catalogue's changes feed from a sequence that it saves in the
 * same batch as what follows from them. Whatever is wrong with its folder, it begins again: everything in it can be told
 * from the catalogue.
 */
export class SiteIndex {
  readonly org: string
  readonly index = answers((question) => this.#ask(question))
  lastFault: Error | null = null
  readonly #site: string
  readonly #dir: string
  readonly #catalogue: Pick<OpenCatalogue, 'changes'>
  readonly #told: () => void
  #db: Promise<Db>
  #running: Promise<void> | null = null
  #again = false
  #closed = false
  #wake: () => void = () => undefined

  constructor({ org, site, dir, catalogue, told }: { org: string; site: string; dir: string; catalogue: Pick<OpenCatalogue, 'changes'>; told: () => void }) {
    this.org = org
    this.#site = site
    this.#dir = dir
    this.#catalogue = catalogue
    this.#told = told
    this.#db = openIndex(dir)
    this.#db.catch(() => undefined) // told to whoever asks
    void this.follow()
  }

  get isCaughtUp(): boolean {
    return this.#running === null
  }

  async ready(): Promise<void> {
    await this.#db
  }

  /** Resolves when everything that is in the catalogue now is in the index. */
  follow(): Promise<void> {
    this.#again = true
    this.#running ??= this.#run()
    return this.#running
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#wake()
    await this.#running
    await this.#db.then((db) => db.close(), () => undefined) // one that never opened needs no closing; lastFault said why
  }

  async #run(): Promise<void> {
    let failures = 0
    while (this.#again && !this.#closed) {
      this.#again = false
      try {
        await this.#catchUp()
        this.lastFault = null
        failures = 0
      } catch (error) {
        if (isDamaged(error)) await this.#restart(await this.#db)
        else {
          // The catalogue could not be read or the disk not written: nothing is lost, so it is said and tried again.
          this.lastFault = error instanceof Error ? error : new Error(String(error))
          this.#db = this.#db.catch(() => openIndex(this.#dir)) // when it was the folder that did not open
          this.#db.catch(() => undefined)
          await this.#rest(Math.min(BACKOFF_MS * 2 ** failures++, BACKOFF_MAX_MS))
        }
        this.#again = true
      }
    }
    this.#running = null
  }

  async #catchUp(): Promise<void> {
    for (let db = await this.#db; !this.#closed; db = await this.#db) {
      const seq = Number((await db.get(SEQ))?.toString() ?? 0)
      const { changes, last, newest } = await this.#catalogue.changes(this.org, seq, BATCH)
      if (newest < seq) { // the catalogue was put back to an earlier day
        await this.#restart(db)
        continue
      }
      if (changes.length === 0) return
      await update(db, changes.filter((c) => c.site === this.#site), last)
      crashPoint('index.batch')
      this.#told()
    }
  }

  /** From nothing. Questions meanwhile wait for the folder, not for the feed. */
  #restart(damaged: Db): Promise<Db> {
    this.#db = this.#db.then(async (db) => {
      if (db !== damaged) return db // somebody else found it first
      await db.close()
      await rm(this.#dir, { recursive: true, force: true })
      return openIndex(this.#dir)
    })
    return this.#db
  }

  async #ask<T>(question: (now: Snapshot) => Promise<T>): Promise<T> {
    const db = await this.#db
    try {
      return await onSnapshot(db, question)
    } catch (error) {
      if (!isDamaged(error)) throw error
      const fresh = await this.#restart(db)
      await this.follow()
      return onSnapshot(fresh, question)
    }
  }

  #rest(wait_ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, wait_ms)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

async function onSnapshot<T>(db: Db, question: (now: Snapshot) => Promise<T>): Promise<T> {
  const now = new Snapshot(db)
  try {
    return await question(now)
  } finally {
    await now.close()
  }
}
