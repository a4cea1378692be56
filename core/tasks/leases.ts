/** Who works on what. In memory only: losing all of it must change nothing but speed. */
export interface Lease {
  readonly id: string
  readonly stage: string
  readonly org: string
  readonly site: string
  readonly order: string
  readonly device: string
  readonly node: string | undefined // as in the task
  readonly token: string // names the lease, and the folder its files are staged in
  readonly lease_s: number
  readonly resource: string | null // held alone as long as the lease lasts
  readonly since_ms: number // UTC epoch
  readonly from_ms: number | null // on the steady clock, as `until_ms`; null: it was taken up again, and began earlier
  until_ms: number
  progress: number | null // 0 to 1
  what: string | null
}

export class Leases {
  readonly #byTask = new Map<string, Lease>()
  readonly #byResource = new Map<string, string>()

  get(id: string): Lease | undefined {
    return this.#byTask.get(id)
  }

  has(id: string): boolean {
    return this.#byTask.has(id)
  }

  isBusy(resource: string): boolean {
    return this.#byResource.has(resource)
  }

  all(): Lease[] {
    return [...this.#byTask.values()]
  }

  take(lease: Lease): void {
    this.#byTask.set(lease.id, lease)
    if (lease.resource !== null) this.#byResource.set(lease.resource, lease.id)
  }

  end(id: string): Lease | undefined {
    const lease = this.#byTask.get(id)
    this.#byTask.delete(id)
    if (lease?.resource) this.#byResource.delete(lease.resource)
    return lease
  }
}
