/** Documents for tests and benches, with what a test does not care about filled in. */
import type { AssetDoc, CopyDoc, Doc, PicturesDoc, RefusalDoc, RemovalDoc, Sighting, SightingsDoc, TrackDoc } from '../../../contract/records.ts'

const HEX = '0123456789abcdef'
/** A digest that can be told from others by its first letters. */
export const sha = (name: string | number): string => [...`${name}`].map((c) => HEX[c.charCodeAt(0) % 16]! + HEX[(c.charCodeAt(0) >> 4) % 16]!).join('').padEnd(64, '0').slice(0, 64)
export const media = (path: string, bytes = 1000) => ({ volume: 'media', path, bytes, sha256: sha(path) })

export const asset = (sha256: string, more: Partial<AssetDoc> = {}): AssetDoc & Doc => ({
  _id: `asset:${sha256}`, kind: 'asset', sha256, media_kind: 'video', media: media(`raw/${sha256}.mp4`), name: 'clip.mp4', camera: 'car', channel: 'front',
  event: 'normal', start_ms: 0, duration_s: 60, clock: { offset_s: 0, from: 'gps' }, width_px: 1280, height_px: 720, fps: 30, codec: 'h264', audio: false,
  playable: true, fixes: 0, dropped_fixes: { no_fix: 0, zero: 0, static: 0, jump: 0, no_time: 0, invalid: 0 }, notes: [], ...more,
})

/** A fix every ten seconds from `at`, `step` degrees on each. */
export const track = (sha256: string, at: readonly [lat: number, lon: number], step: readonly [lat: number, lon: number], fixes = 7): TrackDoc & Doc => {
  const column = (of: (i: number) => number) => Array.from({ length: fixes }, (_, i) => of(i))
  return {
    _id: `track:${sha256}`, kind: 'track', asset: sha256, source: 'gpmf', at_ms: column((i) => i * 10_000), t_s: column((i) => i * 10),
    lat_deg: column((i) => at[0] + i * step[0]), lon_deg: column((i) => at[1] + i * step[1]), speed_mps: column(() => 10), heading_deg: column(() => 90), altitude_m: column(() => 100),
  }
}

export const sighting = (plate: string | null, at_s: number, more: Partial<Sighting> = {}): Sighting => ({
  class: plate === null ? 'car' : 'plate', plate, raw: plate, confidence: 0.9, chars: [], at_s, from_s: at_s, to_s: at_s + 1, box: [0.1, 0.1, 0.2, 0.1], reads: 3, crop: null, frame: null, ...more,
})
export const sightings = (sha256: string, seen: readonly Sighting[], stage = 'inference.plates'): SightingsDoc & Doc =>
  ({ _id: `sightings:${sha256}:${stage}`, kind: 'sightings', asset: sha256, stage, model: 'reader', frames: 60, sightings: [...seen] })

export const pictures = (sha256: string, stage: 'clip.thumbs' | 'clip.filmstrip', widths_px: readonly number[]): PicturesDoc & Doc => ({
  _id: `pictures:${sha256}:${stage}`, kind: 'pictures', asset: sha256,
  thumbs: stage === 'clip.thumbs' ? widths_px.map((width_px) => ({ width_px, media: media(`derived/${sha256}/${width_px}.webp`) })) : [],
  filmstrip: stage === 'clip.filmstrip' ? { media: media(`derived/${sha256}/strip.webp`), frames: 10, width_px: 160, height_px: 90, columns: 5, interval_s: 6 } : null,
})

export const copy = (sha256: string, role: string): CopyDoc & Doc =>
  ({ _id: `copy:${sha256}:${role}`, kind: 'copy', asset: sha256, role, media: media(`${sha256}/${role}`), verified_ms: 1, checks: {} })

export const removal = (sha256: string, role: string, state: RemovalDoc['state'], of = media(`${sha256}/${role}`)): RemovalDoc & Doc =>
  ({ _id: `removal:${sha256}:${role}`, kind: 'removal', asset: sha256, role, media: of, state, at_ms: 1, why: 'its 720p copy is enough', left: ['720p'] })

export const refusal = (name: string): RefusalDoc & Doc =>
  ({ _id: `refusal:${sha(name)}`, kind: 'refusal', name, camera: 'car', media: null, code: 'clip/empty', message: `${name} is empty` })
