/**
 * Logs beside clips, told by their content: GPX, NMEA (also BlackVue's `.gps`), 70mai's `$V02` text, Kaiser Baas' `.dat`.
 * Pure: text goes in, readings come out.
 */
import type { Point } from './fix.ts'
import { KNOT_MPS } from './fix.ts'
import { gpxPoints } from './gpx.ts'
import { ddmm_deg, firstStamp_ms, nmeaPoints } from './nmea.ts'

export type LogFormat = 'gpx' | 'nmea' | '70mai' | 'kaiserbaas'

export interface LogRow extends Point {
  readonly clip: string | null // the clip's file name where the log names it
}

export interface Log {
  readonly format: LogFormat
  readonly local: boolean // its times are the camera's own clock, without a zone
  readonly rows: readonly LogRow[]
  readonly began_ms: number | null // the camera's clock at the first line, when the log has one of its own
}

const KAISERBAAS = /^#?\s*(\d{14}),(\d+\.\d+),([NS]),(\d+\.\d+),([EW]),([-\d.]*),([-\d.]*)/

/** What a text is, from its first 64 kB; null when it is no log that we know. */
export function logFormat(head: string): LogFormat | null {
  if (/<gpx[\s>]/i.test(head)) return 'gpx'
  if (/^\uFEFF?\s*\$V0\d\s*$/m.test(head.slice(0, 64))) return '70mai'
  if (head.split(/\r?\n/, 5).some((line) => KAISERBAAS.test(line))) return 'kaiserbaas'
  if (/\$G[A-Z](RMC|GGA),/.test(head)) return 'nmea'
  return null
}

/** The rows of a log. Null when the text is no log that we know. */
export function readLog(text: string): Log | null {
  const format = logFormat(text.slice(0, 65_536))
  if (!format) return null
  if (format === 'gpx') return { format, local: false, began_ms: null, rows: gpxPoints(text).map((p) => ({ ...p, clip: null })) }
  if (format === 'nmea') return { format, local: false, began_ms: firstStamp_ms(text), rows: nmeaPoints(text).map((p) => ({ ...p, clip: null })) }
  const rows = text.split(/\r?\n/).map(format === '70mai' ? v02Row : kaiserbaasRow).filter((row) => row !== null)
  return { format, local: format === 'kaiserbaas', began_ms: null, rows }
}

/**
 * `time,A,lat,lon,heading,speed,…,clip.MP4,…`: degrees with a sign, heading in 1/100°, speed in cm/s.
 * The firmware makes its epoch from UTC as if that were Beijing time: 8 h are missing (seen against the clip's own name).
 */
function v02Row(line: string): LogRow | null {
  const field = line.split(',')
  if (field.length < 10 || !/^\d{9,11}$/.test(field[0]!)) return null
  const clip = field[9]!.trim()
  return {
    at_ms: (Number(field[0]) + 8 * 3600) * 1000,
    t_s: null,
    fixed: field[1] === 'A',
    lat_deg: field[2] === '' ? NaN : Number(field[2]),
    lon_deg: field[3] === '' ? NaN : Number(field[3]),
    heading_deg: Number.isFinite(Number(field[4])) ? Number(field[4]) / 100 : null,
    speed_mps: Number.isFinite(Number(field[5])) ? Number(field[5]) / 100 : null,
    altitude_m: null,
    clip: clip === '' ? null : clip,
  }
}

/** `YYYYMMDDhhmmss,ddmm.mmmmm,N,dddmm.mmmmm,E,speed in knots,altitude in m`, on the camera's clock; one row a second, so that speed was checked against the places. */
function kaiserbaasRow(line: string): LogRow | null {
  const match = KAISERBAAS.exec(line)
  if (!match) return null
  const [, stamp, lat, ns, lon, ew, speed, altitude] = match as unknown as [string, string, string, string, string, string, string, string]
  const part = (from: number, to: number) => Number(stamp.slice(from, to))
  return {
    at_ms: Date.UTC(part(0, 4), part(4, 6) - 1, part(6, 8), part(8, 10), part(10, 12), part(12, 14)),
    t_s: null,
    fixed: true,
    lat_deg: ddmm_deg(lat, ns),
    lon_deg: ddmm_deg(lon, ew),
    speed_mps: speed === '' ? null : Number(speed) * KNOT_MPS,
    heading_deg: null,
    altitude_m: altitude === '' ? null : Number(altitude),
    clip: null,
  }
}

