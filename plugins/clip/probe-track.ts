import { readFile, stat } from 'node:fs/promises'
import { Fault } from '../../core/contract/fault.ts'
import type { Found, ProbeContext } from './found.ts'
import { clean } from './telemetry/clean.ts'
import { timeline } from './telemetry/clock.ts'
import { readLog } from './telemetry/logs.ts'

/** A day of NMEA at 10 Hz is 100 MB. */
const MOST_BYTES = 256 * 2 ** 20

/** A log of its own, with all its fixes. Throws Fault `track/unreadable` when nothing in it is a reading. */
export async function probeTrack(ctx: ProbeContext): Promise<Found> {
  if ((await stat(ctx.path)).size > MOST_BYTES) throw new Fault('track/unreadable', 'The log is larger than 256 MB, which no camera writes. Split it.')
  const log = readLog(await readFile(ctx.path, 'utf8'))
  if (!log || log.rows.length === 0) throw new Fault('track/unreadable', 'The log holds no reading. Record it again, or export it as GPX.')
  const placed = timeline(log.rows)
  const cleaned = clean(placed.points, 0)
  const zone_ms = log.local && placed.start_ms !== null ? ctx.zone_ms(placed.start_ms) : 0
  const last_s = cleaned.fixes.at(-1)?.t_s ?? null
  return {
    media_kind: 'track',
    start: {
      start_ms: placed.start_ms === null ? null : placed.start_ms - zone_ms,
      clock: { offset_s: zone_ms === 0 ? 0 : -zone_ms / 1000, from: placed.start_ms === null ? 'none' : log.local ? 'container' : 'gps' },
    },
    duration_s: last_s,
    width_px: null, height_px: null, fps: null, codec: null, audio: false, playable: false,
    track: { source: log.format, ...cleaned },
    notes: cleaned.fixes.length === 0 ? ['no reading of the log is a place at a moment'] : [],
  }
}
