/** A camera's clock in words, and what a person types about it. Pure. */
import type { Answer } from '../../../core/http/api.ts'
import { MONTHS } from '../words.ts'

type Clock = Answer<'cameraClock'>
type Stretch = Clock['stretches'][number]
type Correction = Clock['corrections'][number]

const two = (n: number) => String(n).padStart(2, '0')

/** How far the camera's clock is ahead of UTC: `UTC+2`, `UTC−3:30`; with seconds when it is no zone: `2 h 0 min 14 s ahead of UTC`. */
export function ahead(offset_s: number): string {
  const ahead_s = -Math.round(offset_s)
  const quarters = Math.round(ahead_s / 900)
  const sign = ahead_s < 0 ? '−' : '+'
  const of = Math.abs(ahead_s)
  if (Math.abs(ahead_s - quarters * 900) <= 90 && of <= 14 * 3600 + 90) {
    const minutes = Math.abs(quarters) * 15
    return quarters === 0 ? 'UTC' : `UTC${sign}${Math.floor(minutes / 60)}${minutes % 60 === 0 ? '' : `:${two(minutes % 60)}`}`
  }
  const days = Math.floor(of / 86_400)
  const rest = [days > 0 ? `${days} d` : '', `${Math.floor(of / 3600) % 24} h`, `${Math.floor(of / 60) % 60} min`, `${of % 60} s`].filter((word) => word !== '' && !/^0 /.test(word))
  return `${rest.join(' ') || '0 s'} ${ahead_s < 0 ? 'behind' : 'ahead of'} UTC`
}

/** The camera's own time, as its display shows it: no zone of the browser's comes into it. */
export function shown(ms: number): string {
  const at = new Date(ms)
  return `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]} ${at.getUTCFullYear()} ${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`
}

export const stretchWords = ({ from_ms, to_ms }: Pick<Stretch, 'from_ms' | 'to_ms'>): string => (shown(from_ms) === shown(to_ms) ? shown(from_ms) : `${shown(from_ms)} – ${shown(to_ms)}`)
export const periodWords = ({ from_ms, to_ms }: Pick<Correction, 'from_ms' | 'to_ms'>): string =>
  from_ms === null ? (to_ms === null ? 'always' : `until ${shown(to_ms)}`) : to_ms === null ? `from ${shown(from_ms)} on` : `${shown(from_ms)} – ${shown(to_ms)}`

/** A field `2026-10-25T03:00` of the camera's time, or empty: null. */
export const momentOf = (field: string): number | null => (field === '' ? null : Date.parse(`${field}Z`))
export const fieldOf = (ms: number): string => new Date(ms).toISOString().slice(0, 16)

/** `+2`, `-3:30`, `+02:00:14`, `UTC+2`: how far ahead of UTC → what is added to get UTC. Null: that says nothing. */
export function offsetOf(typed: string): number | null {
  const match = /^\s*(?:UTC|GMT)?\s*([+\-−]?)\s*(\d{1,4})(?::([0-5]\d))?(?::([0-5]\d))?\s*$/i.exec(typed)
  if (!match) return /^\s*(UTC|GMT)\s*$/i.test(typed) ? 0 : null
  const [, sign, h, m = '0', s = '0'] = match
  const ahead_s = Number(h) * 3600 + Number(m) * 60 + Number(s)
  return ahead_s === 0 ? 0 : sign === '-' || sign === '−' ? ahead_s : -ahead_s
}
