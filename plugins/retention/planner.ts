/** What core asks of retention: the rules of viewshed.yaml as one pure planner. */
import { distance_m } from '../../core/contract/place.ts'
import type { TrackDoc } from '../../core/contract/records.ts'
import type { Planner } from '../../core/contract/retention.ts'
import { plan } from './plan.ts'
import { RUNGS, wordOf, type Settings } from './rung.ts'

export const planner: Planner<Settings> = {
  terms: (settings) => ({ grace_days: settings.grace_days, at: settings.at, most_part: settings.most_part, steps: stepsOf(settings), says: rulesOf(settings) }),
  placed: ({ worth: { areas } }) => (areas.length === 0 ? null : (track) => areas.find((area) => passes(track, area))?.name ?? null),
  plan,
}

function passes(track: TrackDoc, { lat_deg, lon_deg, radius_m }: Settings['worth']['areas'][number]): boolean {
  return track.lat_deg.some((lat, i) => distance_m(lat, track.lon_deg[i]!, lat_deg, lon_deg) <= radius_m)
}

const stepsOf = ({ ladder }: Settings) => RUNGS.flatMap((rung) => { const after_days = rung === 'original' ? null : ladder[rung]; return after_days === null ? [] : [{ rung, after_days }] })

function rulesOf(settings: Settings): string[] {
  const { rules, worth, keep_days, replaced_by, volumes, limits, most_part, grace_days, at } = settings
  const steps = stepsOf(settings).map(({ rung, after_days }) => `${rung === 'crops' ? wordOf('crops') : rung} after ${after_days} days`)
  return [
    `On ${volumes.join(' and ')}: ${steps.length > 0 ? steps.join(', ') : 'every recording stays as it came'}.`,
    ...rules.map(({ cameras, drives, ladder }) => `${[...(cameras ?? []), ...(drives ?? [])].join(', ') || 'All'}: ${Object.entries(ladder).map(([rung, days]) => (days === null ? `no ${rung}` : `${rung} after ${days} days`)).join(', ')}.`),
    `Originals stay at least ${keep_days} days; what you marked keep or the camera locked never goes down.`,
    `An event never goes below ${wordOf(worth.event)}, a recording with plates or objects never below ${wordOf(worth.sightings)}.`,
    ...worth.areas.map(({ name, radius_m, lowest }) => `What passes ${name} (${radius_m} m around it) never goes below ${wordOf(lowest)}.`),
    replaced_by === 'archive' ? 'An original goes only when the same bytes lie on another volume as well.' : 'An original may go when its smaller copy was checked; the full picture is then lost.',
    ...limits.map(({ volume, camera, most_gb, least_free_gb }) => `${volume}: ${[most_gb === null ? null : `recordings${camera === null ? '' : ` of ${camera}`} fill at most ${most_gb} GB`, least_free_gb === null ? null : `at least ${least_free_gb} GB stay free`].filter((part) => part !== null).join(', ')}; beyond it the oldest go down earlier.`),
    `A run at ${at} takes at most ${most_part * 100} % of the files of a volume; they rest in the trash for ${grace_days} days.`,
  ]
}
