/** A camera and its clips as people are told of them. Pure. */
import { CLIP_STATES, type CameraClip, type CameraClips, type CameraStanding, type ClipState } from '../../core/contract/camera.ts'
import type { Clip } from './clip.ts'
import type { CameraSettings } from './settings.ts'

/** How far a clip has come; what a person must know of that. */
export interface ClipStanding { readonly state: ClipState; readonly why: string | null; readonly again_ms: number | null }

/** So much of a list goes over the line; what is in lies in the library anyway. */
const MOST_BYTES = 150_000
const MOST_WHY = 500

/** @param clips in the order in which they come */
export function listOf(clips: readonly { readonly clip: Clip; readonly id: string; readonly standing: ClipStanding }[]): CameraClips {
  const rows = clips.map(({ clip: { name, time, channel, event, bytes }, id, standing: { state, why, again_ms } }): CameraClip =>
    ({ id, name, time, channel, event, bytes, state, why: why?.slice(0, MOST_WHY) ?? null, again_ms }))
  // Stable: within a state they stay in their order.
  rows.sort((a, b) => CLIP_STATES.indexOf(a.state) - CLIP_STATES.indexOf(b.state))
  let bytes = 0
  const end = rows.findIndex((row) => (bytes += Buffer.byteLength(JSON.stringify(row)) + 1) > MOST_BYTES)
  return end < 0 ? { clips: rows, more: 0 } : { clips: rows.slice(0, end), more: rows.length - end }
}

export function countsOf(states: Iterable<ClipState>): CameraStanding['counts'] {
  const counts = { fetching: 0, waiting: 0, failed: 0, recording: 0, skipped: 0, in: 0 }
  for (const state of states) counts[state]++
  return counts
}

/** What its settings say, for somebody who did not write them. */
export function rulesOf({ order, events, skip, home, connections, delete: deletes }: CameraSettings): readonly string[] {
  return [
    `Locked recordings first${events.length > 0 ? `, then ${events.join(', ')}` : ''}, then the ${order === 'newest' ? 'newest' : 'oldest'}.`,
    ...(skip.length > 0 ? [`${capital(skip.join(', '))} recordings stay on the camera.`] : []),
    ...(home ? [`What was recorded while parked within ${home.radius_m} m of home stays on the camera.`] : []),
    deletes === 'never' ? 'Nothing on its card is ever changed or deleted.' : `A clip is deleted from its card once it lies in the archive and was read back from there, and only if the camera still has the same${deletes === 'archived' ? '; locked ones never are' : ', locked ones too'}.`,
    ...(connections > 1 ? [`${connections} clips at once.`] : []),
  ]
}

const capital = (words: string) => words.charAt(0).toUpperCase() + words.slice(1)
