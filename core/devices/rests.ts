import type { Conditions } from './capability.ts'
import type { Settings } from './settings.ts'

/** Below this a stage would begin and give back what it was given: the disk is full before anything is done. */
export const LEAST_SCRATCH_MIB = 64

/**
 * Why a device takes nothing new now, in words; null: it does. Core asks it at each claim, the device before it asks for work.
 * What is not known of a machine is no reason to rest.
 * @param now Its hours and minutes are those of the place that the process lives in; hours are told by the clock on the wall,
 *   so that on the day it is put forward a night is an hour shorter, and once a year one longer.
 */
export function rests(settings: Settings, conditions: Conditions | null, now: Date): string | null {
  if (settings.mode === 'paused') return 'paused'
  if (settings.mode === 'draining') return 'draining: it ends what it has'
  if (settings.hours !== null && !within(settings.hours, now)) return `works from ${settings.hours.from}`
  if (conditions === null) return null
  const { gpu_busy_percent, temperature_c, on_battery, battery_percent, scratch_free_mib } = conditions
  if (scratch_free_mib !== null && scratch_free_mib < LEAST_SCRATCH_MIB) return `its disk is full: ${scratch_free_mib} MiB left to work in`
  if (settings.gpu_busy_percent !== null && gpu_busy_percent !== null && gpu_busy_percent > settings.gpu_busy_percent) return `others use ${Math.round(gpu_busy_percent)} % of its GPU`
  if (!settings.on_battery && on_battery) return battery_percent === null ? 'runs on battery' : `runs on battery (${Math.round(battery_percent)} %)`
  if (settings.temperature_c !== null && temperature_c !== null && temperature_c > settings.temperature_c) return `too hot: ${Math.round(temperature_c)} °C`
  return null
}

/** `from` is in, `to` is out. The same twice is the whole day. */
function within({ from, to }: NonNullable<Settings['hours']>, now: Date): boolean {
  const [start, end, at] = [minutes(from), minutes(to), now.getHours() * 60 + now.getMinutes()]
  if (start === end) return true
  return start < end ? at >= start && at < end : at >= start || at < end
}

const minutes = (clock: string): number => Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3))
