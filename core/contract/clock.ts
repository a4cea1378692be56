/** Times of day by the clock of this machine, days, and the sun. Pure: the moment comes in. */
import { Fault } from './fault.ts'

/** Of the sun it is only asked where. */
export interface Spot { readonly lat_deg: number; readonly lon_deg: number }

const DAY_MS = 86_400_000
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
/** The upper edge of the sun at the horizon, with what the air bends. */
const HORIZON_DEG = -0.833
const STEP_MS = 600_000

/** Minutes since midnight of `HH:MM`. Throws Fault `input/invalid`. */
function minuteOf(text: string): number {
  if (!/^\d{1,2}:\d{2}$/.test(text)) throw new Fault('input/invalid', `“${text}” is no time of day: write HH:MM, such as 08:00.`)
  const [hours, minutes] = text.split(':').map(Number) as [number, number]
  return 60 * hours + minutes
}

/** The next moment at which the clock shows `HH:MM`, from `from_ms` on. A night on which it is left out has the moment after. Throws Fault `input/invalid`. */
export function nextTime(from_ms: number, text: string): number {
  const minute = minuteOf(text)
  const day = new Date(from_ms)
  for (let ahead = 0; ; ahead++) {
    const at_ms = new Date(day.getFullYear(), day.getMonth(), day.getDate() + ahead, Math.floor(minute / 60), minute % 60).getTime()
    if (at_ms >= from_ms) return at_ms
  }
}

/** Whether the day is one of `weekdays`, `weekends` or `Mon, Thu`. */
export function isOn(at_ms: number, days: string): boolean {
  const day = DAYS[new Date(at_ms).getDay()]!
  if (days === 'weekdays' || days === 'weekends') return (day === 'Sat' || day === 'Sun') === (days === 'weekends')
  return days.split(',').some((one) => one.trim() === day)
}

/** Whether the clock shows a time from `from` to before `to`; later than `to`: over midnight. */
export function isBetween(at_ms: number, from: string, to: string): boolean {
  const date = new Date(at_ms)
  const now = 60 * date.getHours() + date.getMinutes()
  const [begin, end] = [minuteOf(from), minuteOf(to)]
  return begin <= end ? now >= begin && now < end : now >= begin || now < end
}

/** `YYYY-MM-DD` by the clock of this machine. */
export function dayOf(at_ms: number): string {
  const date = new Date(at_ms)
  return `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, '0')}-${String(date.getDate()).padStart(2, '0')}`
}

/**
 * How high the sun stands, in degrees; good to a tenth of one for this century.
 * Source: the low-precision formulas of the Astronomical Almanac, page C5.
 */
function sunHeight_deg(at_ms: number, { lat_deg, lon_deg }: Spot): number {
  const days = at_ms / DAY_MS - 10_957.5 // since J2000.0
  const mean = rad(280.46 + 0.985_647_4 * days)
  const anomaly = rad(357.528 + 0.985_600_3 * days)
  const longitude = mean + rad(1.915 * Math.sin(anomaly) + 0.02 * Math.sin(2 * anomaly))
  const tilt = rad(23.439 - 0.000_000_4 * days)
  const right = Math.atan2(Math.cos(tilt) * Math.sin(longitude), Math.cos(longitude))
  const declination = Math.asin(Math.sin(tilt) * Math.sin(longitude))
  const hour = rad((18.697_374_558 + 24.065_709_824_419_08 * days) * 15 + lon_deg) - right
  return (Math.asin(Math.sin(rad(lat_deg)) * Math.sin(declination) + Math.cos(rad(lat_deg)) * Math.cos(declination) * Math.cos(hour)) * 180) / Math.PI
}

export const isDay = (at_ms: number, place: Spot): boolean => sunHeight_deg(at_ms, place) > HORIZON_DEG

/** The next sunrise or sunset from `from_ms` on, to the second; null: not within a year. */
export function nextSun(from_ms: number, place: Spot, what: 'sunrise' | 'sunset'): number | null {
  const wanted = what === 'sunrise'
  for (let before_ms = from_ms; before_ms < from_ms + 366 * DAY_MS; before_ms += STEP_MS) {
    if (isDay(before_ms, place) === wanted || isDay(before_ms + STEP_MS, place) !== wanted) continue
    let [lo, hi] = [before_ms, before_ms + STEP_MS]
    while (hi - lo > 1_000) {
      const middle = (lo + hi) / 2
      if (isDay(middle, place) === wanted) hi = middle
      else lo = middle
    }
    return Math.round(hi)
  }
  return null
}

const rad = (deg: number) => (deg * Math.PI) / 180
