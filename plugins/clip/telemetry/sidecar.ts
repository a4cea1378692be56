import type { ProbeContext, SideCar } from '../found.ts'
import { momentOfName } from '../names.ts'
import { clean, type Cleaned } from './clean.ts'
import { startByLog, type CameraClock } from './clock.ts'
import { readLog, type Log, type LogRow } from './logs.ts'

export interface Beside {
  readonly source: string
  readonly cleaned: Cleaned
  readonly start_ms: number | null // of the clip, by the log; null when only the camera's clock says
}

/** Rows this far outside the clip still say where it began and ended. */
const EDGE_S = 2

/** The rows of a log that belong to one clip, on its seconds. Null when the text is no log. */
export function readSidecar(sidecar: SideCar, ctx: ProbeContext, duration_s: number | null, camera: CameraClock): Beside | null {
  const log = readLog(sidecar.text)
  if (!log) return null
  const rows = rowsOf(log, ctx.moment)
  const source = `side-car ${log.format}`
  if (log.local) return { source, start_ms: null, cleaned: inside(rows, camera.name_ms, duration_s) }
  const heard = rows.flatMap((r) => (r.fixed && r.at_ms !== null ? [r.at_ms] : []))
  const start_ms = startOf(log, rows, heard, duration_s, camera)
  return { source, start_ms, cleaned: inside(rows, start_ms, duration_s) }
}

/** A log that names its clips gives each its own rows; the other cameras of the same moment share them. */
function rowsOf(log: Log, moment: string): readonly LogRow[] {
  if (log.rows.every((r) => r.clip === null)) return log.rows
  return log.rows.filter((r) => r.clip !== null && momentOfName(r.clip) === moment)
}

function startOf(log: Log, rows: readonly LogRow[], heard: readonly number[], duration_s: number | null, camera: CameraClock): number | null {
  const first_ms = heard.reduce((least, at) => Math.min(least, at), Infinity)
  if (first_ms === Infinity) return null
  if (log.began_ms !== null) {
    // The camera's own clock stands in front of the first line: how far into the clip that was follows from the name.
    const into_ms = camera.name_ms === null ? 0 : log.began_ms - camera.name_ms
    const plausible = into_ms >= 0 && into_ms <= (duration_s ?? 60) * 1000
    const before_ms = (rows.findIndex((r) => r.fixed && r.at_ms !== null) || 0) * 1000
    return first_ms - before_ms - (plausible ? into_ms : 0)
  }
  // Without a zone that fits, or a time in the name at all: the log was begun with the clip.
  return startByLog(heard, duration_s, camera) ?? first_ms
}

function inside(rows: readonly LogRow[], start_ms: number | null, duration_s: number | null): Cleaned {
  if (start_ms === null) return clean(rows, 0)
  const placed = rows.map((r) => ({ ...r, t_s: r.at_ms === null ? null : (r.at_ms - start_ms) / 1000 }))
  return clean(placed.filter((r) => r.t_s === null || (r.t_s >= -EDGE_S && (duration_s === null || r.t_s <= duration_s + EDGE_S))), 0)
}
