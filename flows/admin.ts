/** Doors of our own beside those of Node-RED's editor: the same session, the same permissions. */
import { Fault, FAULTS } from '../core/contract/fault.ts'
import type { Again } from './core.ts'
import type { AdminRequest, AdminResponse, NodeApi } from './red.ts'

export interface Rooms {
  again(node: string): Promise<Again | null>
}

const hung = new WeakSet<object>()

/** Hung once, whichever file of the palette comes first. */
export function adminRoutes({ httpAdmin, auth }: NodeApi, rooms: Rooms): void {
  if (hung.has(httpAdmin)) return
  hung.add(httpAdmin)
  httpAdmin.post('/viewshed/again/:id', auth.needsPermission('flows.write'), answer(async ({ params }) => {
    const what = await rooms.again(params['id']!)
    if (what === null) throw new Fault('not-found', 'This node does not run: deploy it first.')
    return { what }
  }))
}

const answer = (what: (request: AdminRequest) => Promise<unknown>) => (request: AdminRequest, response: AdminResponse): void => {
  what(request).then((body) => response.json(body), (error: unknown) => {
    if (!(error instanceof Fault)) throw error
    response.status(FAULTS[error.code].status).json(error.toJSON())
  })
}
