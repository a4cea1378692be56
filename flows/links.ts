/** Which stages follow which, read from the wires: for the picture on the Work page. */
import type { FlowEntry } from './red.ts'
import { waysOf } from './ways.ts'

export interface Link { readonly from: string; readonly to: string }

/**
 * @param flow As in the flow file.
 * @param ours Types of stages and events; whatever lies between two of them (switch, function, link, subflow) is passed through.
 * Each pair once, in the order of the file. Disabled nodes and tabs lead nowhere.
 */
export function linksOf(flow: readonly FlowEntry[], ours: ReadonlySet<string>): readonly Link[] {
  const off = new Set(flow.filter((entry) => entry.d || entry.disabled).map(({ id }) => id))
  const running = flow.filter((entry) => !off.has(entry.id) && !off.has(entry.z ?? ''))
  const byId = new Map(running.map((entry) => [entry.id, entry]))
  const ways = waysOf(running)
  const links = new Map<string, Link>()
  for (const start of running.filter(({ type }) => ours.has(type)))
    for (const to of reached(start.id, byId, ways, ours)) links.set(`${start.type} ${to}`, { from: start.type, to })
  return [...links.values()]
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
