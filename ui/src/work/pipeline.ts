/** The picture of the wiring: each stage in the column after everything that feeds it. */
import type { FlowNode, WorkView } from '../../../core/http/api.ts'
import { count } from '../words.ts'

export type StageView = WorkView['stages'][number]
export interface Node {
  readonly id: string
  readonly title: string
  readonly stage: StageView | null // null: an event
  readonly from: string // of an event: whose it is
  readonly places: readonly FlowNode[] // where it stands in the flow; those that are off only where none runs
  readonly column: number
  readonly row: number
}
export interface Pipeline { readonly nodes: readonly Node[]; readonly links: readonly { readonly from: Node; readonly to: Node }[]; readonly columns: number; readonly rows: number }

export function pipelineOf({ stages, events, links }: WorkView): Pipeline {
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
  // What begins something stands right before it, so that its line runs behind no other stage.
  const begun = new Set(links.map((link) => link.to))
  for (const id of ids) {
    const after = links.filter((link) => link.from === id && link.to !== id).map((link) => columns.get(link.to)!)
    if (!begun.has(id) && after.length > 0) columns.set(id, Math.max(0, Math.min(...after) - 1))
  }
  const linked = new Set(links.flatMap((link) => [link.from, link.to]))
  const most = Math.max(0, ...ids.filter((id) => linked.has(id)).map((id) => columns.get(id)!))
  const used = new Array<number>(most + 2).fill(0)
  const nodes = ids.toSorted((a, b) => Number(begun.has(b)) - Number(begun.has(a))).map((id): Node => {
    const stage = stages.find((s) => s.stage === id) ?? null
    const event = events.find((e) => e.event === id)
    const column = linked.has(id) ? columns.get(id)! : most + (linked.size > 0 ? 1 : 0)
    return { id, stage, title: (stage ?? event)?.title ?? id, from: event?.category ?? '', places: standing((stage ?? event)?.nodes ?? []), column, row: used[column]!++ }
  }).sort((a, b) => a.column - b.column) // as they are gone through by keys, and listed on a phone
  const at = (id: string) => nodes.find((node) => node.id === id)!
  return { nodes, links: links.filter((link) => link.from !== link.to).map((link) => ({ from: at(link.from), to: at(link.to) })), columns: Math.max(0, ...nodes.map((node) => node.column)) + 1, rows: Math.max(1, ...used) }
}

/** One click is to lead to the node that does the work: what is switched off beside it is not asked about. */
function standing(nodes: readonly FlowNode[]): readonly FlowNode[] {
  const running = nodes.filter(({ off }) => !off)
  return running.length > 0 ? running : nodes
}

/** The line beneath a stage or an event. */
export function saysOf({ stage, from, places }: Node): string {
  if (!stage) return from
  if (stage.running > 0) return `${count(stage.running)} running`
  if (stage.pending > 0) return 'waits for a device'
  if (places.length === 0) return 'not in the flow'
  if (places[0]!.off) return 'switched off'
  return stage.complete > 0 ? `${count(stage.complete)} done` : 'nothing yet'
}

/** The editor, open at this node. */
export const editorAt = ({ id }: FlowNode): string => `/flows#node/${encodeURIComponent(id)}`
