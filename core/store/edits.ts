import type { Doc, EditDoc, Sighting } from '../contract/records.ts'
import { Fault } from '../contract/fault.ts'

/** Fields by which documents find each other: no edit moves a document. */
const FIXED = new Set(['_id', '_rev', '_deleted', 'kind', 'site', 'asset', 'sha256', 'target'])
const PLATE = /^plate:(0|[1-9][0-9]{0,5})$/

/** Throws Fault `input/invalid` when a person may not say this of `doc`. */
export function checkEdit(doc: Doc, set: Record<string, unknown>): void {
  const refuse = (why: string) => { throw new Fault('input/invalid', `${doc._id} cannot be edited like this: ${why}`) }
  if (doc.kind === 'edit') refuse('an edit is changed by another edit of the same document')
  if (Object.keys(set).length === 0) refuse('no field was given')
  for (const [field, value] of Object.entries(set)) {
    if (FIXED.has(field) || field.startsWith('_')) refuse(`${field} follows from the content`)
    const plate = PLATE.exec(field)
    if (field.startsWith('plate:') && !plate) refuse(`${field} names no sighting, such as plate:0`)
    if (!plate) continue
    if (!Array.isArray(doc['sightings']) || Number(plate[1]) >= doc['sightings'].length) refuse(`it has no sighting ${plate[1]}`)
    if (value !== null && !(typeof value === 'string' && /^[A-Z0-9]{1,16}$/.test(value))) refuse('a plate is 1 to 16 of A–Z and 0–9, or null when it is none')
  }
}

/** Someone said keep: anything but no. */
export const isKept = ({ keep }: { readonly keep?: unknown }): boolean => keep !== undefined && keep !== false && keep !== null

/** `doc` with what people said of it laid over it. `edits` in order of their ids: the latest wins, field by field. */
export function overlay<D extends Doc>(doc: D, edits: readonly EditDoc[]): D {
  if (edits.length === 0) return doc
  const set: Record<string, unknown> = Object.assign({}, ...edits.map((e) => e.set))
  const fields: Record<string, unknown> = {}
  const plates = new Map<number, unknown>()
  for (const [field, value] of Object.entries(set)) {
    const plate = PLATE.exec(field)
    if (plate) plates.set(Number(plate[1]), value)
    else if (!FIXED.has(field)) fields[field] = value
  }
  const laid: D = { ...doc, ...fields }
  const sightings = laid['sightings']
  if (plates.size === 0 || !Array.isArray(sightings)) return laid
  return { ...laid, sightings: sightings.map((s: Sighting, i) => (plates.has(i) ? { ...s, plate: plates.get(i) } : s)) }
}

/** Edits by what they are about, each in order of id. */
export function editsByTarget(edits: readonly Doc[]): Map<string, EditDoc[]> {
  const by = new Map<string, EditDoc[]>()
  for (const edit of edits as readonly (Doc & EditDoc)[]) {
    const same = by.get(edit.target)
    if (same) same.push(edit)
    else by.set(edit.target, [edit])
  }
  return by
}
