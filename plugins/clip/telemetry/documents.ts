/**
 * exiftool's answer (`-ee3 -G3 -a -n -j`) as points: one for each `Doc…` group with a place.
 * Facts about its tags were taken from version 13: `GPSSpeed` is km/h unless `GPSSpeedRef` says otherwise.
 */
import { KMH_MPS, KNOT_MPS, type Point, type Reading } from './fix.ts'
import { nmeaPoints } from './nmea.ts'

export type Tags = Readonly<Record<string, unknown>>

export interface Embedded {
  readonly reading: Reading | null
  readonly statics: number // places in the container's header: where somebody was once, not a reading
  readonly created_ms: number | null // when the container says that it was made; zero and 1904 are no date
}

export function embedded(tags: Tags): Embedded {
  const groups = byDocument(tags)
  const main = groups.get('Main') ?? {}
  groups.delete('Main')
  const points = documentPoints(groups)
  const texts = points.some((p) => p.fixed) ? [] : textPoints(groups)
  const reading: Reading | null =
    points.length > 0 ? { source: sourceOf(main, groups), points } : texts.length > 0 ? { source: 'rmc text', points: texts } : null
  return { reading, statics: 'GPSLatitude' in main || 'GPSCoordinates' in main ? 1 : 0, created_ms: exifTime_ms(main.CreateDate, 'Z') ?? exifTime_ms(main.MediaCreateDate, 'Z') }
}

/** `YYYY:MM:DD hh:mm:ss[.sss][Z|±hh:mm]`, as UTC epoch. Null for zeros, for 1904 and 1970 and for what is no date.
 *  @param zone Used when the text has none. */
export function exifTime_ms(value: unknown, zone: string): number | null {
  if (typeof value !== 'string') return null
  const match = /^(\d{4}):(\d\d):(\d\d)[ T](\d\d):(\d\d):(\d\d)(\.\d+)?(Z|[+-]\d\d:?\d\d)?/.exec(value)
  if (!match || Number(match[1]) < 1980) return null
  const [, y, mo, d, h, mi, s, part = '', z = zone] = match
  const at_ms = Date.parse(`${y}-${mo}-${d}T${h}:${mi}:${s}${part.slice(0, 4)}${z}`)
  return Number.isNaN(at_ms) ? null : at_ms
}

type Group = Record<string, unknown>

function byDocument(tags: Tags): Map<string, Group> {
  const groups = new Map<string, Group>()
  for (const [key, value] of Object.entries(tags)) {
    const colon = key.indexOf(':')
    if (colon < 0) continue
    const name = key.slice(0, colon)
    let group = groups.get(name)
    if (!group) groups.set(name, (group = {}))
    group[key.slice(colon + 1)] = value
  }
  return groups
}

/** `Doc3` is a sample of the container; `Doc3-1`, `Doc3-2` … are further readings within it, which share its time and its fix. */
function documentPoints(groups: Map<string, Group>): Point[] {
  const members = new Map<string, number>()
  for (const [name, group] of groups) if (hasPlace(group)) members.set(sampleOf(name), (members.get(sampleOf(name)) ?? 0) + 1)
  const seen = new Map<string, number>()
  const points: Point[] = []
  for (const [name, group] of groups) {
    if (!hasPlace(group)) continue
    const sample = sampleOf(name)
    const index = seen.get(sample) ?? 0
    seen.set(sample, index + 1)
    const head = groups.get(sample) ?? group
    const begin_s = number(group.SampleTime) ?? number(head.SampleTime)
    const length_s = number(head.SampleDuration) ?? 0
    points.push({
      at_ms: gpsTime_ms(group),
      t_s: begin_s === null ? null : begin_s + (length_s * index) / members.get(sample)!,
      lat_deg: number(group.GPSLatitude) ?? NaN,
      lon_deg: number(group.GPSLongitude) ?? NaN,
      speed_mps: speed_mps(group),
      heading_deg: number(group.GPSTrack),
      altitude_m: number(group.GPSAltitude),
      fixed: isFixed(group.GPSMeasureMode ?? head.GPSMeasureMode, group.GPSStatus ?? head.GPSStatus),
    })
  }
  return points
}

const hasPlace = (group: Group) => 'GPSLatitude' in group && 'GPSLongitude' in group
const sampleOf = (name: string) => /^Doc\d+/.exec(name)?.[0] ?? name

/** GoPro's GPSF and EXIF's measure mode: 2 and 3 are fixes, anything else that was said is none. */
function isFixed(mode: unknown, status: unknown): boolean {
  if (mode !== undefined) return Number(mode) === 2 || Number(mode) === 3
  return status === undefined || status === 'A'
}

function gpsTime_ms(group: Group): number | null {
  if (group.GPSDateTime !== undefined) return exifTime_ms(group.GPSDateTime, 'Z')
  if (typeof group.GPSDateStamp === 'string' && typeof group.GPSTimeStamp === 'string') return exifTime_ms(`${group.GPSDateStamp} ${group.GPSTimeStamp}`, 'Z')
  return null
}

function speed_mps(group: Group): number | null {
  const speed = number(group.GPSSpeed)
  if (speed !== null) return speed * (group.GPSSpeedRef === 'N' ? KNOT_MPS : group.GPSSpeedRef === 'M' ? 0.44704 : KMH_MPS)
  const [x, y] = [number(group.GPSSpeedX), number(group.GPSSpeedY)]
  return x === null || y === null ? null : Math.hypot(x, y) // m/s, north and east
}

/** Subtitles and the like that carry an RMC sentence among other things. */
function textPoints(groups: Map<string, Group>): Point[] {
  return [...groups.values()].flatMap((group) =>
    typeof group.Text === 'string' && group.Text.includes('RMC,') ? nmeaPoints(group.Text).map((p) => ({ ...p, t_s: number(group.SampleTime) })) : [],
  )
}

function sourceOf(main: Group, groups: Map<string, Group>): string {
  if (main.MetaFormat === 'gpmd' || [...groups.values()].some((g) => g.MetaFormat === 'gpmd' || 'DeviceName' in g)) return 'gpmf'
  if ('GPSLog' in main) return 'nmea'
  return typeof main.MetaFormat === 'string' ? main.MetaFormat : 'exiftool'
}

function number(value: unknown): number | null {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  if (typeof value !== 'string' || value.trim() === '') return null
  const parsed = Number(value)
  return Number.isFinite(parsed) ? parsed : null
}
