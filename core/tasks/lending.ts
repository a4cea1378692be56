import { randomUUID } from 'node:crypto'
import type { Home } from '../access/scope.ts'
import { isBroken } from '../store/crash.ts'
import type { Log } from '../store/log.ts'
import { countKey, homeKey } from './keys.ts'
import { Leases, type Lease } from './leases.ts'
import * as machine from './machine.ts'
import type { Claim } from './port.ts'
import type { TaskRecord, Tasks } from './record.ts'
import type { StageRules } from './rules.ts'
import { Stock, type Offer } from './stock.ts'

interface LendingParts {
  readonly log: Log
  readonly tasks: Tasks
  readonly stages: (name: string) => StageRules | null
  readonly clock: () => number // UTC epoch, ms: what is stored
  readonly steady: () => number // ms: how long anything lasts
  readonly onWork: (stages: readonly string[], home: Home) => void
}

/** So many tokens of leases that a person took back are known: who renews one of them must stop. */
const TAKEN_BACK = 10_000

/** Who may work on what, and for how long. All of it in memory: what is pending, the log says. */
export class Lending {
  readonly leases = new Leases()
  readonly #parts: LendingParts
  readonly #stock: Stock
  readonly #exclusiveFrom = new Map<string, number>()
  readonly #takenBack = new Set<string>()

  constructor(parts: LendingParts) {
    const { log, tasks, stages, steady } = parts
    this.#parts = parts
    this.#stock = new Stock(log, (id) => this.leases.has(id), (id) => tasks.read(id)?.input ?? null)
    // Whoever held a resource when core ended may still be at it, and says so within one lease.
    for (const { home, stage, pending } of tasks.counts(null)) {
      const rules = stages(stage)
      if (rules?.exclusive !== undefined && pending > 0) this.#exclusiveFrom.set(countKey(home, stage), steady() + rules.lease_s * 1_000)
    }
  }

  async claim(device: string, home: Home, stages: readonly string[], count: number, holds: readonly string[]): Promise<readonly Claim[]> {
    const { clock, steady } = this.#parts
    const claims: Claim[] = []
    const held = new Set(holds)
    this.due()
    const open = [...new Set(stages)].filter((stage) => this.#parts.stages(stage) !== null && steady() >= (this.#exclusiveFrom.get(countKey(home, stage)) ?? 0))
    while (claims.length < count) {
      const offer = await this.#stock.next(home, open, held)
      if (offer === null) break
      const task = this.#read(offer)
      const rules = this.#parts.stages(offer.stage)
      if (task === null || rules === null || task.state !== 'pending' || task.order !== offer.order) continue
      const wait_ms = offer.rested === true ? 0 : machine.wait_ms(task, clock())
      if (wait_ms > 0) this.#stock.delay(offer, steady() + wait_ms)
      else if (task.resource !== null && this.leases.isBusy(task.resource)) this.#stock.block(offer, task.resource)
      else {
        const { token, lease_s } = this.#lend(task, rules, device, randomUUID().replaceAll('-', ''), steady())
        claims.push({ id: task.id, stage: task.stage, input: task.input, options: task.options, attempt: task.attempts + 1, token, lease_s, scope: home })
      }
    }
    return claims
  }

  /** What was taken from the stock must not be lost when the log cannot be read just now. */
  #read(offer: Offer): TaskRecord | null {
    try {
      return this.#parts.tasks.read(offer.id)
    } catch (error) {
      this.#stock.offer(offer)
      throw error
    }
  }

  /** Whether the token still holds its task, for another lease's time. */
  renew(device: string, id: string, token: string): boolean {
    if (this.#takenBack.has(token)) return false
    const lease = this.leases.get(id) ?? this.adopt(device, id, token)
    if (lease === null || (lease.token !== token && !isBroken('no-lease-check'))) return false
    lease.until_ms = this.#parts.steady() + lease.lease_s * 1_000
    return true
  }

  /** Whoever was at it before core restarted, or before it was given up for lost, has it again as long as nobody else has. */
  adopt(device: string, id: string, token: string): Lease | null {
    const lease = this.leases.get(id)
    if (lease !== undefined) return lease
    const task = this.#parts.tasks.read(id)
    const rules = task === null ? null : this.#parts.stages(task.stage)
    if (task === null || rules === null || task.state !== 'pending' || task.retired === token) return null
    return task.resource !== null && this.leases.isBusy(task.resource) ? null : this.#lend(task, rules, device, token, null)
  }

  #lend({ id, stage, org, site, order, resource, node }: TaskRecord, { lease_s }: StageRules, device: string, token: string, from_ms: number | null): Lease {
    const { clock, steady } = this.#parts
    const lease: Lease = { id, stage, org, site, order, device, node, token, resource, lease_s, since_ms: clock(), from_ms, until_ms: steady() + lease_s * 1_000, progress: null, what: null }
    this.leases.take(lease)
    return lease
  }

  /** What waited for its resource is offered. */
  end(id: string): Lease | undefined {
    const lease = this.leases.end(id)
    if (lease !== undefined && lease.resource !== null) this.#announce(this.#stock.free(lease.resource))
    return lease
  }

  /** It is no more, for nobody. */
  withdraw(task: TaskRecord): void {
    this.#stock.withdraw(task)
    this.end(task.id)
  }

  /** As `end`; whoever has it is told to stop when they renew. */
  takeBack(lease: Lease): void {
    if (this.#takenBack.size >= TAKEN_BACK) this.#takenBack.delete(this.#takenBack.keys().next().value!)
    this.#takenBack.add(lease.token)
    this.end(lease.id)
  }

  /** How long the lease has lasted; null: it began before core did. */
  took_ms(lease: Lease | undefined): number | null {
    return lease === undefined || lease.from_ms === null ? null : this.#parts.steady() - lease.from_ms
  }

  isOver(lease: Lease): boolean {
    return lease.until_ms <= this.#parts.steady()
  }

  of(device: string): readonly Lease[] {
    return this.leases.all().filter((lease) => lease.device === device)
  }

  /** Pending tasks that may be claimed now, or when their time has come. */
  offer(tasks: readonly TaskRecord[]): void {
    const { clock, steady } = this.#parts
    const now: TaskRecord[] = []
    for (const task of tasks) {
      const { id, order, org, site, stage } = task
      const wait_ms = machine.wait_ms(task, clock())
      if (wait_ms > 0) this.#stock.delay({ id, order, org, site, stage }, steady() + wait_ms)
      else {
        this.#stock.offer({ id, order, org, site, stage })
        now.push(task)
      }
    }
    this.#announce(now)
  }

  /** Offers again what waited for its time. */
  due(): void {
    this.#announce(this.#stock.due(this.#parts.steady()))
  }

  #announce(offers: readonly (Home & { readonly stage: string })[]): void {
    if (offers.length === 0) return
    for (const ofHome of Map.groupBy(offers, homeKey).values()) {
      const { org, site } = ofHome[0]!
      this.#parts.onWork([...new Set(ofHome.map(({ stage }) => stage))], { org, site })
    }
  }
}
