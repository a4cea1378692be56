/** Why a task waits, in words, and when it goes on. */
import type { DeviceView } from '../../../core/http/api.ts'
import type { TaskView } from '../../../core/tasks/port.ts'
import { ago, lasting } from '../words.ts'

/** @param devices null: not asked yet, or they cannot be read. @param title Of its stage, as a person says it. */
export function waiting(task: Pick<TaskView, 'stage' | 'not_before_ms'>, devices: readonly DeviceView[] | null, title: string, now_ms: number): string {
  if (task.not_before_ms > now_ms) return `again in ${lasting((task.not_before_ms - now_ms) / 1000)}`
  if (devices === null) return 'waits for a device'
  const able = devices.filter((device) => device.capability?.stages.includes(task.stage) ?? false)
  const allowed = able.filter((device) => (device.allowed?.includes(task.stage) ?? true) && device.settings.stage_slots[task.stage] !== 0)
  if (allowed.length === 0) return able.length > 0 ? `waits: ${either(able)} may not ${does(title)}` : `waits for a device that can ${does(title)}`
  const here = allowed.filter((device) => device.online)
  const free = here.filter((device) => device.rests === null)
  if (free.length > 0) return free.every((device) => device.running.length === 0) ? `${either(free)} takes it next` : `waits its turn on ${either(free)}`
  if (here.length === 1) return `waits for ${here[0]!.id}: ${here[0]!.rests}`
  if (here.length > 1) return `waits for ${either(here)}`
  return allowed.length === 1 ? `waits for ${allowed[0]!.id}, away${since(allowed[0]!, now_ms)}` : `waits for ${either(allowed)}, all away`
}

/** Why each device cannot do a stage, as it says itself. */
export const lacking = (stage: string, devices: readonly DeviceView[]): readonly { device: string; why: string }[] =>
  devices.flatMap(({ id, capability }) => (capability?.lacks[stage] === undefined ? [] : [{ device: id, why: capability.lacks[stage] }]))

const either = (devices: readonly DeviceView[]) => devices.slice(0, 3).map(({ id }) => id).join(' or ') + (devices.length > 3 ? ` or ${devices.length - 3} more` : '')
const since = ({ last_seen_ms }: DeviceView, now_ms: number) => (last_seen_ms === null ? '' : `, last heard ${ago(last_seen_ms, now_ms)}`)
/** A stage's title in the middle of a sentence: `Read plates` → `read plates`, but `OCR` stays. */
export const does = (title: string) => (/^[A-Z][a-z]/.test(title) ? title[0]!.toLowerCase() + title.slice(1) : title)
