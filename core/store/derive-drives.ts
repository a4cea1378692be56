/**
 * Drives follow from the clips alone, in whatever order the clips came: the clips of one key, in order of start,
 * as long as the next begins less than `gap_s` after everything before it has ended. Pure.
 */
import { createHash } from 'node:crypto'
import type { GroupSummary, Grouping } from '../contract/plugin.ts'
import type { AssetDoc, DriveDoc, TrackDoc } from '../contract/records.ts'

/** A plugin's grouping rule with its configured gap. */
export interface Rule {
  readonly name: string // of the plugin
  readonly gap_s: number
  readonly grouping: Pick<Grouping<never>, 'key' | 'summarise'>
}

/** When a clip was taken and with which others it may lie in a drive. */
export interface Slot { readonly key: string; readonly start_ms: number; readonly end_ms: number }

/** Null: in no drive, for nothing tells when it was or its rule wants it apart. */
export function slotOf(rule: Rule, asset: AssetDoc): Slot | null {
  const key = rule.grouping.key(asset)
  return asset.start_ms === null || key === null ? null : { key, start_ms: asset.start_ms, end_ms: asset.start_ms + (asset.duration_s ?? 0) * 1000 }
}

export interface Clip { readonly asset: AssetDoc; readonly slot: Slot }

/** Clips of one key in runs, each in order of start. Front and rear of one camera overlap, so a gap counts from the latest end so far. */
export function runs(clips: readonly Clip[], gap_s: number): readonly (readonly Clip[])[] {
  const sorted = clips.toSorted((a, b) => a.slot.start_ms - b.slot.start_ms || (a.asset.sha256 < b.asset.sha256 ? -1 : 1))
  const groups: Clip[][] = []
  let end_ms = -Infinity
  for (const clip of sorted) {
    const last = groups.at(-1)
    if (last && clip.slot.start_ms - end_ms < gap_s * 1000) last.push(clip)
    else groups.push([clip])
    end_ms = Math.max(end_ms, clip.slot.end_ms)
  }
  return groups
}

/** Of the group and its first start, so the same clips make the same drive on every machine. */
export function driveId(org: string, site: string, rule: string, run: readonly Clip[]): string {
  const { key, start_ms } = run[0]!.slot
  return createHash('sha256').update(JSON.stringify([org, site, rule, key, start_ms])).digest('hex').slice(0, 16)
}

/** The document of a drive. `rule` says whose it is; `gap_s` by which gap it was gathered; `span_ms` is from the first start to the latest end of its clips, whatever the rule's summary says. */
export type Drive = DriveDoc & { readonly rule: string; readonly gap_s: number; readonly span_ms: readonly [start: number, end: number] }

export function driveDoc(rule: Rule, id: string, run: readonly Clip[], track: (sha256: string) => TrackDoc | null): Drive {
  const summary: GroupSummary = rule.grouping.summarise(run.map(({ asset }) => ({ asset, track: track(asset.sha256) })))
  return {
    _id: `drive:${id}`, kind: 'drive', rule: rule.name, gap_s: rule.gap_s, group: run[0]!.slot.key,
    span_ms: [run[0]!.slot.start_ms, Math.max(...run.map((c) => c.slot.end_ms))],
    assets: run.map((c) => c.asset.sha256), start_ms: summary.start_ms, end_ms: summary.end_ms,
    distance_m: summary.distance_m, line: summary.line.map((p) => [...p]), alias_of: null,
  }
}

/** What is left of a drive whose clips lie in another one now: links to it still lead there. */
export const aliasDoc = (gone: Drive, now: string): Drive => ({ ...gone, assets: [], distance_m: 0, line: [], alias_of: now })
