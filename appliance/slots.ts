import type { Settings } from '../core/devices/settings.ts'
import type { Ability } from './abilities.ts'

/** What all stages together may fill of the machine's memory; what runs alone may fill more. */
const MEMORY_PART = 0.75

export interface Room {
  readonly stages: ReadonlyMap<string, Ability>
  readonly settings: Pick<Settings, 'slots' | 'stage_slots'>
  readonly allowed: readonly string[] | null // null: all
  readonly running: readonly { readonly stage: string; readonly cap_mib: number }[]
  readonly machine: { readonly cores: number; readonly memory_mib: number }
  /** How long a plugin's processes must rest after dying too often; 0: not at all. */
  readonly rest_ms: (plugin: string) => number
}

/** Stages that may start one more task now, given what runs already. */
export function room({ stages, settings, allowed, running, machine, rest_ms }: Room): string[] {
  if (running.length >= (settings.slots ?? Math.max(2, machine.cores))) return []
  const used_mib = running.reduce((sum, { cap_mib }) => sum + cap_mib, 0)
  return [...stages].filter(([name, { plugin, cap_mib, alone }]) => {
    const ofIt = running.filter(({ stage }) => stage === name).length
    return (allowed === null || allowed.includes(name))
      && (running.length === 0 || used_mib + cap_mib <= machine.memory_mib * MEMORY_PART)
      && ofIt < (settings.stage_slots[name] ?? (alone ? 1 : Infinity))
      && rest_ms(plugin.name) === 0
  }).map(([name]) => name)
}
