import { placeAt } from '../../contract/place.ts'
import { isRemoved, type AssetDoc, type CopyDoc, type Doc, type EditDoc, type PicturesDoc, type RemovalDoc, type SightingsDoc, type TrackDoc } from '../../contract/records.ts'
import { editsByTarget, overlay } from '../edits.ts'
import type { AssetView, SightingHit } from '../port.ts'

/** Documents that are told of together, and what people said of them, by id, as they lie in the catalogue. */
export interface Kept { readonly [id: string]: Doc }

/** `kept` after a change; `doc` null: deleted. */
export function changed(kept: Kept, id: string, doc: Doc | null): Kept {
  if (doc) return { ...kept, [id]: doc }
  const { [id]: _gone, ...rest } = kept
  return rest
}

/** The documents with their edits laid over them, in order of id. */
export function laid(kept: Kept): Doc[] {
  const all = Object.keys(kept).sort().map((id) => kept[id]!)
  const said = editsByTarget(all.filter((d) => d.kind === 'edit') as (Doc & EditDoc)[])
  return all.flatMap((doc) => (doc.kind === 'edit' ? [] : [overlay(doc, said.get(doc._id) ?? [])]))
}

export type Clip = Omit<AssetView, 'drive' | 'drive_kept'>

/** The clip that its documents tell of; null while there is no asset. Times and places of sightings come to be here. */
export function clipIn(kept: Kept): Clip | null {
  const docs = laid(kept)
  const of = <T>(kind: string) => docs.filter((d) => d.kind === kind) as readonly Doc[] as readonly T[]
  const asset = of<AssetDoc>('asset')[0]
  if (!asset) return null
  const track = of<TrackDoc>('track')[0] ?? null
  const sightings = of<SightingsDoc>('sightings')
  const removed = of<RemovalDoc>('removal').filter(({ state }) => state !== 'back')
  return {
    asset, track, sightings, removed, copies: of<CopyDoc>('copy').filter(({ media }) => !isRemoved(removed, media)),
    hits: sightings.flatMap((doc) => hitsOf(doc, asset, track)),
    pictures: merged(asset.sha256, of<PicturesDoc>('pictures')),
  }
}

function hitsOf(doc: SightingsDoc, asset: AssetDoc, track: TrackDoc | null): SightingHit[] {
  return doc.sightings.map((sighting, index) => {
    const place = track && placeAt(track, sighting.at_s)
    return {
      ...sighting, asset: asset.sha256, index, stage: doc.stage,
      at_ms: asset.start_ms === null ? null : asset.start_ms + sighting.at_s * 1000,
      lat_deg: place?.lat_deg ?? null, lon_deg: place?.lon_deg ?? null, heading_deg: place?.heading_deg ?? null, speed_mps: place?.speed_mps ?? null,
    }
  })
}

function merged(asset: string, pictures: readonly PicturesDoc[]): PicturesDoc | null {
  if (pictures.length === 0) return null
  return {
    _id: `pictures:${asset}`, kind: 'pictures', asset,
    thumbs: pictures.flatMap((p) => p.thumbs).sort((a, b) => a.width_px - b.width_px),
    filmstrip: pictures.find((p) => p.filmstrip)?.filmstrip ?? null,
  }
}
