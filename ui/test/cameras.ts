/** Invented cameras. What the routes do to them is really done, so the pages can be seen to follow. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { CameraClip, ClipState } from '../../core/contract/camera.ts'
import type { Answer, Ask, CameraDetail, CameraView, EventView } from '../../core/http/api.ts'

type Clock = Answer<'cameraClock'>
type Stretch = Clock['stretches'][number]
type Correction = Clock['corrections'][number]

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
type CameraRoutes = 'cameras' | 'camera' | 'steerCamera' | 'skipClips' | 'retryClips' | 'cameraHere' | 'sayCameras' | 'clipArchived' | 'clipCame' | 'lockClip' | 'knownFile' | 'cameraClock' | 'correctClock' | 'undoClock'

export const readCard = (n: number, name: string, recordings: number, refused: number): EventView =>
  ({ seq: String(n), type: 'folder.card', at_ms: Date.now() - (10 - n) * MINUTE_MS, payload: { path: `/media/${name}`, name, recordings, refused, bytes: recordings * 1_000_000 } })

export interface Garage {
  cameras: CameraDetail[]
  corrections: Correction[]
  readonly answers: { [R in CameraRoutes]: (query: Ask<R>) => Answer<R> | null }
  /** What came into the inbox, by path; `refuse` answers every file of these names with 507. */
  readonly inbox: Map<string, Buffer>
  read: readonly EventView[] // cards in a reader at the box
  readonly uploads: { cutAfter: number | null; refuse: RegExp | null }
  take(url: URL, request: IncomingMessage, response: ServerResponse): Promise<void>
  /** Every state there is; everybody away; none. */
  set(scene: 'full' | 'away' | 'none'): void
}

const two = (n: number) => String(n).padStart(2, '0')
const clip = (n: number, state: ClipState, over: Partial<CameraClip> = {}): CameraClip => {
  const at = `${two(8 + Math.floor(n / 40))}${two((n * 3) % 60)}12`
  const name = `2026_1120_${at}_${String(4200 + n).padStart(6, '0')}${n % 2 === 0 ? 'F' : 'R'}.MP4`
  const time = `2026-11-20T${at.slice(0, 2)}:${at.slice(2, 4)}`
  return { id: `${name}|${time}`, name, time, channel: n % 2 === 0 ? 'front' : 'rear', event: 'normal', bytes: 170_000_000 + n * 1_300_000, state, why: null, again_ms: null, ...over }
}

function countsOf(clips: readonly CameraClip[], more: number): CameraView['counts'] {
  const counts = { fetching: 0, waiting: 0, failed: 0, recording: 0, skipped: 0, in: more }
  for (const { state } of clips) counts[state]++
  return counts
}

function camera(id: string, now_ms: number, clips: readonly CameraClip[], over: Partial<CameraDetail> = {}): CameraDetail {
  const more = over.more ?? 0
  return {
    id, maker: 'VIOFO', device: 'nas', heard_ms: now_ms - 2000, watched: true, paused_by: null, paused: false, addresses: ['192.168.1.254'], address: null, seen_ms: now_ms - 5 * HOUR_MS, trouble: null,
    listed: { at_ms: now_ms - 5 * HOUR_MS, clips: clips.length + more }, counts: countsOf(clips, more), waiting_bytes: clips.reduce((sum, one) => sum + (one.state === 'waiting' ? (one.bytes ?? 0) : 0), 0),
    fetching: [], deletes: false, rules: ['Locked recordings first, then the newest.', 'Nothing on its card is ever changed or deleted.'], clips: [...clips], more, ...over,
  }
}

function camerasAt(now_ms: number): CameraDetail[] {
  const coming = clip(0, 'fetching', { event: 'locked' })
  const van = [
    coming, ...Array.from({ length: 46 }, (_, i) => clip(i + 1, 'waiting')),
    clip(50, 'failed', { why: '192.168.1.254/DCIM/Movie/2026_1120_093012_004250F.MP4 is answered with 500 text/plain in place of a recording', again_ms: now_ms + 94_000 }),
    clip(51, 'failed', { why: 'the clip ended after 48211968 of 171300000 bytes', again_ms: now_ms + 8 * MINUTE_MS }),
    clip(52, 'recording'), clip(53, 'skipped', { event: 'parking', why: 'parked at home' }), clip(54, 'skipped', { event: 'parking', why: 'parking recordings are skipped' }), clip(55, 'skipped', { why: 'skipped by hand' }),
    ...Array.from({ length: 60 }, (_, i) => clip(60 + i, 'in')),
  ]
  return [
    camera('Blue van', now_ms, van, {
      addresses: ['192.168.1.254', 'van-hotspot.lan'], address: '192.168.1.254', seen_ms: now_ms - 1000, listed: { at_ms: now_ms - 20_000, clips: van.length + 1_130 }, more: 1_130, counts: countsOf(van, 1_130),
      fetching: [{ id: coming.id, name: coming.name, done_bytes: 81_300_000, bytes: coming.bytes, bytes_s: 5_900_000 }],
      rules: ['Locked recordings first, then event, then the newest.', 'Parking recordings stay on the camera.', 'What was recorded while parked within 100 m of home stays on the camera.', 'Nothing on its card is ever changed or deleted.'],
    }),
    camera('Camper', now_ms, [clip(70, 'in'), clip(71, 'in'), clip(72, 'recording')], { maker: 'BlackVue', addresses: ['192.168.1.61'], address: '192.168.1.61', seen_ms: now_ms - 3000, listed: { at_ms: now_ms - 9000, clips: 3 }, deletes: true }),
    camera('Old hatchback of the neighbours with a long name', now_ms, [clip(80, 'waiting'), clip(81, 'waiting')], { addresses: ['hatchback.cameras.home.example.org'] }),
    camera('Quad', now_ms, [], { listed: null, seen_ms: null, counts: countsOf([], 0) }),
    camera('Tractor', now_ms, [clip(90, 'waiting')], { addresses: ['192.168.1.70'], trouble: 'what answers at 192.168.1.70 is no VIOFO' }),
    camera('Trailer', now_ms, [clip(95, 'waiting')], { paused_by: 'person', heard_ms: now_ms - 4000 }),
  ]
}

/** Summer time until the end of October, then the winter's, found in the name; a person's word counts for what has no GPS. */
const stretches = (corrections: readonly Correction[]): Stretch[] => {
  const day = (month: number, of: number) => Date.UTC(2026, month, of, 8, 12)
  const said = corrections.at(-1)
  return [
    { from_ms: day(8, 3), to_ms: day(9, 24), offset_s: -7201, from: 'gps', clips: 812 },
    said ? { from_ms: day(9, 25), to_ms: day(10, 2), offset_s: said.offset_s, from: 'person', clips: 143 } : { from_ms: day(9, 25), to_ms: day(10, 2), offset_s: -3600, from: 'name', clips: 143 },
    { from_ms: day(10, 3), to_ms: day(10, 20), offset_s: -7202, from: 'gps', clips: 235 },
    { from_ms: day(10, 3), to_ms: day(10, 20), offset_s: -7200, from: 'name', clips: 2 }, // its other channel, which writes no position
  ]
}

export function garageAt(now_ms: number): Garage {
  const change = (id: string, over: (camera: CameraDetail) => Partial<CameraDetail>): boolean => {
    const known = garage.cameras.find((one) => one.id === id)
    if (!known) return false
    garage.cameras = garage.cameras.map((one) => {
      if (one.id !== id) return one
      const next = { ...one, ...over(one) }
      return { ...next, counts: countsOf(next.clips, next.more), fetching: next.fetching.filter(({ id: coming }) => next.clips.some((of) => of.id === coming && of.state === 'fetching')) }
    })
    return true
  }
  const decide = (id: string, clips: readonly string[], over: Partial<CameraClip>) =>
    change(id, (of) => ({ clips: of.clips.map((one) => (clips.includes(one.id) ? { ...one, again_ms: null, ...over } : one)) })) ? { changed: clips.length } : null
  const garage: Garage = {
    cameras: camerasAt(now_ms), corrections: [], read: [], inbox: new Map(), uploads: { cutAfter: null, refuse: null },
    async take(url, request, response) {
      const path = decodeURIComponent(url.pathname.slice('/api/inbox/'.length))
      const had = garage.inbox.get(path) ?? Buffer.alloc(0)
      if (request.method === 'HEAD') return void response.writeHead(200, { 'upload-offset': had.length }).end()
      if (garage.uploads.refuse?.test(path)) { request.resume(); return void response.writeHead(507, { 'content-type': 'application/json' }).end(JSON.stringify({ code: 'media/full', message: 'No room is left in the inbox.' })) }
      let have = had.subarray(0, Number(request.headers['upload-offset']))
      for await (const chunk of request as AsyncIterable<Buffer>) {
        have = Buffer.concat([have, chunk])
        garage.inbox.set(path, have)
        if (garage.uploads.cutAfter !== null && have.length >= garage.uploads.cutAfter) { garage.uploads.cutAfter = null; request.socket.destroy(); return }
      }
      garage.inbox.set(path, have)
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ path, bytes: have.length }))
    },
    set(scene) {
      garage.read = []
      garage.corrections = []
      const all = camerasAt(now_ms)
      garage.cameras = scene === 'none' ? [] : scene === 'away' ? all.map((one) => ({ ...one, address: null, trouble: null, fetching: [], paused_by: null })) : all
    },
    answers: {
      cameras: () => ({ cameras: garage.cameras.map(({ clips: _, more: __, ...view }) => view) }),
      camera: ({ id }) => garage.cameras.find((one) => one.id === id) ?? null,
      steerCamera: ({ id, mode }) => (change(id, () => ({ paused_by: mode === 'paused' ? 'person' : null, ...(mode === 'paused' ? { address: null, fetching: [] } : {}) })) ? {} : null),
      skipClips: ({ id, clips }) => decide(id, clips, { state: 'skipped', why: 'skipped by hand' }),
      retryClips: ({ id, clips }) => decide(id, clips ?? garage.cameras.find((one) => one.id === id)?.clips.filter(({ state }) => state === 'failed').map((one) => one.id) ?? [], { state: 'waiting', why: null }),
      cameraHere: ({ id }) => (change(id, (one) => ({ address: one.addresses[0] ?? null, seen_ms: now_ms })) ? {} : null),
      cameraClock: ({ id }) => ({ corrections: garage.corrections, stretches: id === 'Blue van' ? stretches(garage.corrections) : [] }),
      correctClock: ({ offset_s, from_ms = null, to_ms = null }) => { garage.corrections = [...garage.corrections, { id: `c${garage.corrections.length}`, from_ms, to_ms, offset_s, by: 'anna', at_ms: now_ms }]; return { moved: 143 } },
      undoClock: ({ correction }) => { garage.corrections = garage.corrections.filter(({ id }) => id !== correction); return { moved: 143 } },
      sayCameras: () => null, clipArchived: () => null, clipCame: () => null, lockClip: () => null, knownFile: () => null, // a watcher's, not a page's
    },
  }
  return garage
}
