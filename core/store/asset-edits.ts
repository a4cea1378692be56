import type { Doc, EditDoc } from '../contract/records.ts'
import { past, type OrgDatabase } from './org-database.ts'

const NONE: readonly EditDoc[] = []

/**
 * What people said of the assets of a site, each in order of id. All of it in memory, for who is the one writer: the clips of a drive lie
 * all over the ids, and a corrected clock says something of every clip of a camera.
 */
export class AssetEdits {
  readonly #by = new Map<string, EditDoc[]>()

  static async open(db: OrgDatabase, site: string): Promise<AssetEdits> {
    const edits = new AssetEdits()
    for (const edit of await db.range(site, 'edit:asset:', past('edit:asset:'), Number.MAX_SAFE_INTEGER)) edits.add(edit)
    return edits
  }

  of(target: string): readonly EditDoc[] {
    return this.#by.get(target) ?? NONE
  }

  /** One of the same id takes its place; whatever is no edit of an asset is passed over. */
  add(doc: Doc): void {
    if (!isAssetEdit(doc)) return
    const others = this.of(doc.target).filter(({ _id }) => _id !== doc._id)
    this.#by.set(doc.target, [...others, doc].sort((a, b) => (a._id < b._id ? -1 : 1)))
  }
}

export const isAssetEdit = (doc: Doc): doc is Doc & EditDoc => doc.kind === 'edit' && String(doc['target']).startsWith('asset:')
