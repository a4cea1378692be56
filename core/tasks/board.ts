import type { Home, Scope } from '../access/scope.ts'
import { Fault, FAULTS, type FaultReport } from '../contract/fault.ts'
import { crashPoint, isBroken } from '../store/crash.ts'
import type { Log } from '../store/log.ts'
import { Batch } from './batch.ts'
import { brief } from './brief.ts'
import { Deliveries } from './deliveries.ts'
import { openDesk } from './desk.ts'
import { Journals, type Journal } from './journals.ts'
import type { TaskEnd } from './gate.ts'
import { countKey, homeKey, journalKey } from './keys.ts'
import { Lanes } from './lanes.ts'
import type { Lease } from './leases.ts'
import { Leftovers } from './leftovers.ts'
import { Lending } from './lending.ts'
import * as machine from './machine.ts'
import type { Outcomes } from './outcomes.ts'
import type { Board, BoardDesk, Claim, Completion, Publication, Published } from './port.ts'
import { Publishing } from './publishing.ts'
import { Rates } from './rates.ts'
import { done, Tasks, type TaskRecord } from './record.ts'
import { recordsOf, type StageRules } from './rules.ts'
import type { StagedFiles } from './staged.ts'
import { steady } from './steady.ts'

export type { StageRules }

export interface BoardParts {
  readonly log: Log
  readonly outcomes: Outcomes
  readonly stages: (name: string) => StageRules | null
  readonly stageNames: readonly string[]
  readonly volumes: StagedFiles
  readonly clock: () => number // UTC epoch, ms: what is stored and shown
  readonly ticks?: () => number // ms that only rise, whatever happens to the clock: how long leases last; by default the process's own
  readonly random?: () => number // 0 to 1
  readonly sweep_ms?: number // how often it looks for lost leases by itself; 0: only when asked
  /** There is something to claim. */
  readonly onWork?: (stages: readonly string[], home: Home) => void
  /** Counts, states or progress are not what they were. */
  readonly onChange?: (home: Home) => void
  /** A device's work on a task ended, and it is on the disk. */
  readonly onEnd?: (end: TaskEnd) => void
  /** A sweep failed, or the files of a complete task could not be placed or cleared away; it is tried again with a later
   *  sweep. By default it is written to the console. */
  readonly onTrouble?: (error: unknown, task: string | null) => void
}

export interface RunningTask { readonly task: string; readonly stage: string; readonly device: string; readonly since_ms: number; readonly progress: number | null; readonly what: string | null }

export interface OpenBoard extends Board, BoardDesk {
  /** Offers again what waited for its time, takes the leases of those who fell silent, places what could not be placed. */
  sweep(): Promise<void>
  /** A device is known to be gone: what it held is offered again at once; each is an interruption. */
  gone(device: string): Promise<void>
  /** A device was told to stop: what it held is offered again at once, at no cost, and whatever it had staged is dropped. Should it
   *  complete one of them all the same, that counts as long as nobody else has it. */
  letGo(device: string): Promise<void>
  /** What a device says of a task of its own; kept in memory. @param done 0 to 1 */
  progress(device: string, task: string, done: number, what?: string): void
  running(scope: Home): readonly RunningTask[]
  /** Whether the task is one of this org and site. */
  within(scope: Home, task: string): boolean
  /** What a task of this org and site is, and who has it; null: there is none. */
  standing(scope: Home, task: string): { readonly stage: string; readonly device: string | null } | null
  /** Whether it is, and what is written under this token may still count. */
  mayStage(scope: Home, task: string, token: string): boolean
  /** Complete tasks whose files are not at their place yet. */
  unplaced(): number
  /** Clears away what a task has staged, when it is over and nothing of it waits for its place. */
  whenOver(task: string, clear: () => Promise<void>): Promise<void>
  close(): Promise<void>
}

/** More at once is not time that passed for the board, when it looks around by itself. */
const longestStep_ms = (sweep_ms: number): number => sweep_ms === 0 ? Number.POSITIVE_INFINITY : 10 * Math.max(sweep_ms, 1_000)

/** Replays the journal before it resolves. */
export async function openBoard(parts: BoardParts): Promise<OpenBoard> {
  const tasks = await Tasks.open(parts.log)
  const board = new TaskBoard(parts, tasks, await tasks.latestTurn())
  await board.replay()
  return board
}

class TaskBoard implements OpenBoard {
  readonly #parts: BoardParts
  readonly #trouble: (error: unknown, task: string | null) => void
  readonly #steady: () => number
  readonly #turn: () => number
  readonly #tasks: Tasks
  readonly #lanes = new Lanes()
  readonly #lending: Lending
  readonly #journals: Journals
  readonly #deliveries: Deliveries
  readonly #publishing: Publishing
  readonly #leftovers: Leftovers
  readonly #rates: Rates
  readonly #desk: BoardDesk
  readonly #timer: NodeJS.Timeout | undefined
  #sweeping: Promise<void> | null = null

  /** @param latest_ms The latest turn that was given before. */
  constructor(parts: BoardParts, tasks: Tasks, latest_ms: number) {
    const { log, outcomes, stages, stageNames, volumes, clock, ticks = () => performance.now(), onChange, sweep_ms = 1_000 } = parts
    this.#parts = parts
    this.#trouble = parts.onTrouble ?? ((error, task) => console.error('board:', task ?? '', error))
    this.#steady = steady(ticks, longestStep_ms(sweep_ms))
    // Turns begin where the clock stands, or where they were when it was set back, and then only go forward.
    const began_ms = Math.max(clock(), latest_ms) - this.#steady()
    this.#turn = () => began_ms + this.#steady()
    this.#tasks = tasks
    this.#lending = new Lending({ log, tasks, stages, clock, steady: this.#steady, onWork: (of, home) => parts.onWork?.(of, home) })
    this.#journals = new Journals(log, outcomes, volumes, this.#trouble)
    this.#deliveries = new Deliveries(log, outcomes, this.#journals, tasks, stages)
    this.#publishing = new Publishing({ log, outcomes, clock, turn: this.#turn, stages, tasks, lanes: this.#lanes, deliveries: this.#deliveries })
    this.#leftovers = new Leftovers(tasks, this.#journals, volumes, this.#lanes)
    this.#desk = openDesk({
      log, outcomes, clock, turn: this.#turn, stages, stageNames, tasks, lanes: this.#lanes, leases: this.#lending.leases, perHour: (home, stage) => this.#perHour(home, stage), deliveries: this.#deliveries,
      offered: (offers) => this.#offer(offers),
      removed: async (task) => {
        this.#lending.withdraw(task)
        await this.#journals.clear(task.id, null)
      },
      changed: (home) => onChange?.(home),
    })
    this.#rates = new Rates(this.#steady(), this.#totals())
    if (sweep_ms > 0) this.#timer = setInterval(() => void this.sweep().catch((error: unknown) => this.#trouble(error, null)), sweep_ms).unref()
  }

  async publish(scope: Scope, publications: readonly Publication[]): Promise<readonly Published[]> {
    const home: Home = { org: scope.org, site: scope.site }
    const { answers, open, changed, whole } = await this.#publishing.publish(home, publications)
    for (const { id } of whole) this.#lending.end(id)
    if (whole.length > 0) this.#parts.onChange?.(home)
    if (open.length > 0) this.#offer(open)
    await Promise.all(changed.map(({ id }) => this.#lending.leases.get(id)).filter((lease) => lease !== undefined).map((lease) => this.#takeBack(lease)))
    return answers
  }

  async claim(device: string, scope: Scope, stages: readonly string[], count: number, holds: readonly string[] = []): Promise<readonly Claim[]> {
    const home: Home = { org: scope.org, site: scope.site }
    const claims = await this.#lending.claim(device, home, stages, count, holds)
    if (claims.length > 0) this.#parts.onChange?.(home)
    return claims
  }

  async renew(device: string, leases: readonly { id: string; token: string }[]): Promise<readonly string[]> {
    return leases.filter(({ id, token }) => this.#lending.renew(device, id, token)).map(({ token }) => token)
  }

  async complete(device: string, { id, token, output: given, files }: Completion): Promise<'complete' | 'already'> {
    const named = files.map(({ volume, path }) => `${volume}/${path}`) // two tasks that write one path go one after another
    return this.#lanes.alone([id, ...named], async () => {
      const found = this.#tasks.read(id)
      if (found === null) throw new Fault('task/unknown', `There is no task ${id}; it may have been cancelled`)
      const rules = this.#parts.stages(found.stage)
      if (rules === null) throw new Fault('stage/unknown', `No plugin has a stage ${found.stage} any more`)
      if (!this.#mayAnswer(found, token)) return this.#refuse(id, token)
      const output = rules.gathers === undefined ? given : { gathered: found.waiting.length } // with those that are there
      const docs = recordsOf(rules, found, output)
      this.#lending.adopt(device, id, token) // or somebody might claim it while its files are looked at
      if (files.length > 0) await this.#parts.volumes.verify(id, token, files)
      if (!this.#mayAnswer(found, token)) return this.#refuse(id, token)

      const task = done(found, output, device, this.#parts.clock())
      const batch = new Batch()
      this.#tasks.write(batch, found, task)
      const outcomes = this.#deliveries.answer(batch, found.waiting, task)
      const projection = docs.length > 0 ? { org: task.org, site: task.site, docs } : null
      if (files.length > 0) batch.put(journalKey(id), { token, files, outcomes, projection } satisfies Journal)
      else this.#journals.show(batch, { outcomes, projection })
      crashPoint('board.complete.before-commit')
      await batch.commit(this.#parts.log)
      crashPoint(files.length > 0 ? 'board.journal.written' : 'board.complete.committed')
      this.#ended(this.#lending.end(id), task, device, 'complete', null)
      if (files.length > 0) await this.#journals.place(id)
      this.#parts.onChange?.({ org: task.org, site: task.site })
      return 'complete'
    })
  }

  async #refuse(id: string, token: string): Promise<'already'> {
    const journal = this.#journals.get(id)
    if (journal !== null) this.#journals.remember(id)
    if (journal?.token !== token) await this.#journals.clear(id, token) // the winner's may still be needed
    return 'already'
  }

  async fault(device: string, id: string, token: string, report: FaultReport & { readonly log?: string }): Promise<'counted' | 'stale'> {
    const { log, clock, random = Math.random, onChange } = this.#parts
    return this.#lanes.alone([id], async () => {
      const task = this.#tasks.read(id)
      if (task === null || task.retired === token || !this.#mayAnswer(task, token)) return 'stale'
      const note = { ...brief(report), device, at_ms: clock() }
      const { retry } = FAULTS[note.code]
      const next = retry === 'interrupted' ? machine.interrupt(task, { device, at_ms: note.at_ms, why: note.message }, random())
        : retry === 'mended' ? machine.hold(task, note, random())
          : machine.fault(task, note, retry, random())
      if (next === null) return 'stale'
      const batch = new Batch()
      this.#tasks.write(batch, task, { ...next, retired: token })
      await batch.commit(log)
      crashPoint('board.fault.committed')
      this.#ended(this.#lending.end(id), task, device, retry === 'interrupted' ? 'interrupted' : 'fault', note.message)
      if (next.state === 'pending') this.#offer([next])
      await this.#journals.clear(id, token)
      onChange?.({ org: task.org, site: task.site })
      return 'counted'
    })
  }

  async release(_device: string, id: string, token: string): Promise<void> {
    await this.#lanes.alone([id], async () => {
      const lease = this.#lending.leases.get(id)
      if (lease?.token !== token) return
      this.#lending.takeBack(lease) // also from a renewal that was sent before this and arrives after it
      await this.#giveBack(id, token)
    })
  }

  async letGo(device: string): Promise<void> {
    await Promise.all(this.#lending.of(device).map((lease) => this.#takeBack(lease)))
  }

  #takeBack(lease: Lease): Promise<void> {
    return this.#lanes.alone([lease.id], async () => {
      if (this.#lending.leases.get(lease.id) !== lease) return
      this.#lending.takeBack(lease)
      await this.#giveBack(lease.id, lease.token)
    })
  }

  async #giveBack(id: string, token: string): Promise<void> {
    const task = this.#tasks.read(id)
    if (task?.state === 'pending') this.#offer([task])
    await this.#journals.clear(id, token)
  }

  progress(device: string, task: string, done: number, what?: string): void {
    const lease = this.#lending.leases.get(task)
    if (lease === undefined || lease.device !== device) return
    lease.progress = Math.min(1, Math.max(0, done))
    lease.what = what ?? null
    this.#parts.onChange?.({ org: lease.org, site: lease.site })
  }

  running(scope: Home): readonly RunningTask[] {
    return this.#lending.leases.all().filter((lease) => homeKey(lease) === homeKey(scope))
      .map(({ id, stage, device, since_ms, progress, what }) => ({ task: id, stage, device, since_ms, progress, what }))
  }

  within(scope: Home, task: string): boolean {
    const found = this.#tasks.read(task)
    return found !== null && homeKey(found) === homeKey(scope)
  }

  standing(scope: Home, task: string): { readonly stage: string; readonly device: string | null } | null {
    const found = this.#tasks.read(task)
    return found === null || homeKey(found) !== homeKey(scope) ? null : { stage: found.stage, device: this.#lending.leases.get(task)?.device ?? null }
  }

  mayStage(scope: Home, id: string, token: string): boolean {
    const task = this.#tasks.read(id)
    return task !== null && homeKey(task) === homeKey(scope) && task.retired !== token && this.#mayAnswer(task, token)
  }

  unplaced(): number {
    return this.#journals.unplaced
  }

  whenOver(task: string, clear: () => Promise<void>): Promise<void> {
    return this.#leftovers.whenOver(task, clear)
  }

  sweep(): Promise<void> {
    this.#sweeping ??= this.#sweepOnce().finally(() => { this.#sweeping = null })
    return this.#sweeping
  }

  async #sweepOnce(): Promise<void> {
    this.#noteRates()
    this.#lending.due()
    const lost = this.#lending.leases.all().filter((lease) => this.#lending.isOver(lease))
    await Promise.all(lost.map((lease) => this.#interrupt(lease, `said nothing for ${lease.lease_s} s`)))
    for (const id of this.#journals.due(this.#steady())) await this.#lanes.alone([id], () => this.#journals.place(id))
    await this.#leftovers.clear(this.#steady())
  }

  #totals() {
    return this.#tasks.counts(null).map(({ home, stage, complete }) => [countKey(home, stage), complete] as const)
  }

  #noteRates(): void {
    for (const [name, complete] of this.#totals()) this.#rates.note(name, complete, this.#steady())
  }

  #perHour(home: Home, stage: string): number {
    this.#noteRates() // a sweep may be a second ago
    return this.#rates.perHour(countKey(home, stage), this.#steady())
  }

  async gone(device: string): Promise<void> {
    const held = this.#lending.of(device)
    for (const lease of held) lease.until_ms = Number.NEGATIVE_INFINITY
    await Promise.all(held.map((lease) => this.#interrupt(lease, 'was gone')))
  }

  async #interrupt(lease: Lease, why: string): Promise<void> {
    await this.#lanes.alone([lease.id], async () => {
      const task = this.#tasks.read(lease.id)
      if (this.#lending.leases.get(lease.id) !== lease || !this.#lending.isOver(lease)) return // it spoke, or ended, meanwhile
      const next = task === null ? null : machine.interrupt(task, { device: lease.device, at_ms: this.#parts.clock(), why }, (this.#parts.random ?? Math.random)())
      if (task !== null && next !== null) {
        const batch = new Batch()
        this.#tasks.write(batch, task, next)
        await batch.commit(this.#parts.log)
        crashPoint('board.interrupt.committed')
      }
      this.#lending.end(lease.id)
      if (task !== null && next !== null) this.#ended(lease, task, lease.device, 'interrupted', why)
      if (next?.state === 'pending') this.#offer([next])
      this.#parts.onChange?.({ org: lease.org, site: lease.site })
    })
  }

  /** Before anything else: files of complete tasks go to their place. What cannot be placed now is tried with each sweep. */
  async replay(): Promise<void> {
    for (const id of await this.#journals.left()) await this.#journals.place(id)
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#sweeping
  }

  counts(...args: Parameters<BoardDesk['counts']>) { return this.#desk.counts(...args) }
  tasks(...args: Parameters<BoardDesk['tasks']>) { return this.#desk.tasks(...args) }
  task(...args: Parameters<BoardDesk['task']>) { return this.#desk.task(...args) }
  retry(...args: Parameters<BoardDesk['retry']>) { return this.#desk.retry(...args) }
  cancel(...args: Parameters<BoardDesk['cancel']>) { return this.#desk.cancel(...args) }
  rerun(...args: Parameters<BoardDesk['rerun']>) { return this.#desk.rerun(...args) }

  /** Whether this token's answer counts: the work is open, and nobody else has it. */
  #mayAnswer(task: TaskRecord, token: string): boolean {
    if (isBroken('no-lease-check')) return true
    const lease = this.#lending.leases.get(task.id)
    return task.state !== 'complete' && (lease === undefined || lease.token === token)
  }

  #ended(lease: Lease | undefined, { id, stage, org, site, input }: TaskRecord, device: string, end: TaskEnd['end'], message: string | null): void {
    const at_ms = this.#parts.clock()
    this.#parts.onEnd?.({ device, task: id, stage, org, site, input, end, at_ms, took_ms: this.#lending.took_ms(lease), message })
  }

  #offer(tasks: readonly TaskRecord[]): void {
    this.#lending.offer(tasks)
    const [first] = tasks
    if (first !== undefined) this.#parts.onChange?.({ org: first.org, site: first.site })
  }
}
