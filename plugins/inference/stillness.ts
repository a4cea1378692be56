import type { Picture } from './picture.ts'

/** Blocks of this many pixels of the shrunken picture are compared by their mean. */
const COLUMNS = 96
const ROWS = 54
/** Grey levels by which a block of a frame must change to be looked at again. A block is about a small plate; noise and compression stay below. */
const CHANGE_LEVELS = 5
/** Even a picture that stands still is looked at again after so many frames: another look, with another noise, is a vote more. */
const MAX_SKIPPED = 7

/** Tells which frames of a clip hardly differ from the last one that was looked at. */
export class Stillness {
  #last: Float32Array | null = null
  #skipped = 0

  /** True when the frame may be skipped; else it becomes the one to compare with. */
  isStill(picture: Picture): boolean {
    const blocks = blockMeans(picture)
    const still = this.#last !== null && this.#skipped < MAX_SKIPPED && mostChanged(this.#last, blocks) < CHANGE_LEVELS
    if (still) this.#skipped++
    else {
      this.#last = blocks
      this.#skipped = 0
    }
    return still
  }
}

/** Mean of the green channel of each block, from every second pixel of every second row at most. */
function blockMeans({ rgb, width, height }: Picture): Float32Array {
  const means = new Float32Array(COLUMNS * ROWS)
  const counts = new Uint32Array(COLUMNS * ROWS)
  const step = width > 640 ? 2 : 1
  const columns = Uint8Array.from({ length: width }, (_, x) => Math.floor((x * COLUMNS) / width))
  for (let y = 0; y < height; y += step) {
    const row = Math.floor((y * ROWS) / height) * COLUMNS
    for (let x = 0, at = y * width * 3 + 1; x < width; x += step, at += 3 * step) {
      const block = row + columns[x]!
      means[block]! += rgb[at]!
      counts[block]!++
    }
  }
  for (let i = 0; i < means.length; i++) means[i]! /= Math.max(1, counts[i]!)
  return means
}

function mostChanged(a: Float32Array, b: Float32Array): number {
  let most = 0
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i]! - b[i]!))
  return most
}
