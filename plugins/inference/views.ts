/**
 * How a box is shown to the recogniser: cut out level at a fixed height, several times in slightly different ways.
 * A reading that stands in all of them is worth more than one sure reading.
 */
import type { Slant } from './boxes.ts'
import type { Picture } from './picture.ts'

/** The recogniser's height. */
export const STRIP_HEIGHT_PX = 48
const STRIP_MIN_PX = 32
const STRIP_MAX_PX = 640
/** Widths are rounded to this: the recogniser sets its memory up anew for each width. */
const STRIP_STEP_PX = 16

export interface View {
  readonly stretch: number // in reading direction
  readonly margin: number // above and below, in parts of the box's height; negative cuts
  readonly side: number // before and after, likewise
  readonly contrast: boolean // grey, darkest and brightest 3 % to black and white
}

/** The first is the one by which a box is judged worth the others. */
export const VIEWS: readonly View[] = [
  { stretch: 1, margin: 0, side: 0, contrast: true },
  { stretch: 1.25, margin: 0, side: 0, contrast: false },
  { stretch: 1.5, margin: 0, side: 0, contrast: true },
  { stretch: 1.15, margin: -0.1, side: 0, contrast: true },
  { stretch: 1.2, margin: 0.12, side: 0.1, contrast: true },
]

/** A level strip, 48 px high; levels 0 to 255, red green blue interleaved. */
export interface Strip {
  readonly rgb: Float32Array
  readonly width: number
}

export function strip(picture: Picture, box: Slant, view: View): Strip {
  const cut = rectified(picture, box, view)
  return view.contrast ? stretched(cut) : cut
}

/** The box turned level. Where the strip has fewer pixels than the box, several samples are averaged; between pixels it is bilinear. */
function rectified(picture: Picture, box: Slant, view: View): Strip {
  const boxHeight = box.height * (1 + 2 * view.margin)
  const boxWidth = box.width + 2 * view.side * box.height
  const width = stripWidth((STRIP_HEIGHT_PX * boxWidth * view.stretch) / boxHeight)
  const rgb = new Float32Array(width * STRIP_HEIGHT_PX * 3)
  const samples = Math.max(1, Math.min(4, Math.round(boxHeight / STRIP_HEIGHT_PX)))
  const weight = 1 / (samples * samples)
  const cos = Math.cos(box.angle_rad)
  const sin = Math.sin(box.angle_rad)
  const { rgb: source, width: sourceWidth, height: sourceHeight } = picture
  const maxX = sourceWidth - 1
  const maxY = sourceHeight - 1
  let to = 0
  for (let y = 0; y < STRIP_HEIGHT_PX; y++) {
    for (let x = 0; x < width; x++, to += 3) {
      let [red, green, blue] = [0, 0, 0]
      for (let j = 0; j < samples; j++) {
        const across = ((y + (j + 0.5) / samples) / STRIP_HEIGHT_PX - 0.5) * boxHeight
        for (let i = 0; i < samples; i++) {
          const along = ((x + (i + 0.5) / samples) / width - 0.5) * boxWidth
          const px = Math.min(maxX, Math.max(0, box.x + along * cos - across * sin - 0.5))
          const py = Math.min(maxY, Math.max(0, box.y + along * sin + across * cos - 0.5))
          const x0 = Math.floor(px)
          const y0 = Math.floor(py)
          const fx = px - x0
          const fy = py - y0
          const right = x0 < maxX ? 3 : 0
          const a = (y0 * sourceWidth + x0) * 3
          const b = y0 < maxY ? a + sourceWidth * 3 : a
          const wa = (1 - fx) * (1 - fy)
          const wr = fx * (1 - fy)
          const wb = (1 - fx) * fy
          const wd = fx * fy
          red += source[a]! * wa + source[a + right]! * wr + source[b]! * wb + source[b + right]! * wd
          green += source[a + 1]! * wa + source[a + right + 1]! * wr + source[b + 1]! * wb + source[b + right + 1]! * wd
          blue += source[a + 2]! * wa + source[a + right + 2]! * wr + source[b + 2]! * wb + source[b + right + 2]! * wd
        }
      }
      rgb[to] = red * weight
      rgb[to + 1] = green * weight
      rgb[to + 2] = blue * weight
    }
  }
  return { rgb, width }
}

const stripWidth = (px: number) =>
  Math.min(STRIP_MAX_PX, Math.max(STRIP_MIN_PX, Math.round(px / STRIP_STEP_PX) * STRIP_STEP_PX))

/** Grey (Rec. 601), the range between the 3rd and 97th percentile spread over all levels. */
function stretched(cut: Strip): Strip {
  const pixels = cut.rgb.length / 3
  const grey = new Float32Array(pixels)
  const histogram = new Uint32Array(256)
  for (let i = 0, from = 0; i < pixels; i++, from += 3) {
    grey[i] = 0.299 * cut.rgb[from]! + 0.587 * cut.rgb[from + 1]! + 0.114 * cut.rgb[from + 2]!
    histogram[Math.min(255, grey[i]! | 0)]!++
  }
  const low = percentile(histogram, pixels * 0.03)
  const gain = 255 / Math.max(20, percentile(histogram, pixels * 0.97) - low)
  const rgb = new Float32Array(cut.rgb.length)
  for (let i = 0, to = 0; i < pixels; i++, to += 3) {
    const level = Math.min(255, Math.max(0, (grey[i]! - low) * gain))
    rgb[to] = rgb[to + 1] = rgb[to + 2] = level
  }
  return { rgb, width: cut.width }
}

/** The level below which `count` pixels lie. */
function percentile(histogram: Uint32Array, count: number): number {
  let sum = 0
  let level = 0
  while (level < 255 && (sum += histogram[level]!) <= count) level++
  return level
}
