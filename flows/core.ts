/** Core as the Node-RED process sees it: outcomes come from there, work, calls and events go there. Nothing else of core is in reach. */
import type { Board, OutcomeLog, TaskView } from '../core/tasks/port.ts'
import { caller, type CoreDoor } from '../core/tasks/caller.ts'
import type { EventDoor } from '../core/tasks/events.ts'
import { boardClient } from '../core/tasks/board-client.ts'

export interface Core extends Pick<Board, 'publish'>, OutcomeLog, Pick<EventDoor, 'emit'> {
  /** A quick question to a plugin, such as `archive.copies`. */
  call(name: string, input: Record<string, unknown>): Promise<Record<string, unknown>>
  /** Has the work done once more; null: the newest of the stage that this node asked for. */
  again(stage: string, task: string | null, node: string): Promise<Again>
  /** What happened last; null: nothing of this type is known. */
  lastEvent(type: string): Promise<Record<string, unknown> | null>
}

/** What became of the wish: work that was complete is done again, what was parked is tried again, the rest was on its way anyway. */
export type Again = 'done again' | 'tried again' | 'on its way' | 'nothing to repeat'

export function coreClient(where: CoreDoor): Core & { close(): void } {
  const board = boardClient(where)
  const ask = caller(where)
  const post = <T>(path: string, body: object) => ask<T>('POST', path, JSON.stringify(body))
  return {
    ...board,
    call: (name, input) => post(`/api/plugins/${name.replace('.', '/')}`, input),
    async again(stage, task, node) {
      const found = task === null
        ? (await ask<{ tasks: TaskView[] }>('GET', `/api/tasks?${new URLSearchParams({ stage, node, limit: '1' })}`)).tasks[0]
        : await ask<TaskView>('GET', `/api/tasks/${task}`)
      if (!found) return 'nothing to repeat'
      if (found.state === 'pending') return 'on its way'
      const { changed } = await post<{ changed: number }>(`/api/tasks/${found.state === 'complete' ? 'rerun' : 'retry'}`, { ids: [found.id] })
      return changed === 0 ? 'on its way' : found.state === 'complete' ? 'done again' : 'tried again'
    },
    async lastEvent(type) {
      const { events } = await ask<{ events: { payload: Record<string, unknown> }[] }>('GET', `/api/events?${new URLSearchParams({ type, limit: '1' })}`)
      return events[0]?.payload ?? null
    },
    close() {
      board.close()
      ask.close()
    },
  }
}
