/** How a camera stands, in words: the first thing its card says. */
import type { CameraClip } from '../../../core/contract/camera.ts'
import type { CameraView } from '../../../core/http/api.ts'
import type { State } from '../devices/state.ts'
import { bytes, count, hourMinute, lasting, many, moment, nearDay } from '../words.ts'

export function stateOf(camera: CameraView, now_ms: number): State {
  const { waiting, fetching, failed, recording } = camera.counts
  if (camera.paused_by !== null) return { kind: 'rests', says: camera.paused_by === 'person' ? 'Paused, left alone until you resume it' : 'Paused in viewshed.yaml' }
  if (!camera.watched) return { kind: 'away', says: `Nobody watches it now${camera.heard_ms === null ? '' : `, not since ${at(camera.heard_ms, now_ms)}`}` }
  if (camera.trouble !== null) return { kind: 'bad', says: camera.trouble.charAt(0).toUpperCase() + camera.trouble.slice(1) }
  if (camera.address === null) return { kind: 'away', says: camera.seen_ms === null ? 'Not seen yet' : `Away since ${at(camera.seen_ms, now_ms)}` }
  const left = waiting + fetching
  if (left > 0) return { kind: 'working', says: `Here, ${many(left, 'clip')} to come${togo(camera)}` }
  return { kind: 'here', says: `Here, ${failed > 0 ? `${many(failed, 'clip')} could not be had yet` : recording > 0 ? 'everything is in but what it may still be writing' : 'everything is in'}` }
}

/** ", about 12 min at 5.8 MB/s"; nothing while it is not known. */
function togo({ fetching, waiting_bytes }: CameraView): string {
  const speed = fetching.reduce((sum, { bytes_s }) => sum + (bytes_s ?? 0), 0)
  if (speed === 0) return ''
  const left = waiting_bytes + fetching.reduce((sum, one) => sum + Math.max(0, (one.bytes ?? one.done_bytes) - one.done_bytes), 0)
  return `${left > 0 ? `, about ${lasting(left / speed)}` : ''} at ${bytes(speed)}/s`
}

const at = (ms: number, now_ms: number) => (nearDay(ms, now_ms) === 'today' ? hourMinute(ms) : moment(ms, now_ms))

/** What lies on its card, in one line: what a person must see first. */
export function cardSentence({ counts, waiting_bytes, listed }: CameraView): string {
  if (listed === null) return 'It was not listed yet.'
  const parts = [
    ...(counts.fetching + counts.waiting > 0 ? [`${count(counts.fetching + counts.waiting)} to come${waiting_bytes > 0 ? ` (${bytes(waiting_bytes)})` : ''}`] : []),
    ...(counts.failed > 0 ? [`${count(counts.failed)} failed`] : []), ...(counts.recording > 0 ? [`${count(counts.recording)} being written`] : []),
    ...(counts.skipped > 0 ? [`${count(counts.skipped)} ${counts.skipped === 1 ? 'stays' : 'stay'} there`] : []), ...(counts.in > 0 ? [`${count(counts.in)} in`] : []),
  ]
  return `${many(listed.clips, 'clip')} on its card${parts.length > 0 ? `: ${parts.join(', ')}` : ''}.`
}

/** The lead of the page. */
export function camerasSentence(cameras: readonly CameraView[]): string {
  const here = cameras.filter(({ address }) => address !== null).length
  const left = cameras.reduce((sum, { counts }) => sum + counts.waiting + counts.fetching, 0)
  return `${here === 0 ? 'None is' : `${count(here)} ${here === 1 ? 'is' : 'are'}`} in reach${cameras.length > here ? `, ${count(cameras.length - here)} ${here === 0 ? 'away' : 'not'}` : ''}. ${left === 0 ? 'No clip waits.' : `${many(left, 'clip')} to come.`}`
}

/** What is said beside a clip's state. */
export function clipSays(clip: CameraClip, now_ms: number): string {
  if (clip.state === 'failed') return `${clip.why ?? 'It could not be had'}${clip.again_ms === null ? '' : clip.again_ms <= now_ms ? '; it is tried again' : `; again in ${lasting((clip.again_ms - now_ms) / 1000)}`}`
  if (clip.state === 'recording') return 'It may still be written'
  return clip.why ?? ''
}

export const STATES: Readonly<Record<CameraClip['state'], string>> = { fetching: 'coming', waiting: 'waits', failed: 'failed', recording: 'being written', skipped: 'stays there', in: 'in' }
/** What can be decided about it. */
export const canSkip = ({ state }: CameraClip) => state === 'waiting' || state === 'fetching' || state === 'failed' || state === 'recording'
export const canRetry = ({ state }: CameraClip) => state === 'failed' || state === 'skipped'
