/** Makes HTTP routes, their checks and their OpenAPI description out of the table in `api.ts`. */
import Router from '@koa/router'
import { STATUS_CODES } from 'node:http'
import type { Principal } from '../access/scope.ts'
import { Fault, FAULTS } from '../contract/fault.ts'
import { FLOWS_MAY, routes, type Answer, type Ask, type Routes } from './api.ts'
import { readJson } from './body.ts'
import { checked, fromText } from './check.ts'
import { COOKIE, demand, demandOrFlows, type DoorContext, type DoorState } from './pass.ts'
import { SESSION_TTL_MS } from '../access/sessions.ts'

/** Routes that answer before anybody signed in. */
export type OpenRoute = 'health' | 'setupState' | 'setup' | 'signIn' | 'join' | 'joinState'

/** What a handler may know and do beside its question. */
export interface Visit {
  readonly address: string // whence it came, for limits
  readonly session: string | null // id
  /** Gives the browser its session, or takes it away. */
  setCookie(cookie: string | null): void
  /** Renews the life of the cookie that the browser sent. */
  keepCookie(): void
}

export type Handlers = {
  readonly [R in keyof Routes]: (ask: Ask<R>, who: R extends OpenRoute ? Principal | null : Principal, visit: Visit) => Promise<Answer<R>>
}

const MAX_BODY_BYTES = 1 << 20
/** Of those who are not people, or not known yet: as much as a message of the broker. */
const MAX_OPEN_BODY_BYTES = 256 * 1024

/** @returns Koa middleware for the whole table and `/api/openapi.json`. */
export function table(handlers: Handlers) {
  const router = new Router<DoorState>()
  for (const name of Object.keys(routes) as (keyof Routes)[]) mount(router, name, handlers[name] as Handler)
  const description = openapi()
  router.get('/api/openapi.json', (ctx) => {
    demand(ctx.state.principal, 'viewer')
    ctx.body = description
  })
  return router.routes()
}

// Inside the loop the names are a union, and TypeScript cannot see that question and handler belong together.
type Handler = (ask: unknown, who: Principal | null, visit: Visit) => Promise<unknown>

function mount(router: Router<DoorState>, name: keyof Routes, handler: Handler): void {
  const { method, path, role, query } = routes[name]
  const max_bytes = role === null || role === 'device' ? MAX_OPEN_BODY_BYTES : MAX_BODY_BYTES
  router.register(path, [method], async (ctx) => {
    const who = role === null ? ctx.state.principal : (FLOWS_MAY.has(name) ? demandOrFlows : demand)(ctx.state.principal, role)
    const { params } = ctx as unknown as { params: Record<string, string> }
    const given = method === 'POST' ? { ...asObject(await readJson(ctx.req, max_bytes)), ...params } : fromText(query, { ...ctx.query, ...params })
    ctx.set('Cache-Control', 'no-store')
    ctx.body = await handler(checked(query, given), who, visit(ctx))
  })
}

function asObject(value: unknown): object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Fault('input/invalid', 'body: expected an object.')
  return value
}

function visit(ctx: DoorContext): Visit {
  const options = { httpOnly: true, sameSite: 'lax', secure: ctx.secure, path: '/', overwrite: true } as const
  return {
    address: ctx.ip || 'local',
    session: ctx.state.session,
    setCookie: (cookie) => void ctx.cookies.set(COOKIE, cookie ?? '', cookie === null ? { ...options, expires: new Date(0) } : { ...options, maxAge: SESSION_TTL_MS }),
    keepCookie: () => void (ctx.state.session && ctx.cookies.set(COOKIE, ctx.cookies.get(COOKIE) ?? '', { ...options, maxAge: SESSION_TTL_MS })),
  }
}

/** OpenAPI 3.1, whose schemas are JSON Schema, which is what ours are. */
export function openapi(): object {
  const paths: Record<string, Record<string, unknown>> = {}
  const failures = Object.fromEntries(
    [...new Set(Object.values(FAULTS).map((fault) => fault.status))].sort().map((status) => [status, { $ref: '#/components/responses/Failure', description: STATUS_CODES[status] }]),
  )
  for (const [operationId, { method, path, role, query }] of Object.entries(routes)) {
    const inPath = [...path.matchAll(/:(\w+)/g)].map((match) => match[1]!)
    const schema = JSON.parse(JSON.stringify(query)) as { properties?: Record<string, unknown>; required?: string[] }
    const parameters = Object.entries(schema.properties ?? {})
      .filter(([field]) => method !== 'POST' || inPath.includes(field))
      .map(([field, of]) => ({ name: field, in: inPath.includes(field) ? 'path' : 'query', required: schema.required?.includes(field) ?? false, schema: of }))
    const at = (paths[path.replaceAll(/:(\w+)/g, '{$1}')] ??= {})
    at[method.toLowerCase()] = {
      operationId, parameters,
      ...(method === 'POST' ? { requestBody: { required: true, content: { 'application/json': { schema } } } } : {}),
      responses: { 200: { description: 'OK', content: { 'application/json': {} } }, ...(role === null ? {} : { 401: failures[401], 403: failures[403] }), 400: failures[400], 404: failures[404] },
      security: role === null ? [] : [{ session: [role] }, { bearer: FLOWS_MAY.has(operationId as keyof Routes) ? [role, 'flows'] : [role] }],
    }
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Viewshed', version: '1' },
    paths,
    components: {
      securitySchemes: { session: { type: 'apiKey', in: 'cookie', name: COOKIE }, bearer: { type: 'http', scheme: 'bearer' } },
      responses: {
        Failure: {
          description: 'What is so, and what to do.',
          content: { 'application/json': { schema: { type: 'object', required: ['code', 'message'], properties: { code: { type: 'string', enum: [...Object.keys(FAULTS), 'internal'] }, message: { type: 'string' } } } } },
        },
      },
    },
  }
}
