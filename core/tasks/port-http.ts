import Router from '@koa/router'
import { Type, type Static, type TSchema } from 'typebox'
import type { Context } from 'koa'
import type { Principal, Scope } from '../access/scope.ts'
import { Fault, FAULTS, isFaultCode } from '../contract/fault.ts'
import { faultIn } from '../http/answer.ts'
import { readJson } from '../http/body.ts'
import type { OpenBoard } from './board.ts'
import { caller, MAX_BODY_BYTES, MAX_MESSAGE_BYTES, MAX_WAIT_MS, type CoreDoor } from './caller.ts'
import type { EventDoor } from './events.ts'
import type { DeviceGate } from './gate.ts'
import { Completion, Publication, type Board, type Claim, type Outcome, type OutcomeLog, type Published } from './port.ts'
import { brief } from './record.ts'
import { misfit } from './shape.ts'
import { together } from './together.ts'

/** So many of a kind in one request. */
const MAX_TOGETHER = 256
const MAX_CLAIMS = 256
const MAX_HOLDS = 2_000
const Id = Type.String({ minLength: 1, maxLength: 200 })
const Home = Type.Object({ org: Id, site: Id })

const some = <S extends TSchema>(schema: S) => Type.Array(schema, { maxItems: MAX_TOGETHER })
const Publish = Type.Object({ calls: some(Type.Object({ scope: Home, publications: Type.Array(Publication, { maxItems: 1_000 }) })) })
const ClaimFor = Type.Object({
  stages: Type.Array(Id, { maxItems: 1_000 }),
  count: Type.Integer({ minimum: 1, maximum: MAX_CLAIMS }),
  holds: Type.Optional(Type.Array(Type.String({ pattern: '^[0-9a-f]{64}$' }), { maxItems: MAX_HOLDS })),
})
const Renew = Type.Object({ leases: Type.Array(Type.Object({ id: Id, token: Id }), { maxItems: 1_000 }) })
const Complete = Type.Object({ completions: some(Completion) })
const Faults = Type.Object({ faults: some(Type.Object({ id: Id, token: Id, report: Type.Object({ code: Id, message: Type.String(), log: Type.Optional(Type.String()) }) })) })
const Release = Type.Object({ leases: some(Type.Object({ id: Id, token: Id })) })
const Seqs = Type.Object({ seqs: Type.Array(Id, { maxItems: 10_000 }) })
const Gone = Type.Object({ seqs: Type.Array(Id, { maxItems: 10_000 }), why: Type.String({ maxLength: 1_000 }) })
const Emit = Type.Object({ type: Id, key: Type.String({ minLength: 1, maxLength: 4_096 }), payload: Type.Record(Type.String(), Type.Unknown()) })
const Known = Type.Object({ type: Id, key: Type.String({ minLength: 1, maxLength: 4_096 }) })

export interface Routed {
  readonly board: OpenBoard
  readonly outcomes: OutcomeLog
  readonly events: EventDoor
  /** Without it every device may run every stage at any time. */
  readonly gate?: DeviceGate
}

/** Board, outcome log and events for agents and flows. Expects `ctx.state.principal`, which the session in front of it sets. */
export function boardRoutes({ board, outcomes, events, gate }: Routed): Router {
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

  const post = <S extends TSchema>(path: string, may: (who: Principal) => boolean, schema: S, answer: (who: Principal, body: Static<S>) => Promise<object>, most_bytes = MAX_MESSAGE_BYTES) =>
    router.post(path, async (ctx) => {
      const who = allowed(ctx, may)
      if (who.kind === 'device') gate?.heard(who.id)
      ctx.body = await answer(who, await body(ctx, schema, most_bytes))
    })

  post('/board/publish', isFlows, Publish, (who, { calls }) => answers(calls, ({ scope, publications }) => board.publish({ ...scope, role: who.scope.role }, publications)), MAX_BODY_BYTES)
  post('/board/claim', isDevice, ClaimFor, async (who, { stages, count, holds }) => ({ claims: await board.claim(who.id, who.scope, gate === undefined || who.kind !== 'device' ? stages : gate.stagesFor(who, stages), count, holds) }))
  post('/board/renew', isDevice, Renew, async (who, { leases }) => ({ tokens: await board.renew(who.id, leases.filter(({ id }) => board.within(who.scope, id))) }))
  post('/board/complete', isDevice, Complete, (who, { completions }) => answers(completions, async (completion) => {
    if (!board.within(who.scope, completion.id)) throw new Fault('task/unknown', `There is no task ${completion.id}; it may have been cancelled`)
    return board.complete(who.id, completion)
  }), MAX_BODY_BYTES)
  post('/board/fault', isDevice, Faults, (who, { faults }) => answers(faults, async ({ id, token, report }) =>
    board.within(who.scope, id) ? board.fault(who.id, id, token, { ...report, code: isFaultCode(report.code) ? report.code : 'stage/failed' }) : 'stale'))
  post('/board/release', isDevice, Release, (who, { leases }) => answers(leases, async ({ id, token }) => {
    if (board.within(who.scope, id)) await board.release(who.id, id, token)
    return null
  }))

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

  post('/events', (who) => isDevice(who) || isFlows(who), Emit, async (who, { type, key, payload }) => {
    await events.emit(who.scope, type, key, payload)
    return {}
  })
  post('/events/known', isDevice, Known, async (who, { type, key }) => ({ known: await events.known(who.scope, type, key) }))
  return router
}

/** Each of `items` gets an answer of its own, or the fault that it met; one that came alone is refused with the status of its fault.
 *  A task of another org or site is as good as none. */
async function answers<I>(items: readonly I[], answer: (item: I) => Promise<unknown>): Promise<{ answers: unknown[] }> {
  const [only] = items
  if (only !== undefined && items.length === 1) return { answers: [await answer(only)] }
  const settled = await Promise.allSettled(items.map(answer))
  return {
    answers: settled.map((one): unknown => {
      if (one.status === 'fulfilled') return one.value
      if (one.reason instanceof Fault) return one.reason.toJSON()
      throw one.reason
    }),
  }
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

async function body<S extends TSchema>(ctx: Context, schema: S, most_bytes: number): Promise<Static<S>> {
  const value = await readJson(ctx.req, most_bytes)
  const wrong = misfit(schema, value)
  if (wrong !== null) throw new Fault('input/invalid', `The body does not fit: ${wrong}`)
  return value as Static<S>
}

function number(name: string, given: string | string[] | undefined, otherwise: number, min: number, max: number): number {
  const value = given === undefined ? otherwise : Number(given)
  if (!Number.isInteger(value) || value < min || value > max) throw new Fault('input/invalid', `${name} must be a whole number from ${min} to ${max}`)
  return value
}

export interface BoardClient extends Board, OutcomeLog, EventDoor {
  /** Drops the connections; calls under way fail with `core/unreachable`. */
  close(): void
}

/**
 * The board of a core elsewhere. The token says who asks, so devices and scopes that are passed in say nothing there,
 * but for `publish`, which the flow runtime does for others. Calls of one turn go out in one request.
 * Throws the faults of the other side, and `core/unreachable`.
 */
export function boardClient(where: CoreDoor): BoardClient {
  const ask = caller(where)
  const post = <T>(path: string, body: object) => ask<T>('POST', path, JSON.stringify(body), MAX_MESSAGE_BYTES)
  const batched = <T>(path: string, list: string, most_bytes: number) =>
    together<T>(async (items) => (await ask<{ answers: unknown[] }>('POST', path, `{"${list}":[${items.join(',')}]}`, most_bytes)).answers, MAX_TOGETHER, most_bytes - 100, answered<T>)
  const publish = batched<Published[]>('/api/board/publish', 'calls', MAX_BODY_BYTES)
  const complete = batched<'complete' | 'already'>('/api/board/complete', 'completions', MAX_BODY_BYTES)
  const fault = batched<'counted' | 'stale'>('/api/board/fault', 'faults', MAX_MESSAGE_BYTES)
  const release = batched<null>('/api/board/release', 'leases', MAX_MESSAGE_BYTES)
  const claim = claiming((stages, count, holds) => post<{ claims: Claim[] }>('/api/board/claim', { stages, count, ...(holds.length > 0 ? { holds: holds.slice(0, MAX_HOLDS) } : {}) }).then(({ claims }) => claims))
  return {
    publish: (scope, publications) => publish({ scope: home(scope), publications }),
    claim: (_device, _scope, stages, count, holds = []) => claim(stages, count, holds),
    renew: async (_device, leases) => (await post<{ tokens: string[] }>('/api/board/renew', { leases })).tokens,
    complete: (_device, completion) => complete(completion),
    fault: (_device, id, token, report) => fault({ id, token, report: brief(report) }),
    release: async (_device, id, token) => void (await release({ id, token })),
    outcomes: async (after, limit, wait_ms) => {
      const query = new URLSearchParams({ ...(after === null ? {} : { after }), limit: String(limit), wait_ms: String(Math.min(wait_ms, MAX_WAIT_MS)) })
      return (await ask<{ outcomes: Outcome[] }>('GET', `/api/outcomes?${query}`)).outcomes
    },
    acknowledge: async (seqs) => void (await post('/api/outcomes/ack', { seqs })),
    gone: async (seqs, why) => void (await post('/api/outcomes/gone', { seqs, why })),
    emit: async (_scope, type, key, payload) => void (await post('/api/events', { type, key, payload })),
    known: async (_scope, type, key) => (await post<{ known: boolean }>('/api/events/known', { type, key })).known,
    close: () => ask.close(),
  }
}

/** One of many answers: what was asked for, or the fault that was met. */
function answered<T>(value: unknown): T {
  const fault = faultIn(value)
  if (fault !== null) throw new Fault(fault.code, fault.message)
  if (value === undefined) throw new Fault('core/unreachable', 'Viewshed answered less than it was asked; is its version another one?')
  return value as T
}

/** Claims of one turn that ask for the same become one, and share what comes. */
function claiming(send: (stages: readonly string[], count: number, holds: readonly string[]) => Promise<readonly Claim[]>): (stages: readonly string[], count: number, holds: readonly string[]) => Promise<readonly Claim[]> {
  type Asked = { readonly count: number; readonly resolve: (claims: readonly Claim[]) => void; readonly reject: (error: unknown) => void }
  const waiting = new Map<string, { readonly stages: readonly string[]; readonly holds: readonly string[]; readonly asked: Asked[] }>()

  const sendOne = (stages: readonly string[], holds: readonly string[], asked: readonly Asked[]) => {
    const count = asked.reduce((sum, one) => sum + one.count, 0)
    send(stages, count, holds).then((claims) => {
      let from = 0
      for (const one of asked) one.resolve(claims.slice(from, from += one.count))
    }, (error: unknown) => {
      for (const { reject } of asked) reject(error)
    })
  }
  const sendAll = () => {
    const all = [...waiting.values()]
    waiting.clear()
    for (const { stages, holds, asked } of all) {
      for (let from = 0; from < asked.length;) {
        let to = from
        let count = 0
        do count += asked[to]!.count
        while (++to < asked.length && count + asked[to]!.count <= MAX_CLAIMS)
        sendOne(stages, holds, asked.slice(from, to))
        from = to
      }
    }
  }
  return (stages, count, holds) => new Promise((resolve, reject) => {
    const key = JSON.stringify([stages, holds])
    if (waiting.size === 0) setImmediate(sendAll)
    const same = waiting.get(key)
    const one = { count, resolve, reject }
    if (same === undefined) waiting.set(key, { stages, holds, asked: [one] })
    else same.asked.push(one)
  })
}

const home = ({ org, site }: Pick<Scope, 'org' | 'site'>) => ({ org, site })
