/** Has archive folders filled: from time to time the plugin is asked what they lack, and each thing is said once as an event that the flow does. */
import type { Static } from 'typebox'
import type { Scope } from '../core/access/scope.ts'
import type { AnyPlugin } from '../core/contract/plugin.ts'
import type { Registry } from '../core/plugins/registry.ts'
import type { Catalogue } from '../core/store/port.ts'
import type { Events } from '../core/tasks/events.ts'
import type { Missing } from '../plugins/archive/plugin.ts'

export interface ArchiveParts {
  readonly scope: Scope
  readonly catalogue: Pick<Catalogue, 'reader'>
  readonly events: Pick<Events, 'emit' | 'known'>
  readonly plugins: readonly AnyPlugin[]
  readonly registry: Pick<Registry, 'config'>
  readonly clock: () => number
  readonly warn: (error: unknown, message: string) => void
}

const EVERY_MS = 15 * 60_000
/** An old library gets its folders bit by bit: fresh footage is not to wait behind ten years. */
const MOST_A_ROUND = 500

/** Resolves to how many things were said to be lacking. What is on its way already is asked for again once a month at most. */
async function archiveRound({ scope, catalogue, events, plugins, registry, clock }: Omit<ArchiveParts, 'warn'>): Promise<number> {
  const missing = plugins.find(({ name }) => name === 'archive')?.calls?.['missing']
  if (!missing) return 0
  const { run } = await missing.load()
  const month = new Date(clock()).toISOString().slice(0, 7)
  let said = 0
  let after: string | null = null
  do {
    const page = (await run((after === null ? {} : { after }) as never, { config: registry.config('archive') as never, query: catalogue.reader(scope) })) as Static<typeof Missing>
    for (const due of page.due) {
      const key = `${due.sha256}/${due.rung ?? 'summary'}/${month}`
      if (await events.known(scope, 'archive.due', key)) continue
      await events.emit(scope, 'archive.due', key, { ...due })
      said++
    }
    after = page.next
  } while (after !== null && said < MOST_A_ROUND)
  return said
}

/** `round` at once, besides. */
export function startArchiveRounds(parts: ArchiveParts): { round(): Promise<number>; close(): void } {
  const timer = setInterval(() => void archiveRound(parts).catch((e: unknown) => parts.warn(e, 'archive folders could not be looked through; they are at the next round')), EVERY_MS).unref()
  return { round: () => archiveRound(parts), close: () => clearInterval(timer) }
}
