/** What the command line asks of the volumes: how they are, whom to trust, and what a verification has found. */
import Router from '@koa/router'
import type { Middleware } from 'koa'
import { HOME, type Scope } from '../core/access/scope.ts'
import { Fault } from '../core/contract/fault.ts'
import type { CopyDoc } from '../core/contract/records.ts'
import type { DoorState } from '../core/http/pass.ts'
import type { Catalogue } from '../core/store/port.ts'
import type { RemoteView } from '../core/store/volume/remotes.ts'
import type { Volumes, VolumeState } from '../core/store/volumes.ts'
import { commandLine, json } from './own-routes.ts'

/** `id`: what the marker of the right disk says; null: it was never seen. */
export type VolumeLine = Omit<RemoteView, 'url'> & Pick<VolumeState, 'beside'> & { readonly where: string; readonly id: string | null }

/** One copy that was read again. `rot` null: it was good. */
export interface Verified { readonly id: string; readonly sha256: string; readonly at_ms: number; readonly from: string | null; readonly rot: string | null }

/** What is taken for a volume, before and after. */
export interface Adoption {
  readonly copies: number // that the catalogue believes lie there: none of them is verified any more
  readonly empty: boolean
  readonly marked: boolean // it had a marker of this name already
  readonly state: VolumeState
}

const ADMIN: Scope = { ...HOME, role: 'admin' }
const AT_ONCE = 256 // copies in one batch

export interface VolumeRooms {
  readonly volumes: Volumes
  readonly idOf: (volume: string) => string | undefined
  readonly catalogue: Pick<Catalogue, 'reader' | 'apply'>
}

export function volumeRoutes({ volumes, idOf, catalogue }: VolumeRooms): Middleware<DoorState> {
  const router = new Router<DoorState>()
  const id = (name: string) => idOf(name) ?? null
  const farLine = ({ url, ...view }: RemoteView): VolumeLine => ({ ...view, beside: [], where: url, id: id(view.name) })

  router.get('/api/door/volumes', async (ctx) => {
    commandLine(ctx.state)
    const states = new Map((await volumes.states()).map((state) => [state.name, state]))
    const here = volumes.specs.map(({ name, root }): VolumeLine => ({ ...states.get(name)!, kind: 'folder', where: root, host_key: null, refused_key: null, id: id(name) }))
    ctx.body = { volumes: [...here, ...(await Promise.all(volumes.far.names.map((name) => volumes.far.look(name)))).map(farLine)] }
  })
  router.post('/api/door/volumes/trust', async (ctx) => {
    commandLine(ctx.state)
    const name = String((await json(ctx.req)).name)
    if (!volumes.far.has(name)) throw new Fault('not-found', `There is no volume ${name} that is reached over the network.`)
    ctx.body = { volume: farLine(await volumes.far.trust(name)) }
  })
  router.post('/api/door/volumes/adopt', async (ctx) => {
    commandLine(ctx.state)
    const { name: text, sure } = await json(ctx.req)
    const name = String(text)
    const { marker, empty } = await volumes.stranger(name)
    const copies = await copiesOn(name)
    if (sure === true) {
      // First: from the moment that it is there, whatever counts on it has to be read back.
      for (let at = 0; at < copies.length; at += AT_ONCE) await catalogue.apply([{ seq: '', ...HOME, docs: copies.slice(at, at + AT_ONCE).map((copy) => ({ ...copy, verified_ms: null })) }])
      await volumes.adopt(name)
    }
    ctx.body = { copies: copies.length, empty, marked: marker !== null, state: (await volumes.states()).find((state) => state.name === name)! } satisfies Adoption
  })
  router.post('/api/door/verified', async (ctx) => {
    commandLine(ctx.state)
    const found = await json(ctx.req) as unknown as Verified // of our own command line, by a token that only it can read
    const before = await catalogue.reader(ADMIN).get<CopyDoc & { site?: string }>(found.id)
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
  async function copiesOn(volume: string): Promise<CopyDoc[]> {
    const found: CopyDoc[] = []
    for await (const { site: _, ...copy } of catalogue.reader(ADMIN).list<CopyDoc & { site?: string }>('copy')) if (copy.media.volume === volume) found.push(copy)
    return found
  }
  return router.routes() as Middleware<DoorState>
}
