/** What comes with the software: pipelines of the first flow, and examples that are there to be copied. */
import drive from './default.json' with { type: 'json' }
import type { FlowEntry } from './red.ts'
import { pipelineOf, type Pipeline } from './shipped.ts'

export const PIPELINES: readonly Pipeline[] = [pipelineOf(drive, false)]

/** Of an appliance that has none yet. */
export const firstFlow: readonly FlowEntry[] = PIPELINES.filter(({ example }) => !example).flatMap(({ entries }) => entries)
