/**
 * What comes out of detectors of the YOLO family, made boxes. Pure. The families say the same in different words:
 * which one it is follows from the shape of the output and the size of the input.
 */

/** How a model's numbers are to be read. */
export type Family =
  | 'anchors' // YOLOv3 to v7: [1, 3 × cells, 5 + classes], decoded; objectness × class
  | 'anchor-free' // YOLOv8 to v12: [1, 4 + classes, cells], decoded; class alone
  | 'end-to-end' // YOLOv10 and exports with NMS inside: [1, n, 6], corners, score, class
  | 'grid' // YOLOX: [1, cells, 5 + classes], offsets in cells and logs of sizes
  | 'fastest' // FastestDet: [1, 5 + classes, rows, columns], one box a cell

export interface Head {
  readonly family: Family
  readonly classes: number | null // null: the output does not tell
}

/** A box in parts of the model's input, 0 to 1, corners. */
export interface Found {
  readonly left: number
  readonly top: number
  readonly right: number
  readonly bottom: number
  readonly cls: number
  readonly score: number // 0 to 1
}

const STRIDES = [8, 16, 32]
const END_TO_END_MAX = 1000

/** Null when the shape is that of no family known here. */
export function headOf(dims: readonly number[], inputWidth: number, inputHeight: number): Head | null {
  if (dims[0] !== 1) return null
  if (dims.length === 4) {
    const [, channels, rows, columns] = dims as [number, number, number, number]
    return channels > 5 && rows * columns < inputWidth * inputHeight / 64 ? { family: 'fastest', classes: channels - 5 } : null
  }
  if (dims.length !== 3) return null
  const [, a, b] = dims as [number, number, number]
  const cells = (strides: readonly number[]) => strides.reduce((sum, s) => sum + Math.floor(inputWidth / s) * Math.floor(inputHeight / s), 0)
  const grids = [cells(STRIDES), cells([...STRIDES, 64])]
  if (b > 5 && grids.includes(a)) return { family: 'grid', classes: b - 5 }
  if (b > 5 && grids.some((n) => 3 * n === a)) return { family: 'anchors', classes: b - 5 }
  if (a > 4 && grids.includes(b)) return { family: 'anchor-free', classes: a - 4 }
  if (b === 6 && a <= END_TO_END_MAX) return { family: 'end-to-end', classes: null }
  return null
}

/** Boxes of at least `minScore`, overlapping ones of a class thinned out; best first. `data` has the shape `dims`. */
export function decode(head: Head, data: Float32Array, dims: readonly number[], inputWidth: number, inputHeight: number, minScore: number): Found[] {
  const found = DECODERS[head.family](data, dims, inputWidth, inputHeight, minScore)
  return head.family === 'end-to-end' ? found : thinned(found)
}

type Decoder = (data: Float32Array, dims: readonly number[], width: number, height: number, minScore: number) => Found[]

const DECODERS: Readonly<Record<Family, Decoder>> = {
  anchors: (data, dims, width, height, minScore) => rowwise(data, dims, minScore, (at) => centred(data[at]! / width, data[at + 1]! / height, data[at + 2]! / width, data[at + 3]! / height)),

  grid(data, dims, width, height, minScore) {
    const [, rows, columns] = dims as [number, number, number]
    // Some exports have the grid applied already: then middles spread over the whole input instead of over a cell.
    let widest = 0
    for (let row = 0; row < rows; row++) widest = Math.max(widest, data[row * columns]!)
    if (widest > width / 4) return this.anchors(data, dims, width, height, minScore)
    const cells = gridCells(width, height, rows)
    return rowwise(data, dims, minScore, (at, row) => {
      const { x, y, stride } = cells[row]!
      return centred(((data[at]! + x) * stride) / width, ((data[at + 1]! + y) * stride) / height, (Math.exp(data[at + 2]!) * stride) / width, (Math.exp(data[at + 3]!) * stride) / height)
    })
  },

  'anchor-free'(data, dims, width, height, minScore) {
    const [, channels, cells] = dims as [number, number, number]
    const found: Found[] = []
    for (let cell = 0; cell < cells; cell++) {
      let best = 4
      for (let channel = 5; channel < channels; channel++) if (data[channel * cells + cell]! > data[best * cells + cell]!) best = channel
      const score = data[best * cells + cell]!
      if (!(score >= minScore)) continue
      const value = (channel: number) => data[channel * cells + cell]!
      found.push({ ...centred(value(0) / width, value(1) / height, value(2) / width, value(3) / height), cls: best - 4, score })
    }
    return found
  },

  'end-to-end'(data, dims, width, height, minScore) {
    const found: Found[] = []
    for (let at = 0; at < dims[1]! * 6; at += 6) {
      if (!(data[at + 4]! >= minScore)) continue
      found.push({ left: data[at]! / width, top: data[at + 1]! / height, right: data[at + 2]! / width, bottom: data[at + 3]! / height, score: data[at + 4]!, cls: Math.round(data[at + 5]!) })
    }
    return found.sort((a, b) => b.score - a.score)
  },

  fastest(data, dims, _width, _height, minScore) {
    const [, channels, rows, columns] = dims as [number, number, number, number]
    const plane = rows * columns
    const found: Found[] = []
    for (let cell = 0; cell < plane; cell++) {
      let best = 5
      for (let channel = 6; channel < channels; channel++) if (data[channel * plane + cell]! > data[best * plane + cell]!) best = channel
      const score = data[cell]! ** 0.6 * data[best * plane + cell]! ** 0.4 // as its authors weigh them
      if (!(score >= minScore)) continue
      const value = (channel: number) => data[channel * plane + cell]!
      found.push({
        ...centred((cell % columns + Math.tanh(value(1))) / columns, (Math.floor(cell / columns) + Math.tanh(value(2))) / rows, sigmoid(value(3)), sigmoid(value(4))),
        cls: best - 5, score,
      })
    }
    return found
  },
}

/** Rows of middle, size, objectness, classes. */
function rowwise(data: Float32Array, dims: readonly number[], minScore: number, box: (at: number, row: number) => Omit<Found, 'cls' | 'score'>): Found[] {
  const [, rows, columns] = dims as [number, number, number]
  const found: Found[] = []
  for (let row = 0, at = 0; row < rows; row++, at += columns) {
    if (!(data[at + 4]! >= minScore)) continue
    let best = 5
    for (let column = 6; column < columns; column++) if (data[at + column]! > data[at + best]!) best = column
    const score = data[at + 4]! * data[at + best]!
    if (score >= minScore) found.push({ ...box(at, row), cls: best - 5, score })
  }
  return found
}

function gridCells(width: number, height: number, count: number) {
  const cells: { x: number; y: number; stride: number }[] = []
  for (const stride of [...STRIDES, 64]) {
    if (cells.length === count) break
    for (let y = 0; y < Math.floor(height / stride); y++) {
      for (let x = 0; x < Math.floor(width / stride); x++) cells.push({ x, y, stride })
    }
  }
  return cells
}

const centred = (x: number, y: number, width: number, height: number) =>
  ({ left: x - width / 2, top: y - height / 2, right: x + width / 2, bottom: y + height / 2 })

const sigmoid = (v: number) => 1 / (1 + Math.exp(-v))

/** Two boxes of one class that overlap more are one thing. */
const SAME_OVERLAP = 0.5

function thinned(found: readonly Found[]): Found[] {
  const kept: Found[] = []
  for (const one of [...found].sort((a, b) => b.score - a.score)) {
    if (!kept.some((other) => other.cls === one.cls && overlap(other, one) > SAME_OVERLAP)) kept.push(one)
  }
  return kept
}

type Corners = Pick<Found, 'left' | 'top' | 'right' | 'bottom'>

/** Intersection over union, 0 to 1. */
export function overlap(a: Corners, b: Corners): number {
  const width = Math.min(a.right, b.right) - Math.max(a.left, b.left)
  const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top)
  if (width <= 0 || height <= 0) return 0
  const area = (c: Corners) => (c.right - c.left) * (c.bottom - c.top)
  return (width * height) / (area(a) + area(b) - width * height)
}
