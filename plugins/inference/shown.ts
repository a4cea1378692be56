import { Fault } from '../../core/contract/fault.ts'
import type { Sighting } from '../../core/contract/records.ts'
import type { Frame } from './frames.ts'
import type { Stills } from './stills.ts'

/** What becomes a sighting, and the frame that shows it. */
export interface Shown {
  readonly frame: number
  readonly sighting: () => Promise<Sighting> // with its pictures; its frame is kept meanwhile
}

/**
 * The sightings, in the order of what is shown. Frames for which there was no room are decoded once more, and kept one at a time.
 * @param again the frames of the clip, the same ones as before
 */
export async function withPictures(shown: readonly Shown[], stills: Stills, again: () => AsyncIterable<Frame>): Promise<Sighting[]> {
  const sightings: Sighting[] = []
  const make = async (frame: number) => {
    for (const [i, one] of shown.entries()) if (one.frame === frame) sightings[i] = await one.sighting()
  }
  const missing = new Set(shown.map(({ frame }) => frame))
  for (const frame of missing) {
    if (!stills.has(frame)) continue
    await make(frame)
    missing.delete(frame)
  }
  await stills.clear()
  if (missing.size === 0) return sightings
  let count = 0
  for await (const { picture } of again()) {
    const frame = count++
    if (!missing.delete(frame)) continue
    await stills.keep(frame, picture)
    await make(frame)
    await stills.clear()
    if (missing.size === 0) return sightings
  }
  throw new Fault('tool/failed', `the clip was decoded twice, and gave only ${count} frames at the second time`)
}
