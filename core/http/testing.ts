/** A real door on loopback for tests: real log, real access, real sockets; the rooms behind it are given. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { openAccess, type Access } from '../access/access.ts'
import type { Principal, Scope } from '../access/scope.ts'
import type { Role } from '../contract/plugin.ts'
import { openLog } from '../store/log.ts'
import type { Log } from './failure.ts'
import { makeHandlers, type Rooms } from './handlers.ts'
import { startHttp, type Door, type OpenDoor } from './server.ts'
import type { Handlers } from './table.ts'

const SITE = { org: 'home', site: 'home' } as const
export const PASSWORD = 'correct horse battery'

export interface TestDoor extends OpenDoor {
  readonly dir: string
  readonly access: Access
  readonly lines: readonly { level: string; message: string }[]
  /** A bearer header for somebody of this role. */
  bearer(role: Role, id?: string): { authorization: string }
  /** The cookie of an admin who used the setup link. */
  admin(name?: string): Promise<{ cookie: string; name: string }>
  passTime(ms: number): void
}

/** The door alone. Rooms that are not given are open to nobody. */
export function openDoor({ rooms = {}, ...door }: Omit<Door, 'port' | 'host' | 'handlers'> & { rooms?: Partial<Rooms> }): Promise<OpenDoor> {
  return startHttp({ port: 0, host: '127.0.0.1', handlers: handlersOf({ access: door.access, ...rooms }), ...door })
}

/** What the routes do, where only these rooms are open. */
export function handlersOf(rooms: Partial<Rooms> & Pick<Rooms, 'access'>): Handlers {
  const desk = { counts: nobodyHome, tasks: nobodyHome, task: nobodyHome, retry: nobodyHome, cancel: nobodyHome, rerun: nobodyHome }
  const devices = {
    join: nobodyHome, joinState: nobodyHome, accept: nobodyHome, refuse: nobodyHome, steer: nobodyHome, set: nobodyHome, revoke: nobodyHome,
    hello: nobodyHome, goodbye: nobodyHome, renew: nobodyHome, joining: nobodyHome, views: nobodyHome, view: nobodyHome,
  }
  const cameras = { heard: nobodyHome, views: nobodyHome, view: nobodyHome, steer: nobodyHome, skip: nobodyHome, retry: nobodyHome, here: nobodyHome, archived: nobodyHome, came: nobodyHome, lock: nobodyHome }
  const clocks = { view: nobodyHome, correct: nobodyHome, undo: nobodyHome }
  return makeHandlers({ index: nobodyHome, desk, catalogue: { edit: nobodyHome, reader: nobodyHome }, events: nobodyHome, devices, cameras, clocks, retention: nobodyHome, flows: nobodyHome, status: nobodyHome, work: nobodyHome, reviews: nobodyHome, ...rooms })
}

const nobodyHome = () => {
  throw new Error('this room is not open in this test')
}

export async function openTestDoor({ rooms = {}, ...door }: Partial<Door> & { rooms?: Partial<Rooms>; dir?: string } = {}): Promise<TestDoor> {
  const dir = await mkdtemp(join(tmpdir(), 'viewshed-door-'))
  let now_ms = Date.UTC(2026, 0, 1)
  const log = await openLog(join(dir, 'log'))
  const access = await openAccess({ log, clock: () => now_ms })
  const lines: { level: string; message: string }[] = []
  const write = (level: string) => (_fields: object, message: string) => void lines.push({ level, message })
  const pino: Log = { error: write('error'), warn: write('warn'), info: write('info') }
  const open = await openDoor({ access, log: pino, rooms, ...door })
  return {
    ...open, dir, access, lines,
    bearer: (role, id = role) => ({ authorization: `Bearer ${access.mint(somebody(role, id))}` }),
    async admin(name = 'Ann') {
      const { cookie } = await access.setUp({ token: await access.setupToken(), name, password: PASSWORD }, 'test')
      return { cookie: `viewshed_session=${cookie}`, name }
    },
    passTime: (ms) => {
      now_ms += ms
    },
    async close() {
      await open.close()
      await log.close()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

export const somebody = (role: Role, id: string = role, scope: Omit<Scope, 'role'> = SITE): Principal =>
  ({ kind: role === 'device' || role === 'flows' ? role : 'person', id, name: id, scope: { ...scope, role } })

/** Becomes true, on a busy machine too. */
export const eventually = <T>(get: () => T) => expect.poll(get, { timeout: 10_000, interval: 20 })
