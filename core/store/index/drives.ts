import type { Doc, DriveDoc } from '../../contract/records.ts'
import { isKept } from '../edits.ts'
import type { AssetView, Bounds, DriveView, Period } from '../port.ts'
import { laid, type Clip, type Kept } from './clip.ts'
import type { Draft } from './draft.ts'
import { after, CLIP_BYTES, clipOf, key, newestFirst, timeIn } from './keys.ts'
import { startingWith, type Snapshot } from './snapshot.ts'
import { boxes, passes } from './tiles.ts'

/** What a drive tells of one of its clips. */
export interface Receipt { readonly plates: readonly string[]; readonly thumb: string | null }

export function receiptOf(clip: Clip): Receipt {
  const thumb = clip.pictures?.thumbs[0]?.media
  return { plates: [...new Set(clip.hits.flatMap((h) => h.plate ?? []))].sort(), thumb: thumb ? `${thumb.volume}/${thumb.path}` : null }
}

interface Stored { readonly kept: Kept; readonly view: DriveView | null; readonly alias_of: string | null }

const driveKey = (id: string) => key('d', id)
const orderKey = (view: DriveView) => key('D', newestFirst(view.start_ms), view.id)
const memberKey = (sha256: string, id: string) => key('m', clipOf(sha256), id)
const LONGEST = Buffer.from('!longest')

/** The changes of one batch to the drives: their own documents, and those of their clips. */
export class DriveChanges {
  readonly #draft: Draft
  readonly #kept = new Map<string, Kept>()
  readonly #clips = new Set<string>()
  #more = 0

  constructor(draft: Draft) {
    this.#draft = draft
  }

  document(id: string, change: (kept: Kept) => Kept): void {
    this.#kept.set(id, change(this.#kept.get(id) ?? this.#draft.json<Stored>(driveKey(id))?.kept ?? {}))
  }

  /** Another receipt of this clip is in the draft now. */
  clip(sha256: string): void {
    this.#clips.add(sha256)
  }

  /** @returns How many drives are there more than before. */
  async settle(): Promise<number> {
    for (const sha256 of this.#clips)
      for (const [k] of await this.#draft.range(key('m', clipOf(sha256)))) this.document(k.subarray(1 + CLIP_BYTES).toString(), (kept) => kept)
    for (const [id, kept] of this.#kept) this.#settle(id, kept)
    return this.#more
  }

  #settle(id: string, kept: Kept): void {
    const before = this.#draft.json<Stored>(driveKey(id))?.view ?? null
    const doc = laid(kept).find((d): d is Doc & DriveDoc => d.kind === 'drive')
    const view = doc && doc.alias_of === null ? this.#view(id, doc) : null
    if (before) {
      this.#draft.del(orderKey(before))
      for (const sha256 of before.assets) this.#draft.del(memberKey(sha256, id))
    }
    if (view) {
      this.#draft.put(orderKey(view), extent(view))
      for (const sha256 of view.assets) this.#draft.put(memberKey(sha256, id), Buffer.alloc(0))
      const longest_ms = this.#draft.json<number>(LONGEST) ?? 0
      if (view.end_ms - view.start_ms > longest_ms) this.#draft.putJson(LONGEST, view.end_ms - view.start_ms)
    }
    this.#more += Number(view !== null) - Number(before !== null)
    if (Object.keys(kept).length === 0) this.#draft.del(driveKey(id))
    else this.#draft.putJson(driveKey(id), { kept, view, alias_of: doc?.alias_of ?? null } satisfies Stored)
  }

  #view(id: string, doc: DriveDoc): DriveView {
    const receipts = doc.assets.flatMap((sha256) => this.#draft.json<Receipt>(key('c', clipOf(sha256))) ?? [])
    // `rule`, `gap_s` and `span_ms` are how the catalogue finds a drive again.
    const { _id, kind: _kind, alias_of: _alias, rule: _rule, gap_s: _gap, span_ms: _span, ...told } = doc as DriveDoc & { rule?: unknown; gap_s?: unknown; span_ms?: unknown }
    return { ...told, id, plates: new Set(receipts.flatMap((r) => r.plates)).size, thumb: receipts.find((r) => r.thumb !== null)?.thumb ?? null }
  }
}

/** End of a drive and the bounds of its line, so that most drives are passed over unread. Without a line: nowhere. */
function extent({ end_ms, line }: DriveView): Buffer {
  const bytes = Buffer.alloc(40)
  const least = (of: number) => line.reduce((m, p) => Math.min(m, p[of]!), Infinity)
  const most = (of: number) => line.reduce((m, p) => Math.max(m, p[of]!), -Infinity)
  for (const [i, v] of [end_ms, least(0), least(1), most(0), most(1)].entries()) bytes.writeDoubleLE(v, i * 8)
  return bytes
}

export async function findDrives(now: Snapshot, { period, bounds, limit }: { period: Period | null; bounds: Bounds | null; limit: number }): Promise<DriveView[]> {
  const longest_ms = (await now.json<number>(LONGEST)) ?? 0
  const range = period
    ? { gte: key('D', newestFirst(period.to_ms)), lt: after(key('D', newestFirst(period.from_ms - longest_ms))) }
    : startingWith(key('D'))
  const near = bounds && boxes(bounds)
  const found: DriveView[] = []
  let ids: string[] = []
  const take = async () => {
    for (const { view } of await now.jsons<Stored>(ids.map(driveKey)))
      if (view && found.length < limit && (!bounds || passes(view.line, bounds))) found.push(view)
    ids = []
  }
  for await (const [k, value] of now.walk(range, Math.min(1024, Math.max(64, limit)))) {
    const start_ms = timeIn(k.subarray(1, 9))!
    const [end_ms, south, west, north, east] = [0, 8, 16, 24, 32].map((at) => value.readDoubleLE(at)) as [number, number, number, number, number]
    if (period && (start_ms >= period.to_ms || end_ms < period.from_ms)) continue
    if (near && !near.some((b) => south <= b.north && north >= b.south && west <= b.east && east >= b.west)) continue
    ids.push(k.subarray(9).toString())
    if (ids.length < limit - found.length && ids.length < 64) continue
    await take()
    if (found.length >= limit) return found
  }
  await take()
  return found
}

/** Follows what became of a drive that was merged into another. */
export async function driveOf(now: Snapshot, id: string): Promise<DriveView | null> {
  const seen = new Set<string>()
  for (let at: string | null = id; at !== null && !seen.has(at);) {
    seen.add(at)
    const stored: Stored | undefined = await now.json<Stored>(driveKey(at))
    if (!stored) return null
    if (stored.view) return stored.view
    at = stored.alias_of
  }
  return null
}

export async function driveWith(now: Snapshot, sha256: string): Promise<Pick<AssetView, 'drive' | 'drive_kept'>> {
  const [member] = await now.keys(startingWith(key('m', clipOf(sha256)), 1))
  if (!member) return { drive: null, drive_kept: false }
  const drive = member.subarray(1 + CLIP_BYTES).toString()
  return { drive, drive_kept: isKept((await now.json<Stored>(driveKey(drive)))?.view ?? {}) }
}
