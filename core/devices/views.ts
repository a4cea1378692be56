/** Devices as pages and the command line show them. */
import type { DeviceDetail } from '../http/api.ts'
import type { RunningTask } from '../tasks/board.ts'
import type { StageCount } from '../tasks/port.ts'
import type { Capability } from './capability.ts'
import { pastOf } from './history.ts'
import type { Heard } from './memory.ts'
import { isAllowed, type DeviceRecord } from './records.ts'

interface Known {
  readonly heard: (id: string) => Heard
  readonly isHere: (id: string) => boolean
  readonly running: readonly RunningTask[]
  readonly counts: () => Promise<readonly StageCount[]>
  readonly canRun: (capability: Capability, stage: string) => boolean
  readonly rests: (record: DeviceRecord) => string | null
  readonly now_ms: number
}

/** @param records All devices of one org and site: what waits for one depends on what the others can do. */
export async function viewsOf(records: readonly DeviceRecord[], known: Known): Promise<DeviceDetail[]> {
  const waiting = waitingFor(records, await known.counts(), known)
  const running = Map.groupBy(known.running, ({ device }) => device)
  return records.map((record) => {
    const { id, allowed, settings, token_ends_ms } = record
    const { capability, conditions, seen_ms, history } = known.heard(id)
    return {
      id, own: record.generation === null, online: known.isHere(id), last_seen_ms: seen_ms, capability, conditions, allowed, settings, rests: known.rests(record), token_ends_ms,
      running: (running.get(id) ?? []).map(({ task, stage, progress, what, since_ms }) => ({ task, stage, progress, what, since_ms })),
      waiting: waiting.get(id) ?? 0, ...pastOf(history, known.now_ms),
    }
  })
}

/** Pending tasks for which nobody but one device comes into question, by device. */
function waitingFor(records: readonly DeviceRecord[], counts: readonly StageCount[], { heard, canRun }: Known): Map<string, number> {
  const waiting = new Map<string, number>()
  for (const { stage, pending } of counts) {
    if (pending === 0) continue
    const able = records.filter((record) => {
      const { capability } = heard(record.id)
      return capability !== null && isAllowed(record, stage) && canRun(capability, stage)
    })
    if (able.length === 1) waiting.set(able[0]!.id, (waiting.get(able[0]!.id) ?? 0) + pending)
  }
  return waiting
}
