import type { AssetDoc, Doc, RefusalDoc } from '../../contract/records.ts'
import type { Change } from '../org-database.ts'
import { changed, clipIn, laid, type Clip, type Kept } from './clip.ts'
import { Draft, type Db } from './draft.ts'
import { DriveChanges, receiptOf } from './drives.ts'
import { HourChanges } from './hours.ts'
import { clipOf, key, newestFirst, refOf, SEQ, TOTALS } from './keys.ts'
import { PlaceChanges } from './places.ts'
import { PlateChanges } from './plates.ts'

export interface Totals { readonly assets: number; readonly drives: number; readonly plates: number; readonly sightings: number; readonly bytes: number }
export const NOTHING: Totals = { assets: 0, drives: 0, plates: 0, sightings: 0, bytes: 0 }

const OF_CLIP = new Set(['asset', 'track', 'sightings', 'pictures', 'copy', 'removal'])

/** Takes changes of one site into the index, with the sequence up to which it then knows the catalogue: one batch, all or nothing. */
export async function update(db: Db, changes: readonly Change[], seq: number): Promise<void> {
  const draft = new Draft(db)
  const parts = { plates: new PlateChanges(draft), places: new PlaceChanges(draft), hours: new HourChanges(draft), drives: new DriveChanges(draft) }
  const clips = new Map<string, Change[]>()
  let totals = draft.json<Totals>(TOTALS) ?? NOTHING
  for (const change of changes) {
    const subject = subjectOf(change.id)
    const [kind = '', rest = ''] = split(subject)
    if (OF_CLIP.has(kind)) {
      const sha256 = split(rest)[0]!
      const same = clips.get(sha256)
      if (same) same.push(change)
      else clips.set(sha256, [change])
    } else if (kind === 'drive') parts.drives.document(rest, (kept) => changed(kept, change.id, change.doc))
    else if (kind === 'refusal') takeRefusal(draft, subject, change)
  }
  for (const [sha256, mine] of clips) {
    totals = added(totals, takeClip(draft, parts, sha256, mine))
    await new Promise((turn) => setImmediate(turn)) // whoever asks is not kept waiting by a batch
  }
  parts.places.settle()
  parts.hours.settle()
  totals = added(totals, { plates: await parts.plates.settle(), drives: await parts.drives.settle() })
  draft.putJson(TOTALS, totals)
  draft.putJson(SEQ, seq)
  await draft.write()
}

/** What a change is about: an edit is about its target. */
const subjectOf = (id: string): string => (id.startsWith('edit:') ? id.slice('edit:'.length, id.lastIndexOf(':')) : id)
const split = (id: string): [string, string] => {
  const colon = id.indexOf(':')
  return colon < 0 ? [id, ''] : [id.slice(0, colon), id.slice(colon + 1)]
}

function takeClip(
  draft: Draft, parts: { plates: PlateChanges; places: PlaceChanges; hours: HourChanges; drives: DriveChanges }, sha256: string, changes: readonly Change[],
): Partial<Totals> {
  const at = key('A', clipOf(sha256))
  const kept = draft.json<Kept>(at) ?? {}
  const keeps = changes.reduce<Kept>((all, { id, doc }) => changed(all, id, doc), kept)
  if (Object.keys(keeps).length === 0) draft.del(at)
  else draft.putJson(at, keeps)
  const before = clipIn(kept)
  const now = clipIn(keeps)
  for (const part of [parts.plates, parts.places, parts.hours]) part.replace(before, now)
  putTime(draft, before, now)
  putHits(draft, before, now)
  if (putReceipt(draft, before, now)) parts.drives.clip(sha256)
  return {
    assets: Number(now !== null) - Number(before !== null),
    sightings: (now?.hits.length ?? 0) - (before?.hits.length ?? 0),
    bytes: (now?.asset.media.bytes ?? 0) - (before?.asset.media.bytes ?? 0),
  }
}

export const LONGEST_CLIP = Buffer.from('!longest-clip')
export const endOf = ({ start_ms, duration_s }: AssetDoc): number => (start_ms ?? 0) + (duration_s ?? 0) * 1000

function putTime(draft: Draft, before: Clip | null, now: Clip | null): void {
  const at = ({ asset }: Clip) => key('T', newestFirst(asset.start_ms), Buffer.from(asset.sha256, 'hex'))
  if (before) draft.del(at(before))
  if (!now) return
  draft.putJson(at(now), now.asset)
  const longest_ms = draft.json<number>(LONGEST_CLIP) ?? 0
  if (endOf(now.asset) - (now.asset.start_ms ?? 0) > longest_ms) draft.putJson(LONGEST_CLIP, endOf(now.asset) - (now.asset.start_ms ?? 0))
}

function putHits(draft: Draft, before: Clip | null, now: Clip | null): void {
  const clip = clipOf((now ?? before)?.asset.sha256 ?? '')
  const [old, fresh] = [before, now].map((c) => c?.hits.map((hit) => JSON.stringify(hit)) ?? []) as [string[], string[]]
  for (const [i, hit] of fresh.entries()) if (hit !== old[i]) draft.put(key('s', refOf(clip, i)), Buffer.from(hit))
  for (let i = fresh.length; i < old.length; i++) draft.del(key('s', refOf(clip, i)))
}

/** Whether its drive has to look again. */
function putReceipt(draft: Draft, before: Clip | null, now: Clip | null): boolean {
  const [old, fresh] = [before, now].map((c) => (c ? JSON.stringify(receiptOf(c)) : null)) as [string | null, string | null]
  if (old === fresh) return false
  const at = key('c', clipOf((now ?? before)!.asset.sha256))
  if (fresh === null) draft.del(at)
  else draft.put(at, Buffer.from(fresh))
  return true
}

const refusalKey = ({ name, _id }: RefusalDoc) => key('R', name, '\0', _id)

function takeRefusal(draft: Draft, subject: string, { id, doc }: Change): void {
  const at = key('r', subject)
  const kept = draft.json<Kept>(at) ?? {}
  const keeps = changed(kept, id, doc)
  const refusalIn = (docs: Kept) => laid(docs).find((d): d is Doc & RefusalDoc => d.kind === 'refusal')
  const [before, now] = [refusalIn(kept), refusalIn(keeps)]
  if (before) draft.del(refusalKey(before))
  if (now) draft.putJson(refusalKey(now), now)
  if (Object.keys(keeps).length === 0) draft.del(at)
  else draft.putJson(at, keeps)
}

function added(totals: Totals, more: Partial<Totals>): Totals {
  return {
    assets: totals.assets + (more.assets ?? 0), drives: totals.drives + (more.drives ?? 0), plates: totals.plates + (more.plates ?? 0),
    sightings: totals.sightings + (more.sightings ?? 0), bytes: totals.bytes + (more.bytes ?? 0),
  }
}
