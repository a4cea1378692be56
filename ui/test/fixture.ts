/**
 * A box that is not there: the API over an invented world, for looking at the pages and for their test.
 * `node ui/test/fixture.ts [port]` serves `ui/dist` on it. Nothing of the appliance imports this.
 */
import { createReadStream, readFileSync, statSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { extname, join } from 'node:path'
import type { AddressInfo } from 'node:net'
import { Aedes } from 'aedes'
import { createWebSocketStream, WebSocketServer } from 'ws'
import { FAULTS, Fault } from '../../core/contract/fault.ts'
import { ROLES, type Role } from '../../core/contract/plugin.ts'
import { routes, type Answer, type Ask, type Routes, type StatusView } from '../../core/http/api.ts'
import type { PlateHit } from '../../core/store/port.ts'
import { garageAt, type Garage } from './cameras.ts'
import { engineAt, type Engine } from './engine.ts'
import { yardAt, type Yard } from './devices.ts'
import { clipMp4, cropJpeg, filmstripJpeg, frameJpeg } from './pictures.ts'
import { shelfAt, type Shelf } from './shelf.ts'
import { worldAt, type World } from './world.ts'

const ROOT = join(import.meta.dirname, '..')
const BOX = 'viewshed' // its name
const POLICY = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self' data:; connect-src 'self'; object-src 'none'"
const TYPES: Record<string, string> = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.woff2': 'font/woff2', '.woff': 'font/woff', '.jpg': 'image/jpeg', '.mp4': 'video/mp4' }

export interface Fixture {
  readonly url: string
  readonly world: World
  /** What the page asked for, newest last. */
  readonly asked: { route: string; query: Record<string, unknown> }[]
  readonly yard: Yard
  readonly shelf: Shelf
  readonly garage: Garage
  readonly engine: Engine
  /** `refuse`: what these routes answer instead, 409. */
  state: { signedIn: boolean; setupNeeded: boolean; empty: boolean; down: boolean; role: Role; refuse: Record<string, { code: string; message: string }> }
  /** Says over MQTT how far a task is, and that something changed. */
  progress(task: string, stage: string, done: number, what: string): void
  changed(): void
  close(): Promise<void>
}

/** @param dist The built pages. */
export async function fixture(port = 0, now_ms = Date.now(), dist = join(ROOT, 'dist')): Promise<Fixture> {
  const world = worldAt(now_ms)
  const video = await clipMp4(join(ROOT, '..', '.viewshed', 'fixture'))
  const yard = yardAt(now_ms, world)
  const shelf = shelfAt(now_ms, world, BOX)
  const garage = garageAt(now_ms)
  const engine = engineAt(now_ms, BOX)
  const state: Fixture['state'] = { signedIn: true, setupNeeded: false, empty: false, down: false, role: 'admin', refuse: {} }
  const asked: Fixture['asked'] = []
  const pictures = new Map<string, Promise<Buffer>>()
  const broker = await Aedes.createBroker()

  const server = createServer((request, response) => void serve(request, response).catch((error: unknown) => { response.writeHead(500).end(JSON.stringify({ code: 'stage/failed', message: String(error) })) }))
  const sockets = new WebSocketServer({ server, path: '/mqtt' })
  sockets.on('connection', (socket) => broker.handle(createWebSocketStream(socket)))

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (state.down) { request.socket.destroy(); return }
    const url = new URL(request.url!, 'http://box')
    response.setHeader('content-security-policy', POLICY)
    if (url.pathname.startsWith('/media/')) return sendMedia(decodeURIComponent(url.pathname), url.searchParams.get('asset'), request, response)
    if (url.pathname.startsWith('/api/inbox/')) return garage.take(url, request, response)
    if (!url.pathname.startsWith('/api/') && url.pathname !== '/healthz') return sendPage(dist, url.pathname, response)
    for (const [name, route] of Object.entries(routes)) {
      const pattern = new RegExp(`^${route.path.replace(/:(\w+)/g, '(?<$1>[^/]+)')}$`).exec(url.pathname)
      if (!pattern || route.method !== request.method) continue
      if (route.role !== null && !state.signedIn) return json(response, 401, { code: 'access/unauthenticated', message: 'Nobody is signed in.' })
      if (route.role !== null && ROLES.indexOf(state.role) < ROLES.indexOf(route.role)) return json(response, 403, { code: 'access/forbidden', message: `That takes the role ${route.role}.` })
      const body = request.method === 'POST' ? JSON.parse(await text(request)) as Record<string, unknown> : {}
      const query = { ...Object.fromEntries(url.searchParams), ...body, ...Object.fromEntries(Object.entries(pattern.groups ?? {}).map(([key, value]) => [key, decodeURIComponent(value)])) }
      asked.push({ route: name, query })
      if (state.refuse[name]) return json(response, 409, state.refuse[name])
      const answer = tried(() => (answers as unknown as Record<string, (query: Record<string, unknown>) => unknown>)[name]!(query))
      if (answer instanceof Fault) return json(response, FAULTS[answer.code].status, { code: answer.code, message: answer.message })
      return answer === null ? json(response, 404, { code: 'not-found', message: 'There is no such thing.' }) : json(response, 200, answer)
    }
    json(response, 404, { code: 'not-found', message: 'There is no such route.' })
  }

  const answers: { [R in keyof Routes]: (query: Ask<R>) => Answer<R> | null } = {
    health: () => ({ ok: true }),
    setupState: () => ({ needed: state.setupNeeded }),
    setup: ({ token, name }) => { if (token !== 'once') throw new Fault('access/denied', 'This setup link was used, replaced or is older than an hour.'); state.signedIn = true; state.setupNeeded = false; return { ...me, name } },
    session: () => me,
    signIn: ({ password }) => { if (password !== 'correct horse battery') return null; state.signedIn = true; return me },
    signOut: () => { state.signedIn = false; return {} },
    status: () => status(),
    drives: ({ from, to, bbox, limit }) => {
      const [south, west, north, east] = (bbox ?? '-90,-180,90,180').split(',').map(Number) as [number, number, number, number]
      return { drives: (state.empty ? [] : world.drives).filter((drive) => drive.end_ms >= Number(from ?? 0) && drive.start_ms <= Number(to ?? Infinity) && drive.line.some(([lat, lon]) => lat! >= south && lat! <= north && lon! >= west && lon! <= east)).slice(0, Number(limit ?? 100)) }
    },
    drive: ({ id }) => { const drive = world.drives.find((d) => d.id === id); return drive ? { drive, assets: world.views.filter((view) => view.drive === id) } : null },
    assets: ({ after, limit }) => {
      const all = (state.empty ? [] : world.views).map((view) => view.asset).sort((a, b) => b.start_ms! - a.start_ms!)
      return { assets: all.slice(all.findIndex(({ sha256 }) => sha256 === after) + 1).slice(0, Number(limit ?? 100)) }
    },
    asset: ({ id }) => world.views.find((view) => view.asset.sha256 === id) ?? null,
    plates: ({ q, mode, limit }) => {
      const all = state.empty ? [] : plateHits(world)
      if (!q) return { hits: all.slice(0, Number(limit ?? 100)), counts: { exact: 0, part: 0, fuzzy: 0 } }
      const exact = all.filter((hit) => hit.plate === q)
      const part = all.filter((hit) => hit.plate.includes(q)).map((hit) => ({ ...hit, why: hit.plate === q ? 'exact' : 'contains' }))
      const fuzzy = all.map((hit) => ({ ...hit, distance: edits(hit.plate, q), why: whyNear(hit.plate, q) })).filter((hit) => hit.distance > 0 && hit.distance <= 2).sort((a, b) => a.distance - b.distance)
      return { hits: { exact, part, fuzzy }[mode ?? 'part'].slice(0, Number(limit ?? 100)), counts: { exact: exact.length, part: part.length, fuzzy: fuzzy.length } }
    },
    plate: ({ id }) => {
      const plate = id.toUpperCase().replace(/[^A-Z0-9]/g, '')
      return { plate, hits: world.hits.filter((hit) => hit.plate === plate), near: plateHits(world).map((hit) => ({ ...hit, distance: edits(hit.plate, plate), why: whyNear(hit.plate, plate) })).filter((hit) => hit.distance > 0 && hit.distance <= 2) }
    },
    view: ({ bbox, from, to, min, limit }) => {
      const [south, west, north, east] = bbox.split(',').map(Number) as [number, number, number, number]
      const hits = (state.empty ? [] : world.hits).filter((hit) => hit.lat_deg !== null && hit.lat_deg >= south && hit.lat_deg <= north && hit.lon_deg! >= west && hit.lon_deg! <= east && hit.at_ms! >= Number(from ?? 0) && hit.at_ms! <= Number(to ?? Infinity) && hit.confidence >= Number(min ?? 0))
      return { hits: hits.slice(0, Number(limit ?? 100)), cells: [] }
    },
    histogram: ({ from, to, by }) => {
      const step = { hour: 3_600_000, day: 86_400_000, month: 30 * 86_400_000 }[by]
      const bins = new Map<number, { start_ms: number; sightings: number; clips: number }>()
      const bin = (ms: number) => { const start_ms = Math.floor(ms / step) * step; if (!bins.has(start_ms)) bins.set(start_ms, { start_ms, sightings: 0, clips: 0 }); return bins.get(start_ms)! }
      for (const hit of world.hits) if (hit.at_ms! >= Number(from) && hit.at_ms! <= Number(to)) bin(hit.at_ms!).sightings++
      for (const view of world.views) if (view.asset.start_ms! >= Number(from) && view.asset.start_ms! <= Number(to)) bin(view.asset.start_ms!).clips++
      return { bins: [...bins.values()].sort((a, b) => a.start_ms - b.start_ms) }
    },
    refusals: () => ({ refusals: state.empty ? [] : [
      { _id: 'refusal:1', kind: 'refusal', name: '20261117_181033_F.MP4', camera: 'a229', media: { volume: 'media', path: 'raw/a229/20261117/20261117_181033_F.MP4', bytes: 92_274_688, sha256: '0'.repeat(64) }, code: 'clip/truncated', message: 'The recording breaks off before its index, so no picture can be read. The camera probably lost power.' },
      { _id: 'refusal:2', kind: 'refusal', name: 'empty.MP4', camera: 'a229', media: null, code: 'clip/empty', message: 'The file has no bytes.' },
    ] }),
    work: () => ({
      stages: STAGES.map(([stage, title, per_hour, nodes]) => ({ stage, title, plugin: stage.split('.')[0]!, ...countsOf(stage), per_hour: state.empty ? 0 : per_hour, nodes: nodes.map(placeOf) })),
      events: EVENTS.map(([event, title, category, nodes]) => ({ event, title, category, nodes: nodes.map(placeOf) })),
      links: LINKS.map(([from, to]) => ({ from, to })),
    }),
    tasks: ({ state: wanted, stage, limit }) => ({ tasks: (state.empty ? [] : world.tasks).filter((task) => (!wanted || (task.running ? 'running' : task.state) === wanted) && (!stage || task.stage === stage)).slice(0, Number(limit ?? 100)) }),
    task: ({ id }) => world.tasks.find((task) => task.id === id) ?? null,
    retry: (which) => ({ changed: meant(which).filter((task) => task.state === 'parked').length }),
    cancel: (which) => ({ changed: meant(which).filter((task) => task.state !== 'complete').length }),
    rerun: (which) => ({ changed: meant(which).filter((task) => task.state === 'complete').length }),
    ...yard.answers,
    ...shelf.answers,
    ...garage.answers,
    ...engine.answers,
    reviews: () => ({ reviews: state.empty ? [] : reviews }),
    review: ({ id }) => {
      reviews = reviews.filter((review) => review.id !== id)
      return {}
    },
    events: ({ type }) => ({ events: type === 'folder.card' && !state.empty ? garage.read : [] }),
    edit: ({ target, set }) => {
      const drive = world.drives.find(({ id }) => `drive:${id}` === target)
      if (drive) {
        Object.assign(drive, set)
        for (const view of world.views) if (view.drive === drive.id) Object.assign(view, { drive_kept: set['keep'] === true })
        return {}
      }
      const view = world.views.find(({ asset }) => asset._id === target)
      if (!view) return null
      Object.assign(view.asset, set)
      if ('keep' in set) shelf.keep(view.asset.sha256, set['keep'] === true)
      return {}
    },
  }
  let reviews: Answer<'reviews'>['reviews'] = [{ id: 'asked1', question: 'Is this plate worth a call?', since_ms: now_ms - 1_200_000, asset: world.views[0]!.asset.sha256, name: world.views[0]!.asset.name, camera: 'a229' }]
  const me: Answer<'session'> = { name: 'anna', get role() { return state.role }, mqtt: { username: 'page', password: 'secret' } }
  const meant = ({ ids, stage, drive, assets, from, to }: Ask<'rerun'>) => world.tasks.filter((task) => {
    const view = world.views.find(({ asset }) => asset.name === task.input['name'])
    return (ids?.includes(task.id) ?? true) && (stage === undefined || task.stage === stage) && (drive === undefined || view?.drive === drive) && (assets === undefined || (view !== undefined && assets.includes(view.asset.sha256)))
      && (from === undefined || (view !== undefined && view.asset.start_ms! >= from)) && (to === undefined || (view !== undefined && view.asset.start_ms! < to))
  })
  const countsOf = (stage: string) => {
    const own = state.empty ? [] : world.tasks.filter((task) => task.stage === stage)
    return { pending: own.filter((t) => t.state === 'pending' && !t.running).length, running: own.filter((t) => t.running).length, complete: own.filter((t) => t.state === 'complete').length, parked: own.filter((t) => t.state === 'parked').length }
  }
  function status(): StatusView {
    const tasks = { pending: 0, running: 0, complete: 0, parked: 0 }
    for (const [stage] of STAGES) for (const [key, n] of Object.entries(countsOf(stage))) tasks[key as keyof typeof tasks] += n
    const times = world.views.map((view) => view.asset.start_ms!)
    return {
      version: '0.1.0', box: BOX, tasks, settling: false, flows: engine.status(), tiles: null, inbox: { path: '/media/inbox', busy: null },
      totals: state.empty ? { assets: 0, drives: 0, plates: 0, sightings: 0, bytes: 0, from_ms: null, to_ms: null } : { assets: world.views.length, drives: world.drives.length, plates: plateHits(world).length, sightings: world.hits.length, bytes: world.views.reduce((sum, view) => sum + view.asset.media.bytes, 0), from_ms: Math.min(...times), to_ms: Math.max(...times) + 60_000 },
      volumes: shelf.volumes(),
    }
  }

  /** Whether a file can be had: at its place, or from another one where the same bytes lie. */
  function there(path: string, asset: string | null): boolean {
    const [, , volume, ...parts] = path.split('/')
    const view = world.views.find((one) => one.asset.sha256 === asset)
    const all = view ? [...(view.removed.length > 0 ? [] : [view.asset.media]), ...view.copies.map(({ media }) => media)] : []
    const own = all.find((media) => media.volume === volume && media.path === parts.join('/'))
    return !shelf.away.has(volume!) || (own !== undefined && all.some((media) => media.sha256 === own.sha256 && !shelf.away.has(media.volume)))
  }

  async function sendMedia(path: string, asset: string | null, request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!there(path, asset)) return json(response, 503, { code: 'media/unmounted', message: `volume ${path.split('/')[2]} is not mounted` })
    if (/\.mp4$/i.test(path)) return sendRange(video, request, response)
    let made = pictures.get(path)
    if (!made) pictures.set(path, (made = draw(path)))
    const bytes = await made
    response.writeHead(200, { 'content-type': 'image/jpeg', 'content-length': bytes.length, 'cache-control': 'max-age=3600' }).end(bytes)
  }

  await new Promise<void>((done) => server.listen(port, '127.0.0.1', done))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, world, yard, shelf, garage, engine, asked, state,
    progress: (task, stage, done, what) => broker.publish({ cmd: 'publish', qos: 0, dup: false, retain: false, topic: 'viewshed/gpu-pc/progress', payload: Buffer.from(JSON.stringify({ task, stage, done, what })) }, () => undefined),
    changed: () => broker.publish({ cmd: 'publish', qos: 0, dup: false, retain: false, topic: 'viewshed/bridge/home/home/changed', payload: Buffer.from('{"kinds":["asset"]}') }, () => undefined),
    close: async () => {
      for (const client of sockets.clients) client.terminate()
      sockets.close()
      await new Promise<void>((done) => broker.close(() => done()))
      server.closeAllConnections()
      await new Promise<void>((done) => server.close(() => done()))
    },
  }
}

/** Per hour, and where it stands in the flow. */
const STAGES = [
  ['clip.probe', 'Probe', 1140, ['probe']], ['clip.thumbs', 'Thumbnails', 246, ['thumbs']], ['clip.filmstrip', 'Filmstrip', 0, ['filmstrip off']], ['inference.plates', 'Read plates', 38.2, ['plates', 'plates-again Once more at night']],
  ['archive.copy', 'Archive', 2.4, ['archive']], ['retention.slim', 'Make 720p', 0, ['slim']], ['folder.refuse', 'Refuse', 0, ['refuse']], ['command.run', 'Any command', 0, []],
] as const
const EVENTS = [['folder.arrived', 'A file came in', 'Folder', ['arrived']], ['camera-viofo.arrived', 'A clip came in', 'VIOFO cameras', ['viofo']], ['folder.refused', 'A file was refused', 'Folder', ['refused']]] as const
const placeOf = (words: string) => {
  const [id = '', ...name] = words.split(' ')
  return { id, name: name.join(' ').replace(/^off$/, ''), tab: 'Drive', off: name[0] === 'off' }
}
const LINKS = [['folder.arrived', 'clip.probe'], ['camera-viofo.arrived', 'clip.probe'], ['folder.refused', 'folder.refuse'], ['clip.probe', 'clip.thumbs'], ['clip.probe', 'clip.filmstrip'], ['clip.probe', 'inference.plates'], ['clip.thumbs', 'archive.copy'], ['clip.filmstrip', 'archive.copy'], ['inference.plates', 'archive.copy'], ['archive.copy', 'retention.slim']] as const

function plateHits(world: World): PlateHit[] {
  const hits = new Map<string, PlateHit>()
  for (const hit of world.hits) {
    const plate = hit.plate!
    const known = hits.get(plate)
    hits.set(plate, { plate, count: (known?.count ?? 0) + 1, first_ms: Math.min(known?.first_ms ?? Infinity, hit.at_ms!), last_ms: Math.max(known?.last_ms ?? 0, hit.at_ms!), best: known && known.best.confidence >= hit.confidence ? known.best : hit, distance: 0, why: 'exact' })
  }
  return [...hits.values()].sort((a, b) => b.last_ms! - a.last_ms!)
}

/** What was refused comes back; everything else is a bug. */
function tried<T>(work: () => T): T | Fault {
  try {
    return work()
  } catch (error) {
    if (error instanceof Fault) return error
    throw error
  }
}

const alike = (c: string) => ({ O: '0', I: '1', B: '8', S: '5' })[c] ?? c
function edits(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    row = next
  }
  return row[b.length]!
}
function whyNear(plate: string, asked: string): string {
  if (plate.length !== asked.length) return plate.length > asked.length ? 'one character more' : 'one character less'
  const odd = plate.split('').flatMap((c, i) => (c === asked[i] ? [] : [[asked[i]!, c] as const]))
  return odd.map(([typed, c]) => (alike(typed) === alike(c) ? `${typed} and ${c} look alike` : `${c} for ${typed}`)).join(', ')
}

async function draw(path: string): Promise<Buffer> {
  const seed = [...path].reduce((sum, c) => (sum * 31 + c.charCodeAt(0)) % 9973, 7)
  const crop = /crop-\d+-(\w+)\.jpg$/.exec(path)
  if (crop) return cropJpeg(crop[1]!, seed)
  const frame = /frame-(\d)-(\w+)-\d+\.jpg$/.exec(path)
  if (frame) return frameJpeg(seed % 50, Number(frame[1]), frame[2]!, 480)
  const strip = /strip-(\d)\.jpg$/.exec(path)
  if (strip) return filmstripJpeg(Number(strip[1]))
  const thumb = /thumb-(\d)-(\d+)\.jpg$/.exec(path)
  return frameJpeg(seed % 50, Number(thumb?.[1] ?? 0), seed % 2 === 0 ? 'FI207UM' : null, Number(thumb?.[2] ?? 320))
}

function sendRange(path: string, request: IncomingMessage, response: ServerResponse): void {
  const size = statSync(path).size
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '')
  const start = Number(range?.[1] ?? 0)
  const end = range?.[2] ? Number(range[2]) : size - 1
  response.writeHead(range ? 206 : 200, { 'content-type': 'video/mp4', 'accept-ranges': 'bytes', 'content-length': end - start + 1, ...(range ? { 'content-range': `bytes ${start}-${end}/${size}` } : {}) })
  createReadStream(path, { start, end }).on('error', () => response.destroy()).pipe(response)
}

function sendPage(dist: string, path: string, response: ServerResponse): void {
  const file = extname(path) === '' ? '/index.html' : path
  try {
    const bytes = readFileSync(join(dist, file))
    response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' }).end(bytes)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    response.writeHead(404).end()
  }
}

const json = (response: ServerResponse, status: number, body: unknown) => { response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body)) }
async function text(request: IncomingMessage): Promise<string> {
  let all = ''
  for await (const part of request) all += String(part)
  return all
}

if (import.meta.main) {
  const served = await fixture(Number(process.argv[2] ?? 0))
  process.stdout.write(`${served.url}\n`)
}
