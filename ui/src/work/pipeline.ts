/** The picture of the wiring: each stage in the column after everything that feeds it. */
import type { Answer } from '../../../core/http/api.ts'

export type StageView = Answer<'work'>['stages'][number]
export interface Node { readonly id: string; readonly title: string; readonly stage: StageView | null; readonly column: number; readonly row: number }
export interface Pipeline { readonly nodes: readonly Node[]; readonly links: readonly { readonly from: Node; readonly to: Node }[]; readonly columns: number; readonly rows: number }

export function pipelineOf({ stages, links }: Answer<'work'>): Pipeline {
  const ids = [...new Set([...links.flatMap((link) => [link.from, link.to]), ...stages.map((stage) => stage.stage)])]
  const columns = new Map(ids.map((id) => [id, 0]))
  // Longest way from a source; a wiring that runs in a circle stops growing after as many rounds as there are nodes.
  for (let round = 0; round < ids.length; round++) {
    let moved = false
    for (const { from, to } of links) {
      const after = columns.get(from)! + 1
      if (from !== to && after > columns.get(to)! && after < ids.length) { columns.set(to, after); moved = true }
    }
    if (!moved) break
  }
  const linked = new Set(links.flatMap((link) => [link.from, link.to]))
  const most = Math.max(0, ...ids.filter((id) => linked.has(id)).map((id) => columns.get(id)!))
  const used = new Array<number>(most + 2).fill(0)
  const nodes = ids.map((id): Node => {
    const stage = stages.find((s) => s.stage === id) ?? null
    const column = linked.has(id) ? columns.get(id)! : most + (linked.size > 0 ? 1 : 0)
    return { id, stage, title: stage?.title ?? EVENT_TITLES[id] ?? id, column, row: used[column]!++ }
  })
  const at = (id: string) => nodes.find((node) => node.id === id)!
  return { nodes, links: links.filter((link) => link.from !== link.to).map((link) => ({ from: at(link.from), to: at(link.to) })), columns: Math.max(0, ...nodes.map((node) => node.column)) + 1, rows: Math.max(1, ...used) }
}

const EVENT_TITLES: Record<string, string> = { 'folder.arrived': 'A file came in', 'folder.refused': 'A file was refused' }
