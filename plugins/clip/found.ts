import type { MediaRef } from '../../core/contract/media.ts'
import type { AssetDoc, DroppedFixes, RefusalDoc, TrackDoc } from '../../core/contract/records.ts'
import type { Fix } from './telemetry/fix.ts'
import type { Start } from './telemetry/clock.ts'

export type ProbeInput = Pick<AssetDoc, 'media' | 'name' | 'camera' | 'channel' | 'event'> & { readonly sidecars: readonly { media: MediaRef; format: string }[] }

export interface ProbeOutput {
  outcome: 'asset' | 'refused'
  media_kind: AssetDoc['media_kind'] | null
  sha256: string
  duration_s: number | null
  width_px: number | null
  height_px: number | null
  start_ms: number | null
  asset: AssetDoc | null
  track: TrackDoc | null
  refusal: RefusalDoc | null
}

/** What the three kinds of probing need. */
export interface ProbeContext {
  readonly path: string
  readonly name: string
  readonly moment: string // the name without what tells channels apart
  readonly name_ms: number | null // the time in the name as if it were UTC
  readonly zone_ms: (wall_ms: number) => number
  readonly signal: AbortSignal
  readonly again: boolean // whether there will be another try when a tool gives no answer in time
}

export interface SideCar { readonly format: string; readonly text: string }

/** What was found in a file that is of use. */
export interface Found extends Pick<AssetDoc, 'media_kind' | 'duration_s' | 'width_px' | 'height_px' | 'fps' | 'codec' | 'audio' | 'playable'> {
  readonly start: Start
  readonly track: { readonly source: string; readonly fixes: readonly Fix[]; readonly dropped: DroppedFixes } | null
  readonly notes: readonly string[]
}
