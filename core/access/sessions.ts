import { randomBytes } from 'node:crypto'
import { Fault } from '../contract/fault.ts'
import { entries, type AccessLog } from './store.ts'
import { sha256 } from './tokens.ts'

/** A browser that signed in. Its cookie is never stored, only the digest, which is the session's id. */
export interface Session {
  readonly id: string
  readonly person: string
  readonly created_ms: number
  readonly expires_ms: number
}

export const SESSION_TTL_MS = 30 * 24 * 3_600_000
/** A session slides at most once in this time: not every look should cost a synced write. */
const SLIDE_EVERY_MS = 24 * 3_600_000

const PREFIX = 'access!session!'

export interface Sessions {
  /** Durable when it resolves. @returns The cookie's value: 256 random bits. */
  open(person: string): Promise<{ cookie: string; session: Session }>
  /** Null: unknown or expired. Slides. */
  find(cookie: string): Promise<Session | null>
  byId(id: string): Session | null
  end(id: string): Promise<void>
  endAllOf(person: string): Promise<void>
  /** Called with the id of every session that was ended. */
  onEnd(listener: (id: string) => void): void
}

/** @param clock Epoch, ms. */
export async function openSessions(log: AccessLog, clock: () => number): Promise<Sessions> {
  const live = new Map<string, Session>()
  const listeners: ((id: string) => void)[] = []
  const stale: string[] = []
  for (const [id, value] of await entries(log, PREFIX)) {
    const session: Session = JSON.parse(value)
    if (session.expires_ms > clock()) live.set(id, session)
    else stale.push(id)
  }
  if (stale.length > 0) await log.commit(stale.map((id) => ({ type: 'del', key: PREFIX + id })))

  const byId = (id: string): Session | null => {
    const session = live.get(id)
    return session && session.expires_ms > clock() ? session : null
  }

  async function endEach(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return
    for (const id of ids) live.delete(id)
    for (const id of ids) for (const listener of listeners) listener(id)
    await log.commit(ids.map((id) => ({ type: 'del', key: PREFIX + id })))
  }

  return {
    byId,
    async open(person) {
      const cookie = randomBytes(32).toString('base64url')
      const now_ms = clock()
      const session: Session = { id: sha256(cookie).toString('hex'), person, created_ms: now_ms, expires_ms: now_ms + SESSION_TTL_MS }
      await log.commit([put(session)])
      live.set(session.id, session)
      return { cookie, session }
    },
    async find(cookie) {
      const session = byId(sha256(cookie).toString('hex'))
      if (!session) return null
      const expires_ms = clock() + SESSION_TTL_MS
      if (expires_ms - session.expires_ms < SLIDE_EVERY_MS) return session
      const slid = { ...session, expires_ms }
      live.set(session.id, slid)
      try {
        await log.commit([put(slid)])
      } catch (error) {
        // A full disk must not lock out the person who comes to make room: the session is as good as before.
        if (!(error instanceof Fault)) throw error
        live.set(session.id, session)
        return session
      }
      return slid
    },
    async end(id) {
      if (live.has(id)) await endEach([id])
    },
    async endAllOf(person) {
      await endEach([...live.values()].filter((session) => session.person === person).map((session) => session.id))
    },
    onEnd(listener) {
      listeners.push(listener)
    },
  }
}

const put = (session: Session) => ({ type: 'put', key: PREFIX + session.id, value: JSON.stringify(session) }) as const
