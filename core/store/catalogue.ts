import { isDeepStrictEqual } from 'node:util'
import { join } from 'node:path'
import type { Query } from '../contract/plugin.ts'
import type { AssetDoc, Doc, EditDoc } from '../contract/records.ts'
import { Fault } from '../contract/fault.ts'
import { again, type Lies } from './again.ts'
import type { Drive, Rule } from './derive-drives.ts'
import { checkEdit, editsByTarget, overlay } from './edits.ts'
import { checkRoom, diskFull, isDiskFull } from './mend-room.ts'
import { openOrgDatabase, past, type Change, type Held, type OrgDatabase, type Write } from './org-database.ts'
import type { Catalogue, Edited, Projection } from './port.ts'
import { checkPlace } from './site-name.ts'
import { movedBy, Overlaid } from './overlaid.ts'
import { Recent } from './recent.ts'
import { SiteDrives, type Derived } from './site-drives.ts'
import { SiteEdits } from './site-edits.ts'
import { ulid } from './ulid.ts'

/** The catalogue with what the index needs of it. */
export interface OpenCatalogue extends Catalogue {
  /** The newest state of every document of `org` that changed after `since` (exclusive), of all its sites; `last` is where to go on, `newest` the last change of all. */
  changes(org: string, since: number, limit: number): Promise<{ readonly changes: readonly Change[]; readonly last: number; readonly newest: number }>
  /** Told after each write. Returns how to stop being told. */
  onChange(told: (org: string) => void): () => void
}

/** Documents read at a time by whoever goes through many. */
const PAGE = 256

/**
 * @param dir A folder per org is made in it.
 * @param groupings The rules by which clips become drives. Where they differ from those of the last start, drives are derived anew.
 * @param clock UTC epoch, ms: the time of an edit.
 * @param lies Asked of the original that is known when the same bytes came to another place. By default it does.
 */
export async function openCatalogue({ dir, groupings, clock, lies = async () => true }: { dir: string; groupings: readonly Rule[]; clock: () => number; lies?: Lies }): Promise<OpenCatalogue> {
  const orgs = new Map<string, Promise<OrgCatalogue>>()
  const listeners = new Set<(org: string) => void>()

  const kept = (name: string, open: Promise<OrgCatalogue>): Promise<OrgCatalogue> => {
    orgs.set(name, open)
    open.catch(() => orgs.delete(name)) // the next caller tries again; this one is told
    return open
  }
  const openOrg = async (name: string) => new OrgCatalogue(name, await openOrgDatabase(join(dir, name)), groupings, clock, lies)
  const orgOf = (name: string): Promise<OrgCatalogue> => {
    checkPlace({ org: name, site: 'any' })
    return orgs.get(name) ?? kept(name, openOrg(name))
  }
  /**
   * A write that broke off leaves LevelDB's journal out of step: what is appended after it is dropped when it is read back, though it was
   * synced. So nothing more is written there before it was opened anew, which takes some room; until then it is read as it is.
   */
  async function toWrite(name: string): Promise<OrgCatalogue> {
    const open = orgOf(name)
    const org = await open
    if (!org.torn) return org
    await checkRoom('catalogue', dir)
    if (orgs.get(name) === open) void kept(name, org.close().then(() => openOrg(name)))
    return orgOf(name)
  }
  const tell = (org: string) => { for (const told of listeners) told(org) }

  const catalogue: OpenCatalogue = {
    reader: ({ org, site }) => {
      checkPlace({ org, site })
      return readerOf(async () => (await orgOf(org)).db, site)
    },
    async apply(projections) {
      for (const [org, mine] of Map.groupBy(projections, (p) => p.org)) {
        for (const { site } of mine) checkPlace({ org, site })
        if (await (await toWrite(org)).apply(mine)) tell(org)
      }
    },
    edit: (scope, by, target, set) => catalogue.editAll(scope, by, [{ target, set }]),
    async editAll(scope, by, edits) {
      checkPlace(scope)
      await (await toWrite(scope.org)).edit(scope.site, by, edits)
      tell(scope.org)
    },
    async changes(org, since, limit) {
      return (await orgOf(org)).db.changes(since, limit)
    },
    onChange(told) {
      listeners.add(told)
      return () => listeners.delete(told)
    },
    async close() {
      for (const open of orgs.values()) await (await open).close()
      orgs.clear()
    },
  }
  return catalogue
}

function readerOf(database: () => Promise<OrgDatabase>, site: string): Query {
  return {
    async get<T>(id: string) {
      const db = await database()
      const held = (await db.getMany(site, [id])).get(id)
      if (!held) return null
      const said = editsByTarget(await editsBetween(db, site, id, id))
      return overlay(held.doc, said.get(id) ?? []) as T
    },
    async *list<T>(kind: string, { from = '', to, limit = Infinity }: { from?: string; to?: string; limit?: number } = {}) {
      const db = await database()
      const full = (id: string) => (id.startsWith(`${kind}:`) ? id : `${kind}:${id}`)
      const end = to === undefined ? past(`${kind}:`) : full(to)
      let next = full(from)
      let left = limit
      while (left > 0) {
        const page = await db.range(site, next, end, Math.min(PAGE, left))
        if (page.length === 0) return
        const said = editsByTarget(await editsBetween(db, site, page[0]!._id, page.at(-1)!._id))
        for (const doc of page) yield overlay(doc, said.get(doc._id) ?? []) as T
        left -= page.length
        next = `${page.at(-1)!._id}\0` // the very next id
      }
    },
  }
}

/** Edits of every document from id `first` to id `last`, both included. */
async function editsBetween(db: OrgDatabase, site: string, first: string, last: string): Promise<readonly Doc[]> {
  return db.range(site, `edit:${first}:`, past(`edit:${last}:`), Number.MAX_SAFE_INTEGER)
}

class OrgCatalogue {
  readonly #org: string
  readonly db: OrgDatabase
  readonly #rules: readonly Rule[]
  readonly #clock: () => number
  readonly #lies: Lies
  readonly #drives = new Map<string, SiteDrives>()
  readonly #recent = new Recent()
  readonly #said = new Map<string, SiteEdits>()
  torn = false // a write failed: what is on the disk may be another thing than what is kept here
  #queue: Promise<unknown> = Promise.resolve() // one writer: derivation reads what the one before it wrote

  constructor(org: string, db: OrgDatabase, rules: readonly Rule[], clock: () => number, lies: Lies) {
    this.#lies = lies
    this.#org = org
    this.db = db
    this.#rules = rules
    this.#clock = clock
  }

  /** Whether anything was written. */
  apply(projections: readonly Projection[]): Promise<boolean> {
    return this.#inTurn(async () => {
      const changes: SiteChange[] = []
      for (const [site, mine] of Map.groupBy(projections, (p) => p.site)) {
        changes.push(await this.#change(site, mine.flatMap((p) => p.docs).map(plain)))
      }
      return this.#write(changes)
    })
  }

  edit(site: string, by: string, edits: readonly Edited[]): Promise<boolean> {
    return this.#inTurn(async () => {
      const held = await this.db.getMany(site, edits.map(({ target }) => target))
      const docs: Doc[] = []
      for (const { target, set } of edits) {
        const doc = held.get(target)?.doc
        if (!doc) throw new Fault('not-found', `There is no ${target}.`)
        checkEdit(doc, set)
        docs.push(await this.#edit(site, target, by, set))
      }
      return this.#write([await this.#change(site, docs)])
    })
  }

  async #edit(site: string, target: string, by: string, set: EditDoc['set']): Promise<Doc> {
    const earlier = (await editsBetween(this.db, site, target, target)) as readonly EditDoc[]
    // A clock that was set back must not let an older word win over this one.
    const at_ms = Math.max(this.#clock(), ...earlier.filter((e) => e.target === target).map((e) => e.at_ms + 1))
    const edit: EditDoc = { _id: `edit:${target}:${ulid(at_ms)}`, kind: 'edit', target, by, at_ms, set }
    return plain(edit)
  }

  async close(): Promise<void> {
    await this.#queue
    await this.db.close()
  }

  /** What has to be written so that `docs` are in the catalogue, with the drives that follow. */
  async #change(site: string, docs: readonly Doc[]): Promise<SiteChange> {
    const held = await this.db.getMany(site, [...new Set(docs.map(({ _id }) => _id))])
    const last = new Map<string, Doc>() // of an id the last one wins
    for (const doc of docs) last.set(doc._id, await again(last.get(doc._id) ?? held.get(doc._id)?.doc, doc, this.#lies))
    const fresh = new Map([...last].filter(([id, doc]) => !isDeepStrictEqual(held.get(id)?.doc, doc)))
    const drives = await this.#drivesOf(site)
    const now = new Overlaid(this.db, site, fresh, this.#recent, await this.#saidOf(site))
    const moved = await movedBy(fresh, now)
    return this.#derived(site, fresh, held, moved.length === 0 ? NOTHING : await drives.derive(moved, now))
  }

  async #derived(site: string, fresh: ReadonlyMap<string, Doc>, held: ReadonlyMap<string, Held>, { docs: derived, gone, kept, settle }: Derived): Promise<SiteChange> {
    const revs = new Map([...held, ...(await this.db.getMany(site, [...derived.map((d) => d._id), ...gone]))])
    const rev = (id: string) => revs.get(id)?.rev ?? null
    const keeps = await Promise.all([...kept].map(([drive, by]) => this.#edit(site, drive, by, { keep: true })))
    const changed = derived.map(plain).filter((doc) => !isDeepStrictEqual(revs.get(doc._id)?.doc, doc))
    return {
      writes: [
        ...[...fresh.values(), ...changed, ...keeps].map((doc) => ({ site, id: doc._id, doc, rev: rev(doc._id) })),
        ...gone.map((id) => ({ site, id, doc: null, rev: rev(id) })),
      ],
      settle,
    }
  }

  async #write(changes: readonly SiteChange[]): Promise<boolean> {
    const writes = changes.flatMap((c) => c.writes)
    if (writes.length === 0) return false
    try {
      await this.db.write(writes)
    } catch (error) {
      this.torn = true
      throw error instanceof Error && isDiskFull(error.message) ? diskFull('catalogue', this.#org, error) : error
    }
    for (const { site, id, doc } of writes) {
      this.#recent.put(site, id, doc)
      if (doc !== null) this.#said.get(site)?.add(doc)
    }
    for (const { settle } of changes) settle()
    return true
  }

  async #saidOf(site: string): Promise<SiteEdits> {
    const known = this.#said.get(site) ?? await SiteEdits.open(this.db, site)
    this.#said.set(site, known)
    return known
  }

  async #drivesOf(site: string): Promise<SiteDrives> {
    const known = this.#drives.get(site)
    if (known) return known
    const all = []
    for await (const drive of readerOf(async () => this.db, site).list<Drive>('drive')) all.push(drive)
    const drives = new SiteDrives(this.#org, site, this.#rules, all)
    if (drives.orphans.length > 0) await this.#write([await this.#derived(site, new Map(), new Map(), { ...NOTHING, gone: drives.orphans })])
    if (drives.isStale) await this.#regather(site, drives)
    this.#drives.set(site, drives)
    return drives
  }

  /** After a crash half way some drives still say that they are stale, and it is done again. */
  async #regather(site: string, drives: SiteDrives): Promise<void> {
    for (let from = 'asset:'; ;) {
      const page = (await this.db.range(site, from, past('asset:'), PAGE)) as readonly (Doc & AssetDoc)[]
      if (page.length === 0) return
      const now = new Overlaid(this.db, site, new Map(), this.#recent, await this.#saidOf(site))
      const assets = await now.assets(page.map((asset) => asset.sha256))
      const derived = await drives.derive([...assets.values()].map((after) => ({ before: null, after })), now)
      await this.#write([await this.#derived(site, new Map(), new Map(), derived)])
      from = `${page.at(-1)!._id}\0`
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#queue.then(work)
    this.#queue = mine.catch(() => undefined) // whoever asked for it is told
    return mine
  }
}

const NOTHING: Derived = { docs: [], gone: [], kept: new Map(), settle: () => undefined }

interface SiteChange { readonly writes: readonly Write[]; readonly settle: () => void }

/** A document as JSON has it: no `undefined`, no -0, so that comparing with what was stored says whether it changed. */
const plain = (doc: Doc): Doc => JSON.parse(JSON.stringify(doc)) as Doc
