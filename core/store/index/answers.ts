import type { AssetDoc } from '../../contract/records.ts'
import type { Index, Period } from '../port.ts'
import { clipIn, type Kept } from './clip.ts'
import { driveOf, driveWith, findDrives } from './drives.ts'
import { histogram } from './hours.ts'
import { after, clipOf, key, newestFirst, timeIn, TOTALS } from './keys.ts'
import { viewPlaces } from './places.ts'
import { newestPlates, searchPlates, sightingsOf } from './plates.ts'
import { startingWith, type Snapshot } from './snapshot.ts'
import { endOf, LONGEST_CLIP, NOTHING, type Totals } from './update.ts'

/** @param ask Runs a question on one state of the index. */
export function answers(ask: <T>(question: (now: Snapshot) => Promise<T>) => Promise<T>): Index {
  return {
    plates: ({ text, mode, limit }) => ask((now) => searchPlates(now, text, mode, limit)),
    plate: (text, limit) => ask((now) => sightingsOf(now, text, limit)),
    newestPlates: (limit) => ask((now) => newestPlates(now, limit)),
    asset: (sha256) => ask(async (now) => {
      const clip = clipIn((await now.json<Kept>(key('A', clipOf(sha256)))) ?? {})
      return clip?.asset.sha256 === sha256 ? { ...clip, ...(await driveWith(now, sha256)) } : null
    }),
    assets: (period, limit, past = null) => ask((now) => assets(now, period, limit, past)),
    drives: (filter) => ask((now) => findDrives(now, filter)),
    drive: (id) => ask((now) => driveOf(now, id)),
    view: (filter) => ask((now) => viewPlaces(now, filter)),
    histogram: ({ period, by }) => ask((now) => histogram(now, period, by)),
    refusals: (limit) => ask(async (now) => (await now.entries(startingWith(key('R'), limit))).map(([, value]) => JSON.parse(value.toString()))),
    totals: () => ask(async (now) => {
      const timed = { gte: key('T'), lt: key('T', newestFirst(null)), limit: 1 }
      const [[newest], [oldest], totals] = await Promise.all([now.keys(timed), now.keys({ ...timed, reverse: true }), now.json<Totals>(TOTALS)])
      const time = (k: Buffer | undefined) => (k ? timeIn(k.subarray(1)) : null)
      return { ...(totals ?? NOTHING), from_ms: time(oldest), to_ms: time(newest) }
    }),
  }
}

/** Newest first, without a start last. A clip lies in a period when any part of it does. */
async function assets(now: Snapshot, period: Period | null, limit: number, past: string | null): Promise<AssetDoc[]> {
  const longest_ms = (await now.json<number>(LONGEST_CLIP)) ?? 0
  const range = period
    ? { gte: key('T', newestFirst(period.to_ms)), lt: after(key('T', newestFirst(period.from_ms - longest_ms))) }
    : startingWith(key('T'))
  const last = past === null ? null : clipIn((await now.json<Kept>(key('A', clipOf(past)))) ?? {})?.asset
  if (last !== null && last?.sha256 !== past) return []
  const from = last ? after(key('T', newestFirst(last.start_ms), clipOf(last.sha256))) : range.gte
  const found: AssetDoc[] = []
  for await (const [, value] of now.walk({ ...range, gte: Buffer.compare(from, range.gte) > 0 ? from : range.gte }, Math.min(256, limit))) {
    if (found.length >= limit) break
    const asset = JSON.parse(value.toString()) as AssetDoc
    if (!period || (asset.start_ms !== null && asset.start_ms < period.to_ms && endOf(asset) >= period.from_ms)) found.push(asset)
  }
  return found
}
