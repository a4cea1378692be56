import { join } from 'node:path'
import type { Home, Scope } from '../../access/scope.ts'
import type { OpenCatalogue } from '../catalogue.ts'
import type { Index } from '../port.ts'
import { checkPlace } from '../site-name.ts'
import { SiteIndex } from './site-index.ts'


export interface Indexes {
  /** Answers come from what the index knows; `caughtUp` says when that is everything. */
  index(scope: Scope): Index
  /** Open: questions are answered, if from an earlier state. */
  ready(scope: Home): Promise<void>
  /** Everything that is in the catalogue now is in the answers. */
  caughtUp(scope: Home): Promise<void>
  isCaughtUp(scope: Home): boolean
  /** Why an index does not get on; null when it does. */
  lastFault(scope: Home): Error | null
  /** Told after each batch. Returns how to stop being told. */
  onChange(told: (site: Home) => void): () => void
  close(): Promise<void>
}

/** The indexes of all orgs and sites, each in a folder of its own, opened when first asked for. Deleting `dir` loses nothing but the time to make it anew. */
export function openIndexes({ dir, catalogue }: { dir: string; catalogue: Pick<OpenCatalogue, 'changes' | 'onChange'> }): Indexes {
  const sites = new Map<string, SiteIndex>()
  const listeners = new Set<(site: Home) => void>()

  const of = ({ org, site }: Home): SiteIndex => {
    checkPlace({ org, site })
    const name = `${org}/${site}`
    const known = sites.get(name)
    if (known) return known
    const told = () => { for (const listener of listeners) listener({ org, site }) }
    const opened = new SiteIndex({ org, site, dir: join(dir, org, site), catalogue, told })
    sites.set(name, opened)
    return opened
  }
  const unsubscribe = catalogue.onChange((org) => { for (const site of sites.values()) if (site.org === org) void site.follow() })

  return {
    index: (scope) => of(scope).index,
    ready: (scope) => of(scope).ready(),
    caughtUp: (scope) => of(scope).follow(),
    isCaughtUp: (scope) => of(scope).isCaughtUp,
    lastFault: (scope) => of(scope).lastFault,
    onChange(told) {
      listeners.add(told)
      return () => listeners.delete(told)
    },
    async close() {
      unsubscribe()
      for (const site of sites.values()) await site.close()
    },
  }
}
