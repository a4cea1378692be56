import type { Doc, EditDoc } from '../contract/records.ts'
import { isKept } from './edits.ts'
import { past, type OrgDatabase } from './org-database.ts'

const NONE: readonly EditDoc[] = []

const OF = ['asset:', 'drive:']

/**
 * What people said of the assets and drives of a site, each in order of id. All of it in memory, for who is the one writer: the clips of a
 * drive lie all over the ids, and a corrected clock says something of every clip of a camera.
 */
export class SiteEdits {
  readonly #by = new Map<string, EditDoc[]>()

  static async open(db: OrgDatabase, site: string): Promise<SiteEdits> {
    const edits = new SiteEdits()
    for (const of of OF) for (const edit of await db.range(site, `edit:${of}`, past(`edit:${of}`), Number.MAX_SAFE_INTEGER)) edits.add(edit)
    return edits
  }

  of(target: string): readonly EditDoc[] {
    return this.#by.get(target) ?? NONE
  }

  /** Who marked it keep; null: nobody did, or it was taken back. */
  keptBy(target: string): string | null {
    const last = this.of(target).findLast(({ set }) => 'keep' in set)
    return last !== undefined && isKept(last.set) ? last.by : null
  }

  /** One of the same id takes its place; whatever is no edit of an asset or a drive is passed over. */
  add(doc: Doc): void {
    if (!isEditOf(doc, OF)) return
    const others = this.of(doc.target).filter(({ _id }) => _id !== doc._id)
    this.#by.set(doc.target, [...others, doc].sort((a, b) => (a._id < b._id ? -1 : 1)))
  }
}

export const isAssetEdit = (doc: Doc): doc is Doc & EditDoc => isEditOf(doc, ['asset:'])

const isEditOf = (doc: Doc, of: readonly string[]): doc is Doc & EditDoc => doc.kind === 'edit' && of.some((start) => String(doc['target']).startsWith(start))
