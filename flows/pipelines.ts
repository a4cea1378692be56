/** What comes with the software: pipelines of the first flow, and examples that are there to be copied. */
import officeCopy from './examples/copy-to-office.json' with { type: 'json' }
import nearWork from './examples/keep-near-work.json' with { type: 'json' }
import wakeGpu from './examples/wake-gpu.json' with { type: 'json' }
import watchList from './examples/watch-list.json' with { type: 'json' }
import weeklyMap from './examples/weekly-map.json' with { type: 'json' }
import type { FlowEntry } from './red.ts'
import { pipelineOf, type Pipeline } from './shipped.ts'
import card from './shipped/card.json' with { type: 'json' }
import drive from './shipped/drive.json' with { type: 'json' }
import photos from './shipped/photos.json' with { type: 'json' }

export const PIPELINES: readonly Pipeline[] = [
  ...[drive, card, photos].map((entries) => pipelineOf(entries as readonly FlowEntry[], false)),
  ...[nearWork, watchList, officeCopy, wakeGpu, weeklyMap].map((entries) => pipelineOf(entries as readonly FlowEntry[], true)),
]

/** Of an appliance that has none yet. */
export const firstFlow: readonly FlowEntry[] = PIPELINES.filter(({ example }) => !example).flatMap(({ entries }) => entries)
