import type { Home, Scope } from '../access/scope.ts'
import { Fault } from '../contract/fault.ts'
import { crashPoint } from '../store/crash.ts'
import { past } from '../store/log.ts'
import { Batch } from './batch.ts'
import { noteEvent } from './event-record.ts'
import { homeKey, journalKey, listPrefix, madeByPrefix, madePrefix } from './keys.ts'
import type { Lease, Leases } from './leases.ts'
import * as machine from './machine.ts'
import { OWN, type BoardDesk, type TaskLink, type TaskState, type TaskView, type Which } from './port.ts'
import { orderOf, type TaskRecord } from './record.ts'
import { rerun, type RerunParts } from './rerun.ts'
import { isMeant, tasksMeant } from './which.ts'

interface DeskParts extends RerunParts {
  readonly stageNames: readonly string[]
  readonly leases: Leases
  readonly perHour: (home: Home, stage: string) => number
  readonly offered: (tasks: readonly TaskRecord[]) => void
  readonly removed: (task: TaskRecord) => Promise<void>
  readonly changed: (home: Home) => void
}

const STATES: readonly TaskState[] = ['pending', 'complete', 'parked']

/** So many are looked through for those of one node. */
const MOST_LOOKED_AT = 1_000

/** So many of those that made a task, and that it made, are shown. */
const MAX_LINKS = 100

/** The board as a person sees it, within their org and site. */
export function openDesk(parts: DeskParts): BoardDesk {
  const { log, outcomes, clock, turn, stageNames, tasks, lanes, leases, perHour, deliveries, offered, removed, changed } = parts
  const held = (scope: Scope) => leases.all().filter((lease) => homeKey(lease) === homeKey(scope))

  const find = (scope: Scope, id: string): TaskRecord | null => {
    const task = tasks.read(id)
    return task !== null && homeKey(task) === homeKey(scope) ? task : null
  }

  /** Of each task its newest run; one that was cancelled is left out. */
  const linked = async (prefix: string): Promise<readonly TaskLink[]> => {
    const found = (await log.range({ gte: prefix, lt: past(prefix), limit: MAX_LINKS })).flatMap(([key]) => tasks.read(key.slice(prefix.length)) ?? [])
    return [...new Map(found.map((task) => tasks.newest(task)).map(({ id, stage, state }) => [id, { id, stage, state }])).values()]
  }

  const view = async (task: TaskRecord): Promise<TaskView> => {
    const { id, stage, state, input, options, output, attempts, interruptions, not_before_ms, faults, created_ms, completed_ms, device, run, interrupted } = task
    const [made_by, made, flow_faults] = await Promise.all([linked(madeByPrefix(id)), linked(madePrefix(id)), outcomes.faults.of(id)])
    return { id, stage, state, running: running(leases.get(id)), input, options, output, attempts, interruptions, not_before_ms, faults, created_ms, completed_ms, device, run, interrupted, made_by, made, flow_faults }
  }

  /** Changes those that are meant, a few in one batch, and lets others have their turn in between. Returns how many it changed. */
  const each = async (scope: Scope, which: Which, states: readonly TaskState[], change: (meant: readonly string[], isMeant: (task: TaskRecord) => boolean) => Promise<number>): Promise<number> => {
    let changed = 0
    for await (const ids of tasksMeant(log, tasks, scope, which, states)) {
      changed += await change(ids, isMeant(scope, which))
      await new Promise((turn) => setImmediate(turn))
    }
    return changed
  }

  /** Newest first. */
  const listed = async (scope: Scope, { state, stage, limit, before }: Parameters<BoardDesk['tasks']>[1]): Promise<readonly TaskRecord[]> => {
    const last = before === undefined ? null : find(scope, before)
    if (state === 'running') {
      const found = held(scope).filter((lease) => stage === undefined || lease.stage === stage).flatMap(({ id }) => find(scope, id) ?? [])
      return newest(found.map(({ id, seq }) => ({ id, seq })), last?.seq, limit).flatMap(({ id }) => tasks.read(id) ?? [])
    }
    const stages = stage === undefined ? new Set([...stageNames, ...tasks.counts(scope).map((count) => count.stage)]) : [stage]
    const ranges = [...stages].flatMap((of) => (state === undefined ? STATES : [state]).map(async (in_) => {
      const prefix = listPrefix(scope, in_, of)
      const rows = await log.range({ gte: prefix, lt: last === null ? past(prefix) : prefix + last.seq, limit, reverse: true })
      return rows.map(([key, id]) => ({ id, seq: key.slice(prefix.length) }))
    }))
    const found = (await Promise.all(ranges)).flat()
    return newest(found, last?.seq, limit).flatMap(({ id }) => tasks.read(id) ?? [])
  }

  const read = (ids: readonly string[], isMeant: (task: TaskRecord) => boolean) => ids.flatMap((id) => tasks.read(id) ?? []).filter(isMeant)

  return {
    async counts(scope) {
      const known = new Map(tasks.counts(scope).map((count) => [count.stage, count]))
      const busy = Map.groupBy(held(scope), ({ stage }) => stage)
      return [...new Set([...stageNames, ...known.keys()])].map((stage) => {
        const { pending = 0, complete = 0, parked = 0 } = known.get(stage) ?? {}
        const leases = busy.get(stage) ?? []
        const running = leases.length
        const held = Object.groupBy(leases.filter(({ device, node }) => device === OWN && node !== undefined), ({ node }) => node!)
        return {
          stage, pending: Math.max(0, pending - running), running, complete, parked, per_hour: perHour(scope, stage),
          ...(Object.keys(held).length === 0 ? {} : { held: Object.fromEntries(Object.entries(held).map(([node, those]) => [node, those!.length])) }),
        }
      })
    },

    async tasks(scope, { node, ...filter }) {
      if (node === undefined) return Promise.all((await listed(scope, filter)).map(view))
      const found: TaskRecord[] = []
      for (const task of await listed(scope, { ...filter, limit: MOST_LOOKED_AT })) {
        if (found.length >= filter.limit) break
        if (await deliveries.isFor(task, node)) found.push(task)
      }
      return Promise.all(found.map(view))
    },

    async task(scope, id) {
      const task = find(scope, id)
      return task === null ? null : view(task)
    },

    retry: (scope, which, by) => each(scope, which, ['parked'], (ids, isMeant) => lanes.alone(ids, async () => {
      const batch = new Batch()
      const again = read(ids, isMeant).flatMap((task) => {
        const next = machine.retry(task)
        if (next === null) return []
        const offer = { ...next, order: orderOf(turn(), task.priority, outcomes.sequence.next(batch)) }
        tasks.write(batch, task, offer)
        return [offer]
      })
      if (again.length === 0) return 0
      noteEvent(batch, outcomes.sequence, scope, 'task.retried', clock(), { by, ...named(again) })
      await batch.commit(log)
      crashPoint('event.committed')
      offered(again)
      return again.length
    })),

    cancel: (scope, which, by) => each(scope, which, ['pending', 'parked'], (ids, isMeant) => lanes.alone(ids, async () => {
      const batch = new Batch()
      const gone = read(ids, isMeant).filter((task) => task.state !== 'complete' && log.get(journalKey(task.id)) === undefined)
      if (gone.length === 0) return 0
      for (const task of gone) {
        tasks.write(batch, task, null)
        deliveries.drop(batch, task)
        noteEvent(batch, outcomes.sequence, scope, 'task.cancelled', clock(), { by, task: task.id, stage: task.stage, input: task.input })
      }
      await batch.commit(log)
      crashPoint('event.committed')
      for (const task of gone) await removed(task)
      changed({ org: scope.org, site: scope.site })
      return gone.length
    })),

    async rerun(scope, which, by) {
      const home = { org: scope.org, site: scope.site }
      const start = outcomes.sequence.next(new Batch())
      const unfit: Fault[] = []
      const changed = await each(scope, which, ['complete'], async (ids, isMeant) => {
        const done = await rerun(parts, home, ids, isMeant, start, by)
        unfit.push(...done.unfit.slice(0, 1))
        offered(done.asked)
        return done.asked.length
      })
      if (changed === 0 && unfit[0] !== undefined) throw new Fault('input/invalid', `Nothing was asked for again: ${unfit[0].message}`, { cause: unfit[0] })
      return changed
    },
  }
}

/** What the audit says of tasks that were changed together. */
const named = (changed: readonly TaskRecord[]) => ({ tasks: changed.map(({ id }) => id), stages: [...new Set(changed.map(({ stage }) => stage))] })

const running = (lease: Lease | undefined): TaskView['running'] =>
  lease === undefined ? null : { device: lease.device, since_ms: lease.since_ms, progress: lease.progress, what: lease.what }

const newest = <T extends { readonly seq: string }>(found: readonly T[], before: string | undefined, limit: number): readonly T[] =>
  found.filter(({ seq }) => before === undefined || seq < before).sort((a, b) => (a.seq < b.seq ? 1 : -1)).slice(0, limit)
