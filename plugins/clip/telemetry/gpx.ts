import type { Point } from './fix.ts'

// Track, route and way points alike; attributes in any order and with either quote.
const POINT = /<((?:[\w-]+:)?(?:trkpt|rtept|wpt))\b([^>]*?)(\/>|>)/g

/** All points of a GPX text in the file's order. Read with expressions instead of a parser: a log cut off in the middle still gives what it has. */
export function gpxPoints(text: string): readonly Point[] {
  const body = text.replaceAll(/<!--[\s\S]*?-->/g, '')
  const tracked = /<(?:[\w-]+:)?trkpt\b/.test(body)
  const points: Point[] = []
  for (const match of body.matchAll(POINT)) {
    if (tracked && !match[1]!.endsWith('trkpt')) continue // way points beside a track are marks, not where the car was
    const from = match.index + match[0].length
    const close = match[3] === '/>' ? from : body.indexOf(`</${match[1]}>`, from)
    const inner = body.slice(from, close < 0 ? from + 4096 : close)
    const time = Date.parse(child(inner, 'time') ?? '')
    const speed = number(child(inner, 'speed'))
    points.push({
      at_ms: Number.isNaN(time) ? null : time,
      t_s: null,
      lat_deg: number(attribute(match[2]!, 'lat')) ?? NaN,
      lon_deg: number(attribute(match[2]!, 'lon')) ?? NaN,
      speed_mps: speed,
      heading_deg: number(child(inner, 'course')),
      altitude_m: number(child(inner, 'ele')),
      fixed: child(inner, 'fix') !== 'none',
    })
  }
  return points
}

const attribute = (tag: string, name: string) => new RegExp(`\\b${name}\\s*=\\s*["']([^"']*)["']`).exec(tag)?.[1]
const child = (inner: string, name: string) => new RegExp(`<(?:[\\w-]+:)?${name}>\\s*([^<]*?)\\s*</`).exec(inner)?.[1]

function number(text: string | undefined): number | null {
  if (text === undefined || text.trim() === '') return null
  const value = Number(text)
  return Number.isFinite(value) ? value : null
}
