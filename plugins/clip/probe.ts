import { readFile } from 'node:fs/promises'
import type { StageContext } from '../../core/contract/plugin.ts'
import type { AssetDoc, RefusalDoc, TrackDoc } from '../../core/contract/records.ts'
import { Fault, isFaultCode } from '../../core/contract/fault.ts'
import { headOf } from './head.ts'
import { kindOf } from './kind.ts'
import { probeImage } from './probe-image.ts'
import { probeTrack } from './probe-track.ts'
import { probeVideo } from './probe-video.ts'
import type { Found, ProbeContext, ProbeInput, ProbeOutput, SideCar } from './found.ts'
import { NONE_DROPPED } from './telemetry/clean.ts'
import { momentOfName, timeOfName } from './names.ts'
import { isTimezone, zoneOffset_ms } from './zone.ts'

type Config = { readonly timezone: string; readonly gap_s: number }
type Ctx = StageContext<Config>

/** Content that is no use is refused; everything else that fails is a fault and may be tried again. */
const REFUSALS = new Set(['clip/empty', 'clip/truncated', 'clip/unreadable', 'clip/unsupported', 'image/unreadable', 'image/bomb', 'track/unreadable'])

export async function run(input: ProbeInput, ctx: Ctx): Promise<ProbeOutput> {
  if (ctx.config.timezone !== '' && !isTimezone(ctx.config.timezone)) {
    throw new Fault('config/invalid', `${ctx.config.timezone} is no time zone. Use a name such as Europe/Berlin, or leave it empty.`)
  }
  try {
    return taken(input, await look(input, ctx))
  } catch (cause) {
    if (cause instanceof Fault && isFaultCode(cause.code) && REFUSALS.has(cause.code)) return refused(input, cause)
    throw cause
  }
}

/** So often a tool that gives no answer in time is asked again; then what can be had without it is taken. */
const PATIENT_ATTEMPTS = 3

async function look(input: ProbeInput, ctx: Ctx): Promise<Found> {
  if (input.media.bytes === 0) throw new Fault('clip/empty', 'The file is empty. The camera or the copy broke off before anything was written.')
  const path = await ctx.media.read(input.media)
  const kind = kindOf(await headOf(path))
  const named = timeOfName(input.name)
  const context: ProbeContext = {
    path,
    name: input.name,
    moment: momentOfName(input.name),
    name_ms: named?.wall_ms ?? null,
    zone_ms: (wall_ms) => (named?.utc ? 0 : zoneOffset_ms(wall_ms, ctx.config.timezone)),
    signal: ctx.signal,
    again: ctx.attempt < PATIENT_ATTEMPTS,
  }
  if (kind.kind === 'image') return probeImage(context, kind.format === 'heif')
  if (kind.kind === 'track') return probeTrack(context)
  if (kind.kind === 'video') return probeVideo(context, kind.container, await readSidecars(input, ctx))
  throw unknown(input.name)
}

async function readSidecars(input: ProbeInput, ctx: Ctx): Promise<SideCar[]> {
  const texts: SideCar[] = []
  for (const { media, format } of input.sidecars) texts.push({ format, text: await readFile(await ctx.media.read(media), 'utf8') })
  return texts
}

function unknown(name: string): Fault {
  if (/\.(jpe?g|png|webp|hei[cf]|avif|hif)$/i.test(name)) return new Fault('image/unreadable', 'The file is named as a picture but holds none. Copy it from the camera again.')
  if (/\.(mp4|mov|ts|avi|mkv|m4v)$/i.test(name)) return new Fault('clip/unreadable', 'The file is named as a video but holds none. Copy it from the camera again.')
  return new Fault('clip/unsupported', 'This is no video, picture or GPS log that is known here.')
}

function taken(input: ProbeInput, found: Found): ProbeOutput {
  const { sha256 } = input.media
  const { fixes, dropped } = found.track ?? { fixes: [], dropped: NONE_DROPPED }
  const asset: AssetDoc = {
    _id: `asset:${sha256}`,
    kind: 'asset',
    sha256,
    media_kind: found.media_kind,
    media: input.media,
    name: input.name,
    camera: input.camera,
    channel: input.channel,
    event: input.event,
    start_ms: found.start.start_ms,
    duration_s: found.duration_s,
    clock: found.start.clock,
    width_px: found.width_px,
    height_px: found.height_px,
    fps: found.fps,
    codec: found.codec,
    audio: found.audio,
    playable: found.playable,
    fixes: fixes.length,
    dropped_fixes: dropped,
    notes: [...found.notes],
  }
  const { start_ms } = found.start
  const track: TrackDoc | null = fixes.length === 0 ? null : {
    _id: `track:${sha256}`,
    kind: 'track',
    asset: sha256,
    source: found.track!.source,
    at_ms: fixes.map((f) => (start_ms === null ? null : Math.round(start_ms + f.t_s * 1000))),
    t_s: fixes.map((f) => Math.round(f.t_s * 1000) / 1000),
    lat_deg: fixes.map((f) => f.lat_deg),
    lon_deg: fixes.map((f) => f.lon_deg),
    speed_mps: fixes.map((f) => f.speed_mps),
    heading_deg: fixes.map((f) => f.heading_deg),
    altitude_m: fixes.map((f) => f.altitude_m),
  }
  return {
    outcome: 'asset', media_kind: found.media_kind, sha256, duration_s: found.duration_s,
    width_px: found.width_px, height_px: found.height_px, start_ms, asset, track, refusal: null,
  }
}

function refused(input: ProbeInput, fault: Fault): ProbeOutput {
  const { sha256 } = input.media
  const refusal: RefusalDoc = { _id: `refusal:${sha256}`, kind: 'refusal', name: input.name, camera: input.camera, media: input.media, code: fault.code, message: fault.message }
  return { outcome: 'refused', media_kind: null, sha256, duration_s: null, width_px: null, height_px: null, start_ms: null, asset: null, track: null, refusal }
}
