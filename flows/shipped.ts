/** The pipelines that come with the software: a tab each, restored one by one. */
import type { FlowEntry } from './red.ts'
import { changesOf } from './versions.ts'

export interface Pipeline {
  readonly id: string // of its tab
  readonly label: string
  readonly info: string
  readonly example: boolean // for copying: not part of the first flow
  readonly entries: readonly FlowEntry[]
}

/** The tab with all that lies on it. */
export function pipelineOf(entries: readonly FlowEntry[], example: boolean): Pipeline {
  const tab = entries.find(({ type }) => type === 'tab')
  if (!tab || entries.some(({ id, z }) => id !== tab.id && z !== tab.id)) throw new Error('a pipeline is one tab with all that lies on it')
  return { id: tab.id, label: tab.label ?? '', info: String(tab['info'] ?? ''), example, entries }
}

/** How the flow has it now. */
export function standing(flow: readonly FlowEntry[], { id, entries }: Pipeline): 'not there' | 'as shipped' | 'changed' {
  if (!flow.some((entry) => entry.id === id)) return 'not there'
  const here = flow.filter((entry) => entry.id === id || entry.z === id)
  return changesOf(entries, here).some(({ what, fields }) => what !== 'moved' && !(what === 'changed' && fields.every(({ name }) => name === 'disabled' || name === 'since_ms'))) ? 'changed' : 'as shipped'
}

/** The flow with this pipeline as it was shipped, in the place that it had, and on or off as it was; everything else as it is. @param now_ms From when on its clocks count: what is slept through after that is made up for */
export function restored(flow: readonly FlowEntry[], { id, entries: shipped }: Pipeline, now_ms: number): FlowEntry[] {
  const off = flow.find((entry) => entry.id === id)?.disabled
  const entries = shipped.map((entry) => (entry.type === 'flow.at' ? { ...entry, since_ms: now_ms } : entry.id === id && off !== undefined ? { ...entry, disabled: off } : entry))
  const own = new Set(entries.map((entry) => entry.id))
  const others = flow.filter((entry) => entry.id !== id && entry.z !== id && !own.has(entry.id))
  const at = flow.findIndex((entry) => entry.id === id)
  const before = at === -1 ? others.length : flow.slice(0, at).filter((entry) => others.includes(entry)).length
  return [...others.slice(0, before), ...entries, ...others.slice(before)]
}
