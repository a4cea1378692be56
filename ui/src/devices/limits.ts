/** When a device may work, as people say it, and how its fields are read. */
import type { Conditions } from '../../../core/devices/capability.ts'
import type { Settings } from '../../../core/devices/settings.ts'
import { bytes, percent } from '../words.ts'

/** The short form of a card: only what was limited. */
export function limits(settings: Settings): string[] {
  return [
    ...(settings.hours ? [`${settings.hours.from}–${settings.hours.to}`] : []),
    ...(settings.gpu_busy_percent === null ? [] : ['not while a game runs']),
    ...(settings.temperature_c === null ? [] : [`up to ${settings.temperature_c}\u202f°C`]),
    ...(settings.on_battery ? ['also on battery'] : []),
    ...(settings.slots === null ? [] : [`${settings.slots} at once`]),
  ]
}

/** How it is just now: 64 °C, load 40 %, battery 80 %. */
export function conditions(now: Conditions): string[] {
  return [
    ...(now.temperature_c === null ? [] : [`${Math.round(now.temperature_c)}\u202f°C`]),
    `load ${percent(now.load)}`,
    ...(now.gpu_busy_percent !== null && now.gpu_busy_percent >= 10 ? [`GPU ${Math.round(now.gpu_busy_percent)}\u202f% by others`] : []),
    ...(now.on_battery ? [now.battery_percent === null ? 'on battery' : `on battery, ${Math.round(now.battery_percent)}\u202f%`] : now.battery_percent === null ? [] : [`battery ${Math.round(now.battery_percent)}\u202f%`]),
    ...(now.scratch_free_mib !== null && now.scratch_free_mib < 4096 ? [`${bytes(now.scratch_free_mib * 2 ** 20)} left to work in`] : []),
  ]
}

/** "22", "7:30", "2230", "22.00" → 22:00 and the like; null when it is no time of day. */
export function clock(text: string): string | null {
  const said = /^(\d{1,2})(?:[:.h]?([0-5]\d))?$/.exec(text.trim())
  if (!said || Number(said[1]) > 23) return null
  return `${said[1]!.padStart(2, '0')}:${said[2] ?? '00'}`
}

/** A whole number within its range; null when it is none. */
export function whole(text: string, least: number, most: number): number | null {
  const n = Number(text.trim())
  return /^\d+$/.test(text.trim()) && n >= least && n <= most ? n : null
}

/** They end on the next morning. */
export const nightly = (hours: NonNullable<Settings['hours']>) => hours.to <= hours.from
