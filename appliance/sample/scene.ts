/** One frame of an invented motorway, seen by a camera behind the windscreen, as SVG. Pure: the same second is the same picture. */
import { lettering } from './lettering.ts'

export const WIDTH_PX = 1280
export const HEIGHT_PX = 720
const HORIZON_PX = 318
const FOCAL_PX = 1020
const CAMERA_HIGH_M = 1.25
const LANE_M = 3.2
const FAR_M = 260

export interface Car {
  readonly plate: string // as painted, with blanks
  readonly style: keyof typeof STYLES
  readonly colour: string
  readonly lane: 0 | 1 // ours, or the one to its right
  /** Distance ahead of the camera, metres; behind it below 0. */
  readonly ahead_m: (t_s: number) => number
}

export interface Scene {
  readonly speed_mps: number
  readonly start_m: number // along the road at second 0
  readonly cars: readonly Car[]
}

const STYLES = {
  band: { ground: '#f6f6f2', ink: '#111', band: true },
  yellow: { ground: '#f3c81f', ink: '#111', band: false },
  plain: { ground: '#f4f4f0', ink: '#16337a', band: false },
} as const

export function frame(scene: Scene, t_s: number): string {
  const along_m = scene.start_m + scene.speed_mps * t_s
  const cars = scene.cars
    .map((car) => ({ car, z: car.ahead_m(t_s) }))
    .filter(({ z }) => z > 2.2 && z < FAR_M)
    .map(({ car, z }) => ({ z, svg: carSvg(car, z) }))
  const things = [...trees(along_m), ...cars].sort((a, b) => b.z - a.z)
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH_PX}" height="${HEIGHT_PX}">
<defs><linearGradient id="s" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="#6f9fd0"/><stop offset="1" stop-color="#dbe6ec"/></linearGradient>
<linearGradient id="r" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="#84868a"/><stop offset="1" stop-color="#56585c"/></linearGradient></defs>
<rect width="${WIDTH_PX}" height="${HORIZON_PX + 1}" fill="url(#s)"/>
<path d="${hills(along_m)}" fill="#8fa79a"/>
<rect y="${HORIZON_PX}" width="${WIDTH_PX}" height="${HEIGHT_PX - HORIZON_PX}" fill="#6c8a4e"/>
${road(along_m)}${things.map(({ svg }) => svg).join('')}
<path d="M0 720V668Q640 628 1280 668V720Z" fill="#17181b"/></svg>`
}

const across_px = (x_m: number, z_m: number) => WIDTH_PX / 2 + (FOCAL_PX * x_m) / z_m
const down_px = (high_m: number, z_m: number) => HORIZON_PX + (FOCAL_PX * (CAMERA_HIGH_M - high_m)) / z_m
const n = (px: number) => px.toFixed(1)

/** A strip of the ground between two distances. */
function strip(left_m: number, right_m: number, near_m: number, far_m: number, colour: string): string {
  const near = Math.max(1.5, near_m)
  if (far_m <= near) return ''
  const [a, b] = [down_px(0, near), down_px(0, far_m)]
  return `<path d="M${n(across_px(left_m, near))} ${n(a)}L${n(across_px(right_m, near))} ${n(a)} ${n(across_px(right_m, far_m))} ${n(b)} ${n(across_px(left_m, far_m))} ${n(b)}Z" fill="${colour}"/>`
}

function road(along_m: number): string {
  const left = -LANE_M / 2
  const right = left + 2 * LANE_M
  const parts = [strip(left - 1, right + 2.6, 1.5, 2000, 'url(#r)'), strip(left - 0.3, left - 0.1, 1.5, 2000, '#e8e8e4'), strip(right + 0.1, right + 0.3, 1.5, 2000, '#e8e8e4')]
  const DASH_M = 6
  const EVERY_M = 18
  for (let z = EVERY_M - (along_m % EVERY_M) - EVERY_M; z < 150; z += EVERY_M) parts.push(strip(left + LANE_M - 0.08, left + LANE_M + 0.08, z, z + DASH_M, '#e8e8e4'))
  // The rail between the carriageways.
  parts.push(`<path d="M0 ${n(down_px(0.74, 3.4))}L${n(across_px(left - 1.6, 2000))} ${HORIZON_PX} 0 ${n(down_px(0.58, 3.4))}Z" fill="#b9bdc0"/>`)
  return parts.join('')
}

function hills(along_m: number): string {
  const points = [`M0 ${HORIZON_PX}`]
  for (let x = 0; x <= WIDTH_PX; x += 40) {
    const u = x / 210 + along_m / 4000
    points.push(`L${x} ${n(HORIZON_PX - 26 - 15 * Math.sin(u) - 8 * Math.sin(2.3 * u + 1))}`)
  }
  return `${points.join('')}L${WIDTH_PX} ${HORIZON_PX}Z`
}

function* trees(along_m: number): Generator<{ z: number; svg: string }> {
  const EVERY_M = 32
  const first = Math.ceil((along_m + 6) / EVERY_M)
  for (let i = first; i * EVERY_M - along_m < FAR_M; i++) {
    const z = i * EVERY_M - along_m
    const odd = mixed(i)
    const scale = FOCAL_PX / z
    const x = odd < 0.45 ? -11 - 9 * odd : 12 + 10 * odd
    const high_m = 4.5 + 4 * mixed(i + 7000)
    const green = ['#47663c', '#3f5d3a', '#557345'][i % 3]!
    yield { z, svg: `<g transform="translate(${n(across_px(x, z))} ${n(down_px(0, z))}) scale(${scale.toFixed(3)})"><rect x="-.2" y="-2" width=".4" height="2" fill="#5c4a3a"/><ellipse cx="0" cy="${n(-high_m * 0.6 - 0.6)}" rx="${(high_m * 0.33).toFixed(2)}" ry="${(high_m * 0.45).toFixed(2)}" fill="${green}"/></g>` }
  }
}

/** A number from 0 to 1 that belongs to a whole number, always the same. */
function mixed(i: number): number {
  let h = Math.imul(i ^ 0x9e3779b9, 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return ((h ^ (h >>> 16)) >>> 0) / 2 ** 32
}

/** The back of a car, drawn in metres with its feet at 0. */
function carSvg(car: Car, z: number): string {
  const { ground, ink, band } = STYLES[car.style]
  const plate = { x: -0.29, y: -0.86, width: 0.58, height: 0.135 }
  const text = { x: plate.x + (band ? 0.065 : 0.02), y: plate.y + 0.02, width: plate.width - (band ? 0.085 : 0.04), height: plate.height - 0.04 }
  return `<g transform="translate(${n(across_px(car.lane * LANE_M, z))} ${n(down_px(0, z))}) scale(${(FOCAL_PX / z).toFixed(3)})">
<ellipse cx="0" cy="0" rx="1.05" ry=".1" fill="#2e2f31" opacity=".6"/>
<rect x="-.84" y="-.42" width=".24" height=".42" rx=".05" fill="#1a1a1b"/><rect x=".6" y="-.42" width=".24" height=".42" rx=".05" fill="#1a1a1b"/>
<path d="M-.9-.25V-.8Q-.9-.95-.82-1L-.62-1.42Q-.58-1.48-.5-1.48H.5Q.58-1.48.62-1.42L.82-1Q.9-.95.9-.8V-.25Q.9-.2.84-.2H-.84Q-.9-.2-.9-.25Z" fill="${car.colour}"/>
<path d="M-.68-1.02-.52-1.38H.52L.68-1.02Z" fill="#26313a"/>
<rect x="-.88" y="-.94" width=".26" height=".15" rx=".03" fill="#a3161b"/><rect x=".62" y="-.94" width=".26" height=".15" rx=".03" fill="#a3161b"/>
<rect x="-.88" y="-.44" width="1.76" height=".16" fill="#2a2c2f"/>
<rect x="${plate.x - 0.03}" y="${plate.y - 0.03}" width="${plate.width + 0.06}" height="${plate.height + 0.06}" fill="#1d1e20"/>
<rect x="${plate.x}" y="${plate.y}" width="${plate.width}" height="${plate.height}" rx=".012" fill="${ground}"/>
${band ? `<rect x="${plate.x}" y="${plate.y}" width=".05" height="${plate.height}" fill="#1f4fb0"/>` : ''}${lettering(car.plate, text, ink)}</g>`
}
