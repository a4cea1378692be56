/** Where a message goes from each node: along wires, links, into a subflow and out of it. */
import type { FlowEntry } from './red.ts'

/** @param running Without what is disabled. Node → nodes; a subflow's inside belongs to all its instances together. */
export function waysOf(running: readonly FlowEntry[]): Map<string, readonly string[]> {
  const byId = new Map(running.map((entry) => [entry.id, entry]))
  const instances = Map.groupBy(running.filter(({ type }) => type.startsWith('subflow:')), ({ type }) => type.slice('subflow:'.length))
  const endsOf = new Map(running.filter(({ type }) => type === 'subflow').map((subflow) => [subflow.id, new Set(portsOf(subflow['out']))]))
  return new Map(running.map((entry): [string, readonly string[]] => {
    const links = entry['links']
    const linked = (entry.type === 'link out' || entry.type === 'link call') && Array.isArray(links) ? links.filter((id) => typeof id === 'string') : []
    const leaves = endsOf.get(entry.z ?? '')?.has(entry.id) ? (instances.get(entry.z!) ?? []).flatMap(({ wires }) => (wires ?? []).flat()) : []
    const inside = entry.type.startsWith('subflow:') ? portsOf(byId.get(entry.type.slice('subflow:'.length))?.['in']) : []
    return [entry.id, [...(entry.wires ?? []).flat(), ...linked, ...leaves, ...inside]]
  }))
}

/** Ids that the ports of a subflow are wired to: `[{ wires: [{ id }] }]`. */
const portsOf = (ports: unknown): string[] =>
  Array.isArray(ports) ? ports.flatMap((port: { wires?: readonly { id?: unknown }[] }) => (port.wires ?? []).flatMap(({ id }) => (typeof id === 'string' ? [id] : []))) : []
