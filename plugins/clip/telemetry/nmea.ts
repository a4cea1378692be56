/**
 * NMEA 0183 sentences in text: logs, BlackVue's `.gps` (each line behind `[epoch ms]`), Thinkware's subtitle samples
 * (`GPRMC` without its `$`), Vantrue's freeGPS blocks. RMC carries time, place, speed and course; GGA adds the altitude.
 */
import { KNOT_MPS, type Point } from './fix.ts'

// A sentence may be glued to other text on both sides. Its checksum is not asked: cameras and converters get it wrong
// in sentences that are whole, and what is damaged fails as a number or as a place that no car can reach.
const RMC = /G[A-Z]RMC,([^\r\n$*;]*)/g
const GGA = /G[A-Z]GGA,([^\r\n$*;]*)/

/** One point for each RMC sentence, in order; a void one is a reading without fix. */
export function nmeaPoints(text: string): readonly Point[] {
  const points: Point[] = []
  const found = [...text.matchAll(RMC)]
  for (const [i, match] of found.entries()) {
    const point = rmcPoint(match[1]!)
    if (!point) continue
    const rest = text.slice(match.index + match[0].length, found[i + 1]?.index ?? text.length)
    points.push({ ...point, altitude_m: altitudeOf(rest, match[1]!) })
  }
  return points
}

/** Milliseconds of the camera's own clock in front of the first line, BlackVue's `[1784358211371]`; null without one. */
export function firstStamp_ms(text: string): number | null {
  const match = /^\s*\[(\d{13})\]/.exec(text)
  return match ? Number(match[1]) : null
}

function rmcPoint(body: string): Point | null {
  const field = body.split(',')
  if (field.length < 9) return null
  const [time, status, lat, ns, lon, ew, speed, course, date] = field
  const at_ms = nmeaTime_ms(time!, date!)
  const fixed = status === 'A'
  return {
    at_ms,
    t_s: null,
    lat_deg: ddmm_deg(lat!, ns!),
    lon_deg: ddmm_deg(lon!, ew!),
    speed_mps: number(speed) === null ? null : number(speed)! * KNOT_MPS,
    heading_deg: number(course),
    altitude_m: null,
    fixed,
  }
}

/** Altitude of a GGA sentence that belongs to the same second or follows at once. */
function altitudeOf(rest: string, rmcBody: string): number | null {
  const gga = GGA.exec(rest)
  if (!gga) return null
  const field = gga[1]!.split(',')
  const sameClock = Math.abs(Number(field[0]) - Number(rmcBody.split(',')[0])) <= 1
  return sameClock && field[5] !== '0' ? number(field[8]) : null
}

/** `hhmmss.sss` and `ddmmyy`; years from 80 on are of the last century. Null when either is missing or out of range. */
export function nmeaTime_ms(time: string, date: string): number | null {
  const t = /^(\d\d)(\d\d)(\d\d(?:\.\d*)?)$/.exec(time)
  const d = /^(\d\d)(\d\d)(\d\d)$/.exec(date)
  if (!t || !d) return null
  const [day, month, yy] = [Number(d[1]), Number(d[2]), Number(d[3])]
  const [hour, minute, second] = [Number(t[1]), Number(t[2]), Number(t[3])]
  if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second >= 61) return null
  return Date.UTC(yy + (yy >= 80 ? 1900 : 2000), month - 1, day, hour, minute) + Math.round(second * 1000)
}

/** `ddmm.mmmm` with its hemisphere in degrees; NaN when it is none. */
export function ddmm_deg(text: string, hemisphere: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value)) return NaN
  return ddmmValue_deg(value, hemisphere)
}

export function ddmmValue_deg(value: number, hemisphere: string): number {
  const size = Math.abs(value)
  const whole = Math.trunc(size / 100)
  const minutes = size - whole * 100
  if (minutes >= 60) return NaN
  const sign = (value < 0) !== (hemisphere === 'S' || hemisphere === 'W') ? -1 : 1
  return sign * (whole + minutes / 60) + 0 // no negative zero
}

function number(text: string | undefined): number | null {
  if (text === undefined || text.trim() === '') return null
  const value = Number(text)
  return Number.isFinite(value) ? value : null
}
