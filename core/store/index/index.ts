import type { Scope } from '../../access/scope.ts'
import type { Doc } from '../../contract/records.ts'
import type { OpenCatalogue } from '../catalogue.ts'
import type { Index } from '../port.ts'
import { naiveIndex } from './naive.ts'

type Site = Pick<Scope, 'org' | 'site'>

export interface Indexes {
  index(scope: Scope): Index
  /** Opened; answers are those of the saved sequence. */
  ready(scope: Site): Promise<void>
  /** Everything that is in the catalogue now is in the answers. */
  caughtUp(scope: Site): Promise<void>
  isCaughtUp(scope: Site): boolean
  onChange(told: (site: Site) => void): () => void
  close(): Promise<void>
}

const BATCH = 256

export function openIndexes({ catalogue }: { dir: string; catalogue: Pick<OpenCatalogue, 'changes' | 'onChange'> }): Indexes {
  const sites = new Map<string, Follower>()
  const listeners = new Set<(site: Site) => void>()
  const of = ({ org, site }: Site): Follower => {
    const key = `${org}/${site}`
    const known = sites.get(key) ?? new Follower(org, site, catalogue, () => { for (const told of listeners) told({ org, site }) })
    sites.set(key, known)
    return known
  }
  const unsubscribe = catalogue.onChange((org) => { for (const f of sites.values()) if (f.org === org) void f.follow() })
  return {
    index: (scope) => of(scope).index,
    ready: (scope) => of(scope).follow(),
    caughtUp: (scope) => of(scope).follow(),
    isCaughtUp: (scope) => !of(scope).busy,
    onChange(told) {
      listeners.add(told)
      return () => listeners.delete(told)
    },
    async close() {
      unsubscribe()
      await Promise.all([...sites.values()].map((f) => f.follow()))
    },
  }
}

class Follower {
  readonly org: string
  readonly index: Index
  busy = false
  readonly #site: string
  readonly #catalogue: Pick<OpenCatalogue, 'changes'>
  readonly #changed: () => void
  readonly #docs = new Map<string, Doc>()
  #seq = 0
  #running: Promise<void> | null = null
  #again = false

  constructor(org: string, site: string, catalogue: Pick<OpenCatalogue, 'changes'>, changed: () => void) {
    this.org = org
    this.#site = site
    this.#catalogue = catalogue
    this.#changed = changed
    this.index = naiveIndex(() => this.#docs.values())
    void this.follow()
  }

  follow(): Promise<void> {
    this.busy = true
    this.#again = true
    this.#running ??= this.#run()
    return this.#running
  }

  async #run(): Promise<void> {
    while (this.#again) {
      this.#again = false
      for (;;) {
        const { changes, last } = await this.#catalogue.changes(this.org, this.#seq, BATCH)
        if (changes.length === 0) break
        for (const { site, id, doc } of changes) {
          if (site !== this.#site) continue
          if (doc) this.#docs.set(id, doc)
          else this.#docs.delete(id)
        }
        this.#seq = last
        this.#changed()
      }
    }
    this.#running = null
    this.busy = false
  }
}
