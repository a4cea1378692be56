/** What core asks of retention: the rules of viewshed.yaml as one pure planner. */
import { distance_m } from '../../core/contract/place.ts'
import type { TrackDoc } from '../../core/contract/records.ts'
import type { Planner } from '../../core/contract/retention.ts'
import { plan } from './plan.ts'
import type { Settings } from './rung.ts'

export const planner: Planner<Settings> = {
  terms: ({ grace_days, at }) => ({ grace_days, at }),
  placed: ({ worth: { areas } }) => (areas.length === 0 ? null : (track) => areas.find((area) => passes(track, area))?.name ?? null),
  plan,
}

function passes(track: TrackDoc, { lat_deg, lon_deg, radius_m }: Settings['worth']['areas'][number]): boolean {
  return track.lat_deg.some((lat, i) => distance_m(lat, track.lon_deg[i]!, lat_deg, lon_deg) <= radius_m)
}
