/** What lies under a finger on the map. Points and lines are in world pixels of zoom 0 (`sheet.ts`). */
import type L from 'leaflet'
import type { WorldLine } from './draw.ts'

export interface Spot { readonly x: number; readonly y: number }
/** A point of the screen in the world, and how many pixels of the screen one of the world is. */
export interface At extends Spot { readonly scale: number }

/** A finger is not finer than that, px of the screen. */
export const REACH_PX = 12

/** Where a point of the map's container lies in the world. */
export function worldAt(map: L.Map, point: L.Point): At {
  const scale = 2 ** map.getZoom()
  const corner = map.getPixelBounds().min!
  return { x: (point.x + corner.x) / scale, y: (point.y + corner.y) / scale, scale }
}

/** The nearest within reach; -1: none is. */
export function nearestSpot(spots: readonly Spot[], at: At): number {
  let best = -1
  let far = REACH_PX / at.scale
  for (const [i, spot] of spots.entries()) {
    const away = Math.hypot(spot.x - at.x, spot.y - at.y)
    if (away < far) { far = away; best = i }
  }
  return best
}

/** That to which one of its lines comes nearest, within reach; null: none does. */
export function nearestLine<T extends { readonly parts: readonly WorldLine[] }>(all: readonly T[], at: At): T | null {
  let best: T | null = null
  let far = REACH_PX / at.scale
  for (const one of all) for (const part of one.parts) for (let i = 2; i < part.length; i += 2) {
    const away = offLine(at, part[i - 2]!, part[i - 1]!, part[i]!, part[i + 1]!)
    if (away < far) { far = away; best = one }
  }
  return best
}

function offLine({ x, y }: Spot, ax: number, ay: number, bx: number, by: number): number {
  const [dx, dy] = [bx - ax, by - ay]
  const part = Math.max(0, Math.min(1, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy || 1)))
  return Math.hypot(x - ax - part * dx, y - ay - part * dy)
}
