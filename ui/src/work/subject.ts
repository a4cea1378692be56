/** What a task is about, in the words of the person who put the file in. */
import type { TaskView } from '../../../core/tasks/port.ts'
import { fileName } from '../words.ts'

export function subject(task: TaskView): string {
  if (typeof task.input.name === 'string') return fileName(task.input.name)
  const media = task.input.media
  if (typeof media === 'object' && media !== null && 'path' in media && typeof media.path === 'string') return fileName(media.path)
  return task.id.slice(0, 12)
}

export const stateOf = (task: TaskView): 'pending' | 'running' | 'complete' | 'parked' => (task.running ? 'running' : task.state)

/** Parked for the same cause: the last fault's code, at the same stage. */
export const alikeOf = (task: TaskView, all: readonly TaskView[]) => all.filter((other) => stateOf(other) === 'parked' && other.stage === task.stage && other.faults.at(-1)?.code === task.faults.at(-1)?.code)
