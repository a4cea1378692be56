/** What is still held of a recording, and what of it a browser can play. */
import type { AssetView } from '../../../core/store/port.ts'

type Ref = AssetView['asset']['media']
export interface Source { readonly name: string; readonly path: Ref }

/** Where the full bytes lie: at their first place, or, once they left it, on another volume. Null: they are kept nowhere. */
export function originalOf({ asset, copies, removed }: AssetView): Ref | null {
  if (!removed.some(({ role }) => role === 'original')) return asset.media
  return copies.find(({ media }) => media.sha256 === asset.sha256)?.media ?? null
}

/** Best first. Empty: only its pictures can be shown. */
export function sourcesOf(view: AssetView): readonly Source[] {
  const { asset, copies } = view
  if (asset.media_kind !== 'video') return []
  const original = asset.playable ? originalOf(view) : null
  const smaller = copies.filter(({ role }) => /^\d+p$/.test(role)).sort((a, b) => Number.parseInt(b.role) - Number.parseInt(a.role))
  return [...(original ? [{ name: 'Original', path: original }] : []), ...smaller.map(({ role, media }) => ({ name: role, path: media }))]
}

/** Why a file that should be there was not played. */
export type Unplayed = 'away' | 'missing' | 'offline' | 'broken'

/** Asked of the box itself: the browser says no more than that it failed. */
export async function whyUnplayed(url: string): Promise<Unplayed> {
  try {
    const { ok, status } = await fetch(url, { headers: { range: 'bytes=0-0' } })
    return ok ? 'broken' : status === 503 ? 'away' : 'missing'
  } catch (error) {
    if (error instanceof TypeError) return 'offline'
    throw error
  }
}
