import { STATUS_CODES, type IncomingMessage } from 'node:http'
import type { Middleware } from 'koa'
import { Fault, FAULTS } from '../contract/fault.ts'
import type { DoorState } from './pass.ts'

/** As much of pino as the door needs. */
export interface Log {
  error(fields: object, message: string): void
  warn(fields: object, message: string): void
  info(fields: object, message: string): void
}

/** Every failure becomes `{code, message}`: a Fault with its own words, anything else with none of its insides, which are in the log. */
export function failures(log: Log): Middleware<DoorState> {
  return async (ctx, next) => {
    try {
      await next()
    } catch (error) {
      const answered = ctx.res.headersSent
      // Who hung up in the middle of sending cannot be answered, and nothing is wrong with us.
      if (ctx.req.destroyed && !ctx.req.complete && !(error instanceof Fault)) return void ctx.res.destroy()
      if (!(error instanceof Fault)) log.error({ err: error, method: ctx.method, path: ctx.path }, 'a request failed in a way that nobody foresaw')
      if (answered) {
        if (error instanceof Fault) log.warn({ ...error.toJSON(), path: ctx.path }, 'an answer was broken off')
        return void ctx.res.destroy()
      }
      const status = error instanceof Fault ? FAULTS[error.code].status : 500
      for (const name of ['ETag', 'Last-Modified', 'Content-Disposition', 'Accept-Ranges', 'Content-Length', 'Content-Encoding']) ctx.remove(name)
      ctx.set('Cache-Control', 'no-store')
      if (status === 429) ctx.set('Retry-After', '60')
      ctx.respond = true
      ctx.status = status
      ctx.type = 'json'
      ctx.body = error instanceof Fault ? error.toJSON() : { code: 'internal', message: `${STATUS_CODES[status]}. The log of the appliance says more.` }
      drain(ctx.req)
    }
  }
}

const DRAIN_MS = 30_000

/** A client reads the answer when it has sent its body, or at once; hanging up on it would cost it the answer. */
export function drain(req: IncomingMessage): void {
  if (req.complete) return
  const impatience = setTimeout(() => req.destroy(), DRAIN_MS)
  req.on('close', () => clearTimeout(impatience)).resume()
}
