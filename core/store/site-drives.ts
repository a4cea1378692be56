import { isDeepStrictEqual } from 'node:util'
import type { AssetDoc, Doc, TrackDoc } from '../contract/records.ts'
import { aliasDoc, driveDoc, driveId, runs, slotOf, type Clip, type Drive, type Rule } from './derive-drives.ts'
import { DriveSpans, type Span } from './drive-spans.ts'

/** What derivation reads: documents as they will be once this batch is written, with edits laid over them. */
export interface Reading {
  assets(sha256s: readonly string[]): Promise<ReadonlyMap<string, AssetDoc>>
  tracks(sha256s: readonly string[]): Promise<ReadonlyMap<string, TrackDoc>>
  drives(ids: readonly string[]): Promise<ReadonlyMap<string, Drive>>
  /** Who marked a drive keep; null: it is not kept. */
  keptBy(drive: string): string | null
}

/** An asset that is new, has changed or has another track. `before` null: it is new. */
export interface Moved { readonly before: AssetDoc | null; readonly after: AssetDoc }

export interface Derived {
  readonly docs: readonly Doc[] // drives and aliases to write
  readonly gone: readonly string[] // ids of drive documents to delete
  readonly kept: ReadonlyMap<string, string> // ids of drives to mark keep: they hold clips of one that was, and who marked that
  readonly settle: () => void // call once they are written
}

/** The drives of one org and site. */
export class SiteDrives {
  readonly #org: string
  readonly #site: string
  readonly #rules: readonly Rule[]
  readonly #spans = new Map<string, DriveSpans>()
  /** Drives of rules that are no more. */
  readonly orphans: readonly string[]
  /** Whether there is a rule, or a gap, by which what is there was not gathered yet: then every asset has to be derived once. */
  readonly isStale: boolean

  /** @param drives All drive documents there are. */
  constructor(org: string, site: string, rules: readonly Rule[], drives: readonly Drive[]) {
    this.#org = org
    this.#site = site
    this.#rules = rules
    for (const rule of rules) this.#spans.set(rule.name, new DriveSpans())
    for (const drive of drives) if (drive.alias_of === null) this.#spans.get(drive.rule)?.put(drive.group, spanOf(drive))
    const gaps = new Map(rules.map((rule) => [rule.name, rule.gap_s]))
    this.orphans = drives.filter((drive) => !gaps.has(drive.rule)).map((drive) => drive._id)
    const used = new Set(drives.map((drive) => drive.rule))
    this.isStale = rules.some((rule) => !used.has(rule.name)) || drives.some((drive) => drive.alias_of === null && drive.gap_s !== gaps.get(drive.rule))
  }

  async derive(moved: readonly Moved[], reading: Reading): Promise<Derived> {
    const docs: Doc[] = []
    const gone: string[] = []
    const kept = new Map<string, string>()
    const settles: (() => void)[] = []
    for (const rule of this.#rules) {
      const derived = await this.#deriveRule(rule, this.#spans.get(rule.name)!, moved, reading)
      docs.push(...derived.docs)
      gone.push(...derived.gone)
      for (const [drive, by] of derived.kept) kept.set(drive, by)
      settles.push(derived.settle)
    }
    return { docs, gone, kept, settle: () => { for (const settle of settles) settle() } }
  }

  async #deriveRule(rule: Rule, spans: DriveSpans, moved: readonly Moved[], reading: Reading): Promise<Derived> {
    const touched = new Set<string>()
    for (const { before, after } of moved) {
      const was = before && slotOf(rule, before)
      if (was) for (const span of spans.near(was.key, was.start_ms, was.start_ms, 0)) touched.add(span.id)
      const is = slotOf(rule, after)
      if (is) for (const span of spans.near(is.key, is.start_ms, is.end_ms, rule.gap_s * 1000)) touched.add(span.id)
    }
    const old = await reading.drives([...touched].map((id) => `drive:${id}`))
    const clips = await gather(rule, [...old.values()], moved, reading)
    const groups = [...Map.groupBy(clips, (c) => c.slot.key).values()].flatMap((same) => runs(same, rule.gap_s))

    const tracks = await reading.tracks(clips.map((c) => c.asset.sha256))
    const made = new Map<string, Drive>()
    for (const run of groups) {
      const id = driveId(this.#org, this.#site, rule.name, run)
      made.set(`drive:${id}`, driveDoc(rule, id, run, (sha256) => tracks.get(sha256) ?? null))
    }
    const home = new Map([...made.values()].flatMap((drive) => drive.assets.map((sha256) => [sha256, drive._id.slice('drive:'.length)] as const)))
    const docs: Doc[] = [...made.values()].filter((drive) => !isDeepStrictEqual(drive, old.get(drive._id)))
    const gone: string[] = []
    for (const drive of old.values()) {
      if (made.has(drive._id)) continue
      const now = mostOf(drive.assets.flatMap((sha256) => home.get(sha256) ?? []))
      if (now === null) gone.push(drive._id)
      else docs.push(aliasDoc(drive, now))
    }
    return {
      docs, gone, kept: handedOn([...old.values()], home, reading),
      settle() {
        for (const drive of old.values()) spans.remove(drive.group, spanOf(drive).id)
        for (const drive of made.values()) spans.put(drive.group, spanOf(drive))
      },
    }
  }
}

/** An id changes with the first clip: what was said of the drive goes with its clips to whichever drives hold them now. */
function handedOn(old: readonly Drive[], home: ReadonlyMap<string, string>, reading: Reading): Map<string, string> {
  const kept = new Map<string, string>()
  for (const drive of old) {
    const by = reading.keptBy(drive._id)
    if (by === null) continue
    const now = new Set(drive.assets.flatMap((sha256) => home.get(sha256) ?? []).map((id) => `drive:${id}`))
    for (const id of now) if (id !== drive._id && reading.keptBy(id) === null) kept.set(id, by)
  }
  return kept
}

/** The id that stands there most often, the first of equals. */
function mostOf(ids: readonly string[]): string | null {
  const counts = [...Map.groupBy(ids, (id) => id)].map(([id, same]) => ({ id, count: same.length }))
  return counts.sort((a, b) => b.count - a.count)[0]?.id ?? null
}

/** Every clip of the touched drives and every moved one, as they are now. */
async function gather(rule: Rule, old: readonly Drive[], moved: readonly Moved[], reading: Reading): Promise<Clip[]> {
  const after = new Map(moved.map((m) => [m.after.sha256, m.after]))
  const others = old.flatMap((drive) => drive.assets).filter((sha256) => !after.has(sha256))
  const assets = [...after.values(), ...(await reading.assets(others)).values()]
  return assets.flatMap((asset) => {
    const slot = slotOf(rule, asset)
    return slot ? [{ asset, slot }] : []
  })
}

const spanOf = (drive: Drive): Span => ({ id: drive._id.slice('drive:'.length), start_ms: drive.span_ms[0], end_ms: drive.span_ms[1] })
