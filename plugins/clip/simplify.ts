export type LatLon = readonly [lat_deg: number, lon_deg: number]

const DEGREE_M = 111_195

/** Douglas–Peucker: leaves out points that lie closer than `error_m` to the line. Distances are on a plane at each
 *  part's latitude, longitudes the short way round. */
export function simplify(points: readonly LatLon[], error_m: number): LatLon[] {
  if (points.length < 3) return [...points]
  const keep = new Uint8Array(points.length)
  keep[0] = keep[points.length - 1] = 1
  const parts: [number, number][] = [[0, points.length - 1]]
  for (let part = parts.pop(); part; part = parts.pop()) {
    const [from, to] = part
    let worst = 0
    let at = -1
    for (let i = from + 1; i < to; i++) {
      const off_m = fromLine_m(points[i]!, points[from]!, points[to]!)
      if (off_m > worst) [worst, at] = [off_m, i]
    }
    if (at < 0 || worst <= error_m) continue
    keep[at] = 1
    parts.push([from, at], [at, to])
  }
  return points.filter((_, i) => keep[i])
}

/** Distance of `p` from the stretch between `a` and `b`, m. */
function fromLine_m(p: LatLon, a: LatLon, b: LatLon): number {
  const scale = Math.cos((a[0] * Math.PI) / 180)
  const x = (q: LatLon) => shortWay_deg(q[1] - a[1]) * scale * DEGREE_M
  const y = (q: LatLon) => (q[0] - a[0]) * DEGREE_M
  const [bx, by, px, py] = [x(b), y(b), x(p), y(p)]
  const length2 = bx * bx + by * by
  const part = length2 === 0 ? 0 : Math.min(1, Math.max(0, (px * bx + py * by) / length2))
  return Math.hypot(px - part * bx, py - part * by)
}

const shortWay_deg = (deg: number) => ((((deg + 180) % 360) + 360) % 360) - 180
