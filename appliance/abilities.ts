import type { AnyPlugin } from '../core/contract/plugin.ts'
import { unmet, type Means } from '../core/plugins/registry.ts'

/** A stage that this machine can run, and how much room it takes. */
export interface Ability {
  readonly plugin: AnyPlugin
  readonly cap_mib: number // memory of the process that runs it
  readonly alone: boolean // it uses every core by itself
}

const DEFAULT_CAP_MIB = 1024

/** What of the software's stages the machine has the means for, by name; and why not, of the others. */
export function abilities(plugins: readonly AnyPlugin[], has: Means): { readonly stages: ReadonlyMap<string, Ability>; readonly lacks: Record<string, string> } {
  const stages = new Map<string, Ability>()
  const lacks: Record<string, string> = {}
  for (const plugin of plugins)
    for (const [short, stage] of Object.entries(plugin.stages ?? {})) {
      if (stage.own) continue // core does it
      const why = unmet(stage.needs, has)
      if (why === null) stages.set(`${plugin.name}.${short}`, { plugin, cap_mib: stage.needs?.memory_mib ?? DEFAULT_CAP_MIB, alone: stage.needs?.all_cores ?? false })
      else lacks[`${plugin.name}.${short}`] = why
    }
  return { stages, lacks }
}
