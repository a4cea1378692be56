/** An invented town, its drives and the plates met on them. Everything follows from one seed and the given present. */
import { createHash } from 'node:crypto'
import type { AssetDoc, CopyDoc, PicturesDoc, RemovalDoc, Sighting, SightingsDoc, TrackDoc } from '../../core/contract/records.ts'
import { placeAt } from '../../core/contract/place.ts'
import type { AssetView, DriveView, SightingHit } from '../../core/store/port.ts'
import type { TaskLink, TaskView } from '../../core/tasks/port.ts'
import { STRIP } from './pictures.ts'

const CLIP_S = 60
const DAY_MS = 86_400_000
type Spot = readonly [lat: number, lon: number]
const SPOTS: Record<string, Spot> = { home: [52.4, 4.075], work: [52.436, 4.142], market: [52.404, 4.128], school: [52.411, 4.088], lake: [52.448, 4.105], mum: [52.397, 4.17] }
const PLATES = ['KU418OT', 'FI207UM', 'NU560IV', 'OX731LI', 'GO318UB', 'UR092OL', 'HO173IS', 'TI645UO', 'EU341IN', 'LI268OD', 'MU529AO', 'DO437UF', 'BO806UL', 'KU478OT', 'UM714IR', 'ZE155AK', 'PA902MN', 'RI330EX']

/** A car that is met once. */
const someone = (random: () => number) => `${'ABDEGHKLMNPRTUVZ'[Math.floor(random() * 16)]!}${'AEIOU'[Math.floor(random() * 5)]!}${100 + Math.floor(random() * 900)}${'AEIOU'[Math.floor(random() * 5)]!}${'BDFKLMNRST'[Math.floor(random() * 10)]!}`

export interface World { readonly views: readonly AssetView[]; readonly drives: readonly DriveView[]; readonly hits: readonly SightingHit[]; readonly tasks: readonly TaskView[] }

const sha = (text: string) => createHash('sha256').update(text).digest('hex')
const media = (path: string, bytes = 40_000) => ({ volume: 'media', path, bytes, sha256: sha(path) })
function dice(seed: number): () => number {
  return () => {
    seed = (seed * 1_664_525 + 1_013_904_223) % 4_294_967_296
    return seed / 4_294_967_296
  }
}

/** A way between two spots with a few bends, one point a second, with stops. */
function wayOf(from: Spot, to: Spot, seconds: number, random: () => number): { lat: number; lon: number; speed_mps: number; heading: number }[] {
  // The same two spots are joined by the same roads, whichever way one drives; a trip wanders a little within them.
  const outward = from[0] + from[1] < to[0] + to[1]
  const roads = dice(Math.round((from[0] * to[0] + from[1] * to[1]) * 1e6) % 4_294_967_296)
  roads(); roads()
  const laid = Array.from({ length: 4 }, (_, i) => ({ at: (i + 1) / 5, lat: (roads() - 0.5) * 0.011, lon: (roads() - 0.5) * 0.014 }))
  const bends = (outward ? laid : laid.map((bend) => ({ ...bend, at: 1 - bend.at }))).map((bend) => ({ ...bend, lat: bend.lat + (random() - 0.5) * 0.00008, lon: bend.lon + (random() - 0.5) * 0.00008 }))
  const at = (u: number): Spot => {
    let [lat, lon] = [from[0] + (to[0] - from[0]) * u, from[1] + (to[1] - from[1]) * u]
    for (const bend of bends) {
      const near = Math.max(0, 1 - Math.abs(u - bend.at) / 0.22)
      const soft = near * near * (3 - 2 * near)
      lat += bend.lat * soft
      lon += bend.lon * soft
    }
    return [lat, lon]
  }
  const pace = Array.from({ length: seconds }, (_, i) => Math.max(0, Math.sin((i / seconds) * Math.PI * 5 + 0.6) * 0.7 + 0.55 + (random() - 0.5) * 0.06))
  const total = pace.reduce((sum, p) => sum + p, 0)
  let done = 0
  return pace.map((p) => {
    const [lat, lon] = at(done / total)
    const [lat2, lon2] = at(Math.min(1, (done + 0.6) / total))
    done += p
    const metres = Math.hypot((lat2 - lat) * 111_320, (lon2 - lon) * 111_320 * 0.61) / 0.6
    return { lat, lon, speed_mps: metres * p, heading: ((Math.atan2((lon2 - lon) * 0.61, lat2 - lat) * 180) / Math.PI + 360) % 360 }
  })
}

function charsOf(plate: string, sure: number, random: () => number): Sighting['chars'] {
  const LIKE: Record<string, string> = { 0: 'O', O: '0', 1: 'I', I: '1', 8: 'B', B: '8', 5: 'S' }
  return plate.split('').map((c) => {
    const p = Math.min(0.995, Math.max(0.35, sure + (random() - 0.45) * 0.1 + (LIKE[c] ? -0.06 : 0.03)))
    return { c, p, alt: p < 0.9 && LIKE[c] ? [LIKE[c]] : [] }
  })
}

export function worldAt(now_ms: number): World {
  const random = dice(7)
  const views: AssetView[] = []
  const drives: DriveView[] = []
  const midnight = new Date(now_ms).setHours(0, 0, 0, 0)
  const trips: readonly (readonly [daysAgo: number, hour: number, from: string, to: string, clips: number])[] = [
    [0, 13.9, 'market', 'home', 5], [0, 13.35, 'work', 'market', 4], [0, 7.7, 'home', 'work', 6], [1, 18.07, 'work', 'home', 6], [1, 7.65, 'home', 'work', 6], [2, 11.57, 'lake', 'home', 4], [2, 9.33, 'home', 'lake', 5],
    ...Array.from({ length: 22 }, (_, i) => [4 + i * 2, 7.5 + (i % 3) * 4.2, ['home', 'school', 'market', 'work'][i % 4]!, ['lake', 'work', 'mum', 'school'][(i + 1) % 4]!, 3 + (i % 3)] as const),
  ]
  for (const [t, [daysAgo, hour, from, to, clips]] of trips.entries()) {
    const start_ms = midnight - daysAgo * DAY_MS + Math.round(hour * 3600) * 1000
    const way = wayOf(SPOTS[from]!, SPOTS[to]!, clips * CLIP_S, random)
    const id = sha(`drive ${t}`).slice(0, 20)
    const own: AssetView[] = []
    for (let c = 0; c < clips; c++) for (const channel of t < 3 ? ['front', 'rear'] as const : ['front'] as const) {
      if (t === 0 && channel === 'rear' && c >= 3) continue // still on the camera
      own.push(clipOf({ t, c, channel, start_ms: start_ms + c * CLIP_S * 1000, way: way.slice(c * CLIP_S, (c + 1) * CLIP_S), drive: id, random, read: !(t === 0 && c >= 3), playable: t !== 1 }))
    }
    views.push(...own)
    const front = own.filter((view) => view.asset.channel === 'front')
    drives.push({
      id, group: 'a229', assets: own.map((view) => view.asset.sha256), start_ms, end_ms: start_ms + clips * CLIP_S * 1000,
      distance_m: way.reduce((sum, p) => sum + p.speed_mps, 0), line: way.filter((_, i) => i % 4 === 0 || i === way.length - 1).map((p) => [p.lat, p.lon]),
      plates: new Set(own.flatMap((view) => view.hits.map((hit) => hit.plate))).size, thumb: `media/${front[0]!.pictures!.thumbs[0]!.media.path}`,
    })
  }
  const hits = views.flatMap((view) => view.hits).sort((a, b) => b.at_ms! - a.at_ms!)
  return { views, drives, hits, tasks: tasksOf(now_ms, views) }
}

interface Clip { t: number; c: number; channel: 'front' | 'rear'; start_ms: number; way: ReturnType<typeof wayOf>; drive: string; random: () => number; read: boolean; playable: boolean }
function clipOf({ t, c, channel, start_ms, way, drive, random, read, playable }: Clip): AssetView {
  const stamp = new Date(start_ms).toISOString().replace(/[-:]/g, '').slice(0, 15).replace('T', '_')
  const name = `${stamp}_${channel === 'front' ? 'F' : 'R'}.MP4`
  const digest = sha(`${t} ${c} ${channel}`)
  const derived = `derived/${digest.slice(0, 2)}/${digest}`
  const tone = t === 3 || t === 4 ? 2 : t % 4 === 1 ? 1 : t % 7 === 5 ? 3 : 0
  const asset: AssetDoc = {
    _id: `asset:${digest}`, kind: 'asset', sha256: digest, media_kind: 'video', media: { ...media(`raw/a229/${stamp.slice(0, 8)}/${name}`, 288_000_000 + Math.round(random() * 9e6)), sha256: digest }, name, camera: 'a229', channel,
    event: t === 0 && c === 1 && channel === 'front' ? 'locked' : 'normal', start_ms, duration_s: CLIP_S, clock: { offset_s: 2, from: 'gps' }, width_px: 2560, height_px: 1440, fps: 30, codec: playable ? 'h264' : 'hevc', audio: true, playable,
    fixes: way.length, dropped_fixes: { no_fix: c === 0 ? 3 : 0, zero: 0, static: 0, jump: 0, no_time: 0, invalid: 0 }, notes: [],
  }
  const tunnel = t === 0 && c === 3
  const kept = way.map((p, i) => ({ ...p, i })).filter(({ i }) => !(tunnel && i > 12 && i < 46))
  const track: TrackDoc = {
    _id: `track:${digest}`, kind: 'track', asset: digest, source: 'freegps', at_ms: kept.map((p) => start_ms + p.i * 1000), t_s: kept.map((p) => p.i), lat_deg: kept.map((p) => p.lat), lon_deg: kept.map((p) => p.lon),
    speed_mps: kept.map((p) => p.speed_mps), heading_deg: kept.map((p) => p.heading), altitude_m: kept.map(() => null),
  }
  const found = read && channel === 'front' ? 2 + Math.floor(random() * 4) : 0
  const sightings: Sighting[] = Array.from({ length: found }, (_, n) => {
    const plate = t === 0 && c === 0 && n === 0 ? 'KU418OT' : (random() < 0.5 ? PLATES[Math.floor(random() * PLATES.length)]! : someone(random))
    const sure = random() < 0.16 ? 0.7 + random() * 0.1 : 0.9 + random() * 0.08
    const at_s = 6 + n * (50 / found) + random() * 5
    const chars = charsOf(plate, sure, random)
    return {
      class: 'plate', plate, raw: `${plate.slice(0, 2)}-${plate.slice(2, 5)}-${plate.slice(5)}`, confidence: Math.min(0.99, chars.reduce((sum, char) => sum + char.p, 0) / chars.length), chars, at_s, from_s: Math.max(0, at_s - 1.5 - random() * 2), to_s: at_s + 1 + random() * 3,
      box: [0.61 + random() * 0.02, 0.54, 0.145, 0.18], reads: 3 + Math.floor(random() * 20), crop: media(`${derived}/crop-${n}-${plate}.jpg`), frame: media(`${derived}/frame-${tone}-${plate}-${n}.jpg`),
    }
  })
  const docs: SightingsDoc[] = read ? [{ _id: `sightings:${digest}:inference.plates`, kind: 'sightings', asset: digest, stage: 'inference.plates', model: 'plate-reader 5', frames: 240, sightings }] : []
  const pictures: PicturesDoc = {
    _id: `pictures:${digest}:clip.thumbs`, kind: 'pictures', asset: digest, thumbs: [{ width_px: 320, media: media(`${derived}/thumb-${tone}-320.jpg`) }, { width_px: 960, media: media(`${derived}/thumb-${tone}-960.jpg`) }],
    filmstrip: { media: media(`${derived}/strip-${tone}.jpg`), frames: STRIP.frames, width_px: STRIP.width_px, height_px: STRIP.height_px, columns: STRIP.columns, interval_s: CLIP_S / STRIP.frames },
  }
  const copies: CopyDoc[] = t < 5 && t !== 2 ? [{ _id: `copy:${digest}:720p`, kind: 'copy', asset: digest, role: '720p', media: media(`${derived}/720p.mp4`, 24_000_000), verified_ms: null, checks: {} }] : []
  if (t > 2) copies.push({ _id: `copy:${digest}:archive`, kind: 'copy', asset: digest, role: 'archive', media: { ...asset.media, volume: 'archive', path: `${digest}/video_original.mp4` }, verified_ms: start_ms + 7_200_000, checks: {} })
  const hits = sightings.map((sighting, index): SightingHit => {
    const where = placeAt(track, sighting.at_s)
    return { ...sighting, asset: digest, index, stage: 'inference.plates', at_ms: Math.round(start_ms + sighting.at_s * 1000), lat_deg: where?.lat_deg ?? null, lon_deg: where?.lon_deg ?? null, heading_deg: where?.heading_deg ?? null, speed_mps: where?.speed_mps ?? null }
  })
  // The oldest drive went all the way down: its video lies in the archive alone.
  const removed: RemovalDoc[] = t < 28 ? [] : [{ _id: `removal:${digest}:original`, kind: 'removal', asset: digest, role: 'original', media: asset.media, state: 'gone', at_ms: start_ms + 40 * DAY_MS, why: 'the same on archive was read back 12 days ago', left: ['archive'] }]
  return { asset, track, sightings: docs, hits, pictures, copies, removed, drive, drive_kept: false }
}

function tasksOf(now_ms: number, views: readonly AssetView[]): TaskView[] {
  const idOf = (n: number, stage: string) => sha(`task ${n} ${stage}`).slice(0, 32)
  const task = (n: number, stage: string, view: AssetView | null, more: Partial<TaskView>): TaskView => ({
    id: idOf(n, stage), stage, state: 'complete', running: null, input: { name: view?.asset.name ?? `2026_1117_18103${n}F.MP4`, media: view?.asset.media ?? media(`raw/a229/broken/${n}.MP4`) }, options: {}, output: {}, attempts: 0, interruptions: 0, not_before_ms: 0, faults: [],
    created_ms: now_ms - 900_000 - n * 30_000, completed_ms: now_ms - 840_000 - n * 30_000, device: 'nas', run: 0, interrupted: [], made_by: [], made: [], flow_faults: [], ...more,
  })
  const link = ({ id, stage, state }: TaskView): TaskLink => ({ id, stage, state })
  const waits = { state: 'pending', output: null, completed_ms: null, device: null } as const
  const probed = views.slice(0, 40).map((view, i) => task(i, 'clip.probe', view, {}))
  const after = (n: number) => ({ made_by: [link(probed[n]!)] })
  const fault = (at_ms: number, i: number) => ({ code: 'tool/failed', message: 'ffmpeg could not write the copy: the decoder stopped at 41 s. The original is untouched.', device: i === 1 ? 'gpu-pc' : 'nas', at_ms, log: 'ffmpeg -i 135754F.MP4 -vf scale=-2:720 …\n[h264] error while decoding MB 63 12\n[out#0] nothing was written after 41.2 s\nexit code 1' })
  const parked = [0, 1, 2, 3].map((n) => task(100 + n, 'retention.slim', views[n]!, {
    ...waits, state: 'parked', attempts: 5, faults: Array.from({ length: 5 }, (_, i) => fault(now_ms - 720_000 + i * 60_000 - n * 86_400_000 * 0.8, i)), ...after(n),
    ...(n === 0 ? { interruptions: 2, interrupted: [{ device: 'gpu-pc', at_ms: now_ms - 1_500_000, why: 'was gone' }, { device: 'nas', at_ms: now_ms - 1_100_000, why: 'said nothing for 60 s' }] } : {}),
  }))
  const running = [0, 1, 2].map((n) => task(200 + n, n === 2 ? 'clip.thumbs' : 'inference.plates', views[6 + n]!, { ...waits, ...after(6 + n), running: { device: n === 2 ? 'nas' : 'gpu-pc', since_ms: now_ms - 41_000 + n * 9000, progress: [0.62, 0.31, 0.2][n]!, what: ['112 of 180 s, 8 plates', '56 of 180 s, 2 plates', '9 of 45'][n]! } }))
  const pending = Array.from({ length: 7 }, (_, n) => n < 4
    ? task(300 + n, 'inference.plates', views[10 + n]!, { ...waits, ...after(10 + n), ...(n === 1 ? { run: 1 } : {}), ...(n === 2 ? { attempts: 1, faults: [fault(now_ms - 60_000, 0)], not_before_ms: now_ms + 180_000 } : {}) })
    : task(300 + n, n < 6 ? 'archive.copy' : 'retention.slim', views[10 + n]!, { ...waits, ...after(10 + n) }))
  const read = [20, 21, 22].map((n) => task(400 + n, 'inference.plates', views[n]!, { device: 'gpu-pc', ...after(n), ...(n === 20 ? { run: 1 } : {}) }))
  const thumbs = [20, 21].map((n) => task(400 + n, 'clip.thumbs', views[n]!, after(n)))
  const children = [...parked, ...running, ...pending, ...read, ...thumbs]
  const done = probed.map((one) => ({ ...one, made: children.filter((child) => child.made_by[0]!.id === one.id).map(link) }))
  return [...children, ...done]
}
