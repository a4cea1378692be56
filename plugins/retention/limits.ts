/** When a volume is fuller than it may be, the oldest recordings go down the ladder earlier than their age says. Pure. */
import type { Library, LibraryItem } from '../../core/contract/retention.ts'
import { ageOf, depth, hereOf, isSmall, RUNGS, rungOf, rungOfFile, worthOf, type Rung, type Settings } from './rung.ts'

const GB = 1e9
/** What a rung usually needs of the one above it: until a copy is made nobody knows its size. */
const USUAL_PART = 0.4

/** By recording: how many rungs it goes down ahead of its time. What is worth more, and what is young, stays as `rungOf` says. */
export function pressed(library: Library, settings: Settings): ReadonlyMap<string, number> {
  const steps = new Map<string, number>()
  for (const limit of settings.limits) {
    const here = (item: LibraryItem) => limit.camera === null || item.asset.camera === limit.camera
    const items = library.items.filter((item) => here(item) && item.asset.media_kind === 'video' && item.files.some(({ media }) => media.volume === limit.volume))
    const used = items.reduce((sum, { files }) => sum + files.reduce((all, { media }) => all + (media.volume === limit.volume ? media.bytes : 0), 0), 0)
    const sight = library.volumes.get(limit.volume)
    const free = sight === undefined || sight.bytes_free === null ? null : sight.bytes_free + sight.bytes_resting // else one shortage would be met again each night of the grace
    let over = Math.max(
      limit.most_gb === null ? 0 : used - limit.most_gb * GB,
      limit.least_free_gb === null || free === null ? 0 : limit.least_free_gb * GB - free,
    )
    const won = (item: LibraryItem, earlier: number) => winsOf(item, rungAt(item, library, settings, earlier), limit.volume)
    for (const item of items) over -= won(item, steps.get(item.asset.sha256) ?? 0) // what goes by its age
    const oldest = items.toSorted((a, b) => (a.asset.start_ms ?? Infinity) - (b.asset.start_ms ?? Infinity) || (a.asset.sha256 < b.asset.sha256 ? -1 : 1))
    for (let round = 1; over > 0 && round < RUNGS.length; round++)
      for (const item of oldest) {
        if (over <= 0) break
        const now = steps.get(item.asset.sha256) ?? 0
        if (now >= round) continue
        over -= won(item, now + 1) - won(item, now)
        steps.set(item.asset.sha256, now + 1)
      }
  }
  return steps
}

function rungAt(item: LibraryItem, library: Library, settings: Settings, earlier: number): Rung {
  if (item.asset.start_ms === null) return 'original'
  return rungOf(item.asset, item.drives, worthOf(item), ageOf(item.asset.start_ms, library.now_ms), settings, earlier, hereOf(item, library.now_ms)).rung
}

/** Bytes on the volume that going to `rung` would win, a copy yet to be made taken off. */
function winsOf(item: LibraryItem, rung: Rung, volume: string): number {
  const above = item.files.filter((file) => { const has = rungOfFile(file, item); return file.media.volume === volume && has !== null && depth(has) < depth(rung) })
  const bytes = above.reduce((sum, { media }) => sum + media.bytes, 0)
  const made = item.files.some((file) => rungOfFile(file, item) === rung)
  return made || !isSmall(rung) || above.length === 0 ? bytes : bytes - USUAL_PART * Math.min(...above.map(({ media }) => media.bytes))
}
