/** How fast a stage goes on a device. */
import { count, lasting } from '../words.ts'

/** 96 / min, 14 per hour, 2.4 per hour */
export function rate(per_hour: number): string {
  if (per_hour >= 120) return `${count(Math.round(per_hour / 60))}\u202f/\u202fmin`
  return `${per_hour >= 9.95 ? count(Math.round(per_hour)) : per_hour.toFixed(1)} per hour`
}

/** 0.6 s, 42 s, 1 min 34 s: finer than how long ago something was. */
export function took(s: number): string {
  if (s < 10) return `${s.toFixed(1)}\u202fs`
  if (s < 90 || s >= 5400) return lasting(s)
  const whole = Math.round(s)
  return `${Math.floor(whole / 60)}\u202fmin${whole % 60 ? ` ${whole % 60}\u202fs` : ''}`
}
