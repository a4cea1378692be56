import type { Home } from '../access/scope.ts'
import { Fault } from '../contract/fault.ts'
import { crashPoint } from '../store/crash.ts'
import type { Log } from '../store/log.ts'
import { Batch } from './batch.ts'
import type { Deliveries, Former } from './deliveries.ts'
import { noteEvent } from './event-record.ts'
import { journalKey, nextRunKey } from './keys.ts'
import type { Lanes } from './lanes.ts'
import type { Outcomes } from './outcomes.ts'
import { BACK_FILL, begun, type TaskRecord, type Tasks } from './record.ts'
import { workOf, type StageRules, type Work } from './rules.ts'

export interface RerunParts {
  readonly log: Log
  readonly outcomes: Outcomes
  readonly clock: () => number
  readonly turn: () => number // the place of what is asked for now among the others, ms
  readonly stages: (name: string) => StageRules | null
  readonly tasks: Tasks
  readonly lanes: Lanes
  readonly deliveries: Deliveries
}

export interface Reran { readonly asked: readonly TaskRecord[]; readonly unfit: readonly Fault[] }

/**
 * Asks for the work of complete tasks once more, all of them in one batch. A run follows only upon one that is complete with its
 * files in place, so runs complete in their order, and what the newest one says is written last: into the catalogue too.
 * @param isMeant Of the tasks named by `ids`; of each its last run is what is done again.
 * @param before A number of the sequence: work of later ones was asked for by this very act, and may be complete by now.
 */
export async function rerun(parts: RerunParts, home: Home, ids: readonly string[], isMeant: (task: TaskRecord) => boolean, before: string, by: string): Promise<Reran> {
  const { log, outcomes, clock, turn, stages, tasks, lanes, deliveries } = parts
  const last = (id: string): readonly TaskRecord[] => {
    const task = tasks.read(id)
    return task === null || !isMeant(task) ? [] : [tasks.newest(task)]
  }
  // Whoever asks for these at the same time waits until this is written, and then finds the new run.
  return lanes.alone([...new Set(ids.flatMap(last).map(({ id }) => id))], async () => {
    const unfit: Fault[] = []
    const done = new Map(ids.flatMap(last).filter(({ id, state, seq }) => state === 'complete' && seq < before && log.get(journalKey(id)) === undefined).map((task) => [task.id, task]))
    const again = (await Promise.all([...done.values()].map(async (task) => {
      const former = await deliveries.former(task)
      const work = workAgain(stages(task.stage), task, former)
      if (!(work instanceof Fault)) return { task, former, work }
      unfit.push(work)
      return null
    }))).filter((one) => one !== null)
    if (again.length === 0) return { asked: [], unfit }

    // From here to the commit in one turn: the sequence's numbers are seen in their order.
    const batch = new Batch()
    const now_ms = clock()
    const asked: TaskRecord[] = []
    for (const { task, former, work } of again) {
      batch.put(nextRunKey(task.id), work.id)
      // The same work came under its new version before it was asked for again: that is its next run.
      if (tasks.read(work.id) !== null || asked.some(({ id }) => id === work.id)) continue
      const next = deliveries.askAgain(batch, begun(work, now_ms, turn(), BACK_FILL, outcomes.sequence.next(batch)), former)
      tasks.write(batch, null, next)
      asked.push(next)
    }
    if (asked.length > 0) noteEvent(batch, outcomes.sequence, home, 'task.rerun', now_ms, { by, tasks: asked.map(({ id }) => id), stages: [...new Set(asked.map(({ stage }) => stage))] })
    crashPoint('board.publish.before-commit')
    await batch.commit(log)
    crashPoint('board.publish.committed')
    return { asked, unfit }
  })
}

/** The next run of a task's work, under the version that the stage has now; a fault when it no longer fits.
 *  A raised version may declare fields that the former one did not: they are looked for in the message. */
function workAgain(rules: StageRules | null, { stage, version, input, options, run, org, site, asker, node }: TaskRecord, { payload }: Former): Work | Fault {
  if (rules?.gathers !== undefined) return new Fault('input/invalid', `${stage} went on with what it had gathered; run again what it gathered.`)
  try {
    return { ...workOf(rules, { org, site }, { stage, input: rules?.version === version ? input : payload, options }, run + 1, asker), ...(node === undefined ? {} : { node }) }
  } catch (error) {
    if (error instanceof Fault && (error.code === 'input/invalid' || error.code === 'stage/unknown')) return error
    throw error
  }
}
