/** What a run of the demo found, read back over the appliance's own HTTP API. */
import type { Client } from '../core/http/client.ts'

export interface Result {
  readonly assets: readonly {
    path: string; sha256: string; kind: 'video' | 'image' | 'track'; duration_s: number | null; start: string | null
    fixes: number; dropped_fixes: number; clock: { offset_s: number; from: string }
  }[]
  readonly drives: readonly { id: string; start: string; assets: readonly string[]; distance_m: number }[]
  readonly sightings: readonly { plate: string; raw: string | null; confidence: number; asset: string; at_s: number; lat: number | null; lon: number | null; crop: string | null }[]
  readonly refused: readonly { path: string; code: string; message: string }[]
  readonly tasks: { complete: number; parked: number }
  readonly seconds: number
}

interface Arrival { readonly source: string; readonly media: { readonly sha256: string } }

const PAGE = 1000

/** @param asGiven the path as the person gave it, for an absolute one */
export async function readResult(api: Client, asGiven: (absolute: string) => string, seconds: number): Promise<Result> {
  const arrivals = (await allEvents(api, 'folder.arrived')).map((event) => event as unknown as Arrival)
  const paths = new Map<string, string[]>() // by content: the same bytes may lie at several paths
  for (const { source, media } of arrivals) paths.set(media.sha256, [...new Set([...(paths.get(media.sha256) ?? []), source])])

  const assets: Result['assets'][number][] = []
  const sightings: Result['sightings'][number][] = []
  const known = new Set<string>()
  for (const sha256 of paths.keys()) {
    const view = await api.asset({ id: sha256 }).catch((e: unknown) => {
      if (e instanceof Error && 'code' in e && e.code === 'not-found') return null
      throw e
    })
    if (!view) continue
    known.add(sha256)
    const { asset } = view
    for (const path of paths.get(sha256)!)
      assets.push({
        path: asGiven(path), sha256, kind: asset.media_kind, duration_s: asset.duration_s, start: iso(asset.start_ms), fixes: asset.fixes,
        dropped_fixes: Object.values(asset.dropped_fixes).reduce((sum, n) => sum + n, 0), clock: { offset_s: asset.clock.offset_s, from: asset.clock.from },
      })
    for (const hit of view.hits)
      if (hit.plate !== null)
        sightings.push({ plate: hit.plate, raw: hit.raw, confidence: hit.confidence, asset: sha256, at_s: hit.at_s, lat: hit.lat_deg, lon: hit.lon_deg, crop: hit.crop && `/media/${hit.crop.volume}/${hit.crop.path}` })
  }

  const { refusals } = await api.refusals({})
  const refused = refusals.flatMap(({ media, name, code, message }) =>
    media === null ? [{ path: asGiven(name), code, message }] : (paths.get(media.sha256) ?? []).map((path) => ({ path: asGiven(path), code, message })))

  const { drives } = await api.drives({ limit: PAGE })
  const { tasks } = await api.status({})
  const byPath = (a: { path: string }, b: { path: string }) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0)
  return {
    assets: assets.sort(byPath),
    drives: drives.map((d) => ({ id: d.id, start: new Date(d.start_ms).toISOString(), assets: d.assets, distance_m: d.distance_m })),
    sightings, refused: refused.sort(byPath), tasks: { complete: tasks.complete, parked: tasks.parked }, seconds,
  }
}

async function allEvents(api: Client, type: string): Promise<Record<string, unknown>[]> {
  const all: Record<string, unknown>[] = []
  for (let after = ''; ;) {
    const { events } = await api.events({ type, limit: PAGE, after })
    all.push(...events.map((event) => event.payload))
    if (events.length < PAGE) return all
    after = events.at(-1)!.seq
  }
}

const iso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString())
