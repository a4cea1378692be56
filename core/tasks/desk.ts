import type { Scope } from '../access/scope.ts'
import { crashPoint } from '../store/crash.ts'
import { past, type Log } from '../store/log.ts'
import { Batch } from './batch.ts'
import { noteEvent } from './event-record.ts'
import { homeKey, journalKey, listPrefix, madeByPrefix, madePrefix, type Home } from './keys.ts'
import type { Lanes } from './lanes.ts'
import type { Lease, Leases } from './leases.ts'
import * as machine from './machine.ts'
import type { Outcomes } from './outcomes.ts'
import type { BoardDesk, TaskState, TaskView } from './port.ts'
import { orderOf, type TaskRecord, type Tasks } from './record.ts'

interface DeskParts {
  readonly log: Log
  readonly outcomes: Outcomes
  readonly clock: () => number
  readonly stageNames: readonly string[]
  readonly tasks: Tasks
  readonly lanes: Lanes
  readonly leases: Leases
  readonly offered: (task: TaskRecord) => void
  readonly removed: (task: TaskRecord) => Promise<void>
  readonly changed: (home: Home) => void
}

const STATES: readonly TaskState[] = ['pending', 'complete', 'parked']

/** The board as a person sees it, within their org and site. */
export function openDesk({ log, outcomes, clock, stageNames, tasks, lanes, leases, offered, removed, changed }: DeskParts): BoardDesk {
  const held = (scope: Scope) => leases.all().filter((lease) => homeKey(lease) === homeKey(scope))

  const find = (scope: Scope, id: string): TaskRecord | null => {
    const task = tasks.read(id)
    return task !== null && homeKey(task) === homeKey(scope) ? task : null
  }

  const linked = async (prefix: string) => (await log.range({ gte: prefix, lt: past(prefix), limit: 1_000 })).map(([key]) => key.slice(prefix.length))

  const view = async (task: TaskRecord): Promise<TaskView> => {
    const { id, stage, state, input, options, output, attempts, interruptions, not_before_ms, faults, created_ms, completed_ms, device } = task
    const [made_by, made] = await Promise.all([linked(madeByPrefix(id)), linked(madePrefix(id))])
    return { id, stage, state, running: running(leases.get(id)), input, options, output, attempts, interruptions, not_before_ms, faults, created_ms, completed_ms, device, made_by, made }
  }

  /** Runs one change of one task in its lane; the answer says whether it was one. */
  const each = async (ids: readonly string[], change: (id: string) => Promise<boolean>): Promise<number> => {
    const done = await Promise.all([...new Set(ids)].map((id) => lanes.alone([id], () => change(id))))
    return done.filter(Boolean).length
  }

  return {
    async counts(scope) {
      const known = new Map(tasks.counts(scope).map((count) => [count.stage, count]))
      const busy = Map.groupBy(held(scope), ({ stage }) => stage)
      return [...new Set([...stageNames, ...known.keys()])].map((stage) => {
        const { pending = 0, complete = 0, parked = 0 } = known.get(stage) ?? {}
        const running = busy.get(stage)?.length ?? 0
        return { stage, pending: Math.max(0, pending - running), running, complete, parked }
      })
    },

    async tasks(scope, { state, stage, limit, before }) {
      const last = before === undefined ? null : find(scope, before)
      if (state === 'running') {
        const found = held(scope).filter((lease) => stage === undefined || lease.stage === stage).flatMap(({ id }) => find(scope, id) ?? [])
        return Promise.all(newest(found.map(({ id, seq }) => ({ id, seq })), last?.seq, limit).flatMap(({ id }) => tasks.read(id) ?? []).map(view))
      }
      const stages = stage === undefined ? new Set([...stageNames, ...tasks.counts(scope).map((count) => count.stage)]) : [stage]
      const ranges = [...stages].flatMap((of) => (state === undefined ? STATES : [state]).map(async (in_) => {
        const prefix = listPrefix(scope, in_, of)
        const rows = await log.range({ gte: prefix, lt: last === null ? past(prefix) : prefix + last.seq, limit, reverse: true })
        return rows.map(([key, id]) => ({ id, seq: key.slice(prefix.length) }))
      }))
      const found = (await Promise.all(ranges)).flat()
      return Promise.all(newest(found, last?.seq, limit).flatMap(({ id }) => tasks.read(id) ?? []).map(view))
    },

    async task(scope, id) {
      const task = find(scope, id)
      return task === null ? null : view(task)
    },

    retry: (scope, ids) => each(ids, async (id) => {
      const task = find(scope, id)
      const next = task === null ? null : machine.retry(task)
      if (task === null || next === null) return false
      const batch = new Batch()
      const again = { ...next, order: orderOf(clock(), task.priority, outcomes.sequence.next(batch)) }
      tasks.write(batch, task, again)
      await batch.commit(log)
      offered(again)
      return true
    }),

    cancel: (scope, ids) => each(ids, async (id) => {
      const task = find(scope, id)
      if (task === null || task.state === 'complete' || log.get(journalKey(id)) !== undefined) return false
      const batch = new Batch()
      tasks.write(batch, task, null)
      for (const key of task.waiting) batch.del(key)
      noteEvent(batch, outcomes.sequence, scope, 'task.cancelled', clock(), { task: id, stage: task.stage, input: task.input })
      await batch.commit(log)
      crashPoint('event.committed')
      await removed(task)
      changed({ org: task.org, site: task.site })
      return true
    }),
  }
}

const running = (lease: Lease | undefined): TaskView['running'] =>
  lease === undefined ? null : { device: lease.device, since_ms: lease.since_ms, progress: lease.progress, what: lease.what }

const newest = <T extends { readonly seq: string }>(found: readonly T[], before: string | undefined, limit: number): readonly T[] =>
  found.filter(({ seq }) => before === undefined || seq < before).sort((a, b) => (a.seq < b.seq ? 1 : -1)).slice(0, limit)
