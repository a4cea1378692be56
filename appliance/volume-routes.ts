/** What the command line asks of the volumes: how they are, whom to trust, and what a verification has found. */
import Router from '@koa/router'
import type { Middleware } from 'koa'
import { HOME } from '../core/access/scope.ts'
import { Fault } from '../core/contract/fault.ts'
import type { CopyDoc } from '../core/contract/records.ts'
import type { DoorState } from '../core/http/pass.ts'
import type { Catalogue } from '../core/store/port.ts'
import type { RemoteView } from '../core/store/volume/remotes.ts'
import type { Volumes } from '../core/store/volumes.ts'
import { commandLine, json } from './own-routes.ts'

/** `id`: what the marker of the right disk says; null: it was never seen. */
export type VolumeLine = Omit<RemoteView, 'url'> & { readonly where: string; readonly id: string | null }

/** One copy that was read again. `rot` null: it was good. */
export interface Verified { readonly id: string; readonly sha256: string; readonly at_ms: number; readonly from: string | null; readonly rot: string | null }

export interface VolumeRooms {
  readonly volumes: Volumes
  readonly idOf: (volume: string) => string | undefined
  readonly catalogue: Pick<Catalogue, 'reader' | 'apply'>
}

export function volumeRoutes({ volumes, idOf, catalogue }: VolumeRooms): Middleware<DoorState> {
  const router = new Router<DoorState>()
  const id = (name: string) => idOf(name) ?? null
  const farLine = ({ url, ...view }: RemoteView): VolumeLine => ({ ...view, where: url, id: id(view.name) })

  router.get('/api/door/volumes', async (ctx) => {
    commandLine(ctx.state)
    const states = new Map((await volumes.states()).map((state) => [state.name, state]))
    const here = volumes.specs.map(({ name, root }): VolumeLine => ({ ...states.get(name)!, kind: 'folder', where: root, why: states.get(name)!.mounted ? null : 'its marker is not there', host_key: null, refused_key: null, id: id(name) }))
    ctx.body = { volumes: [...here, ...(await Promise.all(volumes.far.names.map((name) => volumes.far.look(name)))).map(farLine)] }
  })
  router.post('/api/door/volumes/trust', async (ctx) => {
    commandLine(ctx.state)
    const name = String((await json(ctx.req)).name)
    if (!volumes.far.has(name)) throw new Fault('not-found', `There is no volume ${name} that is reached over the network.`)
    ctx.body = { volume: farLine(await volumes.far.trust(name)) }
  })
  router.post('/api/door/verified', async (ctx) => {
    commandLine(ctx.state)
    const found = await json(ctx.req) as unknown as Verified // of our own command line, by a token that only it can read
    const before = await catalogue.reader({ ...HOME, role: 'admin' }).get<CopyDoc & { site?: string }>(found.id)
    // Written anew meanwhile, or gone: then it says nothing of what is there now. Of originals and pictures nothing is noted: nobody goes by it.
    if (before?.kind !== 'copy' || before.media.sha256 !== found.sha256) {
      ctx.body = {}
      return
    }
    const { site: _, ...doc } = before
    const checks = { ...doc.checks, reread: found.from, rot: found.rot }
    await catalogue.apply([{ seq: '', ...HOME, docs: [{ ...doc, verified_ms: found.rot === null ? found.at_ms : null, checks }] }])
    ctx.body = {}
  })
  return router.routes() as Middleware<DoorState>
}
