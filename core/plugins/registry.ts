/** What follows from the declarations: stages by their full name, checked configuration, needs against a machine. */
import type { TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { Fault } from '../contract/fault.ts'
import type { AnyPlugin, AnyStage, Needs } from '../contract/plugin.ts'
import type { Capability } from '../devices/capability.ts'

export interface RegisteredStage {
  readonly name: string // `clip.probe`
  readonly plugin: AnyPlugin
  readonly stage: AnyStage
}

export type Registry = ReturnType<typeof createRegistry>

/** @param config by plugin name, as it stands in viewshed.yaml. Throws `config/invalid` naming the plugin, the field and what is expected. */
export function createRegistry(plugins: readonly AnyPlugin[], config: Record<string, unknown>) {
  const stages = new Map<string, RegisteredStage>()
  const configs = new Map<string, unknown>()
  for (const plugin of plugins) {
    if (configs.has(plugin.name)) throw new Fault('config/invalid', `two plugins are called ${plugin.name}`)
    configs.set(plugin.name, checkConfig(plugin, config[plugin.name] ?? {}))
    for (const [short, stage] of Object.entries(plugin.stages ?? {})) {
      const name = `${plugin.name}.${short}`
      stages.set(name, { name, plugin, stage })
    }
  }
  for (const name of Object.keys(config))
    if (!configs.has(name)) throw new Fault('config/invalid', `viewshed.yaml configures plugin '${name}', which is not installed; installed are ${plugins.map((p) => p.name).join(', ')}`)

  return {
    plugins,
    stages: [...stages.values()],
    stage: (name: string): RegisteredStage | null => stages.get(name) ?? null,
    config: (plugin: string): unknown => configs.get(plugin),
    configs: (): Record<string, unknown> => Object.fromEntries(configs),
  }
}

function checkConfig(plugin: AnyPlugin, given: unknown): unknown {
  const value = checked(plugin.config as TSchema, given, 'config/invalid', `viewshed.yaml, plugins.${plugin.name}`)
  return deepFreeze(value)
}

/** The value with defaults filled in. Throws a Fault that names the first field that does not fit. */
export function checked(schema: TSchema, given: unknown, code: 'config/invalid' | 'input/invalid' | 'output/invalid', where: string): unknown {
  const value: unknown = Value.Default(schema, structuredClone(given))
  const wrong = Value.Errors(schema, value)[0]
  if (wrong) throw new Fault(code, `${where}${wrong.instancePath.replaceAll('/', '.')} ${wrong.message}`)
  return value
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const inner of Object.values(value)) deepFreeze(inner)
  }
  return value
}

/** What a stage's needs are held against. */
export type Means = Pick<Capability, 'gpu_mib' | 'memory_mib' | 'scratch_mib' | 'tools'>

/** Why a machine cannot run a stage, in words; null when it can. */
export function unmet(needs: Needs | undefined, has: Means): string | null {
  if (!needs) return null
  const missing = (needs.tools ?? []).filter((tool) => !(tool in has.tools))
  if (missing.length) return `needs ${missing.join(' and ')}`
  if ((needs.gpu_mib ?? 0) > has.gpu_mib) return `needs a GPU with ${needs.gpu_mib} MiB`
  if ((needs.memory_mib ?? 0) > has.memory_mib) return `needs ${needs.memory_mib} MiB of memory`
  if ((needs.scratch_mib ?? 0) > has.scratch_mib) return `needs ${needs.scratch_mib} MiB of scratch space`
  return null
}
