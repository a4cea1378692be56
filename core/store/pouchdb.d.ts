/** As much of PouchDB 9 as org-database.ts uses. The published types redeclare Node's global Buffer and so break every other file. */
declare module 'pouchdb' {
  namespace PouchDB {
    namespace Core {
      type ExistingDocument<T> = T & { readonly _id: string; readonly _rev: string }
      type Row<T> = { readonly id: string; readonly key: string; readonly value: { readonly rev: string; readonly deleted?: boolean }; readonly doc?: ExistingDocument<T> | null; readonly error?: undefined } | { readonly key: string; readonly error: string; readonly doc?: undefined; readonly id?: undefined; readonly value?: undefined }
      interface Failure { readonly id?: string; readonly status?: number; readonly name?: string; readonly message?: string; readonly reason?: string; readonly error: string | boolean; readonly ok?: undefined; readonly rev?: undefined }
      interface Written { readonly ok: boolean; readonly id: string; readonly rev: string; readonly error?: undefined }
      interface Change<T> { readonly id: string; readonly seq: number | string; readonly changes: readonly { readonly rev: string }[]; readonly deleted?: boolean; readonly doc?: ExistingDocument<T> }
    }
    namespace Configuration {
      interface DatabaseConfiguration { adapter?: string; auto_compaction?: boolean; revs_limit?: number; db?: unknown }
    }
  }

  class PouchDB<T extends object> {
    constructor(name: string, options?: PouchDB.Configuration.DatabaseConfiguration)
    info(): Promise<{ update_seq: number | string; doc_count: number }>
    allDocs(options: { keys?: readonly string[]; startkey?: string; endkey?: string; inclusive_end?: boolean; include_docs?: boolean; limit?: number; descending?: boolean }): Promise<{ rows: PouchDB.Core.Row<T>[] }>
    bulkDocs(docs: readonly (T & { _id?: string; _rev?: string; _deleted?: boolean })[]): Promise<(PouchDB.Core.Written | PouchDB.Core.Failure)[]>
    changes(options: { since: number | string; limit?: number; include_docs?: boolean }): Promise<{ results: PouchDB.Core.Change<T>[]; last_seq: number | string }>
    close(): Promise<void>
  }
  export default PouchDB
}
