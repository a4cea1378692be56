/** What the library weighs, by age and by what of a recording a file holds: columns of a chart. */
import type { View } from './reasons.ts'

export interface Part { readonly role: string; readonly bytes: number }
export interface Column { readonly from_week: number; readonly to_week: number; readonly bytes: number; readonly parts: readonly Part[] } // `to` exclusive; parts from the bottom

const LADDER = ['original', '1080p', '720p', '540p']
/** What has a place of its own on the ladder, from most to least; then whatever else there is; second copies last. */
const placeOf = (role: string) => (role === 'archive' ? 99 : LADDER.includes(role) ? LADDER.indexOf(role) : 50)
/** Lightness alone carries the order. */
export const shadeOf = (role: string): string => (role === 'archive' ? 'var(--line-2)' : LADDER.includes(role) ? `var(--s-${5 - LADDER.indexOf(role)})` : 'var(--s-1)')
export const wordOf = (role: string): string => (role === 'archive' ? 'second copies' : role)

/** All second copies as one, whatever their size. */
export const folded = (ages: View['ages']): View['ages'] => ages.map(({ week, bytes }) => {
  const sums: Record<string, number> = {}
  for (const [role, n] of Object.entries(bytes)) { const as = role.startsWith('archive') ? 'archive' : role; sums[as] = (sums[as] ?? 0) + n }
  return { week, bytes: sums }
})

export const rolesOf = (ages: View['ages']): string[] => [...new Set(ages.flatMap(({ bytes }) => Object.keys(bytes)))].sort((a, b) => placeOf(a) - placeOf(b) || (a < b ? -1 : 1))

export const total = (ages: View['ages'], role: string): number => ages.reduce((sum, { bytes }) => sum + (bytes[role] ?? 0), 0)

/** Without gaps, newest first. @param most columns; where there are more weeks each column takes several */
export function columnsOf(ages: View['ages'], roles: readonly string[], most: number): Column[] {
  const weeks = Math.max(1, ...ages.map(({ week }) => week + 1))
  const step = Math.max(1, Math.ceil(weeks / most))
  return Array.from({ length: Math.ceil(weeks / step) }, (_, i) => {
    const own = ages.filter(({ week }) => week >= i * step && week < (i + 1) * step)
    const parts = roles.map((role) => ({ role, bytes: total(own, role) })).filter(({ bytes }) => bytes > 0)
    return { from_week: i * step, to_week: Math.min(weeks, (i + 1) * step), bytes: parts.reduce((sum, part) => sum + part.bytes, 0), parts }
  })
}

/** 0 to 1 from the newest to the oldest; null: older than anything there is. */
export function at(days: number, columns: readonly Column[]): number | null {
  const end = columns.at(-1)!.to_week * 7
  return days >= end ? null : days / end
}

/** 2 weeks, 3 months, 1½ years. */
export function ageWord(days: number): string {
  if (days < 60) return days % 7 === 0 && days > 0 ? `${days / 7} ${days === 7 ? 'week' : 'weeks'}` : `${days} ${days === 1 ? 'day' : 'days'}`
  const months = Math.round(days / 30.44)
  if (months < 12) return `${months} months`
  if (months < 24 && months % 6 !== 0) return `${months} months`
  const half = Math.round(days / 182.6)
  return half === 2 ? '1 year' : `${Math.floor(half / 2) || ''}${half % 2 ? '½' : ''} years`
}
