import { createHash, randomBytes } from 'node:crypto'
import type { TSchema } from 'typebox'
import type { Scope } from '../access/scope.ts'
import { Fault, FAULTS, type FaultReport } from '../contract/fault.ts'
import type { MediaRef } from '../contract/media.ts'
import type { Doc } from '../contract/records.ts'
import { crashPoint, isBroken } from '../store/crash.ts'
import { past, type Log } from '../store/log.ts'
import { Batch } from './batch.ts'
import { openDesk } from './desk.ts'
import { countKey, deliveryKey, homeKey, JOURNAL, journalKey, madeByPrefix, madePrefix, type Home } from './keys.ts'
import { Lanes } from './lanes.ts'
import { Leases, type Lease } from './leases.ts'
import * as machine from './machine.ts'
import type { Outcomes } from './outcomes.ts'
import type { Board, BoardDesk, Claim, Completion, Outcome, Publication, Published, Waiter } from './port.ts'
import { orderOf, Tasks, type TaskRecord } from './record.ts'
import { canonical, misfit, pick, withDefaults } from './shape.ts'
import type { StagedFiles } from './staged.ts'
import { Stock, type Offer } from './stock.ts'

/** What the board must know of a stage; a declaration of a plugin is one. */
export interface StageRules {
  readonly version: number
  readonly input: TSchema
  readonly output: TSchema
  readonly options?: TSchema
  // The declaration tied them to its schemas; here input and output were checked against the same.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly records?: (input: any, output: any) => readonly Doc[]
  readonly recordsOnly?: readonly string[]
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly exclusive?: (input: any) => string
  readonly lease_s: number
}

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
  /** A sweep failed, or the files of a complete task could not be placed; both are tried again with each sweep. */
  readonly onTrouble?: (error: unknown, task: string | null) => void
}

export interface RunningTask { readonly task: string; readonly stage: string; readonly device: string; readonly since_ms: number; readonly progress: number | null; readonly what: string | null }

export interface OpenBoard extends Board, BoardDesk {
  /** Offers again what waited for its time, takes the leases of those who fell silent, places what could not be placed. */
  sweep(): Promise<void>
  /** A device is known to be gone: what it held is offered again at once; each is an interruption. */
  gone(device: string): Promise<void>
  /** What a device says of a task of its own; kept in memory. @param done 0 to 1 */
  progress(device: string, task: string, done: number, what?: string): void
  running(scope: Home): readonly RunningTask[]
  /** Whether the task is one of this org and site. */
  within(scope: Home, task: string): boolean
  /** Complete tasks whose files are not at their place yet. */
  unplaced(): number
  close(): Promise<void>
}

/** What a completion holds back until its files are where they belong. */
interface Journal { readonly token: string; readonly files: readonly MediaRef[]; readonly outcomes: readonly Omit<Outcome, 'seq'>[]; readonly projection: { readonly org: string; readonly site: string; readonly docs: readonly Doc[] } | null }
interface Delivery { readonly node: string; readonly root: string | null; readonly message: Record<string, unknown> | null } // null: answered

/** A volume that is away stays away for a while. */
const PLACE_AGAIN_MS = 15_000

/** Replays the journal before it resolves. */
export async function openBoard(parts: BoardParts): Promise<OpenBoard> {
  const board = new TaskBoard(parts, await Tasks.open(parts.log))
  await board.replay()
  return board
}

class TaskBoard implements OpenBoard {
  readonly #parts: BoardParts
  readonly #tasks: Tasks
  readonly #lanes = new Lanes()
  readonly #leases = new Leases()
  readonly #stock: Stock
  readonly #desk: BoardDesk
  readonly #unplaced = new Set<string>()
  readonly #exclusiveFrom = new Map<string, number>()
  readonly #timer: NodeJS.Timeout | undefined
  #sweeping: Promise<void> | null = null
  #placeFrom_ms = 0

  constructor(parts: BoardParts, tasks: Tasks) {
    this.#parts = parts
    this.#tasks = tasks
    this.#stock = new Stock(parts.log, (id) => this.#leases.has(id))
    this.#desk = openDesk({
      log: parts.log, outcomes: parts.outcomes, clock: parts.clock, stageNames: parts.stageNames,
      tasks, lanes: this.#lanes, leases: this.#leases,
      offered: (task) => this.#offer([task]),
      removed: async (task) => {
        this.#let(task.id)
        await this.#clear(task.id, null)
      },
      changed: (home) => parts.onChange?.(home),
    })
    // Whoever held a resource when core ended may still be at it, and says so within one lease.
    for (const { home, stage, pending } of tasks.counts(null)) {
      const rules = parts.stages(stage)
      if (rules?.exclusive !== undefined && pending > 0) this.#exclusiveFrom.set(countKey(home, stage), parts.clock() + rules.lease_s * 1_000)
    }
    const { sweep_ms = 1_000 } = parts
    if (sweep_ms > 0) this.#timer = setInterval(() => void this.sweep().catch((error: unknown) => parts.onTrouble?.(error, null)), sweep_ms).unref()
  }

  // -- asking for work

  async publish(scope: Scope, publications: readonly Publication[]): Promise<readonly Published[]> {
    const home: Home = { org: scope.org, site: scope.site }
    const works = publications.map((publication) => ({ publication, ...this.#work(home, publication) }))
    const { log } = this.#parts
    const created: TaskRecord[] = []
    const answers = await this.#lanes.alone(unique(works.map(({ id }) => id)), async () => {
      const batch = new Batch()
      const drafts = new Map<string, { readonly before: TaskRecord | null; task: TaskRecord }>()
      const asked = new Set<string>()
      const answers = works.map(({ publication: { stage, priority = 5, waiter }, id, ...work }): Published => {
        const known = drafts.get(id)
        const draft = known ?? this.#draft(batch, { ...home, ...work, id, stage, priority })
        drafts.set(id, draft)
        if (waiter !== undefined) draft.task = this.#deliver(batch, asked, draft.task, waiter)
        return { id, state: draft.task.state, created: known === undefined && draft.before === null }
      })
      for (const { before, task } of drafts.values()) {
        if (before !== task) this.#tasks.write(batch, before, task)
        if (before === null) created.push(task)
      }
      if (batch.ops.length === 0) return answers
      crashPoint('board.publish.before-commit')
      await batch.commit(log)
      crashPoint('board.publish.committed')
      return answers
    })
    if (created.length > 0) this.#offer(created)
    return answers
  }

  /** The task as it is, or as it begins. */
  #draft(batch: Batch, work: Pick<TaskRecord, 'id' | 'stage' | 'version' | 'org' | 'site' | 'input' | 'options' | 'priority'>): { before: TaskRecord | null; task: TaskRecord } {
    const before = this.#tasks.read(work.id)
    if (before !== null) return { before, task: before }
    const created_ms = this.#parts.clock()
    const seq = this.#parts.outcomes.sequence.next(batch)
    const task: TaskRecord = {
      ...work, seq, order: orderOf(created_ms, work.priority, seq), state: 'pending', attempts: 0, interruptions: 0, not_before_ms: 0, faults: [],
      waiting: [], output: null, created_ms, completed_ms: null, device: null, retired: null,
    }
    return { before, task }
  }

  /** Checks a publication and names its work. */
  #work(home: Home, { stage, input: given, options: chosen = {}, run = 0 }: Publication) {
    const rules = this.#parts.stages(stage)
    if (rules === null) throw new Fault('stage/unknown', `No plugin has a stage ${stage}`)
    const input = pick(rules.input, given)
    const wrongInput = misfit(rules.input, input)
    if (wrongInput !== null) throw new Fault('input/invalid', `${stage}: its input does not fit: ${wrongInput}`)
    const options = rules.options === undefined ? {} : withDefaults(rules.options, pick(rules.options, chosen))
    const wrongOptions = rules.options === undefined ? null : misfit(rules.options, options)
    if (wrongOptions !== null) throw new Fault('input/invalid', `${stage}: its options do not fit: ${wrongOptions}`)
    const id = createHash('sha256').update(canonical([stage, rules.version, options, input, run, home.org, home.site])).digest('hex').slice(0, 32)
    return { id, version: rules.version, input, options }
  }

  /** Notes who waits, or answers at once. Returns the task with it. @param asked Keys of this batch, which the log does not know yet. */
  #deliver(batch: Batch, asked: Set<string>, task: TaskRecord, { node, message, root, part = 0 }: Waiter): TaskRecord {
    const { log, outcomes } = this.#parts
    // Without a root there is nothing that could be sent again, so each time is one of its own.
    const key = deliveryKey(task.id, node, root ?? `~${outcomes.sequence.next(batch)}`, part)
    if (asked.has(key) || log.get(key) !== undefined) return task
    asked.add(key)
    const parent = root === undefined ? null : outcomes.queue.get(root)?.task ?? null
    if (parent !== null) {
      batch.put(madePrefix(parent) + task.id, '')
      batch.put(madeByPrefix(task.id) + parent, '')
    }
    if (task.state !== 'complete') {
      batch.put(key, { node, root: root ?? null, message } satisfies Delivery)
      return { ...task, waiting: [...task.waiting, key] }
    }
    batch.put(key, { node, root: root ?? null, message: null } satisfies Delivery)
    const outcome = this.#outcome(task, node, message)
    const journal = this.#journal(task.id)
    if (journal === null) outcomes.queue.append(batch, outcome)
    else batch.put(journalKey(task.id), { ...journal, outcomes: [...journal.outcomes, ...this.#alsoAsked(batch, task.id), outcome] } satisfies Journal)
    return task
  }

  /** Outcomes that this batch already added to the task's journal: a later put of the same key replaces the earlier one. */
  #alsoAsked(batch: Batch, id: string): readonly Omit<Outcome, 'seq'>[] {
    const op = batch.ops.findLast(({ key }) => key === journalKey(id))
    if (op === undefined || op.type !== 'put') return []
    return (JSON.parse(op.value) as Journal).outcomes.slice(this.#journal(id)?.outcomes.length ?? 0)
  }

  #outcome(task: TaskRecord, node: string, message: Record<string, unknown>): Omit<Outcome, 'seq'> {
    const hidden = new Set(this.#parts.stages(task.stage)?.recordsOnly)
    const shown = Object.fromEntries(Object.entries(task.output ?? {}).filter(([field]) => !hidden.has(field)))
    const payload = message['payload']
    const base = payload !== null && typeof payload === 'object' && !Array.isArray(payload) ? payload : {}
    return { kind: 'outcome', node, type: task.stage, task: task.id, scope: { org: task.org, site: task.site }, message: { ...message, payload: { ...base, ...shown } } }
  }

  // -- doing it

  async claim(device: string, scope: Scope, stages: readonly string[], count: number): Promise<readonly Claim[]> {
    const home: Home = { org: scope.org, site: scope.site }
    const claims: Claim[] = []
    const now_ms = this.#parts.clock()
    this.#stock.due(now_ms)
    const open = unique(stages).filter((stage) => this.#parts.stages(stage) !== null && now_ms >= (this.#exclusiveFrom.get(countKey(home, stage)) ?? 0))
    while (claims.length < count) {
      const offer = await this.#stock.next(home, open)
      if (offer === null) break
      const task = this.#readOffered(offer)
      const rules = this.#parts.stages(offer.stage)
      if (task === null || rules === null || task.state !== 'pending' || task.order !== offer.order) continue
      if (!machine.isOffered(task, now_ms)) {
        this.#stock.delay(offer, task.not_before_ms)
        continue
      }
      const resource = resourceOf(rules, task)
      if (resource !== null && this.#leases.isBusy(resource)) {
        this.#stock.block(offer, resource)
        continue
      }
      const token = randomBytes(16).toString('hex')
      this.#lease(task, rules, device, token)
      claims.push({ id: task.id, stage: task.stage, input: task.input, options: task.options, attempt: task.attempts + 1, token, lease_s: rules.lease_s, scope: home })
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
    const { log, volumes, outcomes, onChange } = this.#parts
    const named = files.map(({ volume, path }) => `${volume}/${path}`) // two tasks that write one path go one after another
    const answer = await this.#lanes.alone([id, ...named], async () => {
      const found = this.#tasks.read(id)
      if (found === null) throw new Fault('task/unknown', `There is no task ${id}; it may have been cancelled`)
      const rules = this.#parts.stages(found.stage)
      if (rules === null) throw new Fault('stage/unknown', `No plugin has a stage ${found.stage} any more`)
      if (!this.#mayAnswer(found, token)) return this.#refuse(id, token)
      const wrong = misfit(rules.output, output)
      if (wrong !== null) throw new Fault('output/invalid', `${found.stage}: its output does not fit: ${wrong}`)
      this.#adopt(device, id, token) // or somebody might claim it while its files are looked at
      const docs = rules.records?.(found.input, output) ?? []
      if (files.length > 0) await volumes.verify(id, token, files)
      if (!this.#mayAnswer(found, token)) return this.#refuse(id, token)

      const task: TaskRecord = { ...(machine.complete(found) ?? found), waiting: [], output, device, completed_ms: this.#parts.clock() }
      const batch = new Batch()
      this.#tasks.write(batch, found, task)
      const ready = found.waiting.map((key) => {
        const { node, root, message } = this.#delivery(key)
        batch.put(key, { node, root, message: null } satisfies Delivery)
        return this.#outcome(task, node, message ?? {})
      })
      const projection = docs.length > 0 ? { org: task.org, site: task.site, docs } : null
      if (files.length > 0) batch.put(journalKey(id), { token, files, outcomes: ready, projection } satisfies Journal)
      else {
        if (projection !== null) outcomes.projected.append(batch, projection)
        for (const outcome of ready) outcomes.queue.append(batch, outcome)
      }
      crashPoint('board.complete.before-commit')
      await batch.commit(log)
      crashPoint(files.length > 0 ? 'board.journal.written' : 'board.complete.committed')
      this.#let(id)
      if (files.length > 0) await this.#place(id)
      return 'complete' as const
    })
    const task = this.#tasks.read(id)
    if (answer === 'complete' && task !== null) onChange?.(task)
    return answer
  }

  async fault(device: string, id: string, token: string, { code, message, log: output }: FaultReport & { readonly log?: string }): Promise<'counted' | 'stale'> {
    const { log, clock, random = Math.random, onChange } = this.#parts
    return this.#lanes.alone([id], async () => {
      const task = this.#tasks.read(id)
      if (task === null || task.retired === token || !this.#mayAnswer(task, token)) return 'stale'
      const note = { code, message: message.slice(0, 2_000), device, at_ms: clock(), ...(output === undefined ? {} : { log: output.slice(-8_192) }) }
      // Whoever was killed from outside said nothing against the work: that is a lost lease, only heard of sooner.
      const next = code === 'stage/killed' ? machine.interrupt(task) : machine.fault(task, note, FAULTS[code].retry, random())
      if (next === null) return 'stale'
      const batch = new Batch()
      this.#tasks.write(batch, task, { ...next, retired: token })
      await batch.commit(log)
      crashPoint('board.fault.committed')
      this.#let(id)
      if (next.state === 'pending') this.#stock.delay(next, next.not_before_ms)
      await this.#clear(id, token)
      onChange?.(task)
      return 'counted'
    })
  }

  async release(_device: string, id: string, token: string): Promise<void> {
    await this.#lanes.alone([id], async () => {
      if (this.#leases.get(id)?.token !== token) return
      const task = this.#tasks.read(id)
      this.#let(id)
      if (task?.state === 'pending') this.#offer([task])
      await this.#clear(id, token)
    })
  }

  progress(device: string, task: string, done: number, what?: string): void {
    const lease = this.#leases.get(task)
    if (lease === undefined || lease.device !== device) return
    lease.progress = Math.min(1, Math.max(0, done))
    lease.what = what ?? null
    this.#parts.onChange?.(lease)
  }

  running(scope: Home): readonly RunningTask[] {
    return this.#leases.all().filter((lease) => homeKey(lease) === homeKey(scope))
      .map(({ id, stage, device, since_ms, progress, what }) => ({ task: id, stage, device, since_ms, progress, what }))
  }

  within(scope: Home, task: string): boolean {
    const found = this.#tasks.read(task)
    return found !== null && homeKey(found) === homeKey(scope)
  }

  unplaced(): number {
    return this.#unplaced.size
  }

  // -- what time and crashes leave

  sweep(): Promise<void> {
    this.#sweeping ??= this.#sweepOnce().finally(() => { this.#sweeping = null })
    return this.#sweeping
  }

  async #sweepOnce(): Promise<void> {
    const now_ms = this.#parts.clock()
    this.#announce(this.#stock.due(now_ms))
    const lost = this.#leases.all().filter((lease) => lease.until_ms <= now_ms)
    await Promise.all(lost.map((lease) => this.#interrupt(lease)))
    if (now_ms < this.#placeFrom_ms) return
    this.#placeFrom_ms = now_ms + PLACE_AGAIN_MS
    for (const id of this.#unplaced) await this.#lanes.alone([id], () => this.#place(id))
  }

  async gone(device: string): Promise<void> {
    const held = this.#leases.all().filter((lease) => lease.device === device)
    for (const lease of held) lease.until_ms = Number.NEGATIVE_INFINITY
    await Promise.all(held.map((lease) => this.#interrupt(lease)))
  }

  async #interrupt(lease: Lease): Promise<void> {
    await this.#lanes.alone([lease.id], async () => {
      const task = this.#tasks.read(lease.id)
      if (this.#leases.get(lease.id) !== lease || lease.until_ms > this.#parts.clock()) return // it spoke, or ended, meanwhile
      const next = task === null ? null : machine.interrupt(task)
      if (task === null || next === null) {
        this.#let(lease.id)
        return
      }
      const batch = new Batch()
      this.#tasks.write(batch, task, next)
      await batch.commit(this.#parts.log)
      crashPoint('board.interrupt.committed')
      this.#let(lease.id)
      if (next.state === 'pending') this.#offer([next])
      this.#parts.onChange?.(task)
    })
  }

  /** Before anything else: files of complete tasks go to their place. What cannot be placed now is tried with each sweep. */
  async replay(): Promise<void> {
    for (const [key] of await this.#parts.log.range({ gte: JOURNAL, lt: past(JOURNAL) })) await this.#place(key.slice(JOURNAL.length))
  }

  /** Places the files that the journal names, then lets what it held back be seen. Its lane is held by the caller. */
  async #place(id: string): Promise<void> {
    const { log, volumes, outcomes, onTrouble } = this.#parts
    const journal = this.#journal(id)
    if (journal === null) {
      this.#unplaced.delete(id)
      return
    }
    this.#unplaced.add(id)
    try {
      await volumes.place(id, journal.token, journal.files)
      crashPoint('board.files.placed')
      const batch = new Batch()
      batch.del(journalKey(id))
      if (journal.projection !== null) outcomes.projected.append(batch, journal.projection)
      for (const outcome of journal.outcomes) outcomes.queue.append(batch, outcome)
      await batch.commit(log)
      crashPoint('board.journal.dropped')
      this.#unplaced.delete(id)
    } catch (error) {
      onTrouble?.(error, id) // the work is complete and safe in the journal
      return
    }
    await this.#clear(id, null)
  }

  /** Removes what is staged and not wanted. That it could not is no reason to refuse an answer. */
  async #clear(id: string, token: string | null): Promise<void> {
    try {
      await this.#parts.volumes.drop(id, token)
    } catch (error) {
      this.#parts.onTrouble?.(error, id)
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#sweeping
  }

  // -- the desk

  counts(...args: Parameters<BoardDesk['counts']>) { return this.#desk.counts(...args) }
  tasks(...args: Parameters<BoardDesk['tasks']>) { return this.#desk.tasks(...args) }
  task(...args: Parameters<BoardDesk['task']>) { return this.#desk.task(...args) }
  retry(...args: Parameters<BoardDesk['retry']>) { return this.#desk.retry(...args) }
  cancel(...args: Parameters<BoardDesk['cancel']>) { return this.#desk.cancel(...args) }

  // -- leases

  /** Whether this token's answer counts: the work is open, and nobody else has it. */
  #mayAnswer(task: TaskRecord, token: string): boolean {
    if (isBroken('no-lease-check')) return true
    const lease = this.#leases.get(task.id)
    return task.state !== 'complete' && (lease === undefined || lease.token === token)
  }

  async #refuse(id: string, token: string): Promise<'already'> {
    const journal = this.#journal(id)
    if (journal !== null) this.#unplaced.add(id)
    if (journal?.token !== token) await this.#clear(id, token) // the winner's may still be needed
    return 'already'
  }

  /** Whoever was at it before core restarted, or before it was given up for lost, has it again as long as nobody else has. */
  #adopt(device: string, id: string, token: string): Lease | null {
    const lease = this.#leases.get(id)
    if (lease !== undefined) return lease
    const task = this.#tasks.read(id)
    const rules = task === null ? null : this.#parts.stages(task.stage)
    if (task === null || rules === null || task.state !== 'pending' || task.retired === token) return null
    const resource = resourceOf(rules, task)
    return resource !== null && this.#leases.isBusy(resource) ? null : this.#lease(task, rules, device, token)
  }

  #lease({ id, stage, org, site, order, ...task }: TaskRecord, rules: StageRules, device: string, token: string): Lease {
    const since_ms = this.#parts.clock()
    const resource = resourceOf(rules, { org, site, ...task })
    const lease: Lease = { id, stage, org, site, order, device, token, resource, lease_s: rules.lease_s, since_ms, until_ms: since_ms + rules.lease_s * 1_000, progress: null, what: null }
    this.#leases.take(lease)
    return lease
  }

  /** Ends the lease, and what waited for its resource is offered. */
  #let(id: string): void {
    const lease = this.#leases.end(id)
    if (lease?.resource) this.#announce(this.#stock.free(lease.resource))
  }

  #offer(tasks: readonly TaskRecord[]): void {
    for (const task of tasks) this.#stock.offer(task)
    this.#announce(tasks)
    const [first] = tasks
    if (first !== undefined) this.#parts.onChange?.({ org: first.org, site: first.site })
  }

  #announce(offers: readonly (Home & { readonly stage: string })[]): void {
    const byHome = new Map<string, { home: Home; stages: Set<string> }>()
    for (const { org, site, stage } of offers) {
      const home = { org, site }
      const at = byHome.get(homeKey(home)) ?? { home, stages: new Set<string>() }
      byHome.set(homeKey(home), at)
      at.stages.add(stage)
    }
    for (const { home, stages } of byHome.values()) this.#parts.onWork?.([...stages], home)
  }

  #delivery(key: string): Delivery {
    const value = this.#parts.log.get(key)
    if (value === undefined) throw new Error(`a task waits to answer ${key}, which is not in the log`)
    return JSON.parse(value) as Delivery
  }

  #journal(id: string): Journal | null {
    const value = this.#parts.log.get(journalKey(id))
    return value === undefined ? null : (JSON.parse(value) as Journal)
  }
}

const unique = (names: readonly string[]) => [...new Set(names)]

const resourceOf = (rules: StageRules, { org, site, input }: Pick<TaskRecord, 'org' | 'site' | 'input'>): string | null =>
  rules.exclusive === undefined ? null : `${homeKey({ org, site })}!${rules.exclusive(input)}`
