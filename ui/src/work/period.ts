/** Two days of a form as the time between them: from the first moment of the one to the last of the other, in the browser's zone. */
import { daySpan } from '../words.ts'

export interface Days { readonly from: string; readonly to: string } // `2026-06-01`; empty: open

export interface Span { readonly from?: number; readonly to?: number } // ms, `to` exclusive

/** null: what stands there is no day, or the last comes before the first. */
export function spanOf({ from, to }: Days): Span | null {
  const [first, last] = [startOf(from, 0), startOf(to, 1)]
  if (Number.isNaN(first) || Number.isNaN(last)) return null
  if (first !== null && last !== null && last <= first) return null
  return { ...(first === null ? {} : { from: first }), ...(last === null ? {} : { to: last }) }
}

/** `all recordings`, `1 Jun–30 Jun`, `from 1 Jun`, `until 30 Jun`. */
export function spanWords({ from, to }: Span): string {
  if (from === undefined && to === undefined) return 'all recordings'
  if (from !== undefined && to !== undefined) return daySpan(from, to - 1)
  return from === undefined ? `until ${daySpan(to! - 1, to! - 1)}` : `from ${daySpan(from, from)}`
}

function startOf(day: string, after_days: number): number | null {
  if (day === '') return null
  const parts = /^(\d{4})-(\d{2})-(\d{2})$/.exec(day)
  if (!parts) return Number.NaN
  return new Date(Number(parts[1]), Number(parts[2]) - 1, Number(parts[3]) + after_days).getTime()
}
