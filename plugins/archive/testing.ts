/** A catalogue in memory for the calls of this plugin: documents by name, in order of their names. */
import type { Query } from '../../core/contract/plugin.ts'
import type { AssetDoc, CopyDoc, Doc, RemovalDoc, Sighting, SightingsDoc, TrackDoc } from '../../core/contract/records.ts'

export const SHA = 'a'.repeat(64)
export const ref = (volume: string, path: string, sha256 = SHA, bytes = 9) => ({ volume, path, bytes, sha256 })

export const asset = (over: Partial<AssetDoc> = {}): AssetDoc => ({
  _id: `asset:${SHA}`, kind: 'asset', sha256: SHA, media_kind: 'video', media: ref('media', 'raw/van/1.MP4'), name: '1.MP4', camera: 'van', channel: 'front', event: 'normal', start_ms: Date.UTC(2026, 3, 12, 14, 30), duration_s: 60,
  clock: { offset_s: 2, from: 'gps' }, width_px: 2560, height_px: 1440, fps: 30, codec: 'h264', audio: true, playable: true, fixes: 3, dropped_fixes: { no_fix: 0, zero: 0, static: 0, jump: 0, no_time: 0, invalid: 0 }, notes: [], ...over,
})
export const copy = (role: string, media: CopyDoc['media'], verified_ms: number | null = 1): CopyDoc => ({ _id: `copy:${SHA}:${role}`, kind: 'copy', asset: SHA, role, media, verified_ms, checks: { ssim_min: 0.97 } })
export const archived = copy('archive', ref('archive', `${SHA}/1.MP4`))
export const removal = (role: string, media: RemovalDoc['media'], state: RemovalDoc['state'] = 'trash'): RemovalDoc => ({ _id: `removal:${SHA}:${role}`, kind: 'removal', asset: SHA, role, media, state, at_ms: 1, why: 'old', left: [] })
export const sighting = (at_s: number, plate: string, confidence: number, pictures = true): Sighting => ({
  class: 'plate', plate, raw: plate, confidence, chars: [], at_s, from_s: at_s, to_s: at_s, box: [0, 0, 1, 1], reads: 1,
  crop: pictures ? ref('media', `derived/${plate}.jpg`, 'c'.repeat(64)) : null, frame: pictures ? ref('media', `derived/${plate}-frame.webp`, 'f'.repeat(64)) : null,
})
export const sightings = (...all: Sighting[]): SightingsDoc => ({ _id: `sightings:${SHA}:inference.plates`, kind: 'sightings', asset: SHA, stage: 'inference.plates', model: 'reader 5', frames: 120, sightings: all })
export const track = (): TrackDoc => ({ _id: `track:${SHA}`, kind: 'track', asset: SHA, source: 'freegps', at_ms: [null, null, null, null], t_s: [0, 1, 6, 40], lat_deg: [52, 52, 52, 53], lon_deg: [4, 4.001, 4.002, 5], speed_mps: [9, 9, 9, 9], heading_deg: [90, 90, 90, 90], altitude_m: [null, null, null, null] })

export function queryOf(docs: readonly Doc[]): Query {
  const sorted = docs.toSorted((a, b) => (a._id < b._id ? -1 : 1))
  return {
    get: async <T>(id: string) => (sorted.find((doc) => doc._id === id) ?? null) as T | null,
    async *list<T>(kind: string, { from = '', to = '\uffff', limit = Infinity }: { from?: string; to?: string; limit?: number } = {}) {
      for (const doc of sorted.filter(({ _id, kind: own }) => own === kind && _id >= from && _id < to).slice(0, limit)) yield doc as T
    },
  }
}
