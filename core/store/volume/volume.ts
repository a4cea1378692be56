/**
 * What a volume does, wherever its files lie: in a folder, behind SFTP, in a bucket. Paths are relative to its root, with `/` between
 * their parts; `safeParts` has been over them. `volume.contract.ts` is the suite that every kind passes.
 */
import { Type, type Static } from 'typebox'
import type { Reread } from '../../contract/media.ts'

/** Below a volume's root: the marker, and what is written and not at its place yet. */
export const OWN = '.viewshed'
export const MARKER = `${OWN}/volume.json`

/** Says that what lies there is a volume, and which. */
export const Marker = Type.Object({ id: Type.String(), name: Type.String(), created: Type.String() })
export type Marker = Static<typeof Marker>

export type VolumeKind = 'folder' | 'sftp' | 's3'
export interface FileState { readonly bytes: number; readonly mtime_ms: number }
export interface LocalFile { readonly path: string; readonly bytes: number; readonly sha256: string }

export interface ReadOptions {
  readonly signal?: AbortSignal | undefined
  /** Told of bytes as they were read; whoever resolves late slows the reading down. */
  readonly pace?: ((bytes: number) => Promise<void>) | undefined
}

/**
 * All throw Fault `media/unmounted` when the volume does not answer or refuses us, `media/host-key` when another machine answers in its place,
 * `media/unreadable` when a disk or its permissions fail.
 */
export interface Volume {
  readonly kind: VolumeKind
  /** Null: nothing there says that it is a volume. An empty folder is not an empty volume. */
  marker(): Promise<Marker | null>
  /** Makes the marker where there is none. */
  mark(marker: Marker): Promise<void>
  /** Null: there is no such file. */
  stat(path: string): Promise<FileState | null>
  /** Every file below a folder, '' for all; ours are left out unless the folder is one of them. A folder that is not there has none. */
  list(folder: string): AsyncIterable<FileState & { readonly path: string }>
  /** @param end inclusive. Throws `media/missing`; `media/changed` when the file ends before. */
  read(path: string, range: { readonly start: number; readonly end: number }, signal?: AbortSignal): AsyncIterable<Buffer>
  /**
   * Makes `path` a copy of a local file and syncs it: goes on behind what lies there already, one try. For names of our own that belong to
   * one content: of two who write the same one neither harms the other. When the link breaks, what was written stays. Throws `media/full`,
   * `media/changed`. `unproven`: part of it lay there before and was not compared.
   */
  write(path: string, from: LocalFile, options: WriteOptions): Promise<{ readonly unproven: boolean }>
  /** Renames, never over another file: `taken` says that one is there, and both stay. Throws `media/missing`. */
  move(from: string, to: string): Promise<'moved' | 'taken'>
  /** Nothing there is no failure. */
  remove(path: string): Promise<void>
  /** A folder of ours with all that is in it, also what was begun. */
  removeFolder(folder: string): Promise<void>
  /** Of what lies there now, read by the volume's machine or by us. Throws `media/missing`. */
  digest(path: string, options?: ReadOptions): Promise<Reread>
  /** Null: it does not say. */
  space(): Promise<{ readonly bytes_free: number; readonly bytes_total: number } | null>
  close(): void
}

export interface WriteOptions {
  readonly signal: AbortSignal
  /** Told of bytes that the volume has taken. */
  readonly onBytes?: (bytes: number) => void
}

/** The link broke, or nobody answered. Another try may do: it is the cause of the Fault `media/unmounted` that the volume throws. */
export class LinkLost extends Error {
  override readonly name = 'LinkLost'
}

export const isLinkLost = (e: unknown): boolean => e instanceof LinkLost || (e instanceof Error && e.cause instanceof LinkLost)
