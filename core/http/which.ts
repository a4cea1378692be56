import { Fault } from '../contract/fault.ts'
import type { Index } from '../store/port.ts'
import type { Which } from '../tasks/port.ts'
import type { Ask } from './api.ts'

type Library = Pick<Index, 'drive' | 'assets'>

/** So many recordings are looked up, and their tasks changed, at a time: the memory of a whole archive is never asked for. */
const PAGE = 500

/**
 * Does `act` for the tasks that are meant; a drive and times become the recordings they stand for. Returns the sum of what it answers.
 * Throws Fault `input/invalid`; `not-found` for a drive that is not.
 */
export async function overTasks(index: Library, { ids, stage, assets, drive, from, to }: Ask<'rerun'>, act: (which: Which) => Promise<number>): Promise<number> {
  if (from !== undefined && to !== undefined && to < from) throw new Fault('input/invalid', 'to: expected a time not before `from`.')
  const narrowed = { ...(ids === undefined ? {} : { ids }), ...(stage === undefined ? {} : { stage }) }
  const driven = drive === undefined ? null : await index.drive(drive)
  if (drive !== undefined && driven === null) throw new Fault('not-found', `There is no drive ${drive}.`)
  const among = both(assets, driven?.assets)
  const period = from === undefined && to === undefined ? null : { from_ms: from ?? 0, to_ms: to ?? Number.MAX_SAFE_INTEGER }
  if (among === null && period === null) return act(narrowed)

  let sum = 0
  let refused: Fault | null = null
  for await (const some of period === null ? pages([...among!]) : recorded(index, period, among)) {
    try {
      sum += await act({ ...narrowed, assets: some })
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== 'input/invalid') throw error
      refused ??= error // these could not be changed; others may
    }
  }
  if (sum === 0 && refused !== null) throw refused
  return sum
}

/** What is in every list that was given; null: none was. */
function both(some: readonly string[] | undefined, others: readonly string[] | undefined): ReadonlySet<string> | null {
  const given = some ?? others
  if (given === undefined) return null
  const wanted = new Set(others ?? some)
  return new Set(given.filter((asset) => wanted.has(asset)))
}

function* pages(assets: readonly string[]): Generator<readonly string[]> {
  for (let at = 0; at < assets.length; at += PAGE) yield assets.slice(at, at + PAGE)
}

/** The recordings of a period, the newest first, each once. @param among null: all. */
async function* recorded(index: Library, { from_ms, to_ms }: { from_ms: number; to_ms: number }, among: ReadonlySet<string> | null): AsyncGenerator<readonly string[]> {
  let limit = PAGE
  let seen = new Set<string>() // of the last page: those that began with its oldest come again
  for (let before_ms = to_ms; ;) {
    const page = await index.assets({ from_ms, to_ms: before_ms }, limit)
    const fresh = page.filter(({ sha256 }) => !seen.has(sha256))
    const chosen = fresh.map(({ sha256 }) => sha256).filter((sha256) => among === null || among.has(sha256))
    if (chosen.length > 0) yield chosen
    if (page.length < limit) return
    if (fresh.length === 0) limit *= 2 // more began in one moment than a page holds
    before_ms = Math.min(before_ms, page.at(-1)!.start_ms! + 1)
    seen = new Set(page.map(({ sha256 }) => sha256))
  }
}
