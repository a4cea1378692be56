import { mkdir } from 'node:fs/promises'
import PouchDB from 'pouchdb'
import type { Doc } from '../contract/records.ts'
import { Fault } from '../contract/fault.ts'
import { SyncedDown } from './synced-leveldown.ts'

/** A document as it lies in the database of its org: `_id` is `<site>:<id>`, like CouchDB's partitions, so two sites may hold the same file. */
type Stored = { readonly site: string; readonly [field: string]: unknown }
type Row = PouchDB.Core.ExistingDocument<Stored>

export interface Held { readonly doc: Doc; readonly rev: string }
export interface Write { readonly site: string; readonly id: string; readonly doc: Doc | null; readonly rev: string | null } // doc null: deleted
export interface Change { readonly seq: number; readonly site: string; readonly id: string; readonly doc: Doc | null } // null: deleted

/** Above every character that an id has. */
const END = '\uffff'

/** The PouchDB database of one org. Nothing else speaks to PouchDB. */
export interface OrgDatabase {
  getMany(site: string, ids: readonly string[]): Promise<Map<string, Held>>
  /** Ids from `from` to below `to`, in order. */
  range(site: string, from: string, to: string, limit: number): Promise<readonly Doc[]>
  /** One atomic, synced batch. Throws when a document was changed since it was read: then nothing may be taken as written. */
  write(writes: readonly Write[]): Promise<void>
  /** The newest state of each document that changed after `since`, oldest change first. */
  changes(since: number, limit: number): Promise<{ readonly changes: readonly Change[]; readonly last: number; readonly newest: number }>
  close(): Promise<void>
}

export async function openOrgDatabase(folder: string): Promise<OrgDatabase> {
  await mkdir(folder, { recursive: true })
  // The types know no `db`, which is how PouchDB takes another leveldown.
  const options: PouchDB.Configuration.DatabaseConfiguration = { adapter: 'leveldb', auto_compaction: true, ...{ db: SyncedDown } }
  const pouch = new PouchDB<Stored>(folder, options)
  await pouch.info()
  return {
    async getMany(site, ids) {
      const found = new Map<string, Held>()
      if (ids.length === 0) return found
      const { rows } = await pouch.allDocs({ keys: ids.map((id) => `${site}:${id}`), include_docs: true })
      for (const row of rows) if ('doc' in row && row.doc) found.set(row.doc._id.slice(site.length + 1), { doc: unwrap(row.doc), rev: row.doc._rev })
      return found
    },

    async range(site, from, to, limit) {
      const { rows } = await pouch.allDocs({ startkey: `${site}:${from}`, endkey: `${site}:${to}`, inclusive_end: false, include_docs: true, limit })
      return rows.flatMap((row) => (row.doc ? [unwrap(row.doc)] : []))
    },

    async write(writes) {
      if (writes.length === 0) return
      const results = await pouch.bulkDocs(writes.map(({ site, id, doc, rev }) => ({
        ...doc, _id: `${site}:${id}`, site, ...(rev === null ? {} : { _rev: rev }), ...(doc === null ? { _deleted: true } : {}),
      })))
      const failed = results.find((r) => 'error' in r)
      if (failed) throw new Error(`The catalogue did not take ${failed.id ?? 'a document'}: ${'message' in failed ? String(failed.message) : 'no reason given'}`)
    },

    async changes(since, limit) {
      const { results, last_seq } = await pouch.changes({ since, limit, include_docs: true })
      const changes = results.map((r): Change => {
        const colon = r.id.indexOf(':')
        return { seq: Number(r.seq), site: r.id.slice(0, colon), id: r.id.slice(colon + 1), doc: r.deleted || !r.doc ? null : unwrap(r.doc) }
      })
      return { changes, last: Number(last_seq), newest: Number((await pouch.info()).update_seq) }
    },

    close: () => pouch.close(),
  }
}

function unwrap(row: Row): Doc {
  const { _id, _rev, site, ...fields } = row
  const { kind } = fields
  if (typeof kind !== 'string') throw new Fault('output/invalid', `The catalogue holds ${_id} without a kind`)
  return { _id: _id.slice(site.length + 1), kind, ...fields }
}

/** The end of the ids that start with `prefix`. */
export const past = (prefix: string): string => prefix + END
