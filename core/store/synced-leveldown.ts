/**
 * LevelDB for PouchDB, with every write synced.
 *
 * PouchDB's adapter asks for no sync, so what it reported as written is lost with the power (half of it, when tried).
 * It takes its store as an option and names no way to pass `sync`; so the store itself insists.
 */
import { createRequire } from 'node:module'

type Callback = (error?: Error | null) => void
type Options = { sync?: boolean }
interface Chained { _write(options: Options, done: Callback): void }
interface Down {
  _put(key: unknown, value: unknown, options: Options, done: Callback): void
  _del(key: unknown, options: Options, done: Callback): void
  _batch(operations: unknown, options: Options, done: Callback): void
  _chainedBatch(): Chained
}
interface LevelDown { (location: string): Down; destroy(location: string, done: Callback): void }

// leveldown ships no types and is CommonJS.
const leveldown = createRequire(import.meta.url)('leveldown') as LevelDown

/** PouchDB keeps its open stores under the name of this function: the name must not change while one is open. */
export function SyncedDown(location: string): Down {
  const db = leveldown(location)
  const { _put, _del, _batch, _chainedBatch } = db
  db._put = (key, value, options, done) => _put.call(db, key, value, { ...options, sync: true }, done)
  db._del = (key, options, done) => _del.call(db, key, { ...options, sync: true }, done)
  db._batch = (operations, options, done) => _batch.call(db, operations, { ...options, sync: true }, done)
  db._chainedBatch = () => {
    const batch = _chainedBatch.call(db)
    const { _write } = batch
    batch._write = (options, done) => _write.call(batch, { ...options, sync: true }, done)
    return batch
  }
  return db
}
SyncedDown.destroy = (location: string, done: Callback) => leveldown.destroy(location, done)
