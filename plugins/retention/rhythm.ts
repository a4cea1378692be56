/** Where the segments of a copy end, and which of its frames are compared with the original. Pure. */
import type { Picture } from './picture.ts'

export interface Window {
  readonly at: number // its key frame
  readonly frames: readonly number[] // to be compared, in order
}

export interface Rhythm {
  readonly segment: number // frames from one forced key frame to the next; every segment but the last has so many
  readonly windows: readonly Window[]
}

/** Seconds that a kill may cost. More key frames than that would make the copy larger: one every two seconds by a quarter. */
const SEGMENT_S = 10
const MOST_SEGMENTS = 400
const MOST_WINDOWS = 12
/** Frames behind the key frame, which is itself the best of them and says least. Nothing else must be decoded to reach them. */
const BEHIND = [1, 6, 11, 16]
/** What has fewer segments is looked at from end to end, so many times. */
const FEW_SEGMENTS = 3
const SAMPLES_OF_FEW = 12

export function rhythmOf({ frames, duration_s }: Pick<Picture, 'frames' | 'duration_s'>): Rhythm {
  const segment = Math.max(1, Math.round((SEGMENT_S * frames) / Math.max(duration_s, 0.001)), Math.ceil(frames / MOST_SEGMENTS))
  const whole = Math.floor(frames / segment) // the last piece may have nothing behind its key frame
  if (whole < FEW_SEGMENTS || segment <= BEHIND.at(-1)!) return { segment, windows: [{ at: 0, frames: spread(frames, Math.min(frames, SAMPLES_OF_FEW)) }] }
  const count = Math.min(whole, MOST_WINDOWS)
  return { segment, windows: spread(whole, count).map((n) => ({ at: n * segment, frames: BEHIND.map((behind) => n * segment + behind) })) }
}

const spread = (length: number, count: number): number[] => Array.from({ length: count }, (_, i) => Math.floor((i * length) / count))
