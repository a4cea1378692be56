import { unmet, type RegisteredStage } from '../core/plugins/registry.ts'
import type { DeviceView } from '../core/http/api.ts'

/** Stages that no device here can do the work of, and why, in words. Nothing is said before one was heard. */
export function unableOf(stages: readonly RegisteredStage[], devices: readonly Pick<DeviceView, 'id' | 'capability' | 'allowed'>[]): Record<string, string> {
  const heard = devices.flatMap(({ capability, allowed }) => (capability === null ? [] : [{ capability, allowed }]))
  if (heard.length === 0) return {}
  return Object.fromEntries(stages.flatMap(({ name, stage }): [string, string][] => {
    if (stage.own) return []
    const reasons = heard.map(({ capability, allowed }) => unmet(stage.needs, capability) ?? capability.lacks[name] ?? (allowed !== null && !allowed.includes(name) ? 'no device that could is allowed to' : null))
    return reasons.includes(null) ? [] : [[name, reasons.find((why) => why !== null)!]]
  }))
}
