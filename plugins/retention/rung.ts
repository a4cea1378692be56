/** The ladder: how much of a recording is kept, by its age and by what it is worth. Pure. */
import type { Static } from 'typebox'
import type { AssetDoc } from '../../core/contract/records.ts'
import type { LibraryFile, LibraryItem } from '../../core/contract/retention.ts'
import type { RetentionConfig } from './plugin.ts'

/** From all to least. `crops`: the pictures of what was seen, the route and the best frames; no video. */
export const RUNGS = ['original', '1080p', '720p', '540p', 'crops'] as const
export type Rung = (typeof RUNGS)[number]
export type Settings = Static<typeof RetentionConfig>

export const LINES_PX = { '1080p': 1080, '720p': 720, '540p': 540 } as const
export type SmallRung = keyof typeof LINES_PX
export const isSmall = (rung: string): rung is SmallRung => Object.hasOwn(LINES_PX, rung)
export const depth = (rung: Rung): number => RUNGS.indexOf(rung)

export const DAY_MS = 86_400_000

/** What speaks for a recording. */
export interface Worth {
  readonly kept: boolean
  readonly locked: boolean // the camera or its driver asked to keep it
  readonly event: boolean // a bump, a movement while parked and saved as such
  readonly sightings: boolean
  readonly area: string | null
}

export const worthOf = ({ asset, kept, sightings, area }: LibraryItem): Worth =>
  ({ kept, locked: asset.event === 'locked' || asset.event === 'manual', event: asset.event === 'event', sightings: sightings > 0, area })

/** `stays`: why it is not further down; null when the age alone decides. */
export interface Place { readonly rung: Rung; readonly stays: { readonly reason: 'kept' | 'locked' | 'event' | 'sightings' | 'area' | 'small' | 'young'; readonly why: string } | null }

/** @param age_days since it was recorded @param earlier rungs further down than its age says, because a volume is too full @param here_days since its original came in */
export function rungOf(asset: Pick<AssetDoc, 'width_px' | 'height_px' | 'camera'>, drives: readonly string[], worth: Worth, age_days: number, settings: Settings, earlier = 0, here_days = Infinity): Place {
  if (worth.kept) return { rung: 'original', stays: { reason: 'kept', why: 'somebody marked it keep' } }
  if (worth.locked) return { rung: 'original', stays: { reason: 'locked', why: 'it was locked in the camera, or recorded by hand' } }
  if (!(age_days >= settings.keep_days)) return { rung: 'original', stays: { reason: 'young', why: `it is ${days(age_days)} old; originals stay ${days(settings.keep_days)}` } }
  if (!(here_days >= settings.keep_days)) return { rung: 'original', stays: { reason: 'young', why: `it came in ${days(here_days)} ago; originals stay ${days(settings.keep_days)}` } }
  const ladder = ladderOf(asset.camera, drives, settings)
  const byAge = deepest((rung) => { const after = ladder[rung]; return after !== null && age_days >= after })
  const wanted = deeper(byAge, earlier, ladder)
  const floor = floorOf(worth, settings)
  if (depth(wanted) > depth(floor.rung)) return { rung: reachable(floor.rung, asset), stays: { reason: floor.reason, why: `${floor.why}: never below ${wordOf(floor.rung)}` } }
  const rung = reachable(wanted, asset)
  if (rung !== wanted) return { rung, stays: { reason: 'small', why: `it has no more lines than ${wanted} itself` } }
  return { rung, stays: depth(wanted) === depth('crops') ? null : { reason: 'young', why: nextOf(wanted, ladder, age_days) } }
}

/** Below 0 and NaN are younger than anything. */
export const ageOf = (start_ms: number | null, now_ms: number): number => (start_ms === null ? -1 : (now_ms - start_ms) / DAY_MS)

/** A camera whose clock begins at 2015 each time it is started dates what it records today eleven years back: our own clock counts as well. */
export function hereOf({ files }: Pick<LibraryItem, 'files'>, now_ms: number): number {
  const written_ms = files.find(({ role }) => role === 'original')?.written_ms ?? null
  return written_ms === null ? Infinity : (now_ms - written_ms) / DAY_MS
}

/** How much of the recording a file holds, by its bytes first and its name second; null: not known. */
export function rungOfFile({ role, media }: LibraryFile, { asset }: LibraryItem): Rung | null {
  if (media.sha256 === asset.sha256) return media.bytes === asset.media.bytes ? 'original' : null // one of the two is wrong
  if (role === 'original') return null
  const lines = /(\d+p)$/.exec(role)?.[1]
  return lines !== undefined && isSmall(lines) ? lines : null
}

type Ladder = Settings['ladder']

/** The first rule that fits, laid over the ladder of all. */
function ladderOf(camera: string, known: readonly string[], { ladder, rules }: Settings): Ladder {
  const rule = rules.find(({ cameras, drives }) => (cameras === null || cameras.includes(camera)) && (drives === null || drives.some((id) => known.includes(id.startsWith('drive:') ? id : `drive:${id}`))))
  return rule ? { ...ladder, ...rule.ladder } : ladder
}

function deepest(due: (rung: Exclude<Rung, 'original'>) => boolean): Rung {
  return RUNGS.toReversed().find((rung): rung is Exclude<Rung, 'original'> => rung !== 'original' && due(rung)) ?? 'original'
}

/** So many rungs further down, of those that this ladder has. */
function deeper(from: Rung, steps: number, ladder: Ladder): Rung {
  const below = RUNGS.slice(depth(from) + 1).filter((rung) => rung !== 'original' && ladder[rung] !== null)
  return steps === 0 ? from : (below[Math.min(steps, below.length) - 1] ?? from)
}

function floorOf({ event, sightings, area }: Worth, { worth }: Settings): { rung: Rung; reason: 'event' | 'sightings' | 'area'; why: string } {
  const floors = [
    ...(event ? [{ rung: worth.event, reason: 'event' as const, why: 'it was recorded as an event' }] : []),
    ...(area === null ? [] : [{ rung: worth.areas.find(({ name }) => name === area)?.lowest ?? 'original', reason: 'area' as const, why: `it passes ${area}` }]),
    ...(sightings ? [{ rung: worth.sightings, reason: 'sightings' as const, why: 'plates or objects were seen in it' }] : []),
  ]
  return floors.reduce((best, floor) => (depth(floor.rung) < depth(best.rung) ? floor : best), floors[0] ?? { rung: 'crops', reason: 'event', why: '' })
}

/** A rung that would not be smaller than the source is none: the one above it, up to the source itself. */
function reachable(rung: Rung, { width_px, height_px }: Pick<AssetDoc, 'width_px' | 'height_px'>): Rung {
  if (!isSmall(rung)) return rung
  const lines_px = Math.min(width_px ?? 0, height_px ?? 0)
  return RUNGS.slice(0, depth(rung) + 1).findLast((above) => !isSmall(above) || LINES_PX[above] < lines_px) ?? 'original'
}

function nextOf(rung: Rung, ladder: Ladder, age_days: number): string {
  const next = RUNGS.slice(depth(rung) + 1).flatMap((below) => { const after = below === 'original' ? null : ladder[below]; return after === null || after <= age_days ? [] : [{ below, after }] })
    .sort((a, b) => a.after - b.after)[0]
  return next ? `it is ${days(age_days)} old; ${wordOf(next.below)} is due at ${days(next.after)}` : 'no further rung is set'
}

export const wordOf = (rung: Rung): string => (rung === 'original' ? 'the original' : rung === 'crops' ? 'crops, route and best frames' : rung)
const days = (n: number): string => `${Math.max(0, Math.floor(n))} ${Math.floor(n) === 1 ? 'day' : 'days'}`
