/** 96 / min, 14 per hour, 2.4 per hour */
import { count } from '../words.ts'

export function rate(per_hour: number): string {
  if (per_hour >= 120) return `${count(Math.round(per_hour / 60))}\u202f/\u202fmin`
  return `${per_hour >= 9.95 ? count(Math.round(per_hour)) : per_hour.toFixed(1)} per hour`
}
