/**
 * Slanted boxes: from the text detector's probability map to rectangles in the picture, and how they lie to each other.
 * Pure; all lengths are pixels of the picture unless said otherwise.
 */

/** A rectangle turned by `angle_rad` about its middle; `width` runs along the reading direction, which is within ±45° of level. */
export interface Slant {
  readonly x: number // of the middle
  readonly y: number
  readonly width: number
  readonly height: number
  readonly angle_rad: number // clockwise, as y grows downwards
}

export interface TextBox extends Slant {
  readonly sureness: number // mean probability of the map inside, 0 to 1
}

/** What the detector gives: for each cell how probable it is that text covers it, and how large a cell is in the picture. */
export interface TextMap {
  readonly probability: Float32Array // row by row, width × height
  readonly width: number // cells
  readonly height: number
  readonly cellWidth_px: number
  readonly cellHeight_px: number
}

/** A cell is text above this. */
const CELL_MIN = 0.3
/** A patch is kept when its cells are this probable on average. */
const PATCH_MIN = 0.5
const PATCH_MIN_CELLS = 12
/** The network is trained on shrunken text; this gives back area over perimeter (the unclip of "Real-time Scene Text Detection with Differentiable Binarization"). */
const UNCLIP = 1.6

/** Patches of 8-connected text cells, each as the smallest rectangle around it, grown back to the size of the text. */
export function textBoxes(map: TextMap): TextBox[] {
  const { probability, width, height } = map
  const seen = new Uint8Array(width * height)
  const stack: number[] = []
  const boxes: TextBox[] = []
  const scale = (map.cellWidth_px + map.cellHeight_px) / 2
  for (let start = 0; start < seen.length; start++) {
    if (seen[start] === 1 || probability[start]! <= CELL_MIN) continue
    const rows = new Map<number, [number, number]>() // leftmost and rightmost cell of each row: the hull needs no others
    let cells = 0
    let sum = 0
    stack.push(start)
    seen[start] = 1
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      const y = Math.floor(at / width)
      const x = at - y * width
      cells++
      sum += probability[at]!
      const row = rows.get(y)
      if (row === undefined) rows.set(y, [x, x])
      else if (x < row[0]) row[0] = x
      else if (x > row[1]) row[1] = x
      for (let ny = Math.max(0, y - 1); ny <= Math.min(height - 1, y + 1); ny++) {
        for (let nx = Math.max(0, x - 1); nx <= Math.min(width - 1, x + 1); nx++) {
          const next = ny * width + nx
          if (seen[next] === 1 || probability[next]! <= CELL_MIN) continue
          seen[next] = 1
          stack.push(next)
        }
      }
    }
    if (cells < PATCH_MIN_CELLS || sum / cells < PATCH_MIN) continue
    const corners: Point[] = []
    for (const [y, [left, right]] of rows) corners.push([left, y], [right + 1, y], [left, y + 1], [right + 1, y + 1])
    const rect = minRect(corners)
    if (rect === null) continue
    const grow = (2 * rect.width * rect.height * UNCLIP) / (2 * (rect.width + rect.height))
    boxes.push({
      x: rect.x * map.cellWidth_px, y: rect.y * map.cellHeight_px,
      width: (rect.width + grow) * scale, height: (rect.height + grow) * scale,
      angle_rad: rect.angle_rad, sureness: sum / cells,
    })
  }
  return boxes
}

export type Point = readonly [x: number, y: number]

/** The rectangle of least area around the points (one side lies on the hull); null when they span no area. */
export function minRect(points: readonly Point[]): Slant | null {
  const hull = convexHull(points)
  let best: Slant | null = null
  for (let i = 0; i < hull.length; i++) {
    const [ax, ay] = hull[i]!
    const [bx, by] = hull[(i + 1) % hull.length]!
    const length = Math.hypot(bx - ax, by - ay)
    if (length === 0) continue
    const ux = (bx - ax) / length
    const uy = (by - ay) / length
    let [alongMin, alongMax, acrossMin, acrossMax] = [Infinity, -Infinity, Infinity, -Infinity]
    for (const [x, y] of hull) {
      const along = x * ux + y * uy
      const across = y * ux - x * uy
      alongMin = Math.min(alongMin, along)
      alongMax = Math.max(alongMax, along)
      acrossMin = Math.min(acrossMin, across)
      acrossMax = Math.max(acrossMax, across)
    }
    const width = alongMax - alongMin
    const height = acrossMax - acrossMin
    if (best !== null && width * height >= best.width * best.height) continue
    const along = (alongMin + alongMax) / 2
    const across = (acrossMin + acrossMax) / 2
    best = { x: along * ux - across * uy, y: along * uy + across * ux, width, height, angle_rad: Math.atan2(uy, ux) }
  }
  return best === null || best.width * best.height === 0 ? null : levelled(best)
}

/** Pairs that go on in one line ("ABC" "1234") as one box more; the pieces stay. */
export function joined(boxes: readonly TextBox[]): TextBox[] {
  const pairs: TextBox[] = []
  for (const a of boxes) {
    const cos = Math.cos(a.angle_rad)
    const sin = Math.sin(a.angle_rad)
    for (const b of boxes) {
      if (a === b) continue
      const along = (b.x - a.x) * cos + (b.y - a.y) * sin
      const across = (b.y - a.y) * cos - (b.x - a.x) * sin
      const height = Math.max(a.height, b.height)
      if (along <= 0 || Math.abs(across) > 0.35 * height) continue
      if (Math.min(a.height, b.height) / height < 0.6 || Math.abs(a.angle_rad - b.angle_rad) > 0.25) continue
      const gap = along - a.width / 2 - b.width / 2
      if (gap > 1.1 * height || gap < -0.8 * height) continue
      const left = -a.width / 2
      const right = along + b.width / 2
      const width = right - left
      if (width / height > 8 || width / height < 1.8) continue
      const middle = (left + right) / 2
      pairs.push({
        x: a.x + middle * cos - (across / 2) * sin, y: a.y + middle * sin + (across / 2) * cos,
        width, height, angle_rad: (a.angle_rad + b.angle_rad) / 2, sureness: Math.min(a.sureness, b.sureness),
      })
    }
  }
  return pairs
}

/** Whether a box of this shape can be a plate that can be read. */
export function isPlateShaped(box: Slant, pictureHeight_px: number): boolean {
  const aspect = box.width / box.height
  return aspect > 1.3 && aspect < 9 && box.height >= 9 && box.width >= 28
    && Math.abs(box.angle_rad) < 0.6 && box.height < pictureHeight_px * 0.4
}

/** Two boxes that cannot both be a plate: their middles are nearer than half a width and about a height. */
export const isSamePlace = (a: Slant, b: Slant): boolean =>
  Math.abs(a.x - b.x) < 0.5 * Math.max(a.width, b.width) && Math.abs(a.y - b.y) < 1.2 * Math.max(a.height, b.height)

/** The upright rectangle around a slanted one, cut to the picture. */
export function upright(box: Slant, pictureWidth_px: number, pictureHeight_px: number): { left: number; top: number; width: number; height: number } {
  const cos = Math.abs(Math.cos(box.angle_rad))
  const sin = Math.abs(Math.sin(box.angle_rad))
  const halfWidth = (box.width * cos + box.height * sin) / 2
  const halfHeight = (box.width * sin + box.height * cos) / 2
  const clamp = (v: number, max: number) => Math.min(max, Math.max(0, v))
  const left = clamp(box.x - halfWidth, pictureWidth_px)
  const top = clamp(box.y - halfHeight, pictureHeight_px)
  return { left, top, width: clamp(box.x + halfWidth, pictureWidth_px) - left, height: clamp(box.y + halfHeight, pictureHeight_px) - top }
}

/** Andrew's monotone chain, without the points on its edges. */
function convexHull(points: readonly Point[]): Point[] {
  const sorted = [...points].sort((a, b) => a[0] - b[0] || a[1] - b[1])
  const turn = (o: Point, a: Point, b: Point) => (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0])
  const half = (side: readonly Point[]) => {
    const chain: Point[] = []
    for (const p of side) {
      while (chain.length > 1 && turn(chain.at(-2)!, chain.at(-1)!, p) <= 0) chain.pop()
      chain.push(p)
    }
    chain.pop()
    return chain
  }
  return [...half(sorted), ...half(sorted.toReversed())]
}

/** The same rectangle, told with its width within ±45° of level. */
function levelled(rect: Slant): Slant {
  let { width, height, angle_rad } = rect
  const QUARTER = Math.PI / 2
  while (angle_rad > QUARTER / 2 + 1e-6) [angle_rad, width, height] = [angle_rad - QUARTER, height, width]
  while (angle_rad < -QUARTER / 2 - 1e-6) [angle_rad, width, height] = [angle_rad + QUARTER, height, width]
  return { ...rect, width, height, angle_rad }
}
