/** Which originals could go, and why the others stay. Pure: nothing is read, and nobody acts on it yet. */
import type { Static } from 'typebox'
import type { AssetDoc, CopyDoc } from '../../core/contract/records.ts'
import type { REASONS, ReportLine, RetentionConfig } from './plugin.ts'

export type Policy = Static<typeof RetentionConfig>
type Reason = (typeof REASONS)[number]
type Line = Static<typeof ReportLine>

/** An asset as readers see it: with what people said laid over it. */
export type Original = AssetDoc & { readonly keep?: unknown }

const DAY_MS = 86_400_000
/** A copy may be shorter by a frame; encoders differ in how they count the last one. */
const DURATION_SLACK_S = 0.1
const FRAMES_SLACK = 2

/**
 * One original. It could go only when nothing speaks for it: it is a dated, old enough, unlocked, unmarked video, and the
 * copy that replaces it lies elsewhere, was read back not long ago, and is what the policy asks for. In doubt it stays.
 */
export function judge(asset: Original, copies: readonly CopyDoc[], policy: Policy, now_ms: number): Line {
  const stays = (reason: Reason, why: string): Line => line(asset, false, reason, why)
  if (asset.media_kind !== 'video') return stays('no-video', 'only video is thinned')
  if (asset.keep !== undefined && asset.keep !== false && asset.keep !== null) return stays('kept', 'somebody marked it keep')
  if (asset.event !== 'normal' && asset.event !== 'parking') return stays('locked', `recorded as ${asset.event}`)
  if (asset.start_ms === null) return stays('undated', 'when it was recorded is unknown')
  const age_days = Math.floor((now_ms - asset.start_ms) / DAY_MS)
  if (!(age_days >= policy.keep_days)) return stays('young', `recorded ${Math.max(0, age_days)} days ago; originals stay ${policy.keep_days}`)

  const others = copies.filter((copy) => copy.asset === asset.sha256 && !samePlace(copy, asset))
  if (others.length === 0) return stays('sole', 'there is no other copy')
  const copy = others.find((c) => c.role === policy.replaced_by)
  if (!copy) return stays('sole', policy.replaced_by === 'archive' ? 'there is no archive copy' : 'there is no 720p copy')
  return judgeCopy(asset, copy, policy, now_ms, stays)
}

function judgeCopy(asset: Original, copy: CopyDoc, policy: Policy, now_ms: number, stays: (reason: Reason, why: string) => Line): Line {
  const what = copy.role === 'archive' ? 'its archive copy' : 'its 720p copy'
  if (copy.verified_ms === null || copy.verified_ms > now_ms) return stays('unverified', `${what} was never read back`)
  const since_days = Math.floor((now_ms - copy.verified_ms) / DAY_MS)
  if (since_days > policy.verified_days) return stays('stale', `${what} was last read back ${since_days} days ago`)
  if (copy.media.bytes === 0) return stays('mismatch', `${what} is empty`)
  if (copy.role === 'archive') {
    if (copy.media.sha256 !== asset.sha256 || copy.media.bytes !== asset.media.bytes) return stays('mismatch', `${what} has another content`)
    if (copy.media.volume === asset.media.volume) return stays('same-volume', `${what} lies on the same volume`)
  } else {
    const doubt = poor(copy.checks, policy.min_ssim)
    if (doubt) return stays('poor', `${what} ${doubt}`)
  }
  return line(asset, true, 'replaced', `${what} was read back ${since_days} days ago`)
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

/** All that could go first, the largest first. */
export function plan(originals: Iterable<{ asset: Original; copies: readonly CopyDoc[] }>, policy: Policy, now_ms: number): Line[] {
  const lines: Line[] = []
  for (const { asset, copies } of originals) lines.push(judge(asset, copies, policy, now_ms))
  return lines.sort((a, b) => Number(b.goes) - Number(a.goes) || b.bytes - a.bytes || (a.sha256 < b.sha256 ? -1 : 1))
}

const samePlace = (copy: CopyDoc, asset: AssetDoc) => copy.media.volume === asset.media.volume && copy.media.path === asset.media.path
const line = (asset: Original, goes: boolean, reason: Reason, why: string): Line =>
  ({ sha256: asset.sha256, name: asset.name, bytes: asset.media.bytes, goes, reason, why, wins_bytes: goes ? asset.media.bytes : 0 })
