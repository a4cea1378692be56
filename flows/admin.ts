/** Doors of our own beside those of Node-RED's editor: the same session, the same permissions. What the editor shows of them is `editor-page.js`. */
import { Fault, FAULTS } from '../core/contract/fault.ts'
import type { Problem } from './check.ts'
import type { Again } from './core.ts'
import type { AdminRequest, AdminResponse, FlowEntry, NodeApi } from './red.ts'
import { restored, standing, type Pipeline } from './shipped.ts'
import { changesOf, type Versions } from './versions.ts'

/** What every Node-RED with the palette has. */
export interface NodeRooms {
  again(node: string): Promise<Again | null>
  check(flow: readonly FlowEntry[]): readonly Problem[]
}

/** What only ours has. */
export interface Rooms extends NodeRooms {
  readonly versions: Versions
  readonly pipelines: readonly Pipeline[]
  /** What is deployed. */
  flow(): Promise<readonly FlowEntry[]>
  deploy(flow: readonly FlowEntry[], by: string): Promise<void>
}

const hung = new WeakSet<object>()

export function nodeRoutes({ httpAdmin, auth }: NodeApi, { again, check }: NodeRooms): void {
  httpAdmin.post('/viewshed/again/:id', auth.needsPermission('flows.write'), answer(async ({ params }) => {
    const what = await again(params['id']!)
    if (what === null) throw new Fault('not-found', 'This node does not run: deploy it first.')
    return { what }
  }))
  httpAdmin.post('/viewshed/check', auth.needsPermission('flows.read'), answer(async ({ body }) => ({ problems: check(flowIn(body)) })))
}

/** Hung once, whichever file of the palette comes first. */
export function adminRoutes(api: NodeApi, rooms: Rooms): void {
  const { httpAdmin, auth } = api
  const { versions, pipelines, flow, deploy } = rooms
  if (hung.has(httpAdmin)) return
  hung.add(httpAdmin)
  nodeRoutes(api, rooms)
  const [mayRead, mayWrite] = ['flows.read', 'flows.write'].map((permission) => auth.needsPermission(permission)) as [ReturnType<typeof auth.needsPermission>, ReturnType<typeof auth.needsPermission>]
  const nameOf = ({ user }: AdminRequest) => user?.username ?? ''

  httpAdmin.get('/viewshed/versions', mayRead, answer(async () => {
    const all = await versions.list()
    return { versions: all.map(({ id, at_ms, by, flow }, i) => ({ id, at_ms, by, changes: countsOf(changesOf(all[i + 1]?.flow ?? [], flow)) })) }
  }))
  httpAdmin.get('/viewshed/versions/:id', mayRead, answer(async ({ params }) => {
    const { at_ms, by, flow: then } = await found(versions, params['id']!)
    return { at_ms, by, changes: changesOf(then, await flow()) } // what has been done since
  }))
  httpAdmin.post('/viewshed/versions/:id', mayWrite, answer(async (request) => {
    await deploy((await found(versions, request.params['id']!)).flow, nameOf(request))
    return {}
  }))

  httpAdmin.get('/viewshed/pipelines', mayRead, answer(async () => {
    const now = await flow()
    return { pipelines: pipelines.map((pipeline) => ({ id: pipeline.id, label: pipeline.label, example: pipeline.example, info: pipeline.info, state: standing(now, pipeline) })) }
  }))
  httpAdmin.post('/viewshed/pipelines/:id', mayWrite, answer(async (request) => {
    const pipeline = pipelines.find(({ id }) => id === request.params['id'])
    if (!pipeline) throw new Fault('not-found', 'No such pipeline was shipped.')
    await deploy(restored(await flow(), pipeline, Date.now()), nameOf(request))
    return {}
  }))
}

async function found(versions: Versions, id: string) {
  const version = await versions.get(id)
  if (version === null) throw new Fault('not-found', 'This version is not kept any more.')
  return version
}

const countsOf = (changes: ReturnType<typeof changesOf>) =>
  Object.fromEntries((['added', 'changed', 'removed'] as const).map((what) => [what, changes.filter((change) => change.what === what).length]))

/** Throws Fault `input/invalid`. */
function flowIn(body: unknown): readonly FlowEntry[] {
  if (!Array.isArray(body) || !body.every((entry) => typeof entry === 'object' && entry !== null && typeof entry.id === 'string' && typeof entry.type === 'string')) throw new Fault('input/invalid', 'A flow is a list of nodes, each with id and type.')
  return body as readonly FlowEntry[]
}

const answer = (what: (request: AdminRequest) => Promise<unknown>) => (request: AdminRequest, response: AdminResponse): void => {
  what(request).then((body) => response.json(body), (error: unknown) => {
    if (error instanceof Fault) return response.status(FAULTS[error.code].status).json(error.toJSON())
    response.status(500).json({ code: 'internal', message: error instanceof Error ? error.message : String(error) })
  })
}
