/** What `/api/status` says. */
import type { Scope } from '../core/access/scope.ts'
import type { StatusView } from '../core/http/api.ts'
import type { Indexes } from '../core/store/index/index.ts'
import type { Projector } from '../core/store/projector.ts'
import type { Volumes } from '../core/store/volumes.ts'
import type { OpenBoard } from '../core/tasks/board.ts'
import type { Outcomes } from '../core/tasks/outcomes.ts'
import type { SeatState } from '../core/tasks/seat.ts'
import type { FlowsState } from '../flows/process.ts'
import type { Config } from './config.ts'
import manifest from '../package.json' with { type: 'json' }

/** How those stand that route. */
type Routing = Omit<StatusView['flows'], 'faults'>

export interface Rooms {
  readonly config: Config
  readonly board: OpenBoard
  readonly outcomes: Outcomes
  readonly projector: Projector
  readonly indexes: Indexes
  readonly volumes: Volumes
  readonly watched: ReadonlySet<string>
  readonly flows: () => Routing
}

export const statusOf = ({ config, board, outcomes, projector, indexes, volumes, watched, flows }: Rooms) => async (scope: Scope): Promise<StatusView> => {
  const [counts, states] = await Promise.all([board.counts(scope), volumes.states()])
  const tasks = { pending: 0, running: 0, complete: 0, parked: 0 }
  for (const count of counts) for (const key of ['pending', 'running', 'complete', 'parked'] as const) tasks[key] += count[key]
  const once = (config.plugins.folder?.inboxes as readonly { once?: boolean }[] | undefined)?.some((inbox) => inbox.once) ?? false
  const looking = once && !watched.has('folder')
  const settling = looking || outcomes.unrouted() > 0 || board.unplaced() > 0 || !projector.idle() || !indexes.isCaughtUp(scope)
  return {
    version: manifest.version, box: config.name, tasks, totals: await indexes.index(scope).totals(), settling, tiles: config.tiles,
    flows: { ...flows(), faults: outcomes.faults.list(scope).length }, volumes: states, inbox: { path: config.inbox, busy: looking ? 'looking for files' : null },
  }
}

/** @param state Null: not started. */
export function ownFlows(state: FlowsState | null): Routing {
  if (!state) return { running: false, trouble: null, held: 0, stuck: 0, elsewhere: null, last: null }
  const kept = `The flow file could not be read; it is kept as ${state.aside}`
  const why = { stalled: 'A flow kept Node-RED from answering', crashing: 'Node-RED ended again and again', 'broken flow file': kept }
  const trouble = state.leftOut ? 'Node-RED ended or stood still without any flow, too. It runs without the palettes that were installed: remove the one that does it in the settings.'
    : state.safe ? `${why[state.safe.why]}. Node-RED runs in safe mode, without flows: mend the flow in the editor and deploy it.`
    : state.stopped ?? (state.aside === null ? null : `${kept}. What was deployed before runs instead: look whether it is what you want, and deploy it.`)
  return { running: state.running, trouble, held: state.held.total, stuck: state.held.stuck, elsewhere: null, last: state.leftOut ? null : (state.safe?.last ?? null) }
}

/** Of flows that run in somebody's own Node-RED at `address`. */
export function farFlows(address: string, { routes, host, idle, held, heard_ms }: SeatState): Routing {
  const trouble = routes ? null
    : heard_ms === null ? `They run in your Node-RED at ${address}, which has not been heard since the appliance started.`
    : heard_ms > LATE_MS ? `They run in your Node-RED at ${address}, which has not been heard for ${Math.round(heard_ms / 60_000) || 'less than'} min.`
    : idle === null ? null : `Your Node-RED at ${address} (${host}) routes nothing: ${idle}.`
  return { running: routes, trouble, held: held.total, stuck: held.stuck, elsewhere: address, last: null }
}

/** A restart of Node-RED takes no longer. */
const LATE_MS = 30_000
