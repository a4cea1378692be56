/** From when to when each drive of one rule lasts. */
export interface Span { readonly id: string; readonly start_ms: number; readonly end_ms: number }

/**
 * The drives of one rule and site in order of time, by key: how a clip finds its neighbours.
 *
 * In memory, because drives are few where clips are many (a few hundred thousand clips lie in some twenty thousand
 * drives, two megabytes), because drives of one key never overlap and so a sorted array answers, and because the drive
 * documents are the only truth: a second ordering on the disk would be one more thing that can disagree after a crash.
 */
export class DriveSpans {
  readonly #byKey = new Map<string, Span[]>()

  put(key: string, span: Span): void {
    const spans = this.#byKey.get(key)
    if (spans) spans.splice(firstAfter(spans, span.start_ms), 0, span)
    else this.#byKey.set(key, [span])
  }

  remove(key: string, id: string): void {
    const spans = this.#byKey.get(key) ?? []
    const at = spans.findIndex((s) => s.id === id)
    if (at >= 0) spans.splice(at, 1)
  }

  /** Drives that begin less than `gap_ms` after `end_ms` and end less than `gap_ms` before `start_ms`; with a gap of 0 those that contain `start_ms`. */
  near(key: string, start_ms: number, end_ms: number, gap_ms: number): readonly Span[] {
    const spans = this.#byKey.get(key) ?? []
    const found: Span[] = []
    for (let i = firstAfter(spans, end_ms + gap_ms) - 1; i >= 0; i--) {
      const span = spans[i]!
      if (span.end_ms + gap_ms < start_ms) break // they do not overlap, so all before end earlier still
      found.push(span)
    }
    return found
  }
}

function firstAfter(spans: readonly Span[], start_ms: number): number {
  let low = 0
  let high = spans.length
  while (low < high) {
    const mid = (low + high) >> 1
    if (spans[mid]!.start_ms <= start_ms) low = mid + 1
    else high = mid
  }
  return low
}
