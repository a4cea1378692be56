/** Retention as people see it: one survey for all who look at about the same time, summed up by reason, age and volume. */
import { Fault } from '../contract/fault.ts'
import type { LibraryFile, PlanLine } from '../contract/retention.ts'
import type { VolumeState } from '../store/volumes.ts'
import type { Leaving, RunNote } from './journal.ts'
import type { Retention, Survey } from './retention.ts'

export interface RetentionView {
  readonly on: boolean
  readonly by: string | null // who switched it, and when
  readonly since_ms: number | null
  readonly at_ms: number // when this was looked at
  readonly next: string // HH:MM, when a run begins by itself
  readonly grace_days: number
  readonly most_part: number
  readonly steps: readonly { readonly rung: string; readonly after_days: number }[]
  readonly says: readonly string[]
  readonly last: RunNote | null
  readonly groups: readonly { readonly reason: string; readonly goes: boolean; readonly files: number; readonly bytes: number; readonly wins_bytes: number }[]
  readonly lines: readonly PlanLine[] // of the reason asked for, or of all; what goes first
  readonly makes: number // smaller copies that a run would ask for
  readonly volumes: readonly { readonly name: string; readonly mounted: boolean; readonly files: number; readonly there: number; readonly going: number; readonly why: string | null; readonly beside: readonly string[]; readonly bytes_free: number | null; readonly bytes_total: number | null }[]
  readonly ages: readonly { readonly week: number; readonly bytes: Readonly<Record<string, number>> }[] // by age of the recording; bytes by role, on all volumes that are thinned or not
  readonly trash: readonly { readonly id: string; readonly sha256: string; readonly name: string; readonly role: string; readonly bytes: number; readonly volume: string; readonly why: string; readonly left: readonly string[]; readonly at_ms: number; readonly ends_ms: number }[]
}

export interface RetentionDesk {
  view(ask: { readonly reason?: string; readonly limit: number }): Promise<RetentionView>
  run(by: string): Promise<RunNote>
  undo(ids: readonly string[] | null, by: string): Promise<{ back: number; refused: readonly { name: string; why: string }[] }>
  /** @param name of the box, typed by whoever switches it on. Throws Fault `input/invalid` for another one. */
  set(on: boolean, name: string | undefined, by: string): Promise<void>
}

const DAY_MS = 86_400_000
const FRESH_MS = 20_000
/** A large library is looked at for a twentieth of the time at most, however long a page stays open. */
const REST = 20
const MOST_WEEKS = 260

export function openDesk({ retention, states, box, clock }: { retention: Retention; states: () => Promise<readonly VolumeState[]>; box: string; clock: () => number }): RetentionDesk {
  let kept: { readonly survey: Promise<Survey>; at_ms: number; fresh_ms: number } | null = null

  /** Looking at every file of a large library takes seconds, and every page asks again at each change. */
  function survey(): Promise<Survey> {
    if (kept !== null && Math.abs(clock() - kept.at_ms) <= kept.fresh_ms) return kept.survey
    const began_ms = clock()
    const mine = { survey: retention.survey(), at_ms: began_ms, fresh_ms: Infinity } // one at a time
    kept = mine
    mine.survey.then(
      () => Object.assign(mine, { at_ms: clock(), fresh_ms: Math.max(FRESH_MS, REST * Math.abs(clock() - began_ms)) }),
      () => { if (kept === mine) kept = null }, // whoever asked is told; the next one tries again
    )
    return mine.survey
  }
  async function anew<T>(work: Promise<T>): Promise<T> {
    try {
      return await work
    } finally {
      kept = null
    }
  }

  return {
    view: async (ask) => viewOf(await survey(), await states(), ask),
    run: (by) => anew(retention.run(by)),
    undo: (ids, by) => anew(retention.undo(ids, by)),
    set(on, name, by) {
      if (on && name !== box) throw new Fault('input/invalid', `name: type ${box}, the name of this box, to switch it on.`)
      return anew(retention.set(on, by))
    },
  }
}

export function viewOf({ library, plan, leaving, switch: state, last, terms }: Survey, states: readonly VolumeState[], { reason, limit }: { readonly reason?: string; readonly limit: number }): RetentionView {
  const known = new Map(states.map((state) => [state.name, state]))
  return {
    on: state.on, by: state.by, since_ms: state.at_ms, at_ms: library.now_ms, next: terms.at, grace_days: terms.grace_days, most_part: terms.most_part, steps: terms.steps, says: terms.says, last,
    groups: groupsOf(plan.lines),
    lines: plan.lines.filter((line) => reason === undefined || line.reason === reason).slice(0, limit),
    makes: plan.makes.length,
    volumes: [...library.volumes].map(([name, { mounted, files, there, bytes_free }]) => ({ name, mounted, files, there, bytes_free, going: plan.lines.filter((line) => line.goes && line.media.volume === name).length, why: known.get(name)?.why ?? null, beside: known.get(name)?.beside ?? [], bytes_total: known.get(name)?.bytes_total ?? null })),
    ages: agesOf(library.items.flatMap(({ asset, files }) => (asset.start_ms === null ? [] : files.map((file) => ({ start_ms: asset.start_ms!, file })))), library.now_ms),
    trash: leaving.filter((entry) => entry.state !== 'planned').map((entry) => trashOf(entry, terms.grace_days)),
  }
}

function groupsOf(lines: readonly PlanLine[]): RetentionView['groups'] {
  const groups = new Map<string, RetentionView['groups'][number]>()
  for (const { reason, goes, media, wins_bytes } of lines) {
    const sum = groups.get(reason) ?? { reason, goes, files: 0, bytes: 0, wins_bytes: 0 }
    groups.set(reason, { ...sum, files: sum.files + 1, bytes: sum.bytes + media.bytes, wins_bytes: sum.wins_bytes + wins_bytes })
  }
  return [...groups.values()].sort((a, b) => Number(b.goes) - Number(a.goes) || b.bytes - a.bytes)
}

function agesOf(files: readonly { start_ms: number; file: LibraryFile }[], now_ms: number): RetentionView['ages'] {
  const weeks = new Map<number, Record<string, number>>()
  for (const { start_ms, file: { role, media } } of files) {
    const week = Math.min(MOST_WEEKS, Math.max(0, Math.floor((now_ms - start_ms) / (7 * DAY_MS))))
    const sums = weeks.get(week) ?? {}
    sums[role] = (sums[role] ?? 0) + media.bytes
    weeks.set(week, sums)
  }
  return [...weeks].sort(([a], [b]) => a - b).map(([week, bytes]) => ({ week, bytes }))
}

const trashOf = ({ id, sha256, name, role, media, why, left, at_ms }: Leaving, grace_days: number): RetentionView['trash'][number] =>
  ({ id, sha256, name, role, bytes: media.bytes, volume: media.volume, why, left, at_ms, ends_ms: at_ms + grace_days * DAY_MS })
