import type { OwnAnswer, OwnContext, OwnLook } from '../../core/contract/plugin.ts'
import type { FlowConfig, SummaryOptions, SummaryOutput } from './schemas.ts'

type Drives = Awaited<ReturnType<OwnLook['drives']>>

const DAY_MS = 86_400_000

export async function run(_input: unknown, { options, asked_ms, look }: OwnContext<FlowConfig, SummaryOptions>): Promise<OwnAnswer<SummaryOutput>> {
  const from_ms = asked_ms - options.days * DAY_MS
  const drives = await look.drives(from_ms, asked_ms)
  return { output: { ...inWords(drives, options.days), svg: onMap(drives.map(({ line }) => line)), from_ms, to_ms: asked_ms } }
}

export function inWords(drives: Drives, days: number): { subject: string; text: string } {
  const km = (of: Drives) => (of.reduce((sum, { distance_m }) => sum + distance_m, 0) / 1000).toFixed(1)
  const subject = `${drives.length === 1 ? '1 drive' : `${drives.length} drives`}, ${km(drives)} km in ${days === 1 ? 'a day' : `${days} days`}`
  const lines = [...drives].sort((a, b) => a.start_ms - b.start_ms)
    .map((drive) => `${clock(drive.start_ms)}  ${km([drive])} km, ${Math.round((drive.end_ms - drive.start_ms) / 60_000)} min, ${drive.plates} plates`)
  return { subject, text: [subject, '', ...lines].join('\n') }
}

const clock = (at_ms: number) => {
  const date = new Date(at_ms)
  const two = (n: number) => String(n).padStart(2, '0')
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}`
}

const SIZE_PX = 800
const EDGE_PX = 20

/** Web Mercator, fitted into a square; no ground beneath it: nobody is asked for tiles. */
export function onMap(lines: readonly (readonly (readonly number[])[])[]): string {
  const flat = lines.filter((line) => line.length > 1).map((line) => line.map(([lat_deg = 0, lon_deg = 0]) => [lon_deg, (-Math.log(Math.tan(Math.PI / 4 + (lat_deg * Math.PI) / 360)) * 180) / Math.PI] as const))
  const all = flat.flat()
  const open = `<svg xmlns="http://www.w3.org/2000/svg" width="${SIZE_PX}" height="${SIZE_PX}" viewBox="0 0 ${SIZE_PX} ${SIZE_PX}"><rect width="100%" height="100%" fill="#f4f2ee"/>`
  if (all.length === 0) return `${open}<text x="50%" y="50%" text-anchor="middle" font-family="sans-serif" font-size="24" fill="#777">No drive with a position</text></svg>`
  const span = (axis: 0 | 1) => all.reduce(([lo, hi], point) => [Math.min(lo, point[axis]), Math.max(hi, point[axis])], [Infinity, -Infinity] as [number, number])
  const [west, east] = span(0)
  const [north, south] = span(1)
  const scale = (SIZE_PX - 2 * EDGE_PX) / Math.max(east - west, south - north, 1e-4)
  const x = (value: number) => (EDGE_PX + (value - west) * scale).toFixed(1)
  const y = (value: number) => (EDGE_PX + (value - north) * scale).toFixed(1)
  const paths = flat.map((line) => `<polyline points="${line.map((point) => `${x(point[0])},${y(point[1])}`).join(' ')}"/>`)
  return `${open}<g fill="none" stroke="#b3541e" stroke-width="3" stroke-linecap="round" stroke-linejoin="round" stroke-opacity="0.8">${paths.join('')}</g></svg>`
}
