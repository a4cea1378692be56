/** The board, the outcome log and the events of a core elsewhere, for agents and flows. */
import type { Home } from '../access/scope.ts'
import { Fault } from '../contract/fault.ts'
import { faultIn } from '../http/answer.ts'
import { brief } from './brief.ts'
import { caller, MAX_BODY_BYTES, MAX_CLAIMS, MAX_HOLDS, MAX_MESSAGE_BYTES, MAX_TOGETHER, MAX_WAIT_MS, type CoreDoor } from './caller.ts'
import type { EventDoor } from './events.ts'
import type { Board, Claim, Outcome, OutcomeLog, Published } from './port.ts'
import { together } from './together.ts'

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
    acknowledge: async (seqs, faults = []) => void (await post('/api/outcomes/ack', { seqs, ...(faults.length > 0 ? { faults } : {}) })),
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

const home = ({ org, site }: Home) => ({ org, site })
