/** What is known of a recording, for a person who has its archive folder and no Viewshed. Pure. */
import { distance_m, MAX_GAP_S, placeAt } from '../../core/contract/place.ts'
import type { MediaRef } from '../../core/contract/media.ts'
import type { AssetDoc, Sighting, SightingsDoc, TrackDoc } from '../../core/contract/records.ts'

/** A file that is to lie in the folder, and what it is a copy of. */
export interface Piece { readonly media: MediaRef; readonly as: string }

export interface Known {
  readonly asset: AssetDoc // with what people said laid over it
  readonly track: TrackDoc | null
  readonly sightings: readonly SightingsDoc[]
}

/** The best known ones: a folder is not to hold a thousand pictures of a car park. */
const MOST_SEEN = 60
const POINT_EVERY_S = 5
const ABOUT = 'Written by Viewshed. Times are UTC; places are degrees north and east (WGS 84); plates are as the reader saw them, certainty from 0 to 1. Each file here has its SHA-256 in "files": sha256sum tells whether it is still whole.'

/** Pictures of what was seen, in order of time. */
export function pieces({ sightings }: Known): Piece[] {
  return seen(sightings).flatMap(({ crop, frame, ...one }, n) => [
    ...(crop ? [{ media: crop, as: `plates/${nameOf(n, one)}${ending(crop)}` }] : []),
    ...(frame ? [{ media: frame, as: `frames/${nameOf(n, one)}${ending(frame)}` }] : []),
  ])
}

/** @param original its name in the folder */
export function summaryOf(known: Known, original: string): Record<string, unknown> {
  const { asset, track, sightings } = known
  return {
    about: ABOUT,
    recording: { name: asset.name, camera: asset.camera, channel: asset.channel, kind: asset.media_kind, event: asset.event },
    start: timeOf(asset.start_ms),
    clock: { from: asset.clock.from, camera_was_off_by_s: asset.clock.offset_s },
    length_s: asset.duration_s,
    picture: asset.width_px === null ? null : { width_px: asset.width_px, height_px: asset.height_px, frames_per_s: asset.fps, codec: asset.codec },
    original: { file: original, bytes: asset.media.bytes, sha256: asset.sha256 },
    route: track === null || track.t_s.length === 0 ? null : routeOf(track),
    looked: sightings.map(({ stage, model, frames, sightings: all }) => ({ by: stage, model, frames, found: all.length })),
    seen: seen(sightings).map((one, n) => {
      const place = track === null ? null : placeAt(track, one.at_s)
      return {
        what: one.class, plate: one.plate, certainty: round(one.confidence, 3), at_s: round(one.at_s, 2), time: timeOf(asset.start_ms === null ? null : asset.start_ms + one.at_s * 1000),
        lat_deg: place === null ? null : round(place.lat_deg, 6), lon_deg: place === null ? null : round(place.lon_deg, 6),
        picture: one.crop ? `plates/${nameOf(n, one)}${ending(one.crop)}` : null, frame: one.frame ? `frames/${nameOf(n, one)}${ending(one.frame)}` : null,
      }
    }),
    notes: asset.notes,
  }
}

function seen(docs: readonly SightingsDoc[]): Sighting[] {
  return docs.flatMap(({ sightings }) => sightings).sort((a, b) => b.confidence - a.confidence || a.at_s - b.at_s).slice(0, MOST_SEEN).sort((a, b) => a.at_s - b.at_s)
}

function routeOf(track: TrackDoc): Record<string, unknown> {
  let driven_m = 0
  const points: number[][] = []
  for (const [i, t_s] of track.t_s.entries()) {
    const [lat, lon] = [track.lat_deg[i]!, track.lon_deg[i]!]
    if (i > 0 && t_s - track.t_s[i - 1]! <= MAX_GAP_S) driven_m += distance_m(track.lat_deg[i - 1]!, track.lon_deg[i - 1]!, lat, lon)
    if (points.length === 0 || i === track.t_s.length - 1 || t_s - points.at(-1)![0]! >= POINT_EVERY_S) points.push([round(t_s, 1), round(lat, 6), round(lon, 6)])
  }
  return { from: track.source, fixes: track.t_s.length, driven_m: Math.round(driven_m), point: 'seconds, latitude, longitude', points }
}

const timeOf = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString())
const round = (value: number, digits: number): number => Number(value.toFixed(digits))
const nameOf = (n: number, { at_s, plate, class: what }: Pick<Sighting, 'at_s' | 'plate' | 'class'>): string => `${String(n + 1).padStart(2, '0')}_${at_s.toFixed(1)}s_${(plate ?? what).replace(/[^A-Za-z0-9]+/g, '-') || 'unread'}`
const ending = ({ path }: MediaRef): string => /\.[a-z0-9]{2,4}$/.exec(path)?.[0] ?? '.jpg'
