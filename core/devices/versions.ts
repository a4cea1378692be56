import type { Capability } from './capability.ts'

/**
 * What a machine can do for this appliance: a stage that its software does in another version would give another output under
 * the name of ours, so it is among what it lacks, with what to do. One that says no version is of a software from before they were said.
 * @param versionOf by name; null: the appliance has no such stage
 */
export function heldTo(capability: Capability, versionOf: (stage: string) => number | null): Capability {
  const other = capability.stages.flatMap((stage): [stage: string, why: string][] => {
    const [ours, theirs] = [versionOf(stage), capability.versions?.[stage] ?? 0]
    if (ours === null || ours === theirs) return []
    return [[stage, theirs < ours ? 'update Viewshed there: the appliance has a newer version of this stage' : 'update the appliance: the device has a newer version of this stage']]
  })
  if (other.length === 0) return capability
  const lacks = { ...capability.lacks, ...Object.fromEntries(other) }
  return { ...capability, stages: capability.stages.filter((stage) => !(stage in lacks)), lacks }
}
