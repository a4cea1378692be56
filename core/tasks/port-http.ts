import Router from '@koa/router'
import { Type, type Static, type TSchema } from 'typebox'
import type { Context } from 'koa'
import type { Principal } from '../access/scope.ts'
import { Fault, FAULTS, isFaultCode } from '../contract/fault.ts'
import { readJson } from '../http/body.ts'
import type { OpenBoard } from './board.ts'
import { MAX_BODY_BYTES, MAX_CLAIMS, MAX_HOLDS, MAX_MESSAGE_BYTES, MAX_TOGETHER, MAX_WAIT_MS } from './caller.ts'
import type { EventDoor } from './events.ts'
import { NodeFault } from './flow-faults.ts'
import type { DeviceGate } from './gate.ts'
import { Completion, Publication, type OutcomeLog } from './port.ts'
import { LIFE_HEADER, type Seat } from './seat.ts'
import { misfit } from './shape.ts'

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
const Ack = Type.Object({ seqs: Type.Array(Id, { maxItems: 10_000 }), faults: Type.Optional(Type.Array(NodeFault, { maxItems: 1_000 })) })
const Gone = Type.Object({ seqs: Type.Array(Id, { maxItems: 10_000 }), why: Type.String({ maxLength: 1_000 }) })
const Emit = Type.Object({ type: Id, key: Type.String({ minLength: 1, maxLength: 4_096 }), payload: Type.Record(Type.String(), Type.Unknown()) })
const Known = Type.Object({ type: Id, key: Type.String({ minLength: 1, maxLength: 4_096 }) })

export interface Routed {
  readonly board: OpenBoard
  readonly outcomes: OutcomeLog
  readonly events: EventDoor
  /** Without it every device may run every stage at any time. */
  readonly gate?: DeviceGate
  /** Without it every Node-RED may route. */
  readonly seat?: Seat
  /** Asked when a question has waited: a key may be revoked meanwhile. */
  readonly isIn?: (who: Principal) => boolean
}

/** Board, outcome log and events for agents and flows. Expects `ctx.state.principal`, which the session in front of it sets. */
export function boardRoutes({ board, outcomes, events, gate, seat, isIn = () => true }: Routed): Router {
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

  /** Leases end with core, and late answers count: of a device that holds none, what it may run decides. */
  const mayAnswer = (who: Principal, id: string): boolean => {
    const task = board.standing(who.scope, id)
    return task !== null && (task.device === who.id || gate === undefined || gate.mayAnswer(who, task.stage))
  }

  const post = <S extends TSchema>(path: string, may: (who: Principal) => boolean, schema: S, answer: (who: Principal, body: Static<S>) => Promise<object>, most_bytes = MAX_MESSAGE_BYTES) =>
    router.post(path, async (ctx) => {
      const who = allowed(ctx, may)
      if (who.kind === 'device') gate?.heard(who.id)
      if (isFlows(who)) seat?.admit(who, ctx.get(LIFE_HEADER), ctx.req.socket)
      ctx.body = await answer(who, await body(ctx, schema, most_bytes))
    })

  post('/board/publish', isFlows, Publish, (who, { calls }) => answers(calls, ({ scope, publications }) => board.publish({ ...scope, role: who.scope.role }, publications)), MAX_BODY_BYTES)
  post('/board/claim', isDevice, ClaimFor, async (who, { stages, count, holds }) => ({ claims: await board.claim(who.id, who.scope, gate === undefined || who.kind !== 'device' ? stages : gate.stagesFor(who, stages), count, holds) }))
  post('/board/renew', isDevice, Renew, async (who, { leases }) => ({ tokens: await board.renew(who.id, leases.filter(({ id }) => mayAnswer(who, id))) }))
  post('/board/complete', isDevice, Complete, (who, { completions }) => answers(completions, async (completion) => {
    if (!board.within(who.scope, completion.id)) throw new Fault('task/unknown', `There is no task ${completion.id}; it may have been cancelled`)
    if (!mayAnswer(who, completion.id)) throw new Fault('access/denied', `${who.name} may not run this stage. Allow it on the device's page.`)
    return board.complete(who.id, completion)
  }), MAX_BODY_BYTES)
  post('/board/fault', isDevice, Faults, (who, { faults }) => answers(faults, async ({ id, token, report }) =>
    mayAnswer(who, id) ? board.fault(who.id, id, token, { ...report, code: isFaultCode(report.code) ? report.code : 'stage/failed' }) : 'stale'))
  post('/board/release', isDevice, Release, (who, { leases }) => answers(leases, async ({ id, token }) => {
    if (board.within(who.scope, id)) await board.release(who.id, id, token)
    return null
  }))

  router.get('/outcomes', async (ctx) => {
    const who = allowed(ctx, isFlows)
    seat?.admit(who, ctx.get(LIFE_HEADER), ctx.req.socket)
    const { after, limit, wait_ms } = ctx.query
    const found = await outcomes.outcomes(typeof after === 'string' && after !== '' ? after : null, number('limit', limit, 256, 1, 10_000), number('wait_ms', wait_ms, 0, 0, MAX_WAIT_MS))
    if (!isIn(who)) throw new Fault('access/unauthenticated', `The key ${who.name} was revoked`)
    ctx.body = { outcomes: found }
  })
  post('/outcomes/ack', isFlows, Ack, async (_, { seqs, faults }) => {
    await outcomes.acknowledge(seqs, faults)
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
