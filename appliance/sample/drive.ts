/** What the sample shows: one invented drive, in plates that no office has given out, on a road that is not there. */
import type { Car, Scene } from './scene.ts'
import type { Fix } from './telemetry.ts'

export const CLIP_S = 12
const SPEED_MPS = 29
/** 2026-04-12 12:30:00 UTC, half past two by the camera, whose clock is three seconds slow. */
const CAMERA_START_MS = Date.UTC(2026, 3, 12, 12, 30, 0)
const CAMERA_SLOW_S = 3
const ZONE_H = 2

export interface Clip { readonly name: string; readonly start_s: number; readonly duration_s: number; readonly scene: Scene; readonly fixes: readonly Fix[] }

/** @param count clips of `CLIP_S`, one after another; the plates of the first two come again after them */
export function drive(count: number): Clip[] {
  return Array.from({ length: count }, (_, i) => {
    const start_s = i * CLIP_S
    return {
      name: `${stamp(CAMERA_START_MS + start_s * 1000 + ZONE_H * 3_600_000)}_${String(i + 1).padStart(4, '0')}F.MP4`,
      start_s, duration_s: CLIP_S,
      scene: { speed_mps: SPEED_MPS, start_m: start_s * SPEED_MPS, cars: i % 2 === 0 ? FIRST : SECOND },
      fixes: Array.from({ length: CLIP_S }, (_, s) => fixAt(start_s + s)),
    }
  })
}

/** Creation time as the camera writes it: its own clock, in its own zone. */
export const written = (clip: Clip) => new Date(CAMERA_START_MS + clip.start_s * 1000 + ZONE_H * 3_600_000).toISOString().slice(0, 19)

/** We come up to a car in our lane until it is `near_m` ahead at second `at_s`, then it draws away. */
const followed = (near_m: number, at_s: number) => (t_s: number) => near_m + 0.22 * (t_s - at_s) ** 2
/** A car in the right lane that we pass: beside us at second `at_s`. */
const passed = (at_s: number, slower_mps: number) => (t_s: number) => (at_s - t_s) * slower_mps

const FIRST: readonly Car[] = [
  { plate: 'XV 482 KT', style: 'band', colour: '#2c4a6e', lane: 0, ahead_m: followed(8, 9) },
  { plate: 'VX99 KTR', style: 'yellow', colour: '#8d2f2b', lane: 1, ahead_m: passed(5.2, 2.6) },
  { plate: '4827 ZXK', style: 'band', colour: '#9aa3a8', lane: 1, ahead_m: passed(12.6, 2.6) },
]
const SECOND: readonly Car[] = [
  { plate: 'XV 482 KT', style: 'band', colour: '#2c4a6e', lane: 0, ahead_m: followed(8, 1) },
  { plate: '9ZRV486', style: 'plain', colour: '#d9d6cd', lane: 1, ahead_m: passed(6.6, 2.4) },
  { plate: 'WZK7P42', style: 'plain', colour: '#30363d', lane: 1, ahead_m: passed(13.2, 2.6) },
]

const START_LAT_DEG = 47.8624
const START_LON_DEG = 9.0931
const METRES_A_DEGREE = 111_195
const STEP_S = 0.1

/** Along a long bend and back: the heading swings by some degrees while the car goes on. */
function fixAt(t_s: number): Fix {
  let lat_deg = START_LAT_DEG
  let lon_deg = START_LON_DEG
  for (let i = 0; i < Math.round(t_s / STEP_S); i++) {
    const rad = (heading_deg(i * STEP_S) * Math.PI) / 180
    lat_deg += (SPEED_MPS * STEP_S * Math.cos(rad)) / METRES_A_DEGREE
    lon_deg += (SPEED_MPS * STEP_S * Math.sin(rad)) / (METRES_A_DEGREE * Math.cos((lat_deg * Math.PI) / 180))
  }
  return { at_ms: CAMERA_START_MS + (t_s + CAMERA_SLOW_S) * 1000, lat_deg, lon_deg, speed_mps: SPEED_MPS, heading_deg: heading_deg(t_s) }
}

const heading_deg = (t_s: number) => 62 + 48 * Math.sin(t_s / 6.5)

/** `2026_0412_143000` */
const stamp = (ms: number) => {
  const [date, time] = new Date(ms).toISOString().slice(0, 19).split('T') as [string, string]
  const [year, month, day] = date.split('-')
  return `${year}_${month}${day}_${time.replaceAll(':', '')}`
}
