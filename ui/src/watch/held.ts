/** What is still held of a recording, and what of it a browser can play. */
import type { AssetView } from '../../../core/store/port.ts'

type Ref = AssetView['asset']['media']
export interface Source { readonly name: string; readonly path: Ref }

/** A person said so of a clip or a drive; anything but no counts, as the box has it. */
export const isKept = (said: object): boolean => { const { keep } = said as { readonly keep?: unknown }; return keep !== undefined && keep !== null && keep !== false }

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
  const smaller = new Map<string, Ref>()
  for (const { role, media } of copies.toSorted((a, b) => a.role.length - b.role.length)) { // a second copy in the archive only where the first is gone
    const name = /^(?:archive-)?(\d+p)$/.exec(role)?.[1]
    if (name !== undefined && !smaller.has(name)) smaller.set(name, media)
  }
  return [...(original ? [{ name: 'Original', path: original }] : []), ...[...smaller].map(([name, path]) => ({ name, path })).sort((a, b) => Number.parseInt(b.name) - Number.parseInt(a.name))]
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
