/** The catalogue and the index as everybody sees them: handles that exist only with a scope. */
import type { Scope } from '../access/scope.ts'
import type { Query } from '../contract/plugin.ts'
import type { AssetDoc, CopyDoc, Doc, DriveDoc, PicturesDoc, RefusalDoc, RemovalDoc, Sighting, SightingsDoc, TrackDoc } from '../contract/records.ts'

/** One entry of the log's `projections`: records of a completed task, not yet in the catalogue. */
export interface Projection { readonly seq: string; readonly org: string; readonly site: string; readonly docs: readonly Doc[] }

export interface Edited { readonly target: string; readonly set: Record<string, unknown> }

export interface Catalogue {
  /** Bound to one org and site; every document carries its site. */
  reader(scope: Scope): Query
  /** Writes projections in one `bulkDocs` per org. Applying one twice changes nothing. Runs drive derivation for new or changed assets. */
  apply(projections: readonly Projection[]): Promise<void>
  /** What a person said, laid over documents by readers. */
  edit(scope: Scope, by: string, target: string, set: Record<string, unknown>): Promise<void>
  /** The same of many documents, in one batch: all or none. */
  editAll(scope: Scope, by: string, edits: readonly Edited[]): Promise<void>
  close(): Promise<void>
}

export interface Bounds { readonly south: number; readonly west: number; readonly north: number; readonly east: number } // degrees
export interface Period { readonly from_ms: number; readonly to_ms: number }

/** A sighting with the clip it is in, its moment and its place. */
export interface SightingHit extends Sighting {
  readonly asset: string
  readonly index: number // within its sightings document
  readonly stage: string
  readonly at_ms: number | null
  readonly lat_deg: number | null
  readonly lon_deg: number | null
  readonly heading_deg: number | null
  readonly speed_mps: number | null
}

export interface PlateHit {
  readonly plate: string
  readonly count: number
  readonly first_ms: number | null
  readonly last_ms: number | null
  readonly best: SightingHit
  readonly distance: number // 0 exact or part; edits away for near hits
  readonly why: string // 'exact', 'contains', 'O read as 0' …
}

export interface AssetView {
  readonly asset: AssetDoc
  readonly track: TrackDoc | null
  readonly sightings: readonly SightingsDoc[]
  readonly hits: readonly SightingHit[]
  readonly pictures: PicturesDoc | null // thumbs and filmstrip of all pictures documents, merged
  readonly copies: readonly CopyDoc[] // that are there
  readonly removed: readonly RemovalDoc[] // files that were taken from their place, and when
  readonly drive: string | null
  readonly drive_kept: boolean // a person marked its drive keep, and so it is as well
}

export interface DriveView extends Omit<DriveDoc, '_id' | 'kind' | 'alias_of'> {
  readonly id: string
  readonly plates: number // distinct
  readonly thumb: string | null // `volume/path` of the first clip's narrowest thumbnail
  readonly keep?: unknown // what a person said; anything but false and null keeps it
}

/** What the appliance can be asked. All answers are within the scope the index was opened with. */
export interface Index {
  plates(query: { text: string; mode: 'exact' | 'part' | 'fuzzy'; limit: number }): Promise<{ hits: readonly PlateHit[]; counts: { exact: number; part: number; fuzzy: number } }>
  /** Newest first. `text` is a whole plate. */
  plate(text: string, limit: number): Promise<readonly SightingHit[]>
  newestPlates(limit: number): Promise<readonly PlateHit[]>
  asset(sha256: string): Promise<AssetView | null>
  /** Newest first, without a start last. @param past Only those that come after this one; none, when there is no such one. */
  assets(period: Period | null, limit: number, past?: string | null): Promise<readonly AssetDoc[]>
  drives(filter: { period: Period | null; bounds: Bounds | null; limit: number }): Promise<readonly DriveView[]> // newest first
  drive(id: string): Promise<DriveView | null> // follows aliases
  /** Single sightings when at most `limit` lie in view, otherwise counts on a grid. */
  view(filter: { bounds: Bounds; period: Period | null; min_confidence: number; limit: number }): Promise<{ hits: readonly SightingHit[]; cells: readonly { lat_deg: number; lon_deg: number; count: number }[] }>
  histogram(filter: { period: Period; by: 'hour' | 'day' | 'month' }): Promise<readonly { start_ms: number; sightings: number; clips: number }[]>
  refusals(limit: number): Promise<readonly RefusalDoc[]>
  totals(): Promise<{ assets: number; drives: number; plates: number; sightings: number; bytes: number; from_ms: number | null; to_ms: number | null }>
}
