/** Recordings and rules for tests, written down by hand: nothing here is taken from what is tested. */
import { createHash } from 'node:crypto'
import { cp, mkdir, readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Value } from 'typebox/value'
import type { StageMedia } from '../../core/contract/media.ts'
import type { AssetDoc } from '../../core/contract/records.ts'
import type { Library, LibraryFile, LibraryItem, VolumeSight } from '../../core/contract/retention.ts'
import { RetentionConfig, SlimOptions } from './plugin.ts'
import type { Settings } from './rung.ts'
import type { Static } from 'typebox'

export const NOW_MS = Date.UTC(2026, 6, 1)
export const DAY_MS = 24 * 60 * 60 * 1000
export const shaOf = (n: number): string => n.toString(16).padStart(64, '0')
export const GOOD = { duration_s: 60, original_duration_s: 60, frames: 1800, original_frames: 1800, ssim_min: 0.96, ssim_mean: 0.97, ssim_frames: 12 }

export const settings = (over: Partial<Settings> = {}): Settings => ({ ...(Value.Default(RetentionConfig, {}) as Settings), ...over })

export function asset(n: number, over: Partial<AssetDoc> = {}): AssetDoc {
  const sha256 = shaOf(n)
  return {
    _id: `asset:${sha256}`, kind: 'asset', sha256, media_kind: 'video', media: { volume: 'media', path: `raw/front/${n}.MP4`, bytes: 1000 + n, sha256 },
    name: `${n}.MP4`, camera: 'Van', channel: 'front', event: 'normal', start_ms: NOW_MS - 100 * DAY_MS, duration_s: 60,
    clock: { offset_s: 0, from: 'gps' }, width_px: 2560, height_px: 1440, fps: 30, codec: 'h264', audio: true, playable: true,
    fixes: 60, dropped_fixes: { no_fix: 0, zero: 0, static: 0, jump: 0, no_time: 0, invalid: 0 }, notes: [], ...over,
  }
}

export const original = (of: AssetDoc, over: Partial<LibraryFile> = {}): LibraryFile => ({ role: 'original', media: of.media, verified_ms: null, checks: {}, there: true, written_ms: null, ...over })
export const archived = (of: AssetDoc, over: Partial<LibraryFile> = {}): LibraryFile =>
  ({ role: 'archive', media: { volume: 'archive', path: `${of.sha256}/${of.name}`, bytes: of.media.bytes, sha256: of.sha256 }, verified_ms: NOW_MS - 10 * DAY_MS, checks: {}, there: true, written_ms: null, ...over })
export const copy = (of: AssetDoc, rung: string, over: Partial<LibraryFile> = {}): LibraryFile =>
  ({ role: rung, media: { volume: 'media', path: `derived/${of.sha256}/${rung}.mp4`, bytes: 300, sha256: `${rung.slice(0, 3)}${of.sha256.slice(3)}`.replaceAll('p', 'a') }, verified_ms: NOW_MS - 10 * DAY_MS, checks: GOOD, there: true, written_ms: null, ...over })

export const item = (of: AssetDoc, files: readonly LibraryFile[], over: Partial<LibraryItem> = {}): LibraryItem =>
  ({ asset: of, kept: false, drives: [], files, looked: true, sightings: 0, area: null, ...over })

export const sight = (over: Partial<VolumeSight> = {}): VolumeSight => ({ mounted: true, files: 100, there: 100, bytes_free: 1e12, bytes_resting: 0, ...over })
export const library = (items: readonly LibraryItem[], volumes: Record<string, VolumeSight> = { media: sight(), archive: sight() }): Library =>
  ({ items, volumes: new Map(Object.entries(volumes)), now_ms: NOW_MS })

export const slimOptions = (over: Partial<Static<typeof SlimOptions>> = {}): Static<typeof SlimOptions> => ({ ...(Value.Default(SlimOptions, {}) as Static<typeof SlimOptions>), ...over })

/** A folder stands for every volume. */
export const folderMedia = (folder: string): StageMedia => ({
  read: async (ref) => join(folder, ref.volume, ref.path),
  write: async (volume, path, from) => {
    const to = join(folder, volume, path)
    await mkdir(dirname(to), { recursive: true })
    await cp(from, to)
    return { volume, path, bytes: (await stat(to)).size, sha256: createHash('sha256').update(await readFile(to)).digest('hex') }
  },
  reread: () => Promise.reject(new Error('nobody asks for it here')),
})
