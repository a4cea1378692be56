import { stat } from 'node:fs/promises'
import { Fault } from '../../core/contract/fault.ts'
import type { Found, ProbeContext, SideCar } from './found.ts'
import { readBlocks } from './telemetry/blocks.ts'
import { clean } from './telemetry/clean.ts'
import { bakedZone_ms, reconcile, timeline, type CameraClock } from './telemetry/clock.ts'
import { embedded } from './telemetry/documents.ts'
import { readTags } from './telemetry/exiftool.ts'
import type { Reading } from './telemetry/fix.ts'
import { readSidecar } from './telemetry/sidecar.ts'
import { videoFacts, type VideoFacts } from './video.ts'

/** `-G3` names the sample that each value is of. */
const EXIFTOOL_ARGS = ['-G3', '-a', '-n']
/**
 * `-ee` reads all streams that the container's index names. `-ee3` also searches the whole file when there is none, at
 * 10 s a GB: worth it in a small file and needed in a transport stream. In a large MP4 our own search is enough.
 */
const DEEP_BYTES = 32 * 2 ** 20
const depth = (container: string, bytes: number) => (container === 'mp4' && bytes > DEEP_BYTES ? '-ee' : '-ee3')

/** Throws Fault `clip/truncated`, `clip/unreadable` when neither picture nor telemetry can be had. */
export async function probeVideo(ctx: ProbeContext, container: 'mp4' | 'ts' | 'other', sidecars: readonly SideCar[]): Promise<Found> {
  const { size } = await stat(ctx.path)
  const [facts, tags] = await Promise.all([videoFacts(ctx.path, container === 'mp4', ctx.signal), readTags(ctx.path, [depth(container, size), ...EXIFTOOL_ARGS], ctx.again)])
  const inside = embedded(tags ?? {})
  const camera: CameraClock = { name_ms: ctx.name_ms, container_ms: inside.created_ms, zone_ms: ctx.zone_ms }
  const reading = await bestReading(ctx, inside.reading)
  const notes: string[] = tags === null ? ['metadata could not be read'] : []

  const shift_ms = reading ? bakedZone_ms(reading.points, camera.name_ms) : 0
  if (shift_ms !== 0) notes.push(`the camera writes its zone into the GPS time: ${shift_ms / 3_600_000} h were taken off`)
  const placed = timeline((reading?.points ?? []).map((p) => (p.fixed && p.at_ms !== null ? { ...p, at_ms: p.at_ms - shift_ms } : p)))
  const own = clean(placed.points, inside.statics)

  const beside = own.fixes.length > 0 ? null : sidecars.map((s) => readSidecar(s, ctx, facts.duration_s, camera)).find((s) => s !== null && s.cleaned.fixes.length > 0)
  const cleaned = beside ? beside.cleaned : own
  const source = beside ? beside.source : (reading?.source ?? '')

  const picture = facts.picture && facts.wholeness === 'whole'
  if (!picture && own.fixes.length === 0 && (own.dropped.no_fix === 0 || facts.wholeness !== 'whole')) throw refusal(facts)
  if (!picture) notes.push(`only the telemetry can be had: ${missing(facts)}`)

  return {
    media_kind: 'video',
    start: reconcile(beside ? beside.start_ms : placed.start_ms, camera),
    duration_s: facts.duration_s,
    width_px: facts.width_px,
    height_px: facts.height_px,
    fps: facts.fps,
    codec: facts.codec,
    audio: facts.audio,
    playable: picture && facts.playable,
    track: { source, ...cleaned },
    notes,
  }
}

/**
 * exiftool knows nearly every maker. Of freeGPS blocks it leaves out those without a fix, and with them how far into the
 * clip the fix came, and without an index it finds none: there our own reading is as good or better.
 */
async function bestReading(ctx: ProbeContext, found: Reading | null): Promise<Reading | null> {
  const fixed = (reading: Reading | null) => reading?.points.filter((p) => p.fixed).length ?? 0
  if (found?.points.some((p) => p.t_s !== null) && fixed(found) > 0) return found
  const blocks = await readBlocks(ctx.path, ctx.signal)
  return blocks && fixed(blocks) >= fixed(found) ? blocks : found
}

function missing(facts: VideoFacts): string {
  if (facts.wholeness === 'cut') return 'the file is shorter than its index says'
  if (facts.wholeness === 'unfinished') return 'the recording was never finished'
  return 'there is no picture in it'
}

function refusal(facts: VideoFacts): Fault {
  if (facts.wholeness === 'cut') return new Fault('clip/truncated', 'The clip is cut off: the file is shorter than its own index says. Copy it from the camera again.')
  if (facts.wholeness === 'unfinished') return new Fault('clip/truncated', 'The recording was never finished: its index is missing, as after a loss of power. A repair tool such as untrunc may save it.')
  if (facts.codec === null && facts.audio) return new Fault('clip/unsupported', 'The file holds sound and no picture, which there is no use for here.')
  return new Fault('clip/unreadable', `No picture can be decoded from the clip${facts.why === '' ? '' : ` (ffprobe: ${facts.why})`}. Copy it from the camera again.`)
}
