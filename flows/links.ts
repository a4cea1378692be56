/** Which stages follow which, and where each stands in the editor, read from the flow: for the picture on the Work page. */
import type { FlowNode } from '../core/http/api.ts'
import type { FlowEntry } from './red.ts'
import { waysOf } from './ways.ts'

export interface Link { readonly from: string; readonly to: string }

/**
 * @param flow As in the flow file.
 * @param ours Types of stages and events; whatever lies between two of them (switch, function, link, subflow) is passed through.
 * Each pair once, in the order of the file. Disabled nodes and tabs lead nowhere.
 */
export function linksOf(flow: readonly FlowEntry[], ours: ReadonlySet<string>): readonly Link[] {
  const off = offIn(flow)
  const running = flow.filter((entry) => !off(entry))
  const byId = new Map(running.map((entry) => [entry.id, entry]))
  const ways = waysOf(running)
  const links = new Map<string, Link>()
  for (const start of running.filter(({ type }) => ours.has(type)))
    for (const to of reached(start.id, byId, ways, ours)) links.set(`${start.type} ${to}`, { from: start.type, to })
  return [...links.values()]
}

/** By type, those that run first; of a node in a subflow the subflow is its tab. */
export function nodesOf(flow: readonly FlowEntry[], ours: ReadonlySet<string>): ReadonlyMap<string, readonly FlowNode[]> {
  const off = offIn(flow)
  const tabs = new Map(flow.filter(({ type }) => type === 'tab' || type === 'subflow').map(({ id, label, name }) => [id, label || name || id]))
  const nodes = flow.filter(({ type }) => ours.has(type)).map((entry) => ({ type: entry.type, node: { id: entry.id, name: entry.name ?? '', tab: tabs.get(entry.z ?? '') ?? '', off: off(entry) } }))
  return new Map([...Map.groupBy(nodes, ({ type }) => type)].map(([type, all]) => [type, all.map(({ node }) => node).sort((a, b) => Number(a.off) - Number(b.off))]))
}

/** Whether it, or the tab that it lies on, is disabled. */
function offIn(flow: readonly FlowEntry[]): (entry: FlowEntry) => boolean {
  const off = new Set(flow.filter((entry) => entry.d || entry.disabled).map(({ id }) => id))
  return ({ id, z }) => off.has(id) || off.has(z ?? '')
}

function reached(start: string, byId: ReadonlyMap<string, FlowEntry>, ways: ReadonlyMap<string, readonly string[]>, ours: ReadonlySet<string>): Set<string> {
  const found = new Set<string>()
  const seen = new Set<string>()
  const open = [...(ways.get(start) ?? [])]
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    const entry = byId.get(id)
    if (!entry || seen.has(id)) continue
    seen.add(id)
    if (ours.has(entry.type)) found.add(entry.type)
    else open.push(...(ways.get(id) ?? []))
  }
  return found
}
