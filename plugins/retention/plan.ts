/** Which files go, and why the others stay. Pure: nothing is read and nothing is removed here. In doubt a file stays. */
import type { CopyDoc } from '../../core/contract/records.ts'
import type { Library, LibraryFile, LibraryItem, Make, Plan, PlanLine, VolumeSight } from '../../core/contract/retention.ts'
import { pressed } from './limits.ts'
import { ageOf, DAY_MS, depth, hereOf, isSmall, rungOf, rungOfFile, wordOf, worthOf, type Place, type Rung, type Settings } from './rung.ts'

/** A copy may be shorter by a frame; encoders differ in how they count the last one. */
const DURATION_SLACK_S = 0.1
const FRAMES_SLACK = 2

/** Those that go first, then those that stay; among them the largest first. */
export function plan(library: Library, settings: Settings): Plan {
  const shared = sharedPlaces(library)
  const earlier = pressed(library, settings)
  const lines: PlanLine[] = []
  const makes: Make[] = []
  for (const item of library.items) {
    const judged = judge(item, library, settings, shared, earlier.get(item.asset.sha256) ?? 0)
    lines.push(...judged.lines)
    if (judged.make) makes.push(judged.make)
  }
  return { lines: capped(lines, library, settings).sort((a, b) => Number(b.goes) - Number(a.goes) || b.media.bytes - a.media.bytes || (placeOf(a) < placeOf(b) ? -1 : 1)), makes }
}

/** @param earlier rungs further down than its age says */
export function judge(item: LibraryItem, library: Library, settings: Settings, shared: ReadonlySet<string>, earlier = 0): { lines: PlanLine[]; make: Make | null } {
  const { asset } = item
  const place = placeOnLadder(item, library.now_ms, settings, earlier)
  const rung = 'rung' in place ? place.rung : 'original'
  let make: Make | null = null
  const lines = item.files.map((file): PlanLine => {
    const line = (goes: boolean, reason: string, why: string, by: readonly LibraryFile[] = []): PlanLine => ({
      sha256: asset.sha256, role: file.role, name: asset.name, camera: asset.camera, start_ms: asset.start_ms, media: file.media,
      goes, to: rung, reason, why, wins_bytes: goes ? file.media.bytes : 0, replaced_by: by.map(({ media }) => media),
    })
    if (!('rung' in place)) return line(false, place.reason, place.why)
    const has = rungOfFile(file, item)
    if (has === null) return line(false, 'unknown', `nobody knows how much of the recording ${file.role} holds`)
    if (!settings.volumes.includes(file.media.volume)) return line(false, 'other-volume', `the ladder does not hold for ${file.media.volume}`)
    if (depth(has) >= depth(rung)) return line(false, place.stays?.reason ?? 'rung', place.stays?.why ?? `${wordOf(rung)} is what stays of it`)
    const odd = oddVolume(library.volumes.get(file.media.volume), file, settings)
    if (odd) return line(false, odd.reason, odd.why)
    if (shared.has(placeOf(file))) return line(false, 'shared', 'another file of the catalogue lies at the same place')
    if (settings.wait_for_reader && !item.looked) return line(false, 'unread', 'nobody has looked for plates in it yet')
    const found = replacement(file, has, rung, item, library, settings)
    if ('by' in found) return line(true, rung === 'crops' ? 'goes' : 'steps', found.why, found.by)
    if (found.reason === 'to-make' && isSmall(rung)) make ??= makeOf(item, rung, library)
    return line(false, found.reason, found.why)
  })
  return { lines, make }
}

type Stays = { readonly reason: string; readonly why: string }

function placeOnLadder(item: LibraryItem, now_ms: number, settings: Settings, earlier: number): Place | Stays {
  const { asset } = item
  if (asset.media_kind !== 'video' || asset.width_px === null) return { reason: 'no-video', why: 'only moving pictures are thinned' }
  const worth = worthOf(item)
  if (asset.start_ms === null && !worth.kept && !worth.locked) return { reason: 'undated', why: 'when it was recorded is unknown' }
  return rungOf(asset, item.drives, worth, ageOf(asset.start_ms, now_ms), settings, earlier, hereOf(item, now_ms))
}

/** Whether the volume, and the file on it, are what the catalogue says. */
function oddVolume(sight: VolumeSight | undefined, file: LibraryFile, settings: Settings): Stays | null {
  const { volume } = file.media
  if (!sight) return { reason: 'volume', why: `there is no volume ${volume} here` }
  if (!sight.mounted) return { reason: 'volume', why: `${volume} is not mounted` }
  if (sight.files <= 0 || sight.there <= 0) return { reason: 'volume', why: `${volume} is empty, or nobody could look` }
  const missing = sight.files - sight.there
  if (missing > Math.max(1, sight.files * settings.most_missing)) return { reason: 'volume', why: `${missing} of ${sight.files} files are missing on ${volume}: until somebody has looked nothing goes` }
  if (file.there !== true) return { reason: 'missing', why: `it is not on ${volume} as the catalogue says` }
  return null
}

function replacement(file: LibraryFile, has: Rung, rung: Rung, item: LibraryItem, library: Library, settings: Settings): Stays | { by: readonly LibraryFile[]; why: string } {
  const stay = item.files.filter((other) => other !== file && placeOf(other) !== placeOf(file) && !mayGo(other, rung, item, settings))
  const elsewhere = stay.filter((other) => other.media.volume !== file.media.volume)
  const same = elsewhere.filter((other) => rungOfFile(other, item) === 'original')
  const wantsSame = has === 'original' && settings.replaced_by === 'archive'
  const there = good([same], 'the same bytes are on no other volume', item, library, settings)
  if (rung === 'crops') return wantsSame ? there : good([same, elsewhere], 'there is no copy on another volume', item, library, settings)
  const small = stay.filter((other) => rungOfFile(other, item) === rung && !isSecond(other)) // what is kept has its place here
  if (small.length === 0) return { reason: 'to-make', why: `its ${rung} copy is yet to be made` }
  const here = good([small], '', item, library, settings)
  if (!('by' in here) || !wantsSame) return here
  return 'by' in there ? { by: [...here.by, ...there.by], why: `${here.why}; ${there.why}` } : there
}

/** Whether the ladder would take this one too: then it replaces nothing. */
function mayGo(file: LibraryFile, rung: Rung, item: LibraryItem, settings: Settings): boolean {
  const has = rungOfFile(file, item)
  return has === null || (settings.volumes.includes(file.media.volume) && depth(has) < depth(rung))
}

/** The first file that may stand for another; otherwise why the most promising one may not. */
function good(choices: readonly (readonly LibraryFile[])[], none: string, item: LibraryItem, library: Library, settings: Settings): Stays | { by: readonly LibraryFile[]; why: string } {
  let why: Stays = { reason: 'sole', why: none }
  for (const file of choices.flat()) {
    const doubt = doubtOf(file, item, library, settings)
    if (doubt === null) return { by: [file], why: `${nameOf(file, item)} was read back ${agoOf(sinceDays(file, library.now_ms))}` }
    if (why.reason === 'sole') why = doubt
  }
  return why
}

function doubtOf(file: LibraryFile, item: LibraryItem, library: Library, settings: Settings): Stays | null {
  const what = nameOf(file, item)
  const odd = oddVolume(library.volumes.get(file.media.volume), file, settings)
  if (odd) return { reason: odd.reason === 'volume' ? 'away' : 'mismatch', why: `${what}: ${odd.why}` }
  if (file.media.bytes <= 0) return { reason: 'mismatch', why: `${what} is empty` }
  if (file.verified_ms === null || !(file.verified_ms <= library.now_ms)) return { reason: 'unverified', why: `${what} was never read back` }
  if (sinceDays(file, library.now_ms) > settings.verified_days) return { reason: 'stale', why: `${what} was last read back ${sinceDays(file, library.now_ms)} days ago` }
  if (rungOfFile(file, item) === 'original') return null
  const doubt = poor(file.checks, settings.min_ssim)
  return doubt === null ? null : { reason: 'poor', why: `${what} ${doubt}` }
}

/** What is wrong with a smaller copy, in words that follow 'the copy'; null when its checks are there and good. */
export function poor(checks: CopyDoc['checks'], min_ssim: number): string | null {
  const { duration_s, original_duration_s, frames, original_frames, ssim_min, ssim_frames } = checks
  const numbers = [duration_s, original_duration_s, frames, original_frames, ssim_min, ssim_frames]
  if (!numbers.every((n): n is number => typeof n === 'number' && Number.isFinite(n))) return 'was not checked'
  const [length_s, wanted_s, count, wanted, ssim, looked] = numbers as [number, number, number, number, number, number]
  if (count <= 0 || wanted <= 0 || looked <= 0) return 'was not checked'
  if (Math.abs(length_s - wanted_s) > DURATION_SLACK_S + wanted_s / wanted) return `lasts ${length_s} s, the original ${wanted_s} s`
  if (Math.abs(count - wanted) > FRAMES_SLACK) return `has ${count} frames, the original ${wanted}`
  if (!(ssim >= min_ssim)) return `is only ${ssim.toFixed(2)} similar`
  return null
}

/** From the smallest file that holds more than the rung: the least to read, and the original where that is all there is. */
function makeOf(item: LibraryItem, rung: Rung, library: Library): Make | null {
  const sources = item.files.filter((file) => {
    const has = rungOfFile(file, item)
    return has !== null && depth(has) < depth(rung) && file.there === true && library.volumes.get(file.media.volume)?.mounted === true
  })
  const best = sources.find((file) => rungOfFile(file, item) === 'original') ?? sources.toSorted((a, b) => depth(rungOfFile(a, item)!) - depth(rungOfFile(b, item)!))[0]
  return best ? { sha256: item.asset.sha256, rung, media: best.media } : null
}

/** One run takes a small part of a volume's files: a rule that was typed wrongly empties nothing in a night. The oldest go first. */
function capped(lines: readonly PlanLine[], library: Library, settings: Settings): PlanLine[] {
  const left = new Map([...library.volumes].map(([name, { files }]) => [name, Math.ceil(files * settings.most_part)]))
  const going = new Set(lines.filter((line) => line.goes).sort((a, b) => a.start_ms! - b.start_ms! || (placeOf(a) < placeOf(b) ? -1 : 1)).filter(({ media }) => {
    const more = left.get(media.volume) ?? 0
    left.set(media.volume, more - 1)
    return more > 0
  }))
  return lines.map((line) => (!line.goes || going.has(line) ? line : { ...line, goes: false, reason: 'later', why: `one run takes at most ${Math.round(settings.most_part * 100)} % of the files of ${line.media.volume}; its turn comes`, wins_bytes: 0, replaced_by: [] }))
}

/** Places that more than one file of the catalogue claims. */
function sharedPlaces({ items }: Library): ReadonlySet<string> {
  const seen = new Set<string>()
  const shared = new Set<string>()
  for (const { files } of items) for (const file of files) (seen.has(placeOf(file)) ? shared : seen).add(placeOf(file))
  return shared
}

/** A second copy in an archive folder. */
const isSecond = ({ role }: LibraryFile): boolean => role.startsWith('archive')
const nameOf = (file: LibraryFile, item: LibraryItem): string => {
  const rung = rungOfFile(file, item)
  return rung === 'original' ? `the same on ${file.media.volume}` : `its ${rung ?? file.role} copy`
}
const agoOf = (days: number): string => (days === 0 ? 'today' : days === 1 ? 'yesterday' : `${days} days ago`)
const sinceDays = (file: LibraryFile, now_ms: number): number => Math.floor((now_ms - file.verified_ms!) / DAY_MS)
export const placeOf = ({ media }: { readonly media: { readonly volume: string; readonly path: string } }): string => `${media.volume}/${media.path}`
