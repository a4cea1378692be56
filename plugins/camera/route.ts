/** Where a clip was recorded, read from the camera before the clip: a few ranges of its index and of its GPS blocks, or the log beside it. */
import { Fault } from '../../core/contract/fault.ts'
import { distance_m } from '../../core/contract/place.ts'
import { gpsTable, readBoxes, type Bytes } from '../clip/boxes.ts'
import { clean } from '../clip/telemetry/clean.ts'
import type { Fix, Point } from '../clip/telemetry/fix.ts'
import { blockAt, BLOCK_BYTES } from '../clip/telemetry/freegps.ts'
import { nmeaPoints } from '../clip/telemetry/nmea.ts'
import type { Clip } from './clip.ts'
import { firstOf, type Door } from './door.ts'

export interface Route {
  readonly fixes: readonly Pick<Fix, 't_s' | 'lat_deg' | 'lon_deg' | 'speed_mps'>[] // in order of time; at least one
  /** Its beginning, its end and most of what was read between them have a place: else it may have been anywhere meanwhile. */
  readonly whole: boolean
}

export interface Stop { readonly from_s: number; readonly to_s: number; readonly lat_deg: number; readonly lon_deg: number }

/** So many blocks of a clip are read: each is a question to the camera. */
const SAMPLES = 12
/** Of what was read, at least so many readings and this part of them with a fix. */
const WHOLE = { readings: 3, part: 0.75 }
const STOP_M = 15
const STOP_S = 8

/** Null: it tells none, or the camera does not send parts of files. Throws `camera/unreachable`, `media/missing`. */
export async function routeOf(clip: Clip, door: Door, signal: AbortSignal): Promise<Route | null> {
  const log = clip.beside.find(({ format }) => format !== null)
  const points = log ? await ofLog(log.path, door, signal) : /\.(mp4|mov)$/i.test(clip.name) ? await ofBlocks(clip.path, door, signal) : []
  const { fixes } = clean(points, 0)
  if (fixes.length === 0) return null
  const whole = points.length >= WHOLE.readings && fixes.length >= WHOLE.part * points.length && fixes[0]!.t_s === points[0]!.t_s && fixes.at(-1)!.t_s === points.at(-1)!.t_s
  return { fixes: fixes.map(({ t_s, lat_deg, lon_deg, speed_mps }) => ({ t_s, lat_deg, lon_deg, speed_mps })), whole }
}

/** Where it stood still for a while. Pure. */
export function stopsOf({ fixes }: Pick<Route, 'fixes'>): readonly Stop[] {
  const stops: Stop[] = []
  for (let i = 0; i < fixes.length;) {
    const from = fixes[i]!
    let end = i
    while (end + 1 < fixes.length && distance_m(from.lat_deg, from.lon_deg, fixes[end + 1]!.lat_deg, fixes[end + 1]!.lon_deg) <= STOP_M) end++
    if (fixes[end]!.t_s - from.t_s >= STOP_S) stops.push({ from_s: from.t_s, to_s: fixes[end]!.t_s, lat_deg: from.lat_deg, lon_deg: from.lon_deg })
    i = end + 1
  }
  return stops
}

async function ofLog(path: string, door: Door, signal: AbortSignal): Promise<readonly Point[]> {
  const text = await door.text(path, signal).catch((e: unknown) => {
    if (e instanceof Fault && e.code === 'camera/invalid') return '' // a clip without a log
    throw e
  })
  const points = nmeaPoints(text)
  const first_ms = points.find((p) => p.at_ms !== null)?.at_ms ?? null
  const every = Math.max(1, Math.ceil(points.length / (SAMPLES * 4)))
  return points.filter((_, i) => i % every === 0 || i === points.length - 1)
    .map((p) => ({ ...p, t_s: p.at_ms === null || first_ms === null ? null : (p.at_ms - first_ms) / 1000 }))
}

async function ofBlocks(path: string, door: Door, signal: AbortSignal): Promise<readonly Point[]> {
  const file = await remote(path, door, signal)
  if (!file) return []
  try {
    const moov = (await readBoxes(file, file.size)).find((box) => box.type === 'moov')
    const places = moov && moov.at + moov.size <= file.size ? await gpsTable(file, moov) : []
    const points: Point[] = []
    const step = Math.max(1, (places.length - 1) / (SAMPLES - 1))
    for (let n = 0; Math.round(n) < places.length; n += step) {
      const second = Math.round(n)
      const head = Buffer.alloc(BLOCK_BYTES)
      const { bytesRead } = await file.read(head, 0, head.length, places[second]!)
      points.push({ ...(blockAt(head.subarray(0, bytesRead))?.point ?? UNREADABLE), t_s: second }) // the camera writes one a second
    }
    return points
  } catch (e) {
    if (e instanceof Fault && e.code === 'camera/invalid') return []
    throw e
  }
}

const UNREADABLE: Omit<Point, 't_s'> = { at_ms: null, lat_deg: NaN, lon_deg: NaN, speed_mps: null, heading_deg: null, altitude_m: null, fixed: false }

/** A file on the camera as one that can be read here and there. Null when the camera sends whole files only. */
async function remote(path: string, door: Door, signal: AbortSignal): Promise<(Bytes & { readonly size: number }) | null> {
  const part = async (at: number, length: number): Promise<{ bytes: Buffer; total: number | null } | null> => {
    const answer = await door.ask(path, { from: at, to: at + length - 1, signal })
    try {
      if (answer.status === 404) throw new Fault('media/missing', `${path} is no longer on the card`)
      if (answer.status !== 206 || answer.from !== at) return null
      return { bytes: await firstOf(answer, length), total: answer.total }
    } finally {
      answer.end()
    }
  }
  const head = await part(0, 64)
  if (!head || head.total === null) return null
  return {
    size: head.total,
    async read(buffer, offset, length, position) {
      const inHead = position + length <= head.bytes.length
      const found = inHead ? head.bytes.subarray(position, position + length) : position >= head.total! ? Buffer.alloc(0) : (await part(position, length))?.bytes
      if (!found) throw new Fault('camera/invalid', `${door.address} sends another part of ${path} than was asked for`)
      return { bytesRead: found.copy(buffer, offset) }
    },
  }
}
