/** A board over a real log and a real folder, with a clock that stands still until it is moved. */
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Koa from 'koa'
import type { Principal, Scope } from '../../access/scope.ts'
import { Fault } from '../../contract/fault.ts'
import { openLog, type Log } from '../../store/log.ts'
import { openBoard, type BoardParts, type OpenBoard } from '../board.ts'
import { openEvents, type EventDoor, type Events } from '../events.ts'
import { openOutcomes, type Outcomes } from '../outcomes.ts'
import { boardClient, type BoardClient } from '../board-client.ts'
import { boardRoutes } from '../port-http.ts'
import type { Board, OutcomeLog } from '../port.ts'
import { folder, type Folder } from './folder.ts'
import { rulesOf, STAGES } from './stages.ts'

export const HOME: Scope = { org: 'home', site: 'home', role: 'device' }
export const ELSEWHERE: Scope = { org: 'other', site: 'yard', role: 'device' }

export interface Bench {
  readonly clock: { now_ms: number; set_ms: number } // how far somebody set the clock beside the time that passed
  readonly disk: { full: boolean } // while true, nothing can be committed
  readonly folder: Folder
  readonly board: OpenBoard
  readonly outcomes: Outcomes
  readonly events: Events
  readonly log: Log
  readonly troubles: unknown[]
  readonly work: string[][] // what onWork was told
  /** The ports as a device, or the flow runtime, has them. */
  device(name: string, scope?: Scope): Board & EventDoor
  flow(): Board & OutcomeLog
  restart(): Promise<void>
  close(): Promise<void>
}

export async function inProcess(parts: Partial<BoardParts> = {}): Promise<Bench> {
  const dir = await mkdtemp(join(tmpdir(), 'viewshed-board-'))
  const clock = { now_ms: 1_000_000_000_000, set_ms: 0 }
  const disk = { full: false }
  const now = () => clock.now_ms + clock.set_ms
  const files = folder(dir)
  const troubles: unknown[] = []
  const work: string[][] = []

  const open = async () => {
    const log = onDisk(await openLog(join(dir, 'log')), disk)
    const outcomes = await openOutcomes({ log, clock: now })
    const events = openEvents({ log, outcomes, clock: now })
    const board = await openBoard({
      log, outcomes, stages: rulesOf, stageNames: Object.keys(STAGES), volumes: files, clock: now, ticks: () => clock.now_ms, random: () => 0, sweep_ms: 0,
      onTrouble: (error) => troubles.push(error), onWork: (stages) => work.push([...stages]), ...parts,
    })
    return { log, outcomes, events, board }
  }
  let now_open = await open()
  const shut = async () => {
    await now_open.board.close()
    now_open.outcomes.close()
    await now_open.log.close()
  }
  return {
    clock, disk, folder: files, troubles, work,
    get board() { return now_open.board },
    get outcomes() { return now_open.outcomes },
    get events() { return now_open.events },
    get log() { return now_open.log },
    device: () => ({ ...bound(now_open.board), ...now_open.events }),
    flow: () => ({ ...bound(now_open.board), ...now_open.outcomes }),
    async restart() {
      await shut()
      now_open = await open()
    },
    async close() {
      await shut()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

const onDisk = (log: Log, disk: { full: boolean }): Log => ({
  commit: (ops) => (disk.full ? Promise.reject(new Fault('media/full', 'the disk is full')) : log.commit(ops)),
  get: (key) => log.get(key),
  range: (range) => log.range(range),
  close: () => log.close(),
  get syncs() { return log.syncs },
})

/** The same over a unix socket, with a session in front that knows everybody by their token. */
export async function overHttp(parts: Partial<BoardParts> = {}): Promise<Bench> {
  const inner = await inProcess(parts)
  const dir = await mkdtemp(join(tmpdir(), 'viewshed-door-'))
  const socketPath = join(dir, 'core')
  const clients = new Map<string, BoardClient>()
  const client = (token: string) => {
    const known = clients.get(token) ?? boardClient({ socketPath, token })
    clients.set(token, known)
    return known
  }
  let server = await listen(serve(inner), socketPath)
  return {
    ...inner,
    get board() { return inner.board },
    get outcomes() { return inner.outcomes },
    get events() { return inner.events },
    get log() { return inner.log },
    device: (name, { org, site } = HOME) => client(`device ${name} ${org} ${site}`),
    flow: () => client('flows flow home home'),
    async restart() {
      await unlisten(server)
      await inner.restart()
      server = await listen(serve(inner), socketPath)
    },
    async close() {
      for (const open of clients.values()) open.close()
      await unlisten(server)
      await inner.close()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** Tokens read `kind name org site`. */
export function serve({ board, outcomes, events }: Pick<Bench, 'board' | 'outcomes' | 'events'>): Server {
  const app = new Koa()
  app.use(async (ctx, next) => {
    const [kind, name = '', org = '', site = ''] = (ctx.get('authorization').match(/^Bearer (.+)$/)?.[1] ?? '').split(' ')
    if (kind === 'device' || kind === 'flows' || kind === 'person') {
      const role = kind === 'device' ? 'device' : kind === 'flows' ? 'flows' : 'viewer'
      ctx.state['principal'] = { kind, id: name, name, scope: { org, site, role } } satisfies Principal
    }
    await next()
  })
  app.use(boardRoutes({ board, outcomes, events }).routes())
  return createServer(app.callback())
}

const listen = (server: Server, at: string) => new Promise<Server>((ready) => server.listen(at, () => ready(server)))
const unlisten = (server: Server) => new Promise<void>((done) => {
  server.close(() => done())
  server.closeAllConnections()
})

function bound(board: OpenBoard): Board {
  return {
    publish: (...args) => board.publish(...args),
    claim: (...args) => board.claim(...args),
    renew: (...args) => board.renew(...args),
    complete: (...args) => board.complete(...args),
    fault: (...args) => board.fault(...args),
    release: (...args) => board.release(...args),
  }
}
