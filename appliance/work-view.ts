/** What `/api/work` says: the stages with their counts, and how the deployed flow wires them. Pure. */
import type { AnyPlugin } from '../core/contract/plugin.ts'
import type { Answer } from '../core/http/api.ts'
import type { Registry } from '../core/plugins/registry.ts'
import type { StageCount } from '../core/tasks/port.ts'
import { linksOf, nodesOf } from '../flows/links.ts'
import { makePalette } from '../flows/palette.ts'
import type { FlowEntry } from '../flows/red.ts'

export interface Rooms {
  readonly plugins: readonly AnyPlugin[]
  readonly registry: Pick<Registry, 'stages'>
}

/** @param counts Of all stages of the registry. */
export function workOf({ plugins, registry }: Rooms): (counts: readonly StageCount[], flow: readonly FlowEntry[]) => Answer<'work'> {
  const sources = makePalette(plugins).filter(({ kind }) => kind === 'event')
  const ours = new Set([...registry.stages.map(({ name }) => name), ...sources.map(({ type }) => type)])
  return (counts, flow) => {
    const byStage = new Map(counts.map((count) => [count.stage, count]))
    const links = linksOf(flow, ours)
    const nodes = nodesOf(flow, ours)
    const wired = new Set(links.flatMap(({ from, to }) => [from, to]))
    // What acts for the flow is part of it where somebody wired it.
    const isShown = ({ name, stage }: Registry['stages'][number]) => !(stage.each || stage.own) || wired.has(name) || byStage.get(name)!.complete > 0 || byStage.get(name)!.pending > 0
    return {
      stages: registry.stages.filter(isShown).map(({ name, plugin, stage }) => ({ ...byStage.get(name)!, title: stage.title, plugin: plugin.name, nodes: nodes.get(name) ?? [] })),
      events: sources.filter(({ type }) => wired.has(type)).map(({ type, title, category }) => ({ event: type, title, category, nodes: nodes.get(type) ?? [] })),
      links,
    }
  }
}
