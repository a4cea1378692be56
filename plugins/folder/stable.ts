import type { Entry } from './classify.ts'

/** When files were first seen as they are now. */
export type Seen = Map<string, { readonly bytes: number; readonly mtime_ms: number; readonly since_ms: number }>

/**
 * How long until a file may be taken for whole, ms; 0: now. Pure but for `seen`, which it brings up to date.
 *
 * A file that did not change for `stable_s` is whole. In a folder that is taken once, a file that was last written
 * that long ago is, too. In a watched one that is not enough: some copies set the old time of a file first.
 */
export function unstable_ms(entry: Entry, seen: Seen, once: boolean, stable_s: number, now_ms: number): number {
  const before = seen.get(entry.path)
  const same = before !== undefined && before.bytes === entry.bytes && before.mtime_ms === entry.mtime_ms
  if (!same) seen.set(entry.path, { bytes: entry.bytes, mtime_ms: entry.mtime_ms, since_ms: now_ms })
  const since_ms = same ? before.since_ms : now_ms
  const bySight = since_ms + stable_s * 1000 - now_ms
  const byTime = once ? entry.mtime_ms + stable_s * 1000 - now_ms : Infinity
  // A clock that is wrong may date a file into the future: what was seen to rest is whole whatever it says.
  return Math.max(0, Math.min(bySight, byTime))
}
