import type { AssetDoc, Doc, EditDoc, TrackDoc } from '../contract/records.ts'
import type { Drive } from './derive-drives.ts'
import { overlay } from './edits.ts'
import type { Held, OrgDatabase } from './org-database.ts'
import type { Recent } from './recent.ts'
import type { Moved, Reading } from './site-drives.ts'
import { isAssetEdit, type SiteEdits } from './site-edits.ts'

/** Assets that are new or changed, by themselves, by their track or by an edit. */
export async function movedBy(fresh: ReadonlyMap<string, Doc>, now: Overlaid): Promise<Moved[]> {
  const ids = new Set<string>()
  for (const doc of fresh.values()) {
    if (doc.kind === 'asset') ids.add(String(doc['sha256']))
    if (doc.kind === 'track') ids.add(String(doc['asset']))
    if (isAssetEdit(doc)) ids.add(doc.target.slice('asset:'.length))
  }
  if (ids.size === 0) return []
  const after = await now.assets([...ids])
  const before = await now.assetsBefore([...ids])
  return [...after.values()].map((asset) => ({ before: before.get(asset.sha256) ?? null, after: asset }))
}

/** The catalogue as it will be once `fresh` is written. */
export class Overlaid implements Reading {
  readonly #db: OrgDatabase
  readonly #site: string
  readonly #fresh: ReadonlyMap<string, Doc>
  readonly #recent: Recent
  readonly #said: SiteEdits

  constructor(db: OrgDatabase, site: string, fresh: ReadonlyMap<string, Doc>, recent: Recent, said: SiteEdits) {
    this.#recent = recent
    this.#said = said
    this.#db = db
    this.#site = site
    this.#fresh = fresh
  }

  async assets(sha256s: readonly string[]): Promise<Map<string, AssetDoc>> {
    const news = Map.groupBy([...this.#fresh.values()].filter(isAssetEdit), ({ target }) => target)
    return laid(await this.#docs(sha256s.map((s) => `asset:${s}`)), (id) => {
      const fresh = news.get(id)
      return fresh === undefined ? this.#said.of(id) : [...this.#said.of(id), ...fresh]
    })
  }

  async assetsBefore(sha256s: readonly string[]): Promise<Map<string, AssetDoc>> {
    const held = await this.#db.getMany(this.#site, sha256s.map((s) => `asset:${s}`))
    return laid([...held.values()].map((h: Held) => h.doc), (id) => this.#said.of(id))
  }

  async tracks(sha256s: readonly string[]): Promise<Map<string, TrackDoc>> {
    const docs = (await this.#docs(sha256s.map((s) => `track:${s}`))) as readonly (Doc & TrackDoc)[]
    return new Map(docs.map((track) => [track.asset, track]))
  }

  async drives(ids: readonly string[]): Promise<Map<string, Drive>> {
    return new Map(((await this.#docs(ids)) as readonly (Doc & Drive)[]).map((drive) => [drive._id, drive]))
  }

  keptBy(drive: string): string | null {
    return this.#said.keptBy(drive)
  }

  async #docs(ids: readonly string[]): Promise<readonly Doc[]> {
    const known = new Map(ids.flatMap((id) => {
      const doc = this.#fresh.get(id) ?? this.#recent.get(this.#site, id)
      return doc ? [[id, doc] as const] : []
    }))
    const held = await this.#db.getMany(this.#site, ids.filter((id) => !known.has(id)))
    for (const [id, { doc }] of held) this.#recent.put(this.#site, id, doc)
    return [...known.values(), ...[...held.values()].map((h) => h.doc)]
  }
}

const laid = (docs: readonly Doc[], said: (id: string) => readonly EditDoc[]): Map<string, AssetDoc> =>
  new Map((docs as readonly (Doc & AssetDoc)[]).map((asset) => [asset.sha256, overlay(asset, said(asset._id))]))
