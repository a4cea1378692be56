/** Numbers, times and places as people read them. Times are the browser's own zone, 24 h. */
const THIN = '\u202f'
const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
export const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const two = (n: number) => String(n).padStart(2, '0')

/** 13:54 */
export const hourMinute = (ms: number) => { const d = new Date(ms); return `${two(d.getHours())}:${two(d.getMinutes())}` }
/** 13:54:07 */
export const clockTime = (ms: number) => `${hourMinute(ms)}:${two(new Date(ms).getSeconds())}`

/** Fri 20 Nov; with the year when it is not this one. */
export function dayName(ms: number, now_ms = Date.now()): string {
  const d = new Date(ms)
  const year = d.getFullYear() === new Date(now_ms).getFullYear() ? '' : ` ${d.getFullYear()}`
  return `${WEEKDAYS[d.getDay()]} ${d.getDate()} ${MONTHS[d.getMonth()]}${year}`
}
/** 20 Nov; with the year when it is not this one. */
export const shortDay = (ms: number, now_ms = Date.now()) => dayName(ms, now_ms).slice(4)
/** 'today', 'yesterday' or null. */
export function nearDay(ms: number, now_ms = Date.now()): 'today' | 'yesterday' | null {
  const days = Math.round((dayStart(now_ms) - dayStart(ms)) / 86_400_000)
  return days === 0 ? 'today' : days === 1 ? 'yesterday' : null
}
/** today 13:58, then 20 Nov 13:58. */
export const moment = (ms: number | null, now_ms = Date.now()) => (ms === null ? 'time unknown' : `${nearDay(ms, now_ms) ?? shortDay(ms, now_ms)} ${hourMinute(ms)}`)
/** 13:54–14:08; 13:54 when both lie in one minute. */
export const span = (from_ms: number, to_ms: number) => (hourMinute(from_ms) === hourMinute(to_ms) && to_ms - from_ms < 60_000 ? hourMinute(from_ms) : `${hourMinute(from_ms)}–${hourMinute(to_ms)}`)
/** 20 Nov, or 17 Nov–20 Nov. */
export const daySpan = (from_ms: number, to_ms: number) => (dayStart(from_ms) === dayStart(to_ms) ? shortDay(from_ms) : `${shortDay(from_ms)}–${shortDay(to_ms)}`)

export const dayStart = (ms: number) => { const d = new Date(ms); return new Date(d.getFullYear(), d.getMonth(), d.getDate()).getTime() }

/** Position in a recording: 4:12, 1:04:12. */
export function position(s: number): string {
  const whole = Math.max(0, Math.floor(s))
  const h = Math.floor(whole / 3600)
  const m = Math.floor(whole / 60) % 60
  return h > 0 ? `${h}:${two(m)}:${two(whole % 60)}` : `${m}:${two(whole % 60)}`
}
/** 42 s, 14 min, 2 h 5 min, 3 d */
export function lasting(s: number): string {
  if (s < 1) return `under 1${THIN}s`
  if (s < 90) return `${Math.round(s)}${THIN}s`
  if (s < 5400) return `${Math.round(s / 60)}${THIN}min`
  if (s < 172_800) return `${Math.floor(s / 3600)}${THIN}h${Math.round(s / 60) % 60 ? ` ${Math.round(s / 60) % 60}${THIN}min` : ''}`
  return `${Math.round(s / 86_400)}${THIN}d`
}
/** now, 12 min ago, 19 h ago: coarser the longer it is. */
export function ago(ms: number, now_ms = Date.now()): string {
  const s = (now_ms - ms) / 1000
  return s < 5 ? 'now' : `${s < 5400 || s > 172_800 ? lasting(s) : `${Math.round(s / 3600)}${THIN}h`} ago`
}

export const kilometres = (m: number) => (m < 1000 ? `${Math.round(m)}${THIN}m` : `${(m / 1000).toFixed(m < 100_000 ? 1 : 0)}${THIN}km`)
export const speed = (mps: number | null) => (mps === null ? 'unknown' : `${Math.round(mps * 3.6)}${THIN}km/h`)
export const percent = (part: number) => `${Math.round(part * 100)}${THIN}%`
export function bytes(n: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let i = 0
  while (n >= 1000 && i < units.length - 1) { n /= 1000; i++ }
  return `${i === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)}${THIN}${units[i]}`
}
/** 1 214, with thin spaces from four digits on. */
export const count = (n: number) => String(n).replace(/\B(?=(\d{3})+$)/g, THIN)
/** 1 plate, 19 plates */
export const many = (n: number, one: string, more = `${one}s`) => `${count(n)} ${n === 1 ? one : more}`
/** The last part of a path. */
export const fileName = (path: string) => path.slice(path.lastIndexOf('/') + 1)
