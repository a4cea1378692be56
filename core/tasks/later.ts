/** Things that wait for a moment, the soonest first. */
export class Later<T> {
  #waiting: { at_ms: number; thing: T }[] = [] // the soonest last, where it is cheap to take

  add(at_ms: number, thing: T): void {
    let lo = 0
    let hi = this.#waiting.length
    while (lo < hi) {
      const mid = (lo + hi) >> 1
      if (this.#waiting[mid]!.at_ms > at_ms) lo = mid + 1
      else hi = mid
    }
    this.#waiting.splice(lo, 0, { at_ms, thing })
  }

  /** Takes those whose moment has come. */
  due(now_ms: number): T[] {
    const due: T[] = []
    for (let next = this.#waiting.at(-1); next !== undefined && next.at_ms <= now_ms; next = this.#waiting.at(-1)) {
      this.#waiting.pop()
      due.push(next.thing)
    }
    return due
  }
}
