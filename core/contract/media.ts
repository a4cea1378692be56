import { Type, type Static } from 'typebox'

/** A file on a volume: enough to find it, and to know it is the right one. */
export const MediaRef = Type.Object({
  volume: Type.String({ pattern: '^[a-z][a-z0-9-]{0,31}$', description: 'Name of the volume' }),
  path: Type.String({ minLength: 1, maxLength: 1024, description: 'Relative to the volume, `/` between parts' }),
  bytes: Type.Integer({ minimum: 0, description: 'Size, bytes' }),
  sha256: Type.String({ pattern: '^[0-9a-f]{64}$', description: 'SHA-256 of the content, hex' }),
}, { additionalProperties: false })
export type MediaRef = Static<typeof MediaRef>

/** SHA-256 of bytes that were read from their volume just now. `disk`: past every cache we know of; `cache`: its machine may have answered
 *  from memory; `network`: they came over it once more. */
export interface Reread { readonly sha256: string; readonly bytes: number; readonly from: 'disk' | 'cache' | 'network' }

/** What a system says of a share whose machine is off, of a mount whose program died, and of a card or disk that was pulled: nothing of the file. */
export const AWAY: ReadonlySet<string> = new Set(['EHOSTDOWN', 'EHOSTUNREACH', 'ENETDOWN', 'ENETUNREACH', 'ENOTCONN', 'ETIMEDOUT', 'ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'ESHUTDOWN', 'ENODEV', 'ENOMEDIUM', 'EREMOTEIO'])

/** The only way a stage or a watcher touches files. */
export interface Media {
  /** A local path whose content has the digest: the mounted file itself, or a copy in scratch. Never written to.
   *  Throws Fault `media/missing`, `media/digest`, `media/unmounted`. */
  read(ref: MediaRef): Promise<string>
  /** Puts a local file at `path` of a volume: copied and hashed in one pass, fsynced, renamed, folder fsynced.
   *  In a stage the file is staged under its task and takes its place when the task completes; in a watcher at once, unless the same bytes
   *  came in before: then it is where they lie.
   *  Writing the same bytes twice is writing once. Throws Fault `media/conflict` when other bytes lie there,
   *  `media/full`, `media/unmounted`, `media/outside`, `media/changed` (the source grew while it was read). */
  write(volume: string, path: string, localPath: string): Promise<MediaRef>
}

/** A stage's. */
export interface StageMedia extends Media {
  /** What lies there now, read again: of a file that this task has written, where it is staged. Says what it found; whether that is right is
   *  the caller's to tell. Throws Fault `media/missing`, `media/unmounted`, `media/unreadable`. */
  reread(ref: MediaRef): Promise<Reread>
}

/** What a source says of one of its files. Null: it does not say. */
export interface Said { readonly bytes: number | null; readonly time: string | null }

/**
 * A file that comes piece by piece from a source that may break off. What has come stays, also over a SIGKILL of this process;
 * after a power cut all but the last MiB, or 16 MiB when the source is faster, or the disk slower, than syncs could keep up with.
 */
export interface Receiving {
  readonly bytes: number // how much is there
  /** Where it lies already, when an earlier life placed it and did not `drop` it: nothing is left to fetch. */
  readonly placed: MediaRef | null
  /** So many of its last bytes may not be what was written: the machine was started again since, or does not say that it was not. 0 once more is appended. */
  readonly unsure_bytes: number
  /** What the source says now. Of another size or time than it said before it is another file: what had come is thrown away. */
  says(said: Said): Promise<void>
  /** Its last `bytes` bytes, fewer when there are fewer: to be compared with the source's own. */
  tail(bytes: number): Promise<Buffer>
  /** The next bytes. The chunk is the receiver's from then on. Throws `media/full`, `media/unmounted`. */
  append(chunk: Buffer): Promise<void>
  truncate(bytes: number): Promise<void>
  /** Into its place on the volume, or where the same bytes lie already: digest, file and folder synced, never over other bytes (`media/conflict`). Stays remembered
   *  under its key until `drop`, so that whoever dies before it told of the file need not fetch it again.
   *  @param path Another one than it was begun with. */
  place(path?: string): Promise<MediaRef>
  /** Forgets it: what was not placed is thrown away. */
  drop(): Promise<void>
  /** Lets go of it; it goes on under the same key. */
  close(): Promise<void>
}

/** A watcher's: beside its device. */
export interface WatchMedia extends Media {
  /** @param key names the file at its source, for ever. Throws `media/unmounted` where the volume is not a folder of this machine; `media/busy`. */
  receive(volume: string, path: string, key: string): Promise<Receiving>
}
