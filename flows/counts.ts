/** What stands beneath a stage in the editor: how much of its work runs, waits and is parked, and how fast it goes. */
import type { StageCount } from '../core/tasks/port.ts'
import type { NodeStatus } from './red.ts'

/** @param node Which of the nodes of the stage: what core itself has for it is shown alone. */
export function countText(count: StageCount | undefined, node: string): NodeStatus {
  if (!count) return {}
  const running = count.held === undefined ? count.running : (count.held[node] ?? 0)
  const parts = [
    ...(running > 0 ? [`${count.held === undefined ? 'running' : 'has'} ${running}`] : []),
    ...(count.pending > 0 ? [`waiting ${count.pending}`] : []),
    ...(count.parked > 0 ? [`parked ${count.parked}`] : []),
    ...(count.per_hour > 0 ? [rateText(count.per_hour)] : []),
  ]
  if (parts.length === 0) return {}
  return { fill: count.parked > 0 ? 'yellow' : running > 0 ? 'blue' : 'grey', shape: running > 0 ? 'dot' : 'ring', text: parts.join(', ') }
}

/** Two digits are all that a rate is worth. */
function rateText(perHour: number): string {
  const [value, unit] = perHour >= 120 ? [perHour / 60, 'min'] : [perHour, 'h']
  return `${value >= 10 ? Math.round(value) : Number(value.toPrecision(1))}/${unit}`
}
