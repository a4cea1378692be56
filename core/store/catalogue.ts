import { isDeepStrictEqual } from 'node:util'
import { join } from 'node:path'
import type { Query } from '../contract/plugin.ts'
import type { AssetDoc, Doc, EditDoc, TrackDoc } from '../contract/records.ts'
import { Fault } from '../contract/fault.ts'
import type { Drive, Rule } from './derive-drives.ts'
import { checkEdit, editsByTarget, overlay } from './edits.ts'
import { openOrgDatabase, past, type Change, type Held, type OrgDatabase, type Write } from './org-database.ts'
import type { Catalogue, Projection } from './port.ts'
import { checkPlace } from './site-name.ts'
import { SiteDrives, type Moved, type Reading } from './site-drives.ts'
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
 */
export async function openCatalogue({ dir, groupings, clock }: { dir: string; groupings: readonly Rule[]; clock: () => number }): Promise<OpenCatalogue> {
  const orgs = new Map<string, Promise<OrgCatalogue>>()
  const listeners = new Set<(org: string) => void>()

  const orgOf = (name: string): Promise<OrgCatalogue> => {
    checkPlace({ org: name, site: 'any' })
    const open = orgs.get(name) ?? openOrgDatabase(join(dir, name)).then((db) => new OrgCatalogue(name, db, groupings, clock))
    orgs.set(name, open)
    open.catch(() => orgs.delete(name)) // the next caller tries again; this one is told
    return open
  }
  const tell = (org: string) => { for (const told of listeners) told(org) }

  return {
    reader: ({ org, site }) => {
      checkPlace({ org, site })
      return readerOf(async () => (await orgOf(org)).db, site)
    },
    async apply(projections) {
      for (const [org, mine] of Map.groupBy(projections, (p) => p.org)) {
        for (const { site } of mine) checkPlace({ org, site })
        if (await (await orgOf(org)).apply(mine)) tell(org)
      }
    },
    async edit(scope, by, target, set) {
      checkPlace(scope)
      await (await orgOf(scope.org)).edit(scope.site, by, target, set)
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
  readonly #drives = new Map<string, SiteDrives>()
  #queue: Promise<unknown> = Promise.resolve() // one writer: derivation reads what the one before it wrote

  constructor(org: string, db: OrgDatabase, rules: readonly Rule[], clock: () => number) {
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
        const docs = new Map(mine.flatMap((p) => p.docs).map((doc) => [doc._id, plain(doc)])) // the last of an id wins
        changes.push(await this.#change(site, docs))
      }
      return this.#write(changes)
    })
  }

  edit(site: string, by: string, target: string, set: Record<string, unknown>): Promise<boolean> {
    return this.#inTurn(async () => {
      const held = (await this.db.getMany(site, [target])).get(target)
      if (!held) throw new Fault('not-found', `There is no ${target}.`)
      checkEdit(held.doc, set)
      const earlier = (await editsBetween(this.db, site, target, target)) as readonly EditDoc[]
      // A clock that was set back must not let an older word win over this one.
      const at_ms = Math.max(this.#clock(), ...earlier.filter((e) => e.target === target).map((e) => e.at_ms + 1))
      const edit: EditDoc = { _id: `edit:${target}:${ulid(at_ms)}`, kind: 'edit', target, by, at_ms, set }
      return this.#write([await this.#change(site, new Map([[edit._id, plain(edit)]]))])
    })
  }

  async close(): Promise<void> {
    await this.#queue
    await this.db.close()
  }

  /** What has to be written so that `docs` are in the catalogue, with the drives that follow. */
  async #change(site: string, docs: ReadonlyMap<string, Doc>): Promise<SiteChange> {
    const held = await this.db.getMany(site, [...docs.keys()])
    const fresh = new Map([...docs].filter(([id, doc]) => !isDeepStrictEqual(held.get(id)?.doc, doc)))
    if (fresh.size === 0) return { writes: [], settle: () => undefined }
    const drives = await this.#drivesOf(site)
    const now = new Overlaid(this.db, site, fresh)
    const { docs: derived, gone, settle } = await drives.derive(await movedBy(fresh, now), now)
    const revs = new Map([...held, ...(await this.db.getMany(site, [...derived.map((d) => d._id), ...gone]))])
    const rev = (id: string) => revs.get(id)?.rev ?? null
    const changed = derived.map(plain).filter((doc) => !isDeepStrictEqual(revs.get(doc._id)?.doc, doc))
    return {
      writes: [
        ...[...fresh.values(), ...changed].map((doc) => ({ site, id: doc._id, doc, rev: rev(doc._id) })),
        ...gone.map((id) => ({ site, id, doc: null, rev: rev(id) })),
      ],
      settle,
    }
  }

  async #write(changes: readonly SiteChange[]): Promise<boolean> {
    const writes = changes.flatMap((c) => c.writes)
    if (writes.length === 0) return false
    await this.db.write(writes)
    for (const { settle } of changes) settle()
    return true
  }

  async #drivesOf(site: string): Promise<SiteDrives> {
    const known = this.#drives.get(site)
    if (known) return known
    const all: Drive[] = []
    for await (const drive of readerOf(async () => this.db, site).list<Drive>('drive')) all.push(drive)
    const drives = new SiteDrives(this.#org, site, this.#rules, all)
    this.#drives.set(site, drives)
    return drives
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#queue.then(work)
    this.#queue = mine.catch(() => undefined) // whoever asked for it is told
    return mine
  }
}

interface SiteChange { readonly writes: readonly Write[]; readonly settle: () => void }

/** A document as JSON has it: no `undefined`, no -0, so that comparing with what was stored says whether it changed. */
const plain = (doc: Doc): Doc => JSON.parse(JSON.stringify(doc)) as Doc

/** Assets that are new or changed, by themselves, by their track or by an edit. */
async function movedBy(fresh: ReadonlyMap<string, Doc>, now: Overlaid): Promise<Moved[]> {
  const ids = new Set<string>()
  for (const doc of fresh.values()) {
    if (doc.kind === 'asset') ids.add(String(doc['sha256']))
    if (doc.kind === 'track') ids.add(String(doc['asset']))
    if (doc.kind === 'edit' && String(doc['target']).startsWith('asset:')) ids.add(String(doc['target']).slice('asset:'.length))
  }
  const after = await now.assets([...ids])
  const before = await now.assetsBefore([...ids])
  return [...after.values()].map((asset) => ({ before: before.get(asset.sha256) ?? null, after: asset }))
}

/** The catalogue as it will be once `fresh` is written. */
class Overlaid implements Reading {
  readonly #db: OrgDatabase
  readonly #site: string
  readonly #fresh: ReadonlyMap<string, Doc>
  #edits: Promise<readonly EditDoc[]> | null = null

  constructor(db: OrgDatabase, site: string, fresh: ReadonlyMap<string, Doc>) {
    this.#db = db
    this.#site = site
    this.#fresh = fresh
  }

  async assets(sha256s: readonly string[]): Promise<Map<string, AssetDoc>> {
    const news = [...this.#fresh.values()].filter((d) => d.kind === 'edit') as (Doc & EditDoc)[]
    return this.#assets(await this.#docs(sha256s.map((s) => `asset:${s}`)), [...(await this.#assetEdits()), ...news])
  }

  async assetsBefore(sha256s: readonly string[]): Promise<Map<string, AssetDoc>> {
    const held = await this.#db.getMany(this.#site, sha256s.map((s) => `asset:${s}`))
    return this.#assets([...held.values()].map((h: Held) => h.doc), await this.#assetEdits())
  }

  async tracks(sha256s: readonly string[]): Promise<Map<string, TrackDoc>> {
    const docs = (await this.#docs(sha256s.map((s) => `track:${s}`))) as readonly (Doc & TrackDoc)[]
    return new Map(docs.map((track) => [track.asset, track]))
  }

  async drives(ids: readonly string[]): Promise<Map<string, Drive>> {
    return new Map(((await this.#docs(ids)) as readonly (Doc & Drive)[]).map((drive) => [drive._id, drive]))
  }

  #assets(docs: readonly Doc[], edits: readonly EditDoc[]): Map<string, AssetDoc> {
    const said = editsByTarget(edits)
    return new Map((docs as readonly (Doc & AssetDoc)[]).map((asset) => [asset.sha256, overlay(asset, said.get(asset._id) ?? [])]))
  }

  // All of them at once: the clips of a drive lie all over the ids, and people edit few clips.
  #assetEdits(): Promise<readonly EditDoc[]> {
    this.#edits ??= this.#db.range(this.#site, 'edit:asset:', past('edit:asset:'), Number.MAX_SAFE_INTEGER) as Promise<readonly (Doc & EditDoc)[]>
    return this.#edits
  }

  async #docs(ids: readonly string[]): Promise<readonly Doc[]> {
    const held = await this.#db.getMany(this.#site, ids.filter((id) => !this.#fresh.has(id)))
    return [...ids.flatMap((id) => this.#fresh.get(id) ?? []), ...[...held.values()].map((h) => h.doc)]
  }
}
