/** `POST /api/flows/beat`: a Node-RED elsewhere says that it lives and what it routes, and is told what its nodes show. */
import Router from '@koa/router'
import { Fault } from '../contract/fault.ts'
import { readJson } from '../http/body.ts'
import { checked } from '../http/check.ts'
import type { DoorState } from '../http/pass.ts'
import { MAX_BODY_BYTES } from './caller.ts'
import { Beat, LIFE_HEADER, type BeatAnswer, type Seat } from './seat.ts'

/** @param told What core knows now. */
export function seatRoutes({ seat, told }: { seat: Seat; told: () => Promise<Omit<BeatAnswer, 'asks_flow'>> }): Router<DoorState> {
  const router = new Router<DoorState>()
  router.post('/api/flows/beat', async (ctx) => {
    const who = ctx.state.principal
    if (!who) throw new Fault('access/unauthenticated', 'Send a key: `viewshed keys add NAME --role flows` makes one.')
    if (who.kind !== 'flows') throw new Fault('access/denied', `${who.name} is no key of the flows: \`viewshed keys add NAME --role flows\` makes one.`)
    seat.beat(who, ctx.get(LIFE_HEADER), ctx.req.socket, checked(Beat, await readJson(ctx.req, MAX_BODY_BYTES)))
    ctx.body = { ...(await told()), asks_flow: seat.flow() === null } satisfies BeatAnswer
  })
  return router
}
