import type { Found, ProbeContext } from './found.ts'
import { imageFacts } from './image.ts'
import { clean } from './telemetry/clean.ts'
import type { Start } from './telemetry/clock.ts'
import { exifTime_ms, type Tags } from './telemetry/documents.ts'
import { readTags } from './telemetry/exiftool.ts'

const EXIFTOOL_ARGS = ['-G1', '-n', '-fast']
const QUARTER_MS = 900_000

/** Throws Fault `image/unreadable`, `image/bomb`. Bad metadata is dropped with a note; the picture stays. */
export async function probeImage(ctx: ProbeContext, heif: boolean): Promise<Found> {
  const facts = await imageFacts(ctx.path, heif)
  const tags = await readTags(ctx.path, EXIFTOOL_ARGS, ctx.again)
  const complaint = tags === null ? 'metadata could not be read' : complaintOf(tags)
  const place = tags && {
    at_ms: null, t_s: 0, fixed: tags['GPS:GPSStatus'] !== 'V',
    lat_deg: Number(tags['Composite:GPSLatitude'] ?? NaN),
    lon_deg: Number(tags['Composite:GPSLongitude'] ?? NaN),
    altitude_m: numeric(tags['Composite:GPSAltitude']),
    speed_mps: null,
    heading_deg: numeric(tags['GPS:GPSImgDirection']),
  }
  const cleaned = clean(place && 'Composite:GPSLatitude' in tags ? [place] : [], 0)
  return {
    media_kind: 'image',
    start: startOf(tags ?? {}, ctx),
    duration_s: null,
    width_px: facts.width_px,
    height_px: facts.height_px,
    fps: null,
    codec: facts.format,
    audio: false,
    playable: true,
    track: { source: 'exif', ...cleaned },
    notes: [...facts.notes, ...(complaint ? [complaint] : [])],
  }
}

/** When the picture was taken: the camera's clock with its zone, which GPS time shows when the camera does not say. */
function startOf(tags: Tags, ctx: ProbeContext): Start {
  const taken = tags['ExifIFD:DateTimeOriginal'] ?? tags['ExifIFD:CreateDate']
  const wall_ms = exifTime_ms(taken, 'Z')
  const gps_ms = exifTime_ms(tags['Composite:GPSDateTime'], 'Z')
  if (wall_ms !== null) {
    const zone = tags['ExifIFD:OffsetTimeOriginal'] ?? tags['ExifIFD:OffsetTime']
    const zoned_ms = typeof zone === 'string' && /^[+-]\d\d:\d\d$/.test(zone) ? exifTime_ms(taken, zone) : null
    if (zoned_ms !== null) return { start_ms: zoned_ms, clock: { offset_s: (zoned_ms - wall_ms) / 1000, from: 'container' } }
    const zone_ms = gps_ms === null ? ctx.zone_ms(wall_ms) : Math.round((wall_ms - gps_ms) / QUARTER_MS) * QUARTER_MS
    return { start_ms: wall_ms - zone_ms, clock: { offset_s: zone_ms === 0 ? 0 : -zone_ms / 1000, from: gps_ms === null ? 'container' : 'gps' } }
  }
  if (gps_ms !== null) return { start_ms: gps_ms, clock: { offset_s: 0, from: 'gps' } }
  if (ctx.name_ms === null) return { start_ms: null, clock: { offset_s: 0, from: 'none' } }
  const zone_ms = ctx.zone_ms(ctx.name_ms)
  return { start_ms: ctx.name_ms - zone_ms, clock: { offset_s: zone_ms === 0 ? 0 : -zone_ms / 1000, from: 'name' } }
}

function complaintOf(tags: Tags): string | null {
  const words = tags['ExifTool:Error'] ?? tags['ExifTool:Warning']
  return typeof words === 'string' ? `part of the metadata is damaged and was set aside (${words.slice(0, 120)})` : null
}

function numeric(value: unknown): number | null {
  const number = typeof value === 'number' ? value : typeof value === 'string' && value !== '' ? Number(value) : NaN
  return Number.isFinite(number) ? number : null
}
