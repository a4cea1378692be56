/** What is drawn on sheets: lines, dots, cells, the car. Colours are read once a drawing. */
import { token } from '../theme.svelte.ts'
import type { LatLon } from './line.ts'
import { worldX, worldY, type Pen } from './sheet.ts'

/** A stroke as world pixels, x and y in turn. */
export type WorldLine = Float64Array
export function worldLine(points: readonly LatLon[]): WorldLine {
  const line = new Float64Array(points.length * 2)
  for (const [i, [lat, lon]] of points.entries()) {
    line[2 * i] = worldX(lon)
    line[2 * i + 1] = worldY(lat)
  }
  return line
}

function trace({ g, x, y }: Pen, line: WorldLine): void {
  let lastX = NaN
  let lastY = NaN
  for (let i = 0; i < line.length; i += 2) {
    const px = x(line[i]!)
    const py = y(line[i + 1]!)
    if (i > 0 && i < line.length - 2 && Math.abs(px - lastX) + Math.abs(py - lastY) < 1.5) continue // nearer than a pixel
    if (i === 0) g.moveTo(px, py)
    else g.lineTo(px, py)
    lastX = px
    lastY = py
  }
}

/** All lines in one pass for each of case and fill, so that crossings join instead of overlapping. */
export function drawLines(pen: Pen, lines: readonly WorldLine[], look: { color: string; width: number; casing?: string; alpha?: number }): void {
  const { g } = pen
  g.lineJoin = 'round'
  g.lineCap = 'round'
  g.globalAlpha = look.alpha ?? 1
  for (const [color, width] of look.casing ? [[look.casing, look.width + 3], [look.color, look.width]] as const : [[look.color, look.width]] as const) {
    g.strokeStyle = color
    g.lineWidth = width
    g.beginPath()
    for (const line of lines) trace(pen, line)
    g.stroke()
  }
  g.globalAlpha = 1
}

/** Small arrows along a line, so that it says which way. */
export function drawArrows(pen: Pen, line: WorldLine, color: string): void {
  const { g, x, y } = pen
  g.strokeStyle = color
  g.lineWidth = 1.6
  let since = 60
  for (let i = 2; i < line.length; i += 2) {
    const [ax, ay, bx, by] = [x(line[i - 2]!), y(line[i - 1]!), x(line[i]!), y(line[i + 1]!)]
    const length = Math.hypot(bx - ax, by - ay)
    since += length
    if (since < 120 || length < 2) continue
    since = 0
    g.save()
    g.translate((ax + bx) / 2, (ay + by) / 2)
    g.rotate(Math.atan2(by - ay, bx - ax))
    g.beginPath()
    g.moveTo(-2.5, -3); g.lineTo(2, 0); g.lineTo(-2.5, 3)
    g.stroke()
    g.restore()
  }
}

export interface Dot { readonly x: number; readonly y: number; readonly confidence: number }

/** Filled from .93, ring from .80, small ring below. Two dots in one 2 px cell are one. */
export function drawDots(pen: Pen, dots: readonly Dot[], chosen: number): void {
  const { g, x, y, width, height } = pen
  const [fill, ground, now] = [token('--d-front'), token('--map'), token('--now')]
  const columns = Math.ceil(width / 2)
  const taken = new Uint8Array(columns * Math.ceil(height / 2))
  const near = pen.zoom >= 12 ? 3.4 : 2.6
  g.lineWidth = 1.3
  const one = (i: number, bold: boolean) => {
    const dot = dots[i]!
    const px = x(dot.x)
    const py = y(dot.y)
    if (px < 0 || py < 0 || px >= width || py >= height) return
    const cell = (py >> 1) * columns + (px >> 1)
    if (!bold) {
      if (taken[cell]) return
      taken[cell] = 1
    }
    g.beginPath()
    g.arc(px, py, (dot.confidence < 0.8 ? near * 0.75 : near) + (bold ? 2.2 : 0), 0, 7)
    if (dot.confidence >= 0.93 || bold) {
      g.fillStyle = bold ? now : fill
      g.fill()
      if (bold) { g.strokeStyle = ground; g.lineWidth = 2; g.stroke(); g.lineWidth = 1.3 }
    } else {
      g.fillStyle = ground
      g.fill()
      g.strokeStyle = fill
      g.stroke()
    }
  }
  for (let i = 0; i < dots.length; i++) one(i, false)
  if (chosen >= 0) one(chosen, true)
}

/** Density where single dots would say nothing: more is darker in light, lighter in dark. */
export function drawCells(pen: Pen, cells: readonly { x: number; y: number; count: number }[]): void {
  const { g, x, y } = pen
  const most = Math.max(1, ...cells.map((cell) => cell.count))
  const shades = ['--s-1', '--s-2', '--s-3', '--s-4', '--s-5'].map(token)
  g.globalAlpha = 0.82
  for (const cell of cells) {
    const part = Math.log1p(cell.count) / Math.log1p(most)
    g.fillStyle = shades[Math.min(4, Math.floor(part * 5))]!
    g.beginPath()
    g.arc(x(cell.x), y(cell.y), 3 + part * 9, 0, 7)
    g.fill()
  }
  g.globalAlpha = 1
}

/** The car, and where its camera looked: the arcs lie at 25 and 50 m when the map is near enough to show them. */
export function drawCar(pen: Pen, at: { lat_deg: number; lon_deg: number; heading_deg: number | null }, size = 62): void {
  const { g } = pen
  const [now, cone, ground] = [token('--now'), token('--cone'), token('--raised')]
  const metre = (2 ** pen.zoom * 256) / (40_075_016.686 * Math.cos((at.lat_deg * Math.PI) / 180))
  const far = Math.max(size, 50 * metre)
  g.save()
  g.translate(pen.x(worldX(at.lon_deg)), pen.y(worldY(at.lat_deg)))
  if (at.heading_deg !== null) {
    g.rotate(((at.heading_deg - 90) * Math.PI) / 180)
    g.fillStyle = cone
    g.beginPath()
    g.moveTo(0, 0)
    g.arc(0, 0, far, -0.57, 0.57)
    g.closePath()
    g.fill()
    g.strokeStyle = now
    g.globalAlpha = 0.7
    g.lineWidth = 1.2
    for (const radius of [far / 2, far]) {
      g.beginPath()
      g.arc(0, 0, radius, -0.57, 0.57)
      g.stroke()
    }
    g.globalAlpha = 1
  }
  g.fillStyle = now
  g.strokeStyle = ground
  g.lineWidth = 2.5
  g.beginPath()
  g.arc(0, 0, 7, 0, 7)
  g.fill()
  g.stroke()
  g.restore()
}
