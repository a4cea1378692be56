/**
 * `freeGPS ` blocks, as cameras with Novatek and similar chips scatter them through their recordings, one a second.
 * Offsets count from the `f` of the magic. What the layouts are:
 *
 * | layout | when | fix | place |
 * |---|---|---|---|
 * | Novatek | h m s y m d as int32 at 44 | 68: `A` with `N`/`S`, `E`/`W` | float32 ddmm at 72, 76; knots 80; course 84 |
 * | short (VIOFO A119 v3, Mini 2) | the same at 12, older ones at 16 | 24 further on | 28, 32, 36, 40 further on |
 * | RMC | an NMEA sentence as text | `A` | in it |
 * | 70mai (A810, M500) | no time at all | 26: `A` or `V` | int32 of ddmm × 10⁵ at 27, 31; heading 35; km/h 39; metres 43 |
 *
 * 70mai's numbers could as well be degrees × 10⁷; ExifTool's reading and the camera's own stamp in the picture say ddmm.
 */
import { ddmmValue_deg, nmeaPoints } from './nmea.ts'
import { KMH_MPS, KNOT_MPS, type Point } from './fix.ts'

export const MAGIC = Buffer.from('freeGPS ')
/** As much of a block as any layout needs. */
export const BLOCK_BYTES = 512

export interface Block {
  readonly layout: 'novatek' | 'short' | 'rmc' | '70mai'
  readonly point: Omit<Point, 't_s'>
}

/** @param block From the magic on. Null when the layout is none of ours. */
export function readBlock(block: Buffer): Block | null {
  const text = block.toString('latin1')
  if (/G[A-Z]RMC,/.test(text)) {
    const point = nmeaPoints(text)[0]
    return point ? { layout: 'rmc', point } : null
  }
  const mai = read70mai(block)
  if (mai) return { layout: '70mai', point: mai }
  const dated = DATED.flatMap(({ layout, at }) => {
    const point = readDated(block, at)
    return point ? [{ layout, point }] : []
  })
  return dated.find((d) => d.point.fixed) ?? dated[0] ?? null
}

/** The first block of what was read from where one is said to be: its box's size may lie in front, and the next one behind. */
export function blockAt(bytes: Buffer): Block | null {
  const at = bytes.indexOf(MAGIC)
  if (at < 0 || at > MOST_IN_FRONT) return null
  const next = bytes.indexOf(MAGIC, at + MAGIC.length)
  return readBlock(bytes.subarray(at, next < 0 ? bytes.length : next - 4))
}

const MOST_IN_FRONT = 8

const DATED = [{ layout: 'novatek', at: 44 }, { layout: 'short', at: 16 }, { layout: 'short', at: 12 }] as const

/** @param at Where the six int32 of the date lie; flag, places, speed and course follow. Null when they are no date. */
function readDated(block: Buffer, at: number): Block['point'] | null {
  if (block.length < at + 44) return null
  const [hour, minute, second, year, month, day] = [0, 4, 8, 12, 16, 20].map((o) => block.readInt32LE(at + o)) as [number, number, number, number, number, number]
  const isDate = hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && second >= 0 && second < 61 && month >= 1 && month <= 12 && day >= 1 && day <= 31
  const fullYear = year < 100 ? 2000 + year : year
  if (!isDate || year < 0 || fullYear < 2000 || fullYear > 2100) return null
  const flags = block.toString('latin1', at + 24, at + 27)
  const fixed = /^A[NS][EW]$/.test(flags)
  const lat = block.readFloatLE(at + 28)
  const lon = block.readFloatLE(at + 32)
  return {
    at_ms: Date.UTC(fullYear, month - 1, day, hour, minute, second),
    lat_deg: ddmmValue_deg(lat, flags[1]!),
    lon_deg: ddmmValue_deg(lon, flags[2]!),
    speed_mps: finite(block.readFloatLE(at + 36), KNOT_MPS, 1000),
    heading_deg: finite(block.readFloatLE(at + 40), 1, 360),
    altitude_m: null,
    fixed,
  }
}

function read70mai(block: Buffer): Block['point'] | null {
  // The block names its own length twice; nothing else does, so this is what tells the maker.
  if (block.length < 47 || block.readUInt16LE(8) !== block.readUInt16LE(14) || block.readUInt16LE(8) === 0 || block.readUInt16LE(10) !== 0) return null
  const flag = block.toString('latin1', 26, 27)
  if (flag !== 'A' && flag !== 'V') return null
  return {
    at_ms: null,
    lat_deg: ddmmValue_deg(block.readInt32LE(27) / 1e5, 'N'),
    lon_deg: ddmmValue_deg(block.readInt32LE(31) / 1e5, 'E'),
    heading_deg: finite(block.readInt32LE(35), 1, 360),
    speed_mps: finite(block.readInt32LE(39), KMH_MPS, 1000),
    altitude_m: finite(block.readInt32LE(43), 1, 9000),
    fixed: flag === 'A',
  }
}

const finite = (value: number, unit: number, most: number) => (Number.isFinite(value) && value >= 0 && value <= most ? value * unit : null)
