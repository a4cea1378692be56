import { randomBytes } from 'node:crypto'
import type { Scope } from '../access/scope.ts'
import { Fault, FAULTS, type FaultReport } from '../contract/fault.ts'
import { crashPoint, isBroken } from '../store/crash.ts'
import type { Log } from '../store/log.ts'
import { Batch } from './batch.ts'
import { Deliveries } from './deliveries.ts'
import { openDesk } from './desk.ts'
import { Journals, type Journal } from './journals.ts'
import { countKey, homeKey, journalKey, type Home } from './keys.ts'
import { Lanes } from './lanes.ts'
import { Leases, type Lease } from './leases.ts'
import * as machine from './machine.ts'
import type { Outcomes } from './outcomes.ts'
import type { TaskEnd } from './gate.ts'
import type { Board, BoardDesk, Claim, Completion, Publication, Published } from './port.ts'
import { begun, Tasks, type TaskRecord } from './record.ts'
import { recordsOf, workOf, type StageRules, type Work } from './rules.ts'
import type { StagedFiles } from './staged.ts'
import { Stock, type Offer } from './stock.ts'

export type { StageRules }

export interface BoardParts {
  readonly log: Log
  readonly outcomes: Outcomes
  readonly stages: (name: string) => StageRules | null
  readonly stageNames: readonly string[]
  readonly volumes: StagedFiles
  readonly clock: () => number // UTC epoch, ms
  readonly random?: () => number // 0 to 1
  readonly sweep_ms?: number // how often it looks for lost leases by itself; 0: only when asked
  /** There is something to claim. */
  readonly onWork?: (stages: readonly string[], home: Home) => void
  /** Counts, states or progress are not what they were. */
  readonly onChange?: (home: Home) => void
  /** A device's work on a task ended. */
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
  /** A device lets go of all that it holds: offered again at once, nothing counts against the work. */
  letGo(device: string): Promise<void>
  /** What a device says of a task of its own; kept in memory. @param done 0 to 1 */
  progress(device: string, task: string, done: number, what?: string): void
  running(scope: Home): readonly RunningTask[]
  /** Whether the task is one of this org and site. */
  within(scope: Home, task: string): boolean
  /** Whether it is, and what is written under this token may still count. */
  mayStage(scope: Home, task: string, token: string): boolean
  /** Complete tasks whose files are not at their place yet. */
  unplaced(): number
  close(): Promise<void>
}

/** Replays the journal before it resolves. */
export async function openBoard(parts: BoardParts): Promise<OpenBoard> {
  const board = new TaskBoard(parts, await Tasks.open(parts.log))
  await board.replay()
  return board
}

class TaskBoard implements OpenBoard {
  readonly #parts: BoardParts
  readonly #trouble: (error: unknown, task: string | null) => void
  readonly #tasks: Tasks
  readonly #lanes = new Lanes()
  readonly #leases = new Leases()
  readonly #stock: Stock
  readonly #journals: Journals
  readonly #deliveries: Deliveries
  readonly #desk: BoardDesk
  readonly #exclusiveFrom = new Map<string, number>()
  readonly #timer: NodeJS.Timeout | undefined
  #sweeping: Promise<void> | null = null

  constructor(parts: BoardParts, tasks: Tasks) {
    const { log, outcomes, stages, stageNames, volumes, clock, onChange, sweep_ms = 1_000 } = parts
    this.#parts = parts
    this.#trouble = parts.onTrouble ?? ((error, task) => console.error('board:', task ?? '', error))
    this.#tasks = tasks
    this.#stock = new Stock(log, (id) => this.#leases.has(id))
    this.#journals = new Journals(log, outcomes, volumes, this.#trouble)
    this.#deliveries = new Deliveries(log, outcomes, this.#journals, tasks, stages)
    this.#desk = openDesk({
      log, outcomes, clock, stages, stageNames, tasks, lanes: this.#lanes, leases: this.#leases, deliveries: this.#deliveries,
      offered: (offers) => this.#offer(offers),
      removed: async (task) => {
        this.#endLease(task.id)
        await this.#journals.clear(task.id, null)
      },
      changed: (home) => onChange?.(home),
    })
    // Whoever held a resource when core ended may still be at it, and says so within one lease.
    for (const { home, stage, pending } of tasks.counts(null)) {
      const rules = stages(stage)
      if (rules?.exclusive !== undefined && pending > 0) this.#exclusiveFrom.set(countKey(home, stage), clock() + rules.lease_s * 1_000)
    }
    if (sweep_ms > 0) this.#timer = setInterval(() => void this.sweep().catch((error: unknown) => this.#trouble(error, null)), sweep_ms).unref()
  }

  async publish(scope: Scope, publications: readonly Publication[]): Promise<readonly Published[]> {
    const home: Home = { org: scope.org, site: scope.site }
    const works = publications.map((publication) => ({ publication, work: workOf(this.#parts.stages(publication.stage), home, publication) }))
    const created: TaskRecord[] = []
    const answers = await this.#lanes.alone([...new Set(works.map(({ work }) => work.id))], async () => {
      const batch = new Batch()
      const drafts = new Map<string, { readonly before: TaskRecord | null; task: TaskRecord }>()
      const asked = new Set<string>()
      const held = new Map<string, Journal>()
      const answers = works.map(({ publication: { priority = 5, waiter }, work }): Published => {
        const known = drafts.get(work.id)
        const draft = known ?? this.#draft(batch, work, priority)
        drafts.set(work.id, draft)
        if (waiter !== undefined) draft.task = this.#deliveries.ask(batch, asked, held, draft.task, waiter)
        return { id: work.id, state: draft.task.state, created: known === undefined && draft.before === null }
      })
      for (const { before, task } of drafts.values()) {
        if (before !== task) this.#tasks.write(batch, before, task)
        if (before === null) created.push(task)
      }
      if (batch.ops.length === 0) return answers
      crashPoint('board.publish.before-commit')
      await batch.commit(this.#parts.log)
      crashPoint('board.publish.committed')
      return answers
    })
    if (created.length > 0) this.#offer(created)
    return answers
  }

  /** The task as it is, or as it begins. */
  #draft(batch: Batch, work: Work, priority: number): { before: TaskRecord | null; task: TaskRecord } {
    const before = this.#tasks.read(work.id)
    if (before !== null) return { before, task: before }
    return { before, task: begun(work, this.#parts.clock(), priority, this.#parts.outcomes.sequence.next(batch)) }
  }

  async claim(device: string, scope: Scope, stages: readonly string[], count: number): Promise<readonly Claim[]> {
    const home: Home = { org: scope.org, site: scope.site }
    const claims: Claim[] = []
    const now_ms = this.#parts.clock()
    this.#stock.due(now_ms)
    const open = [...new Set(stages)].filter((stage) => this.#parts.stages(stage) !== null && now_ms >= (this.#exclusiveFrom.get(countKey(home, stage)) ?? 0))
    while (claims.length < count) {
      const offer = await this.#stock.next(home, open)
      if (offer === null) break
      const task = this.#readOffered(offer)
      const rules = this.#parts.stages(offer.stage)
      if (task === null || rules === null || task.state !== 'pending' || task.order !== offer.order) continue
      if (!machine.isOffered(task, now_ms)) this.#stock.delay(offer, task.not_before_ms)
      else if (task.resource !== null && this.#leases.isBusy(task.resource)) this.#stock.block(offer, task.resource)
      else {
        const { token, lease_s } = this.#lease(task, rules, device, randomBytes(16).toString('hex'))
        claims.push({ id: task.id, stage: task.stage, input: task.input, options: task.options, attempt: task.attempts + 1, token, lease_s, scope: home })
      }
    }
    if (claims.length > 0) this.#parts.onChange?.(home)
    return claims
  }

  /** What was taken from the stock must not be lost when the log cannot be read just now. */
  #readOffered(offer: Offer): TaskRecord | null {
    try {
      return this.#tasks.read(offer.id)
    } catch (error) {
      this.#stock.offer(offer)
      throw error
    }
  }

  async renew(device: string, leases: readonly { id: string; token: string }[]): Promise<readonly string[]> {
    return leases.filter(({ id, token }) => {
      const lease = this.#leases.get(id) ?? this.#adopt(device, id, token)
      if (lease === null || (lease.token !== token && !isBroken('no-lease-check'))) return false
      lease.until_ms = this.#parts.clock() + lease.lease_s * 1_000
      return true
    }).map(({ token }) => token)
  }

  async complete(device: string, { id, token, output, files }: Completion): Promise<'complete' | 'already'> {
    const named = files.map(({ volume, path }) => `${volume}/${path}`) // two tasks that write one path go one after another
    return this.#lanes.alone([id, ...named], async () => {
      const found = this.#tasks.read(id)
      if (found === null) throw new Fault('task/unknown', `There is no task ${id}; it may have been cancelled`)
      const rules = this.#parts.stages(found.stage)
      if (rules === null) throw new Fault('stage/unknown', `No plugin has a stage ${found.stage} any more`)
      if (!this.#mayAnswer(found, token)) return this.#refuse(id, token)
      const docs = recordsOf(rules, found, output)
      this.#adopt(device, id, token) // or somebody might claim it while its files are looked at
      if (files.length > 0) await this.#parts.volumes.verify(id, token, files)
      if (!this.#mayAnswer(found, token)) return this.#refuse(id, token)

      const task: TaskRecord = { ...(machine.complete(found) ?? found), waiting: [], output, device, completed_ms: this.#parts.clock() }
      const batch = new Batch()
      this.#tasks.write(batch, found, task)
      const outcomes = this.#deliveries.answer(batch, found.waiting, task)
      const projection = docs.length > 0 ? { org: task.org, site: task.site, docs } : null
      if (files.length > 0) batch.put(journalKey(id), { token, files, outcomes, projection } satisfies Journal)
      else this.#journals.show(batch, { outcomes, projection })
      crashPoint('board.complete.before-commit')
      await batch.commit(this.#parts.log)
      crashPoint(files.length > 0 ? 'board.journal.written' : 'board.complete.committed')
      this.#ended(task, this.#endLease(id), device, 'complete', null)
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

  async fault(device: string, id: string, token: string, { code, message, log: output }: FaultReport & { readonly log?: string }): Promise<'counted' | 'stale'> {
    const { log, clock, random = Math.random, onChange } = this.#parts
    return this.#lanes.alone([id], async () => {
      const task = this.#tasks.read(id)
      if (task === null || task.retired === token || !this.#mayAnswer(task, token)) return 'stale'
      const note = { code, message: message.slice(0, 2_000), device, at_ms: clock(), ...(output === undefined ? {} : { log: output.slice(-8_192) }) }
      // Whoever was killed from outside said nothing against the work: that is a lost lease, only heard of sooner.
      const next = code === 'stage/killed' ? machine.interrupt(task, { device, at_ms: note.at_ms, why: note.message }) : machine.fault(task, note, FAULTS[code].retry, random())
      if (next === null) return 'stale'
      const batch = new Batch()
      this.#tasks.write(batch, task, { ...next, retired: token })
      await batch.commit(log)
      crashPoint('board.fault.committed')
      this.#ended(task, this.#endLease(id), device, code === 'stage/killed' ? 'interrupted' : 'fault', message)
      if (machine.isOffered(next, clock())) this.#offer([next])
      else if (next.state === 'pending') this.#stock.delay({ id, order: next.order, org: next.org, site: next.site, stage: next.stage }, next.not_before_ms)
      await this.#journals.clear(id, token)
      onChange?.({ org: task.org, site: task.site })
      return 'counted'
    })
  }

  async release(_device: string, id: string, token: string): Promise<void> {
    await this.#lanes.alone([id], async () => {
      if (this.#leases.get(id)?.token !== token) return
      const task = this.#tasks.read(id)
      this.#endLease(id)
      if (task?.state === 'pending') this.#offer([task])
      await this.#journals.clear(id, token)
    })
  }

  progress(device: string, task: string, done: number, what?: string): void {
    const lease = this.#leases.get(task)
    if (lease === undefined || lease.device !== device) return
    lease.progress = Math.min(1, Math.max(0, done))
    lease.what = what ?? null
    this.#parts.onChange?.({ org: lease.org, site: lease.site })
  }

  running(scope: Home): readonly RunningTask[] {
    return this.#leases.all().filter((lease) => homeKey(lease) === homeKey(scope))
      .map(({ id, stage, device, since_ms, progress, what }) => ({ task: id, stage, device, since_ms, progress, what }))
  }

  within(scope: Home, task: string): boolean {
    const found = this.#tasks.read(task)
    return found !== null && homeKey(found) === homeKey(scope)
  }

  mayStage(scope: Home, id: string, token: string): boolean {
    const task = this.#tasks.read(id)
    return task !== null && homeKey(task) === homeKey(scope) && task.retired !== token && this.#mayAnswer(task, token)
  }

  unplaced(): number {
    return this.#journals.unplaced
  }

  sweep(): Promise<void> {
    this.#sweeping ??= this.#sweepOnce().finally(() => { this.#sweeping = null })
    return this.#sweeping
  }

  async #sweepOnce(): Promise<void> {
    const now_ms = this.#parts.clock()
    this.#announce(this.#stock.due(now_ms))
    const lost = this.#leases.all().filter((lease) => lease.until_ms <= now_ms)
    await Promise.all(lost.map((lease) => this.#interrupt(lease, `said nothing for ${lease.lease_s} s`)))
    for (const id of this.#journals.due(now_ms)) await this.#lanes.alone([id], () => this.#journals.place(id))
  }

  async gone(device: string): Promise<void> {
    const held = this.#leases.all().filter((lease) => lease.device === device)
    for (const lease of held) lease.until_ms = Number.NEGATIVE_INFINITY
    await Promise.all(held.map((lease) => this.#interrupt(lease, 'was gone')))
  }

  async letGo(device: string): Promise<void> {
    const held = this.#leases.all().filter((lease) => lease.device === device)
    await Promise.all(held.map(({ id, token }) => this.release(device, id, token)))
  }

  #ended({ id, stage, org, site, input }: TaskRecord, lease: Lease | undefined, device: string, end: TaskEnd['end'], message: string | null): void {
    const at_ms = this.#parts.clock()
    this.#parts.onEnd?.({ device, task: id, stage, org, site, input, end, at_ms, took_ms: lease === undefined ? null : at_ms - lease.since_ms, message })
  }

  async #interrupt(lease: Lease, why: string): Promise<void> {
    await this.#lanes.alone([lease.id], async () => {
      const task = this.#tasks.read(lease.id)
      if (this.#leases.get(lease.id) !== lease || lease.until_ms > this.#parts.clock()) return // it spoke, or ended, meanwhile
      const next = task === null ? null : machine.interrupt(task, { device: lease.device, at_ms: this.#parts.clock(), why })
      if (task !== null && next !== null) {
        const batch = new Batch()
        this.#tasks.write(batch, task, next)
        await batch.commit(this.#parts.log)
        crashPoint('board.interrupt.committed')
      }
      this.#endLease(lease.id)
      if (task !== null) this.#ended(task, lease, lease.device, 'interrupted', 'the device fell silent or went')
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
    const lease = this.#leases.get(task.id)
    return task.state !== 'complete' && (lease === undefined || lease.token === token)
  }

  /** Whoever was at it before core restarted, or before it was given up for lost, has it again as long as nobody else has. */
  #adopt(device: string, id: string, token: string): Lease | null {
    const lease = this.#leases.get(id)
    if (lease !== undefined) return lease
    const task = this.#tasks.read(id)
    const rules = task === null ? null : this.#parts.stages(task.stage)
    if (task === null || rules === null || task.state !== 'pending' || task.retired === token) return null
    return task.resource !== null && this.#leases.isBusy(task.resource) ? null : this.#lease(task, rules, device, token)
  }

  #lease({ id, stage, org, site, order, resource }: TaskRecord, { lease_s }: StageRules, device: string, token: string): Lease {
    const since_ms = this.#parts.clock()
    const lease: Lease = { id, stage, org, site, order, device, token, resource, lease_s, since_ms, until_ms: since_ms + lease_s * 1_000, progress: null, what: null }
    this.#leases.take(lease)
    return lease
  }

  /** What waited for its resource is offered. */
  #endLease(id: string): Lease | undefined {
    const lease = this.#leases.end(id)
    if (lease !== undefined && lease.resource !== null) this.#announce(this.#stock.free(lease.resource))
    return lease
  }

  #offer(tasks: readonly TaskRecord[]): void {
    for (const { id, order, org, site, stage } of tasks) this.#stock.offer({ id, order, org, site, stage })
    this.#announce(tasks)
    const [first] = tasks
    if (first !== undefined) this.#parts.onChange?.({ org: first.org, site: first.site })
  }

  #announce(offers: readonly (Home & { readonly stage: string })[]): void {
    for (const ofHome of Map.groupBy(offers, homeKey).values()) {
      const { org, site } = ofHome[0]!
      this.#parts.onWork?.([...new Set(ofHome.map(({ stage }) => stage))], { org, site })
    }
  }
}
