/** What core's own stages are given: the library with all that was found so far, the broker, a person's pen. */
import type { Scope } from '../core/access/scope.ts'
import { Fault } from '../core/contract/fault.ts'
import type { OwnLook } from '../core/contract/plugin.ts'
import type { SightingsDoc, TrackDoc } from '../core/contract/records.ts'
import { flowTopic } from '../core/mqtt/topics.ts'
import type { Registry } from '../core/plugins/registry.ts'
import type { Catalogue, Index } from '../core/store/port.ts'
import type { OpenBoard } from '../core/tasks/board.ts'
import { Batch } from '../core/tasks/batch.ts'
import type { Outcomes } from '../core/tasks/outcomes.ts'
import { startOwnWork, type OwnStage, type OwnWork } from '../core/tasks/own.ts'

const LOOK_AGAIN_MS = 50
const DRIVES = 1_000
const PATIENCE_MS = 30_000

export function openOwnWork({ home, board, registry, outcomes, catalogue, index, say, warn }: {
  home: Scope
  board: OpenBoard
  registry: Registry
  outcomes: Outcomes
  catalogue: Catalogue
  index: Index
  say: (topic: string, payload: string, retain: boolean) => Promise<void>
  warn: (error: unknown, message: string) => void
}): OwnWork {
  const stages = registry.stages.flatMap(({ name, stage }): [string, OwnStage][] => (stage.own ? [[name, stage.own as OwnStage]] : []))
  const pluginOf = new Map(registry.stages.map(({ name, plugin }) => [name, plugin.name]))
  const look = lookIn({ outcomes, read: catalogue.reader(home), index })
  return startOwnWork({
    board, home, stages: Object.fromEntries(stages), clock: Date.now, warn,
    given: (stage) => ({
      config: registry.config(pluginOf.get(stage)!), look,
      say: (topic, payload, retain) => say(flowTopic(home, topic), payload, retain),
      edit: (target, set) => catalogue.edit(home, 'flow', target, set),
    }),
  })
}

function lookIn({ outcomes, read, index }: { outcomes: Outcomes; read: ReturnType<Catalogue['reader']>; index: Index }): OwnLook {
  /** What was found before now may still be on its way from the log to the catalogue. */
  async function settled(): Promise<void> {
    const now = outcomes.sequence.next(new Batch())
    const until_ms = performance.now() + PATIENCE_MS
    for (;;) {
      if (performance.now() > until_ms) throw new Fault('log/failed', 'What was found before is not in the library yet.')
      const [oldest] = await outcomes.projections.pending(1)
      if (oldest === undefined || oldest.seq > now) return
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS))
    }
  }
  return {
    async track(sha256) {
      await settled()
      return read.get<TrackDoc>(`track:${sha256}`)
    },
    async plates(sha256) {
      await settled()
      const found = await read.get<SightingsDoc>(`sightings:${sha256}:inference.plates`)
      return found?.sightings.flatMap(({ plate }) => plate ?? []) ?? []
    },
    async drives(from_ms, to_ms) {
      await settled()
      return index.drives({ period: { from_ms, to_ms }, bounds: null, limit: DRIVES })
    },
  }
}
