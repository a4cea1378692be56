/** Routes of core's own processes and of the command line; nothing that a page uses. */
import Router from '@koa/router'
import type { Middleware } from 'koa'
import type { Access } from '../core/access/access.ts'
import { Fault } from '../core/contract/fault.ts'
import { COOKIE, demand, type DoorState } from '../core/http/pass.ts'
import type { Registry } from '../core/plugins/registry.ts'

const BODY_BYTES = 64 * 1024

/** @param watched plugins whose watcher has looked at everything it was given and ended */
export function ownRoutes({ registry, watched, enter }: { registry: Registry; watched: Set<string>; enter: Map<string, string> }): Middleware<DoorState> {
  const router = new Router<DoorState>()
  router.get('/api/plugins/config', (ctx) => {
    device(ctx.state)
    ctx.body = registry.configs()
  })
  router.post('/api/plugins/watched', async (ctx) => {
    device(ctx.state)
    watched.add(String((await json(ctx.req)).plugin))
    ctx.body = {}
  })
  router.get('/api/enter', (ctx) => {
    const cookie = enter.get(String(ctx.query.ticket))
    enter.delete(String(ctx.query.ticket))
    if (cookie) ctx.cookies.set(COOKIE, cookie.slice(cookie.indexOf('=') + 1), { httpOnly: true, sameSite: 'lax', secure: ctx.secure, overwrite: true })
    ctx.redirect('/')
  })
  return router.routes() as Middleware<DoorState>
}

/** For `viewshed setup-link`, `reset-password` and `keys`, which find their token in a file that only we can read. */
export function doorRoutes({ access, url }: { access: Access; url: () => string }): Middleware<DoorState> {
  const router = new Router<DoorState>()
  router.post('/api/door/setup-link', async (ctx) => {
    commandLine(ctx.state)
    ctx.body = { link: `${url()}/setup?token=${await access.setupToken()}` }
  })
  router.post('/api/door/reset-password', async (ctx) => {
    commandLine(ctx.state)
    const { name } = await json(ctx.req)
    ctx.body = { link: `${url()}/setup?token=${await access.resetPassword(String(name))}&name=${encodeURIComponent(String(name))}` }
  })
  router.get('/api/door/keys', (ctx) => {
    commandLine(ctx.state)
    ctx.body = { keys: access.keys.list() }
  })
  router.post('/api/door/keys/add', async (ctx) => {
    commandLine(ctx.state)
    const { name, role } = await json(ctx.req)
    ctx.body = { key: await access.keys.add(String(name), String(role)) }
  })
  router.post('/api/door/keys/revoke', async (ctx) => {
    commandLine(ctx.state)
    await access.keys.revoke(String((await json(ctx.req)).name))
    ctx.body = {}
  })
  return router.routes() as Middleware<DoorState>
}

function device({ principal }: DoorState): void {
  demand(principal, 'device')
}

export function commandLine({ principal, session }: DoorState): void {
  const { kind, id } = demand(principal, 'admin')
  if (kind !== 'person' || id !== 'cli' || session !== null) throw new Fault('access/denied', 'This is for the command line on the appliance itself.')
}

export async function json(req: AsyncIterable<unknown>): Promise<Record<string, unknown>> {
  let text = ''
  for await (const part of req) {
    text += String(part)
    if (text.length > BODY_BYTES) throw new Fault('input/too-large', 'the body is too large')
  }
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch (e) {
    if (!(e instanceof SyntaxError)) throw e
  }
  throw new Fault('input/invalid', 'the body is not a JSON object')
}
