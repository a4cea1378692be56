import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import Router from '@koa/router'
import { Type, type Static, type TSchema } from 'typebox'
import type { Context } from 'koa'
import type { Principal, Scope } from '../access/scope.ts'
import { Fault, FAULTS, isFaultCode } from '../contract/fault.ts'
import { faultOfAnswer } from '../http/answer.ts'
import { readJson } from '../http/body.ts'
import type { OpenBoard } from './board.ts'
import type { EventDoor } from './events.ts'
import type { DeviceGate } from './gate.ts'
import { Completion, Publication, type Board, type Claim, type Outcome, type OutcomeLog, type Published } from './port.ts'
import { misfit } from './shape.ts'

const MAX_BODY_BYTES = 4 << 20
const MAX_WAIT_MS = 60_000
const Id = Type.String({ minLength: 1, maxLength: 200 })
const Home = Type.Object({ org: Id, site: Id })

const Publish = Type.Object({ scope: Home, publications: Type.Array(Publication, { maxItems: 1_000 }) })
const ClaimFor = Type.Object({ stages: Type.Array(Id, { maxItems: 1_000 }), count: Type.Integer({ minimum: 1, maximum: 256 }) })
const Renew = Type.Object({ leases: Type.Array(Type.Object({ id: Id, token: Id }), { maxItems: 1_000 }) })
const FaultOf = Type.Object({ id: Id, token: Id, report: Type.Object({ code: Id, message: Type.String(), log: Type.Optional(Type.String()) }) })
const Release = Type.Object({ id: Id, token: Id })
const Seqs = Type.Object({ seqs: Type.Array(Id, { maxItems: 10_000 }) })
const Gone = Type.Object({ seqs: Type.Array(Id, { maxItems: 10_000 }), why: Type.String({ maxLength: 1_000 }) })
const Emit = Type.Object({ type: Id, key: Type.String({ minLength: 1, maxLength: 4_096 }), payload: Type.Record(Type.String(), Type.Unknown()) })
const Known = Type.Object({ type: Id, key: Type.String({ minLength: 1, maxLength: 4_096 }) })

/** Board, outcome log and events for agents and flows. Expects `ctx.state.principal`, which the session in front of it sets. */
export function boardRoutes({ board, outcomes, events, gate }: { board: OpenBoard; outcomes: OutcomeLog; events: EventDoor; gate?: DeviceGate }): Router {
  const router = new Router({ prefix: '/api' })
  router.use(async (ctx, next) => {
    try {
      await next()
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      ctx.status = FAULTS[error.code].status
      ctx.body = error.toJSON()
    }
  })

  const post = <S extends TSchema>(path: string, may: (who: Principal) => boolean, schema: S, answer: (who: Principal, body: Static<S>) => Promise<object>) =>
    router.post(path, async (ctx) => {
      const who = allowed(ctx, may)
      if (who.kind === 'device') gate?.heard(who.id)
      ctx.body = await answer(who, await body(ctx, schema))
    })
  /** A task of another org or site is as good as none. */
  const mine = (who: Principal, id: string) => {
    if (!board.within(who.scope, id)) throw new Fault('task/unknown', `There is no task ${id}; it may have been cancelled`)
  }

  post('/board/publish', isFlows, Publish, async (who, { scope, publications }) => ({ published: await board.publish(who.kind === 'flows' ? { ...scope, role: who.scope.role } : who.scope, publications) }))
  post('/board/claim', isDevice, ClaimFor, async (who, { stages, count }) => ({ claims: await board.claim(who.id, who.scope, gate?.stagesFor(who, stages) ?? stages, count) }))
  post('/board/renew', isDevice, Renew, async (who, { leases }) => ({ tokens: await board.renew(who.id, leases.filter(({ id }) => board.within(who.scope, id))) }))
  post('/board/complete', isDevice, Completion, async (who, completion) => {
    mine(who, completion.id)
    return { answer: await board.complete(who.id, completion) }
  })
  post('/board/fault', isDevice, FaultOf, async (who, { id, token, report }) => {
    if (!board.within(who.scope, id)) return { answer: 'stale' }
    return { answer: await board.fault(who.id, id, token, { ...report, code: isFaultCode(report.code) ? report.code : 'stage/failed' }) }
  })
  post('/board/release', isDevice, Release, async (who, { id, token }) => {
    if (board.within(who.scope, id)) await board.release(who.id, id, token)
    return {}
  })

  router.get('/outcomes', async (ctx) => {
    allowed(ctx, isFlows)
    const { after, limit, wait_ms } = ctx.query
    ctx.body = { outcomes: await outcomes.outcomes(typeof after === 'string' && after !== '' ? after : null, number('limit', limit, 256, 1, 10_000), number('wait_ms', wait_ms, 0, 0, MAX_WAIT_MS)) }
  })
  post('/outcomes/ack', isFlows, Seqs, async (_, { seqs }) => {
    await outcomes.acknowledge(seqs)
    return {}
  })
  post('/outcomes/gone', isFlows, Gone, async (_, { seqs, why }) => {
    await outcomes.gone(seqs, why)
    return {}
  })

  post('/events', isDevice, Emit, async (who, { type, key, payload }) => {
    await events.emit(who.scope, type, key, payload)
    return {}
  })
  post('/events/known', isDevice, Known, async (who, { type, key }) => ({ known: await events.known(who.scope, type, key) }))
  return router
}

const isDevice = ({ kind, scope }: Principal) => kind === 'device' ? scope.role === 'device' || scope.role === 'admin' : kind !== 'flows' && scope.role === 'admin'
/** The flow runtime serves all orgs and sites of the box; nobody else sees beyond their own. */
const isFlows = ({ kind }: Principal) => kind === 'flows'

function allowed(ctx: Context, may: (who: Principal) => boolean): Principal {
  const who = ctx.state['principal'] as Principal | null | undefined
  if (who === null || who === undefined) throw new Fault('access/unauthenticated', 'Sign in, or send a token')
  if (!may(who)) throw new Fault('access/denied', `${who.name} may not do that`)
  return who
}

async function body<S extends TSchema>(ctx: Context, schema: S): Promise<Static<S>> {
  const value = await readJson(ctx.req, MAX_BODY_BYTES)
  const wrong = misfit(schema, value)
  if (wrong !== null) throw new Fault('input/invalid', `The body does not fit: ${wrong}`)
  return value as Static<S>
}

function number(name: string, given: string | string[] | undefined, otherwise: number, min: number, max: number): number {
  const value = given === undefined ? otherwise : Number(given)
  if (!Number.isInteger(value) || value < min || value > max) throw new Fault('input/invalid', `${name} must be a whole number from ${min} to ${max}`)
  return value
}

/** Where a core listens: a URL, or a unix socket on the same machine. */
export interface CoreDoor { readonly token: string; readonly baseUrl?: string; readonly socketPath?: string }

export interface BoardClient extends Board, OutcomeLog, EventDoor {
  /** Drops the connections; calls under way fail with `core/unreachable`. */
  close(): void
}

/**
 * The board of a core elsewhere. The token says who asks, so devices and scopes that are passed in say nothing there,
 * but for `publish`, which the flow runtime does for others.
 * Throws the faults of the other side, and `core/unreachable`.
 */
export function boardClient(where: CoreDoor): BoardClient {
  const ask = caller(where)
  return {
    publish: async (scope, publications) => (await ask<{ published: Published[] }>('POST', '/api/board/publish', { scope: home(scope), publications })).published,
    claim: async (_device, _scope, stages, count) => (await ask<{ claims: Claim[] }>('POST', '/api/board/claim', { stages, count })).claims,
    renew: async (_device, leases) => (await ask<{ tokens: string[] }>('POST', '/api/board/renew', { leases })).tokens,
    complete: async (_device, completion) => (await ask<{ answer: 'complete' | 'already' }>('POST', '/api/board/complete', completion)).answer,
    fault: async (_device, id, token, report) => (await ask<{ answer: 'counted' | 'stale' }>('POST', '/api/board/fault', { id, token, report })).answer,
    release: async (_device, id, token) => void (await ask('POST', '/api/board/release', { id, token })),
    outcomes: async (after, limit, wait_ms) => {
      const query = new URLSearchParams({ ...(after === null ? {} : { after }), limit: String(limit), wait_ms: String(Math.min(wait_ms, MAX_WAIT_MS)) })
      return (await ask<{ outcomes: Outcome[] }>('GET', `/api/outcomes?${query}`)).outcomes
    },
    acknowledge: async (seqs) => void (await ask('POST', '/api/outcomes/ack', { seqs })),
    gone: async (seqs, why) => void (await ask('POST', '/api/outcomes/gone', { seqs, why })),
    emit: async (_scope, type, key, payload) => void (await ask('POST', '/api/events', { type, key, payload })),
    known: async (_scope, type, key) => (await ask<{ known: boolean }>('POST', '/api/events/known', { type, key })).known,
    close: () => ask.close(),
  }
}

const home = ({ org, site }: Pick<Scope, 'org' | 'site'>) => ({ org, site })

/** An answer may take as long as renaming thousands of files; a long poll at most `MAX_WAIT_MS`. */
const TIMEOUT_MS = MAX_WAIT_MS + 60_000

type Caller = { <T>(method: 'GET' | 'POST', path: string, body?: object): Promise<T>; close: () => void }

function caller(where: CoreDoor): Caller {
  const base = new URL(where.baseUrl ?? 'http://core')
  const secure = base.protocol === 'https:'
  const agent = secure ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true })
  const name = where.socketPath ?? base.origin

  const once = (method: 'GET' | 'POST', path: string, payload: string | null, isAgain: boolean) => new Promise<{ status: number; text: string }>((answer, fail) => {
    const request = (secure ? httpsRequest : httpRequest)(new URL(path, base), {
      method, agent, timeout: TIMEOUT_MS, ...(where.socketPath === undefined ? {} : { socketPath: where.socketPath }),
      headers: { authorization: `Bearer ${where.token}`, ...(payload === null ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }) },
    })
    const unreachable = (error: Error) => {
      // The other side closed an idle connection just as we took it: nothing was read there, so it is no second try.
      const wasIdle = request.reusedSocket && 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE')
      if (wasIdle && !isAgain) once(method, path, payload, true).then(answer, fail)
      else fail(new Fault('core/unreachable', `Viewshed at ${name} does not answer: ${error.message}`, { cause: error }))
    }
    request.once('response', (response) => text(response).then((body) => answer({ status: response.statusCode ?? 0, text: body }), unreachable))
    request.once('error', unreachable)
    request.once('timeout', () => request.destroy(new Error(`no answer within ${TIMEOUT_MS / 1_000} s`)))
    request.end(payload ?? undefined)
  })

  const ask = async <T>(method: 'GET' | 'POST', path: string, body?: object): Promise<T> => {
    const payload = body === undefined ? null : JSON.stringify(body)
    // Said here, for the other side cuts the connection before it can say so.
    if (payload !== null && Buffer.byteLength(payload) > MAX_BODY_BYTES) throw new Fault('input/too-large', `${path}: the body has more than ${MAX_BODY_BYTES} bytes; send less at a time`)
    const { status, text: said } = await once(method, path, payload, false)
    const value = answerOf(said)
    if (status >= 200 && status < 300 && value !== null) return value as T
    throw faultOfAnswer(status, said, `Viewshed at ${name}`)
  }
  return Object.assign(ask, { close: () => agent.destroy() })
}

async function text(response: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of response as AsyncIterable<Uint8Array>) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

function answerOf(said: string): object | null {
  try {
    const value: unknown = JSON.parse(said)
    return value !== null && typeof value === 'object' ? value : null
  } catch (error) {
    if (error instanceof SyntaxError) return null // a proxy's page, not ours
    throw error
  }
}
