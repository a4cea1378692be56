/** Asks core for work, many at a time: 512 in one request cost little more than one. */
import { setTimeout as after } from 'node:timers/promises'
import type { Scope } from '../core/access/scope.ts'
import { Fault, type FaultCode } from '../core/contract/fault.ts'
import type { Board, Publication, Published } from '../core/tasks/port.ts'
import type { Core } from './core.ts'

export interface Publisher {
  /** Durable when it resolves. Waits as long as core is away; throws the Fault when core will never take it. */
  publish(scope: Scope, publication: Publication): Promise<Published>
}

const BATCH = 512

/** What the message itself is to blame for. Everything else is core's trouble and passes. */
const REFUSALS: ReadonlySet<FaultCode> = new Set<FaultCode>(['input/invalid', 'input/too-large', 'stage/unknown'])

interface Asked { readonly scope: Scope; readonly publication: Publication; readonly resolve: (published: Published) => void; readonly reject: (fault: Fault) => void }

export function createPublisher(board: Pick<Board, 'publish'>, persist: Persist): Publisher {
  const queue: Asked[] = []
  let draining = false

  async function drain(): Promise<void> {
    while (queue.length > 0) {
      const { org, site } = queue[0]!.scope
      const other = queue.findIndex(({ scope }) => scope.org !== org || scope.site !== site)
      await send(queue.splice(0, Math.min(BATCH, other === -1 ? queue.length : other)))
    }
    draining = false
  }

  /** One refused publication refuses its whole batch: halved until the one is alone. */
  async function send(batch: readonly Asked[]): Promise<void> {
    try {
      const published = await persist(() => board.publish(batch[0]!.scope, batch.map(({ publication }) => publication)))
      batch.forEach(({ resolve }, i) => resolve(published[i]!))
    } catch (error) {
      if (!isRefusal(error)) throw error
      if (batch.length === 1) return batch[0]!.reject(error)
      const half = Math.ceil(batch.length / 2)
      await send(batch.slice(0, half))
      await send(batch.slice(half))
    }
  }

  return {
    publish: (scope, publication) => new Promise((resolve, reject) => {
      queue.push({ scope, publication, resolve, reject })
      if (draining) return
      draining = true
      setImmediate(() => void drain())
    }),
  }
}

/** Does it until core has done it; a refusal is passed on. @param isRefused Which failures are that; those of a publication when it is not given. */
export type Persist = <T>(what: () => Promise<T>, isRefused?: (error: unknown) => boolean) => Promise<T>

const BACKOFF_MS = 100
const BACKOFF_MAX_MS = 5_000

/**
 * @param onAway Called with the failure when core is away, once for each time, and with null when it is back.
 * @param signal Aborted: nobody waits any more, and what is under way answers nobody.
 */
export function createPersist(onAway: (why: unknown) => void, signal?: AbortSignal): Persist {
  let away = false
  const toNobody = new Promise<never>(() => undefined)
  return async (what, isRefused = isRefusal) => {
    for (let wait_ms = BACKOFF_MS; ; wait_ms = Math.min(2 * wait_ms, BACKOFF_MAX_MS)) {
      try {
        const done = await what()
        if (signal?.aborted) return toNobody
        if (away) onAway(null)
        away = false
        return done
      } catch (error) {
        if (signal?.aborted) return toNobody
        if (isRefused(error)) throw error
        if (!away) onAway(error)
        away = true
        await after(wait_ms)
      }
    }
  }
}

/** What says of a call that it was not answered. All other faults are answers of the plugin. */
const UNANSWERED: ReadonlySet<FaultCode> = new Set<FaultCode>(['core/unreachable', 'access/unauthenticated', 'access/limited', 'log/held', 'log/failed', 'flows/taken', 'flows/unavailable'])

/** Calls that wait as long as core is away; a fault that the plugin answers is thrown. */
export const persistentCalls = ({ call }: Pick<Core, 'call'>, persist: Persist): Pick<Core, 'call'> =>
  ({ call: (name, input) => persist(() => call(name, input), (error) => error instanceof Fault && !UNANSWERED.has(error.code)) })

const isRefusal = (error: unknown): error is Fault => error instanceof Fault && REFUSALS.has(error.code)
