/**
 * A month of driving as a library, and what the ladder leaves of it as it grows old: the planner itself is asked again and again, and what it says
 * is done at once. Nothing is drawn by lot, so the same settings give the same bytes.
 */
import { createHash } from 'node:crypto'
import type { AssetDoc } from '../../core/contract/records.ts'
import type { LibraryFile, LibraryItem } from '../../core/contract/retention.ts'
import { plan } from './plan.ts'
import { DAY_MS, type Settings, type SmallRung } from './rung.ts'

/** Bytes of a minute. */
export interface Weights extends Readonly<Record<SmallRung, number>> { readonly original: number }

export interface Week { readonly day: number; readonly bytes: number } // on the volumes that are thinned, so many days after the last drive

const MINUTE_MS = 60_000
/** Minutes on the road by weekday, from Monday. */
const MINUTES = [64, 58, 64, 70, 82, 96, 40]
const DAYS = 30

/** One camera, a clip a minute. In every second clip a plate was read; one in 40 was a bump, one in 120 locked by hand of the driver. */
export function monthOfDriving(from_ms: number, { original }: Weights): LibraryItem[] {
  return Array.from({ length: DAYS }, (_, day) => Array.from({ length: MINUTES[day % 7]! }, (_, minute) => clip(from_ms + day * DAY_MS + minute * MINUTE_MS, day * 100 + minute, original))).flat()
}

function clip(start_ms: number, n: number, bytes: number): LibraryItem {
  const sha256 = createHash('sha256').update(String(n)).digest('hex')
  const name = `${n}.MP4`
  const asset: AssetDoc = {
    _id: `asset:${sha256}`, kind: 'asset', sha256, media_kind: 'video', media: { volume: 'media', path: `raw/car/${name}`, bytes, sha256 }, name, camera: 'car', channel: 'front',
    event: n % 120 === 7 ? 'locked' : n % 40 === 3 ? 'event' : 'normal', start_ms, duration_s: 60, clock: { offset_s: 0, from: 'gps' }, width_px: 2560, height_px: 1440, fps: 30, codec: 'h264', audio: true, playable: true,
    fixes: 60, dropped_fixes: { no_fix: 0, zero: 0, static: 0, jump: 0, no_time: 0, invalid: 0 }, notes: [],
  }
  return { asset, kept: false, drives: [], files: [file(asset, 'original', asset.media, start_ms), file(asset, 'archive', { ...asset.media, volume: 'archive' }, start_ms)], looked: true, sightings: n % 2, area: null }
}

/** Checked and read back the moment it was made. */
const file = (of: AssetDoc, role: string, media: LibraryFile['media'], verified_ms: number): LibraryFile =>
  ({ role, media, verified_ms: role === 'original' ? null : verified_ms, checks: { duration_s: 60, original_duration_s: 60, frames: 1800, original_frames: 1800, ssim_min: 0.96, ssim_mean: 0.97, ssim_frames: 24 }, there: true, written_ms: null })

/** Once a week, until every rung was reached. @param items changed by nobody: each week has files of its own */
export function grownOld(items: readonly LibraryItem[], settings: Settings, weights: Weights): Week[] {
  const rules = { ...settings, most_part: 1 } // a run each night takes its small part; after a week that is the same
  const last_ms = Math.max(...items.map(({ asset }) => asset.start_ms!))
  const end_days = Math.max(0, ...Object.values(settings.ladder).map((days) => days ?? 0)) + DAYS + 7
  const weeks: Week[] = []
  let library = items
  for (let day = 0; day <= end_days; day += 7) {
    library = settle(library, last_ms + day * DAY_MS, rules, weights)
    weeks.push({ day, bytes: heldOn(library, settings.volumes) })
  }
  return weeks
}

/** What is asked for is made, and then what may go is gone. */
function settle(items: readonly LibraryItem[], now_ms: number, rules: Settings, weights: Weights): readonly LibraryItem[] {
  const { makes } = plan(seen(items, now_ms), rules)
  const rungs = new Map(makes.map(({ sha256, rung }) => [sha256, rung as SmallRung]))
  const made = items.map((item) => {
    const rung = rungs.get(item.asset.sha256)
    const read_ms = item.files.map((one) => ({ ...one, verified_ms: one.role === 'original' ? null : now_ms })) // `viewshed verify` has been there
    return { ...item, files: rung === undefined ? read_ms : [...read_ms, file(item.asset, rung, smaller(item.asset, rung, weights), now_ms)] }
  })
  const going = new Set(plan(seen(made, now_ms), rules).lines.filter(({ goes }) => goes).map(({ media }) => `${media.volume}/${media.path}`))
  return made.map((item) => ({ ...item, files: item.files.filter(({ media }) => !going.has(`${media.volume}/${media.path}`)) }))
}

const smaller = ({ sha256 }: AssetDoc, rung: SmallRung, weights: Weights): LibraryFile['media'] =>
  ({ volume: 'media', path: `derived/${sha256}/video_${rung}.mp4`, bytes: Math.round(weights[rung]), sha256: createHash('sha256').update(`${sha256} ${rung}`).digest('hex') })

function seen(items: readonly LibraryItem[], now_ms: number) {
  const count = (volume: string) => items.reduce((sum, { files }) => sum + files.filter(({ media }) => media.volume === volume).length, 0)
  const sight = (files: number) => ({ mounted: true, files, there: files, bytes_free: null, bytes_resting: 0 })
  return { items, volumes: new Map([['media', sight(count('media'))], ['archive', sight(count('archive'))]]), now_ms }
}

export const heldOn = (items: readonly LibraryItem[], volumes: readonly string[]): number =>
  items.reduce((sum, { files }) => sum + files.reduce((all, { media }) => all + (volumes.includes(media.volume) ? media.bytes : 0), 0), 0)
