import type { Clip, Look } from './clip.ts'

/** How clips stand in the listing, by their path. */
export type Seen = Map<string, { readonly state: string; readonly since_ms: number; readonly changed: boolean }>

/** Longer than any camera makes its clips: one that did not change for so long is not being written. */
export const UNSAID_REST_MS = 11 * 60_000
/** What has just changed, or could just have been closed, is left for the next look. */
export const CHANGED_REST_MS = 5_000

/**
 * Clips that are not being written any more. Pure but for `seen`, which it brings up to date.
 *
 * The listed size of a clip that is being written may stand still, and the camera's clock may have jumped back: so of each lens
 * the last by name, the last by time and the last listed are left alone while the camera records, or may be recording.
 * An empty listing says nothing: what was seen is remembered.
 */
export function settled({ clips, recording }: Look, seen: Seen, now_ms: number): readonly Clip[] {
  for (const clip of clips) {
    const state = `${clip.bytes}|${clip.time}`
    const before = seen.get(clip.path)
    if (before?.state !== state) seen.set(clip.path, { state, since_ms: now_ms, changed: before !== undefined })
  }
  if (clips.length > 0) {
    const listed = new Set(clips.map((clip) => clip.path))
    for (const path of seen.keys()) if (!listed.has(path)) seen.delete(path)
  }
  const last = lastOfLenses(clips)
  return clips.filter((clip) => {
    const { since_ms, changed } = seen.get(clip.path)!
    const rests_ms = now_ms - since_ms
    if (!last.has(clip)) return !changed || rests_ms >= CHANGED_REST_MS
    return recording === true ? false : rests_ms >= (recording === false ? CHANGED_REST_MS : UNSAID_REST_MS)
  })
}

function lastOfLenses(clips: readonly Clip[]): ReadonlySet<Clip> {
  const last = new Map<string, Clip>()
  const keep = (by: string, clip: Clip, isLater: (a: Clip, b: Clip) => boolean) => {
    const before = last.get(`${by} ${clip.channel}`)
    if (!before || isLater(clip, before)) last.set(`${by} ${clip.channel}`, clip)
  }
  for (const clip of clips) {
    keep('listed', clip, () => true)
    keep('name', clip, (a, b) => a.name > b.name)
    keep('time', clip, (a, b) => (a.time ?? '') >= (b.time ?? ''))
    keep('sequence', clip, (a, b) => sequenceOf(a) >= sequenceOf(b))
  }
  return new Set(last.values())
}

/** Most cameras count their clips at the end of the name, whatever their clock says. */
const sequenceOf = ({ name }: Clip) => Number(/_(\d{3,7})[A-Z]*\.[^.]*$/i.exec(name)?.[1] ?? -1)
