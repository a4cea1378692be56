/** Which stages follow which, read from the wires: for the picture on the Work page. */
import type { FlowEntry } from './red.ts'

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
  const links = new Map<string, Link>()
  for (const start of running.filter(({ type }) => ours.has(type)))
    for (const to of reached(start, byId, running, ours)) links.set(`${start.type} ${to}`, { from: start.type, to })
  return [...links.values()]
}

function reached(start: FlowEntry, byId: ReadonlyMap<string, FlowEntry>, all: readonly FlowEntry[], ours: ReadonlySet<string>): Set<string> {
  const found = new Set<string>()
  const seen = new Set<string>()
  const ways = leads(start, all)
  for (let id = ways.pop(); id !== undefined; id = ways.pop()) {
    const entry = byId.get(id)
    if (!entry || seen.has(id)) continue
    seen.add(id)
    if (ours.has(entry.type)) found.add(entry.type)
    else ways.push(...leads(entry, all), ...inside(entry, byId))
  }
  return found
}

/** Where a message goes that leaves the entry: its wires, its links, and out of the subflow that it is an end of. */
function leads(entry: FlowEntry, all: readonly FlowEntry[]): string[] {
  const links = entry['links']
  const linked = (entry.type === 'link out' || entry.type === 'link call') && Array.isArray(links) ? links.filter((id) => typeof id === 'string') : []
  const leaves = all.some(({ id, type, ...subflow }) => type === 'subflow' && id === entry.z && portsOf(subflow['out']).includes(entry.id))
  const instances = leaves ? all.filter(({ type }) => type === `subflow:${entry.z}`) : []
  return [...(entry.wires ?? []).flat(), ...linked, ...instances.flatMap(({ wires }) => (wires ?? []).flat())]
}

/** The first nodes within a subflow's instance. */
function inside(entry: FlowEntry, byId: ReadonlyMap<string, FlowEntry>): string[] {
  if (!entry.type.startsWith('subflow:')) return []
  return portsOf(byId.get(entry.type.slice('subflow:'.length))?.['in'])
}

/** Ids that the ports of a subflow are wired to: `[{ wires: [{ id }] }]`. */
const portsOf = (ports: unknown): string[] =>
  Array.isArray(ports) ? ports.flatMap((port: { wires?: readonly { id?: unknown }[] }) => (port.wires ?? []).flatMap(({ id }) => (typeof id === 'string' ? [id] : []))) : []
