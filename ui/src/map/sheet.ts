/**
 * A canvas over the whole map, drawn by us: no Leaflet object per point. Points are kept as world pixels of zoom 0,
 * so that a pan is an offset and a zoom one multiplication.
 */
import L from 'leaflet'

/** Web Mercator at zoom 0: the world is 256 px wide. */
export const worldX = (lon_deg: number) => ((lon_deg + 180) / 360) * 256
export function worldY(lat_deg: number): number {
  const sin = Math.sin((Math.max(-85.05112878, Math.min(85.05112878, lat_deg)) * Math.PI) / 180)
  return 128 - (Math.log((1 + sin) / (1 - sin)) / (4 * Math.PI)) * 256
}

/** What a drawing gets: the context in CSS pixels, and how a world pixel becomes one of the container. */
export interface Pen { readonly g: CanvasRenderingContext2D; readonly width: number; readonly height: number; readonly x: (world: number) => number; readonly y: (world: number) => number; readonly zoom: number }

export class Sheet extends L.Layer {
  readonly canvas = document.createElement('canvas')
  #paint: (pen: Pen) => void
  #frame = 0
  #at: L.Map | null = null

  constructor(paint: (pen: Pen) => void, order: number) {
    super()
    this.#paint = paint
    this.canvas.style.cssText = `position:absolute;pointer-events:none;z-index:${order}`
    this.canvas.setAttribute('aria-hidden', 'true')
  }

  override onAdd(map: L.Map): this {
    this.#at = map
    map.getPanes().overlayPane!.append(this.canvas)
    map.on('move zoom viewreset resize', this.redraw, this)
    this.redraw() // never at once: an effect that adds a sheet must not come to depend on what is drawn
    return this
  }

  override onRemove(map: L.Map): this {
    map.off('move zoom viewreset resize', this.redraw, this)
    cancelAnimationFrame(this.#frame)
    this.#frame = 0
    this.canvas.remove()
    this.#at = null
    return this
  }

  /** Draws in the next frame, once. */
  redraw(): void {
    if (this.#frame !== 0 || !this.#at) return
    this.#frame = requestAnimationFrame(() => { this.#frame = 0; this.#draw() })
  }

  #draw(): void {
    const map = this.#at
    if (!map) return
    const { x: width, y: height } = map.getSize()
    const ratio = devicePixelRatio || 1
    if (this.canvas.width !== Math.round(width * ratio) || this.canvas.height !== Math.round(height * ratio)) {
      this.canvas.width = Math.round(width * ratio)
      this.canvas.height = Math.round(height * ratio)
      this.canvas.style.width = `${width}px`
      this.canvas.style.height = `${height}px`
    }
    L.DomUtil.setPosition(this.canvas, map.containerPointToLayerPoint([0, 0]))
    const g = this.canvas.getContext('2d')!
    g.setTransform(ratio, 0, 0, ratio, 0, 0)
    g.clearRect(0, 0, width, height)
    const zoom = map.getZoom()
    const scale = 2 ** zoom
    const corner = map.getPixelBounds().min!
    this.#paint({ g, width, height, zoom, x: (world) => world * scale - corner.x, y: (world) => world * scale - corner.y })
  }
}
