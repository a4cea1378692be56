/** `/flows` where the flows run in somebody's own Node-RED: whoever may look is shown the way there. */
import type { Middleware } from 'koa'
import { demand, type DoorState } from './pass.ts'

/** @param address Of that Node-RED's editor. A browser keeps what stands behind `#`. */
export const flowsElsewhere = (address: string): Middleware<DoorState> => async (ctx, next) => {
  if (!/^\/flows(\/|$)/.test(ctx.path)) return next()
  demand(ctx.state.principal, 'viewer')
  ctx.redirect(address)
}
