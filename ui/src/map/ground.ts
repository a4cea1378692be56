/** The ground of every map: a graticule, which needs nothing from outside; street tiles above it when the user allows them. */
import L from 'leaflet'
import 'leaflet/dist/leaflet.css'
import { token } from '../theme.svelte.ts'

class Graticule extends L.GridLayer {
  override createTile(coords: L.Coords): HTMLElement {
    const ratio = devicePixelRatio || 1
    const tile = document.createElement('canvas')
    tile.width = tile.height = 256 * ratio
    const g = tile.getContext('2d')!
    g.scale(ratio, ratio)
    g.fillStyle = token('--map')
    g.fillRect(0, 0, 256, 256)
    g.lineWidth = 1
    for (let i = 3; i >= 0; i--) {
      g.strokeStyle = token(i === 0 ? '--map-grid-2' : '--map-grid')
      g.beginPath()
      g.moveTo(i * 64 + 0.5, 0); g.lineTo(i * 64 + 0.5, 256)
      g.moveTo(0, i * 64 + 0.5); g.lineTo(256, i * 64 + 0.5)
      g.stroke()
    }
    const corner = this._map.unproject([coords.x * 256, coords.y * 256], coords.z)
    const digits = Math.max(1, Math.min(4, Math.round(coords.z / 4)))
    g.fillStyle = token('--ink-4')
    g.font = '9px "JetBrains Mono", monospace'
    g.fillText(`${corner.lat.toFixed(digits)} ${corner.lng.toFixed(digits)}`, 5, 12)
    return tile
  }
}

export interface Ground { readonly map: L.Map; recolour(): void }
export type Tiles = { readonly url: string; readonly attribution: string } | null

export function groundIn(element: HTMLElement, tiles: Tiles): Ground {
  const map = L.map(element, { zoomControl: false, attributionControl: tiles !== null, zoomSnap: 0.25, zoomDelta: 0.5, wheelPxPerZoomLevel: 90, zoomAnimation: false, fadeAnimation: false, markerZoomAnimation: false, maxZoom: 19, minZoom: 2, worldCopyJump: true, keyboard: true })
  map.attributionControl?.setPrefix(false)
  map.setView([30, 10], 2)
  const graticule = new Graticule({ updateWhenIdle: false, noWrap: false, keepBuffer: 1 }).addTo(map)
  if (tiles) L.tileLayer(tiles.url, { attribution: tiles.attribution, className: 'street', maxZoom: 19, maxNativeZoom: 19, referrerPolicy: 'strict-origin-when-cross-origin' }).addTo(map)
  L.control.scale({ imperial: false, position: 'bottomleft' }).addTo(map)
  return { map, recolour: () => { graticule.redraw() } }
}

/** Shows all of a box, leaving room for what floats above the map. */
export function fit(map: L.Map, box: { south: number; west: number; north: number; east: number }, room: { top?: number; right?: number; bottom?: number; left?: number } = {}): void {
  map.fitBounds([[box.south, box.west], [box.north, box.east]], { paddingTopLeft: [room.left ?? 30, room.top ?? 30], paddingBottomRight: [room.right ?? 30, room.bottom ?? 30], maxZoom: 17, animate: false })
}
