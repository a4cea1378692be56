import type { AnyPlugin } from '../core/contract/plugin.ts'
import { unmet, type Means } from '../core/plugins/registry.ts'

/** A stage that this machine can run, and how much room it takes. */
export interface Ability {
  readonly plugin: AnyPlugin
  readonly cap_mib: number // memory of the process that runs it
  readonly alone: boolean // it uses every core by itself
}

const DEFAULT_CAP_MIB = 1024

/** What of the software's stages the machine has the means for, by name, and their versions; and why not, of the others. */
export function abilities(plugins: readonly AnyPlugin[], has: Means): { readonly stages: ReadonlyMap<string, Ability>; readonly versions: Record<string, number>; readonly lacks: Record<string, string> } {
  const stages = new Map<string, Ability>()
  const versions: Record<string, number> = {}
  const lacks: Record<string, string> = {}
  for (const plugin of plugins)
    for (const [short, stage] of Object.entries(plugin.stages ?? {})) {
      if (stage.own) continue // core does it
      const why = unmet(stage.needs, has)
      const name = `${plugin.name}.${short}`
      if (why !== null) {
        lacks[name] = why
        continue
      }
      stages.set(name, { plugin, cap_mib: stage.needs?.memory_mib ?? DEFAULT_CAP_MIB, alone: stage.needs?.all_cores ?? false })
      versions[name] = stage.version
    }
  return { stages, versions, lacks }
}
