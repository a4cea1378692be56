import type { Scope } from '../access/scope.ts'
import { Fault } from '../contract/fault.ts'
import { past, type Log } from '../store/log.ts'
import { assetPrefix, homeKey, listPrefix } from './keys.ts'
import type { TaskState, Which } from './port.ts'
import { assetsOf, type TaskRecord, type Tasks } from './record.ts'

/** So many are changed in one batch: a few milliseconds of work, and memory for no more than these. */
export const CHUNK = 64

/**
 * The tasks that are meant, a few at a time. Of a stage, those that come while it goes on are not among them.
 * @param states Where they are looked for when a whole stage is meant; otherwise they may be in any.
 */
export async function* tasksMeant(log: Log, tasks: Tasks, scope: Scope, which: Which, states: readonly TaskState[]): AsyncGenerator<readonly string[]> {
  const { ids, stage, assets } = which
  if (ids === undefined && stage === undefined && assets === undefined) throw new Fault('input/invalid', 'Say which tasks: by their ids, by a stage, by a drive, or by the time of the recordings.')
  if (ids !== undefined) yield* chunks(new Set(ids))
  else if (assets !== undefined) yield* chunks(ofAssets(log, scope, new Set(assets), stage))
  else for (const state of states) yield* ofStage(log, listPrefix(scope, state, stage!))
}

/** Whether the task is one of them, as it is now: tasks change while others are gone through. */
export function isMeant(scope: Scope, { stage, assets }: Which): (task: TaskRecord) => boolean {
  const wanted = assets === undefined ? null : new Set(assets)
  return (task) => homeKey(task) === homeKey(scope) && (stage === undefined || task.stage === stage) && (wanted === null || assetsOf(task).some((asset) => wanted.has(asset)))
}

async function* ofStage(log: Log, prefix: string): AsyncGenerator<readonly string[]> {
  const [newest] = await log.range({ gte: prefix, lt: past(prefix), limit: 1, reverse: true })
  if (newest === undefined) return
  const lt = `${newest[0]}\0`
  for (let gt = prefix; ;) {
    const rows = await log.range({ gt, lt, limit: CHUNK })
    if (rows.length === 0) return
    yield rows.map(([, id]) => id)
    gt = rows.at(-1)![0]
  }
}

async function* ofAssets(log: Log, scope: Scope, assets: ReadonlySet<string>, stage: string | undefined): AsyncGenerator<string> {
  for (const asset of assets) {
    const prefix = assetPrefix(scope, asset)
    const rows = await log.range({ gte: prefix, lt: past(prefix) })
    for (const [key, of] of rows) if (stage === undefined || of === stage) yield key.slice(prefix.length)
  }
}

async function* chunks(ids: Iterable<string> | AsyncIterable<string>): AsyncGenerator<readonly string[]> {
  let chunk = new Set<string>() // a task of two of the assets comes twice
  for await (const id of ids) {
    chunk.add(id)
    if (chunk.size < CHUNK) continue
    yield [...chunk]
    chunk = new Set()
  }
  if (chunk.size > 0) yield [...chunk]
}
