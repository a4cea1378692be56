import type { Answer } from '../../../core/http/api.ts'

export type Bins = Answer<'histogram'>['bins']

/** So many bins made one, each where its place on the grid begins, so that no two of them lie over each other. @param bin_ms width of those given */
export function merged(bins: Bins, step: number, bin_ms: number): Bins {
  if (step === 1) return bins
  const sums = new Map<number, Bins[number]>()
  for (const bin of bins) {
    const start_ms = Math.floor(bin.start_ms / (bin_ms * step)) * bin_ms * step
    const { sightings, clips } = sums.get(start_ms) ?? { sightings: 0, clips: 0 }
    sums.set(start_ms, { start_ms, sightings: sightings + bin.sightings, clips: clips + bin.clips })
  }
  return [...sums.values()]
}
