/** `POST /api/flows/beat`: a Node-RED elsewhere says that it lives and what it routes, and is told what its nodes show. */
import Router from '@koa/router'
import { Fault } from '../contract/fault.ts'
import { readJson } from '../http/body.ts'
import { checked } from '../http/check.ts'
import type { DoorState } from '../http/pass.ts'
import { MAX_BODY_BYTES } from './caller.ts'
import { Beat, LIFE_HEADER, type BeatAnswer, type Seat } from './seat.ts'

/** @param told What core knows now. @param isUnrouted Whether an outcome waits still. */
export function seatRoutes({ seat, told, isUnrouted }: { seat: Seat; told: () => Promise<Pick<BeatAnswer, 'version' | 'counts' | 'unable'>>; isUnrouted: (seq: string) => boolean }): Router<DoorState> {
  const router = new Router<DoorState>()
  router.post('/api/flows/beat', async (ctx) => {
    const who = ctx.state.principal
    if (!who) throw new Fault('access/unauthenticated', 'Send a key: `viewshed keys add NAME --role flows` makes one.')
    if (who.kind !== 'flows') throw new Fault('access/denied', `${who.name} is no key of the flows: \`viewshed keys add NAME --role flows\` makes one.`)
    const says = checked(Beat, await readJson(ctx.req, MAX_BODY_BYTES))
    const resend = seat.beat(who, ctx.get(LIFE_HEADER), ctx.req.socket, says)
    const ended = says.held.oldest.map(({ seq }) => seq).filter((seq) => !isUnrouted(seq))
    ctx.body = { ...(await told()), ended, resend, asks_flow: seat.flow() === null } satisfies BeatAnswer
  })
  return router
}
