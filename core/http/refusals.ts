import type { Middleware } from 'koa'
import { Counter, type Registry } from 'prom-client'
import { Fault } from '../contract/fault.ts'
import type { DoorState } from './pass.ts'

/** Counts what was refused at the doors of devices, by door and code; what the broker refuses is counted there. */
export function refusals(registry: Registry): Middleware<DoorState> {
  const refused = new Counter({ name: 'viewshed_device_refused_total', help: 'Refused on routes of devices', labelNames: ['door', 'code'] as const, registers: [registry] })
  return async (ctx, next) => {
    const door = DOOR.exec(ctx.path)?.[1]
    if (door === undefined) return next()
    try {
      await next()
    } catch (error) {
      if (error instanceof Fault) refused.inc({ door, code: error.code })
      throw error
    }
    // The board's routes answer by themselves.
    const code: unknown = ctx.status >= 400 && typeof ctx.body === 'object' && ctx.body !== null && 'code' in ctx.body ? ctx.body.code : undefined
    if (typeof code === 'string') refused.inc({ door, code })
  }
}

const DOOR = /^\/api\/(join|device|board)(?=\/|$)/
