export type LatLon = readonly [lat_deg: number, lon_deg: number]

const DEGREE_M = 111_195
/** Longer ways are taken in parts, whose ends stay: else a winding one takes time with the square of its length. */
const PART = 512

/** Douglas–Peucker: leaves out points that lie closer than `error_m` to the line. Distances are on a plane at the
 *  latitude of each part's begin, longitudes the short way round. */
export function simplify(points: readonly LatLon[], error_m: number): LatLon[] {
  const keep = new Uint8Array(points.length)
  for (let from = 0; from < points.length; from += PART - 1) mark(points, from, Math.min(points.length - 1, from + PART - 1), error_m, keep)
  return points.filter((_, i) => keep[i])
}

function mark(points: readonly LatLon[], first: number, last: number, error_m: number, keep: Uint8Array): void {
  const [lat0, lon0] = points[first]!
  const scale = Math.cos((lat0 * Math.PI) / 180) * DEGREE_M
  const x = new Float64Array(last - first + 1)
  const y = new Float64Array(last - first + 1)
  for (let i = first; i <= last; i++) {
    x[i - first] = shortWay_deg(points[i]![1] - lon0) * scale
    y[i - first] = (points[i]![0] - lat0) * DEGREE_M
  }
  keep[first] = keep[last] = 1
  const stretches: [number, number][] = [[0, last - first]]
  for (let stretch = stretches.pop(); stretch; stretch = stretches.pop()) {
    const [from, to] = stretch
    let worst = error_m * error_m
    let at = -1
    for (let i = from + 1; i < to; i++) {
      const off2 = fromStretch_m2(x[i]!, y[i]!, x[from]!, y[from]!, x[to]!, y[to]!)
      if (off2 > worst) {
        worst = off2
        at = i
      }
    }
    if (at < 0) continue
    keep[first + at] = 1
    stretches.push([from, at], [at, to])
  }
}

/** Square of the distance of a point from the stretch between `a` and `b`. */
function fromStretch_m2(px: number, py: number, ax: number, ay: number, bx: number, by: number): number {
  const [dx, dy] = [bx - ax, by - ay]
  const length2 = dx * dx + dy * dy
  const part = length2 === 0 ? 0 : Math.min(1, Math.max(0, ((px - ax) * dx + (py - ay) * dy) / length2))
  return (px - ax - part * dx) ** 2 + (py - ay - part * dy) ** 2
}

const shortWay_deg = (deg: number) => ((((deg + 180) % 360) + 360) % 360) - 180
