import { dayOf, isBetween, isDay, isOn, type Spot } from '../../core/contract/clock.ts'
import { Fault } from '../../core/contract/fault.ts'
import { distance_m } from '../../core/contract/place.ts'
import type { OwnAnswer, OwnContext, OwnLook } from '../../core/contract/plugin.ts'
import { isWithin } from './area.ts'
import type { FlowConfig, WhenInput, WhenOptions, WhenOutput } from './schemas.ts'

export async function run(input: WhenInput, ctx: OwnContext<FlowConfig, WhenOptions>): Promise<OwnAnswer<WhenOutput>> {
  const { config, options, look } = ctx
  if ((options.lat_deg === undefined) !== (options.lon_deg === undefined)) throw new Fault('config/invalid', `The circle has a ${options.lat_deg === undefined ? 'longitude and no latitude' : 'latitude and no longitude'}: fill in both in the node When, or neither, and deploy.`)
  const wanted = wantedOf(options, config)
  const why = await against(input, ctx)
  if (why !== null) return { output: { way: 'no', why, matched: [] } }
  if (wanted === null) return { output: { way: 'yes', why: '', matched: [] } }
  const matched = input.sha256 === undefined ? [] : [...new Set((await look.plates(input.sha256)).map(bare))].filter((plate) => wanted.has(plate))
  return { output: matched.length > 0 ? { way: 'yes', why: '', matched } : { way: 'no', why: 'none of the plates was read', matched } }
}

/** The first thing beside the plates that does not hold, in words; null: all that was filled in holds. */
async function against({ sha256, start_ms }: WhenInput, { config, options, asked_ms, look }: OwnContext<FlowConfig, WhenOptions>): Promise<string | null> {
  const { clock, days, from, to, first_day, last_day, sun, side, lat_deg, lon_deg, radius_m = 200, area } = options
  const at_ms = clock === 'when it was recorded' ? (start_ms ?? asked_ms) : asked_ms
  const day = dayOf(at_ms)
  if (days !== undefined && !isOn(at_ms, days)) return `${day} is none of ${days}`
  if ((first_day !== undefined && day < first_day) || (last_day !== undefined && day > last_day)) return `${day} is not from ${first_day ?? '…'} to ${last_day ?? '…'}`
  if ((from !== undefined || to !== undefined) && !isBetween(at_ms, from ?? '00:00', to ?? '24:00')) return `it was not between ${from ?? '00:00'} and ${to ?? '24:00'}`
  const isCircle = lat_deg !== undefined && lon_deg !== undefined
  const fixes = sun !== 'any' || isCircle || area !== undefined ? await fixesOf(sha256, look) : []
  if (sun !== 'any') {
    const place = fixes[0] ?? config.home
    if (place === null) throw new Fault('config/invalid', 'Nothing says where: the recording has no position, and plugins.flow.home in viewshed.yaml is not set.')
    if (isDay(at_ms, place) !== (sun === 'day')) return `it was ${sun === 'day' ? 'night' : 'day'}`
  }
  if (isCircle || area !== undefined) {
    if (fixes.length === 0) return 'no position was recorded'
    const isIn = (fix: Spot) => (isCircle && distance_m(fix.lat_deg, fix.lon_deg, lat_deg, lon_deg) <= radius_m) || (area !== undefined && isWithin(fix, area))
    if (fixes.some(isIn) !== (side === 'inside')) return side === 'inside' ? 'it was never there' : 'it was there'
  }
  return null
}

/** As plates are stored; null: none are asked for. */
const wantedOf = ({ plates, watch_list }: WhenOptions, config: FlowConfig) =>
  plates === undefined && watch_list !== true ? null : new Set([...(plates ?? []), ...(watch_list === true ? config.watch_list : [])].map(bare))

/** As plates are stored: letters and digits. */
const bare = (plate: string): string => plate.toUpperCase().replaceAll(/[^A-Z0-9]/g, '')

async function fixesOf(sha256: string | undefined, look: OwnLook): Promise<readonly Spot[]> {
  const track = sha256 === undefined ? null : await look.track(sha256)
  return track === null ? [] : track.lat_deg.map((lat_deg, i) => ({ lat_deg, lon_deg: track.lon_deg[i]! }))
}
