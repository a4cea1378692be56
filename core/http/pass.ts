/** What the door knows of who stands before it; laid into `ctx.state` once, read by everything behind it. */
import type Koa from 'koa'
import type { IncomingMessage } from 'node:http'
import type { Access } from '../access/access.ts'
import { holds } from '../access/role.ts'
import type { Principal } from '../access/scope.ts'
import { Fault } from '../contract/fault.ts'
import type { Role } from '../contract/plugin.ts'

export interface DoorState {
  principal: Principal | null
  session: string | null // id of the browser's session; null for a bearer token
  key: string | null // id of the key that the bearer token is
}
export type DoorContext = Koa.ParameterizedContext<DoorState>

export const COOKIE = 'viewshed_session'

/** Who sent the request, by bearer token or by cookie. A token that is not ours is nobody, whatever the cookie says. */
export async function whoSent(access: Access, req: IncomingMessage): Promise<DoorState> {
  const bearer = /^Bearer +(\S+)$/i.exec(req.headers.authorization ?? '')?.[1]
  if (bearer) return { principal: await access.principalOfBearer(bearer), session: null, key: access.keyOfBearer(bearer) }
  const cookie = cookieOf(req.headers.cookie, COOKIE)
  const found = cookie ? await access.principalOfCookie(cookie) : null
  return { ...(found ?? { principal: null, session: null }), key: null }
}

/** @throws Fault `access/unauthenticated` for nobody, `access/denied` below `role`. */
export function demand(principal: Principal | null, role: Role): Principal {
  if (!principal) throw new Fault('access/unauthenticated', 'Sign in first.')
  if (!holds(principal.scope.role, role)) throw new Fault('access/denied', `This needs the role ${role}; ${principal.name} is ${principal.scope.role}.`)
  return principal
}

/** The same, where the flows may as well: what their nodes need, whatever a person needs for it. */
export const demandOrFlows = (principal: Principal | null, role: Role): Principal => (principal?.kind === 'flows' ? principal : demand(principal, role))

/**
 * Whether a page of our own sent this, or no page at all. Browsers say where a write or a WebSocket comes from;
 * programs say nothing and bring no cookie of somebody else's browser.
 */
export function isOwnOrigin(headers: IncomingMessage['headers'], host: string): boolean {
  const { origin } = headers
  if (origin === undefined) return headers['sec-fetch-site'] === undefined || ['same-origin', 'none'].includes(String(headers['sec-fetch-site']))
  return URL.canParse(origin) && new URL(origin).host === host.toLowerCase()
}

/** The cookie's value; null when it is not there. */
function cookieOf(header: string | undefined, name: string): string | null {
  for (const part of header?.split(';') ?? []) {
    const at = part.indexOf('=')
    if (at > 0 && part.slice(0, at).trim() === name) return part.slice(at + 1).trim()
  }
  return null
}
