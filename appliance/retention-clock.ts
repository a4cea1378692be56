/** Retention of this appliance: the plugin that plans, core that acts, and the hour at which it does. */
import type { Home } from '../core/access/scope.ts'
import type { AnyPlugin } from '../core/contract/plugin.ts'
import type { Planner } from '../core/contract/retention.ts'
import type { Registry } from '../core/plugins/registry.ts'
import { openRetention, type Retention } from '../core/retention/retention.ts'
import type { Catalogue } from '../core/store/port.ts'
import type { Log } from '../core/store/log.ts'
import type { Volumes } from '../core/store/volumes.ts'
import type { Events } from '../core/tasks/events.ts'
import type { Outcomes } from '../core/tasks/outcomes.ts'

export interface RetentionParts {
  readonly home: Home
  readonly log: Log
  readonly outcomes: Outcomes
  readonly volumes: Volumes
  readonly catalogue: Catalogue
  readonly events: Pick<Events, 'emit'>
  readonly plugins: readonly AnyPlugin[]
  readonly registry: Pick<Registry, 'config'>
  readonly clock: () => number
  readonly warn: (error: unknown, message: string) => void
}

const LOOK_EVERY_MS = 60_000

/** What a crash left half done is settled before it resolves. */
export async function startRetention({ home, log, outcomes, volumes, catalogue, events, plugins, registry, clock, warn }: RetentionParts): Promise<Retention> {
  const scope = { ...home, role: 'admin' } as const
  const plugin = plugins.find(({ planner }) => planner)
  const planner = plugin?.planner as Planner<unknown> | undefined
  const config = plugin && registry.config(plugin.name)
  const retention = openRetention({
    home, log, outcomes, volumes, clock, warn, query: catalogue.reader(scope),
    planner: planner
      ? { terms: planner.terms(config), placed: planner.placed(config), plan: (library) => planner.plan(library, config) }
      : { terms: { grace_days: 14, at: '03:00', most_part: 0, steps: [], says: ['No plugin says what goes: everything stays.'] }, placed: null, plan: () => ({ lines: [], makes: [] }) },
    // Asked for once a month at most: a copy that came out badly comes out badly again.
    make: ({ sha256, rung, media }) => events.emit(home, `${plugin!.name}.due`, `${sha256}/${rung}/${new Date(clock()).toISOString().slice(0, 7)}`, { media, sha256, media_kind: 'video', rung }),
    keep: (sha256, by) => catalogue.edit(scope, by, `asset:${sha256}`, { keep: true }),
  })
  await retention.recover()
  void retention.welcome().catch((e: unknown) => warn(e, 'what came back to its place is looked for with the next run'))
  const timer = setInterval(() => {
    if (retention.due()) void retention.run('its hour').catch((e: unknown) => warn(e, 'the run of retention broke off; what it had begun is in its journal'))
  }, LOOK_EVERY_MS)
  return { ...retention, close: () => (clearInterval(timer), retention.close()) }
}
